/** The kinds of inputs, in the order in which they are configured and shown. A new one is its folder and a line here. */
import type { AnyKind } from '../core/input.ts';
import { metrics } from './host/kind.ts';
import { statsd } from './statsd/kind.ts';
import { logs } from './tail/kind.ts';

export const INPUTS = [logs, metrics, statsd] as const satisfies readonly AnyKind[];
