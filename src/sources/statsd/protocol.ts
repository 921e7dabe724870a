/** What the thread of StatsD and the main thread say to each other. */

import type { MetricOrigin } from '../../aggregate/record.ts';
import type { SeriesLimits } from '../../aggregate/series.ts';
import type { SampleLoss } from './aggregator.ts';
import type { FlushPiece } from './flush.ts';
import type { Manner } from './manner.ts';
import type { NamingConfig } from './naming-options.ts';
import type { StatsdTop } from './top-shape.ts';

export interface ThreadOptions {
  /** When listening began, as threads agree on it: `performance.timeOrigin` and `performance.now()` together. */
  since: number;
  /** Length of a window, milliseconds. */
  interval: number;
  limits: SeriesLimits;
  naming: NamingConfig;
  /** Bytes for sketches and sets. */
  memory: number;
  percentiles: readonly number[];
  origin: MetricOrigin;
  /** Of each listener. */
  manners: readonly Manner[];
  /** Places that packets are repeated to. */
  forwards: number;
  /** Int32, see below: the main thread's orders, as a thread that waits in a receive hears no messages. */
  control: SharedArrayBuffer;
  /** See counters.ts. */
  counters: SharedArrayBuffer;
  /** Rung when something was said to the thread, or null: it hears the message itself. */
  bell: number | null;
  /** Connections over TCP and paths together, and milliseconds after which one over TCP that brings nothing is closed. */
  connections: number;
  idle: number;
}

/** A bound socket that the thread receives from now on. */
export interface HandedSocket {
  /** The number of its listener. */
  listener: number;
  /** The main thread closes it. */
  fd: number;
  reception: 'datagrams' | 'connections';
  /** It is bound to a path. */
  local: boolean;
  /** The container that a sample comes from is one of its tags. */
  origin: boolean;
}

/** Where the thread is to bind a socket of its own. */
export interface BindPlace {
  listener: number;
  /** An IP address; port 0: any. */
  host: string;
  port: number;
  receiveBuffer: number;
}

/** A receive waits for a datagram at most so long, milliseconds. */
export const POLL_MS = 100;

/** Places in `control`. */
export const STOP = 0;
/** Counts the messages to the thread. */
export const MESSAGES = 1;
/** From here on: the descriptors of the thread's connections, 0 or one more. */
export const CONNECTIONS = 2;

export function controlsFor(connections: number): number {
  return CONNECTIONS + connections;
}

export type FromThread =
  /** It can take sockets over. */
  | { type: 'ready' }
  /** It has bound one; `receiveBuffer` is what was granted. */
  | { type: 'listening'; listener: number; port: number; receiveBuffer: number }
  | { type: 'failed'; listener: number; message: string }
  /** Samples that were received and are lost, since the last such message; null: of more than one listener. */
  | { type: 'losses'; listener: number | null; losses: SampleLoss[] }
  /** Connections wait that the system does not give. */
  | { type: 'trouble'; listener: number; message: string }
  /** A window is closed and wants an id. */
  | { type: 'window' }
  /** Records of the window; the next come when `next` was said, into the same memory. */
  | ({ type: 'piece' } & FlushPiece)
  /** Who sends most, as it was asked. */
  | { type: 'top'; top: StatsdTop }
  /** Packets as they came, see captured.ts; the next may come when `captured` was said. */
  | { type: 'captured'; bytes: Uint8Array }
  /** It reads no more: the sockets that it was given may be closed. */
  | { type: 'read' }
  /** Everything was handed over. */
  | { type: 'done' };

export type ToThread =
  /** These sockets are the thread's now; the datagrams came before what is in them, in this order. */
  | { type: 'take'; sockets: HandedSocket[]; datagrams: HeardDatagrams[] }
  | { type: 'bind'; place: BindPlace }
  | { type: 'id'; id: string }
  | { type: 'next' }
  | { type: 'top' }
  | { type: 'capture'; on: boolean }
  | { type: 'captured' }
  /** A target's socket, which the main thread closes. */
  | { type: 'forward'; target: number; fd: number }
  /** STOP is set. */
  | { type: 'stop' };

/** Datagrams that came before there was a thread, one after the other: each ends where `ends` says. */
export interface HeardDatagrams {
  listener: number;
  /** Memory of its own. */
  bytes: Uint8Array<ArrayBuffer>;
  ends: number[];
}
