/** GET /metrics: the figures of the agent. */
import type { AnyKind } from '../core/input.ts';
import { figuresOf } from './figures.ts';
import { prometheusText } from './prometheus.ts';
import type { LiveStatus } from './shape.ts';

export function metricsText(status: LiveStatus, kinds?: readonly AnyKind[]): Promise<string> {
  return prometheusText(figuresOf(status, kinds));
}
