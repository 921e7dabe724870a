/** What a listener's worker and the main thread say to each other. */

import type { MetricOrigin } from '../../aggregate/record.ts';
import type { SampleLoss } from './aggregator.ts';

export interface ListenerOptions {
  /** The bound socket, which the main thread closes; null: the worker binds one, and node:dgram receives. */
  fd: number | null;
  /** Another descriptor of it, which libuv closes. */
  copy: number | null;
  /** An IP address; port 0: any. */
  host: string;
  port: number;
  receiveBuffer: number;
  /** When it was bound, as threads agree on it: `performance.timeOrigin` and `performance.now()` together. */
  since: number;
  /** Length of a window, milliseconds. */
  interval: number;
  maxContexts: number;
  /** Bytes for sketches and sets. */
  memory: number;
  percentiles: readonly number[];
  origin: MetricOrigin;
  /** Int32, see below: the main thread's orders, as a worker that waits in a receive hears no messages. */
  control: SharedArrayBuffer;
  /** Float64, see below: the worker's counters, as they stand. */
  counters: SharedArrayBuffer;
}

/** A receive waits for a datagram at most so long, milliseconds. */
export const POLL_MS = 100;

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
  /** It can take over the socket that it was given. */
  | { type: 'ready' }
  /** It has bound one; `receiveBuffer` is what was granted. */
  | { type: 'listening'; port: number; receiveBuffer: number }
  | { type: 'failed'; message: string }
  /** Samples that were received and are lost, since the last such message. */
  | { type: 'losses'; losses: SampleLoss[] }
  /** A window is closed and wants an id. */
  | { type: 'window' }
  /** Documents of the window; the next come when `next` was said. */
  | { type: 'piece'; documents: string[]; weights: Float64Array; last: boolean }
  /** It reads no more: the socket that it was given may be closed. */
  | { type: 'read' }
  /** Everything was handed over. */
  | { type: 'done' };

export type ToWorker =
  /** The socket is the worker's now; these came before what is in it. */
  | { type: 'take'; datagrams: Uint8Array[] }
  | { type: 'id'; id: string }
  | { type: 'next' }
  /** STOP is set. */
  | { type: 'stop' };
