/** What a listener's worker and the main thread say to each other. */
import type { MetricOrigin } from '../../aggregate/record.ts';

export interface ListenerOptions {
  /** An IP address; port 0: any. */
  host: string;
  port: number;
  receiveBuffer: number;
  /** Length of a window, milliseconds. */
  interval: number;
  maxContexts: number;
  /** Bytes for sketches and sets. */
  memory: number;
  percentiles: readonly number[];
  origin: MetricOrigin;
  /** Int32, see below: the main thread's orders, as a worker that waits in a receive sees no messages. */
  control: SharedArrayBuffer;
  /** Float64, see below: the worker's counters, as they stand. */
  counters: SharedArrayBuffer;
  /** False: node:dgram even where libc could be called. */
  native: boolean;
}

/** Places in `control`. */
export const STOP = 0;
/** Counts the messages to the worker. */
export const MESSAGES = 1;
export const CONTROLS = 2;

/** Places in `counters`. */
export const PACKETS = 0;
export const LINES = 1;
export const BYTES = 2;
export const SAMPLES = 3;
export const REJECTED = 4;
export const KERNEL_DROPS = 5;
export const CONTEXTS = 6;
export const REPLACED = 7;
export const OVERFLOWED = 8;
export const COARSER = 9;
export const COUNTERS = 10;

export type FromWorker =
  /** Bound; `receiveBuffer` is what was granted. `native` is false where node:dgram receives. */
  | { type: 'listening'; port: number; receiveBuffer: number; native: boolean }
  | { type: 'failed'; message: string }
  /** Samples that were received and are lost, since the last such message. */
  | { type: 'losses'; losses: [reason: string, samples: number][] }
  /** A window is closed and wants an id. */
  | { type: 'window' }
  /** Documents of the window; the next come when `next` was said. */
  | { type: 'piece'; documents: string[]; weights: Float64Array; last: boolean }
  /** Everything was handed over. */
  | { type: 'done' };

export type ToWorker = { type: 'id'; id: string } | { type: 'next' };
