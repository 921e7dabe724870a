/** The kinds of inputs, in the order in which they are configured and shown. A new one is its folder and a line here. */
import { alerts } from '../alerts/kind.ts';
import type { AnyKind } from '../core/input.ts';
import { audit } from './audit/kind.ts';
import { metrics } from './host/kind.ts';
import { otlp, traces } from './otlp/kind.ts';
import { statsd } from './statsd/kind.ts';
import { logs } from './tail/kind.ts';

export const INPUTS = [logs, metrics, statsd, otlp, traces, audit, alerts] as const satisfies readonly AnyKind[];
