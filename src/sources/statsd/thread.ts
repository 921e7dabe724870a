/**
 * The thread of StatsD as the main thread sees it: started when something has come, it receives for all listeners and
 * gives back documents; here they go on into the pipeline, and what it counts into the books.
 *
 *   start -> ready -> (take, bind) -> window, piece, piece ... -> stop -> read -> done -> exit
 */
import { Worker } from 'node:worker_threads';
import { emit, emitPacked } from '../../aggregate/emit.ts';
import type { MetricOrigin } from '../../aggregate/record.ts';
import type { SeriesLimits } from '../../aggregate/series.ts';
import type { Stream } from '../../core/batch.ts';
import type { ByteSink } from '../../core/input.ts';
import type { Measured } from '../../core/measured.ts';
import type { Output } from '../../core/pipeline.ts';
import { log } from '../../log.ts';
import { giveBack, giveBackFor, shrinkHeap } from '../../native/memory.ts';
import { openBell, ring } from '../../native/poll.ts';
import { closeSocket } from '../../native/sockets.ts';
import { StatsdBooks } from './books.ts';
import { ThreadCounters } from './counters.ts';
import type { Listener } from './listener.ts';
import { LossesSaid } from './losses-said.ts';
import { rulesOf } from './naming.ts';
import type { NamingConfig } from './naming-options.ts';
import {
  type BindPlace,
  CONNECTIONS,
  controlsFor,
  type FromThread,
  type HandedSocket,
  type HeardDatagrams,
  MESSAGES,
  STOP,
  type ThreadOptions,
  type ToThread,
} from './protocol.ts';
import { NO_TOP, type StatsdTop } from './top-shape.ts';

export interface ThreadSettings {
  interval: number;
  /** Looks at windows before they leave. */
  measured?: Measured;
  limits: SeriesLimits;
  naming: NamingConfig;
  memory: number;
  percentiles: readonly number[];
  origin: MetricOrigin;
  stream: Stream;
  /** Where events go. */
  eventStream: Stream;
  listeners: readonly Listener[];
  /** Places that packets are repeated to. */
  forwards: number;
  connections: number;
  idle: number;
  /** False: libc cannot be called, the thread's libuv hears and reads. */
  native: boolean;
  nextWindowId: () => string;
  onError: (error: Error) => void;
  /** It can take sockets over. */
  onReady: () => void;
  /** It reads no more. */
  onRead: () => void;
}

/** A new thread runs through much of Node until it has written out its first window, or for so long. */
const MOST_SETTLING_MS = 30_000;
/** After so many pieces of windows what they have run through is given back. */
const PIECES = 4;
/** Bytes that were captured and did not leave yet. */
const MOST_WAITING = 1 << 20;

type Bound = { port: number; receiveBuffer: number };

export class AggregatingThread {
  readonly #settings: ThreadSettings;
  readonly #control: Int32Array;
  #bell: number | null = null;
  readonly counters: ThreadCounters;
  readonly books: StatsdBooks;
  readonly #ended = Promise.withResolvers<Error | null>();
  readonly #lost = new LossesSaid();
  /** Who waits for a socket of the thread's own, by listener. */
  readonly #binding = new Map<number, PromiseWithResolvers<Bound>>();
  #worker: Worker | null = null;
  #emitting: Promise<void> = Promise.resolve();
  /** Who asks who sends most. */
  #asked: PromiseWithResolvers<StatsdTop> | null = null;
  #over = false;
  #capturing: ByteSink | null = null;
  #pieces = 0;

  constructor(settings: ThreadSettings) {
    this.#settings = settings;
    const { connections, listeners, naming, forwards, stream } = settings;
    this.#control = new Int32Array(new SharedArrayBuffer(controlsFor(connections) * 4));
    this.counters = new ThreadCounters(listeners.length, rulesOf(naming), forwards);
    this.books = new StatsdBooks(this.counters, stream.account, listeners);
  }

  /** The last thing it does: null when it has handed over everything, or why it has not. */
  get ended(): Promise<Error | null> {
    return this.#ended.promise;
  }

  /** Who sends most. */
  top(): Promise<StatsdTop> {
    if (this.#worker === null || this.#over) return Promise.resolve(NO_TOP);
    if (this.#asked === null) {
      this.#asked = Promise.withResolvers();
      this.#say({ type: 'top' });
    }
    return this.#asked.promise;
  }

  /** Packets are repeated there from now on. */
  forward(target: number, fd: number): void {
    this.#say({ type: 'forward', target, fd });
  }

  /** Gives packets as they come until the returned function is called; null: somebody has them already. */
  capture(sink: ByteSink): (() => void) | null {
    if (this.#capturing) return null;
    this.#capturing = sink;
    this.#say({ type: 'capture', on: true });
    return () => {
      this.#capturing = null;
      this.#say({ type: 'capture', on: false });
    };
  }

  /** `since`: when listening began, by `performance.now()`. Its messages go to `output`. */
  start(since: number, output: Output): void {
    const { stream, eventStream, listeners, native, nextWindowId, onError, onReady, onRead, ...rest } = this.#settings;
    this.#bell = native ? openBell() : null;
    const workerData: ThreadOptions = {
      bell: this.#bell,
      manners: listeners.map(({ manner }) => manner),
      ...rest,
      since: performance.timeOrigin + since,
      control: this.#control.buffer as SharedArrayBuffer,
      counters: this.counters.memory,
    };
    // Before it needs its own: what the start of the agent has left.
    shrinkHeap();
    giveBackFor(Math.min(rest.interval * 2, MOST_SETTLING_MS));
    const file = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';
    // Documents are gone as soon as they are made: a small young generation keeps the thread small.
    const limits = { maxYoungGenerationSizeMb: 4 };
    const worker = new Worker(new URL(file, import.meta.url), { workerData, resourceLimits: limits });
    this.#worker = worker;
    // Who captures may have come first, and wants the first packet, too.
    if (this.#capturing) this.#say({ type: 'capture', on: true });
    let done = false;
    let why = '';
    worker.on('message', (message: FromThread) => {
      this.books.count();
      if (message.type === 'done') done = true;
      else this.#heard(message, output);
    });
    worker.on('error', (error) => {
      why = (error as Error).message;
    });
    // While it waits for its sockets nothing but the bell can end it.
    const wake = () => this.#ring();
    process.once('exit', wake);
    worker.once('exit', async (code) => {
      process.off('exit', wake);
      this.#over = true;
      this.#answer(NO_TOP);
      this.#capturing?.destroy();
      this.#closeAll();
      await this.#emitting;
      this.books.count();
      this.#ended.resolve(done ? null : this.#died(why || `exit code ${code}`));
    });
  }

  /** Its listeners' sockets, and what came before what is in them. */
  take(sockets: HandedSocket[], datagrams: HeardDatagrams[]): void {
    // Not copies: there may be as much as a socket holds.
    this.#say(
      { type: 'take', sockets, datagrams },
      datagrams.map(({ bytes }) => bytes.buffer),
    );
  }

  /** It binds a socket of its own, for a listener. */
  bind(place: BindPlace): Promise<Bound> {
    const bound = Promise.withResolvers<Bound>();
    this.#binding.set(place.listener, bound);
    this.#say({ type: 'bind', place });
    return bound.promise;
  }

  /** It reads what there is, and ends. */
  stop(): void {
    Atomics.store(this.#control, STOP, 1);
    Atomics.notify(this.#control, STOP);
    this.#say({ type: 'stop' });
  }

  #heard(message: Exclude<FromThread, { type: 'done' }>, output: Output): void {
    const { nextWindowId, listeners, onReady, onRead } = this.#settings;
    if (message.type === 'piece') {
      this.#emitting = this.#emitting.then(() => this.#emit(output, message));
    } else if (message.type === 'ready') {
      onReady();
    } else if (message.type === 'read') onRead();
    else if (message.type === 'window') this.#say({ type: 'id', id: nextWindowId() });
    else if (message.type === 'captured') this.#captured(message.bytes);
    else if (message.type === 'top') this.#answer(message.top);
    else if (message.type === 'trouble') {
      const { address } = listeners[message.listener]!;
      log.warnOnce(
        `trouble ${address}`,
        `${address}: connections wait: ${message.message}: raise the limit of open files (LimitNOFILE), or lower statsd.max_connections`,
        60_000,
      );
    } else if (message.type === 'losses') {
      const from = message.listener === null ? 'statsd' : listeners[message.listener]!.address;
      for (const loss of message.losses) {
        this.books.lose(loss.reason, loss.samples);
        this.#lost.say(from, loss);
      }
    } else {
      const bound = this.#binding.get(message.listener);
      this.#binding.delete(message.listener);
      if (message.type === 'listening') bound?.resolve(message);
      else bound?.reject(new Error(message.message));
    }
  }

  /** The next may come when this one has left, almost. */
  #captured(bytes: Uint8Array): void {
    const sink = this.#capturing;
    sink?.write(bytes);
    const go = () => {
      if (sink !== null && sink === this.#capturing && sink.writableLength > MOST_WAITING) setTimeout(go, 20).unref();
      else this.#say({ type: 'captured' });
    };
    go();
  }

  #answer(top: StatsdTop): void {
    this.#asked?.resolve(top);
    this.#asked = null;
  }

  async #emit(output: Output, piece: Extract<FromThread, { type: 'piece' }>): Promise<void> {
    // From the push on the pipeline counts a batch.
    const counting: Output = {
      take: (stream, signal) => output.take(stream, signal),
      discard: (batch) => output.discard(batch),
      push: (batch) => {
        this.books.settle(batch.weight);
        return output.push(batch);
      },
    };
    const before = this.books.settled;
    const { measured, interval } = this.#settings;
    measured?.window('statsd', interval, piece.metrics, piece.last);
    try {
      // Without a signal: what was received is pushed even when the agent is stopping.
      await emitPacked(counting, this.#settings.stream, piece.metrics);
      await emit(counting, this.#settings.eventStream, piece.events, new Uint8Array(piece.events.length).fill(1));
    } catch (error) {
      const { weights, count } = piece.metrics;
      const weight = weights.subarray(0, count).reduce((sum, w) => sum + w, piece.events.length);
      this.books.drop('output_failed', before + weight - this.books.settled);
      this.#settings.onError(new Error(`statsd: cannot hand over a window: ${(error as Error).message}`));
    }
    this.#say({ type: 'next' });
    if (++this.#pieces % PIECES === 0) giveBack();
  }

  #say(message: ToThread, handed: readonly ArrayBuffer[] = []): void {
    this.#worker?.postMessage(message, handed);
    Atomics.add(this.#control, MESSAGES, 1);
    Atomics.notify(this.#control, MESSAGES);
    this.#ring();
  }

  #ring(): void {
    if (this.#bell !== null) ring(this.#bell);
  }

  /** What the thread has opened, where it did not come to close it. */
  #closeAll(): void {
    for (let i = CONNECTIONS; i < this.#control.length; i++) {
      if (this.#control[i] !== 0) closeSocket(this.#control[i]! - 1);
      this.#control[i] = 0;
    }
    if (this.#bell !== null) closeSocket(this.#bell);
    this.#bell = null;
  }

  /** A thread that died takes its windows with it. */
  #died(why: string): Error {
    const lost = this.books.inFlight();
    if (lost > 0) this.books.drop('listener_failed', lost);
    const held = `${lost} samples that it held are lost (listener_failed)`;
    const error = new Error(`its thread has ended (${why}); ${held}`);
    for (const bound of this.#binding.values()) bound.reject(error);
    return error;
  }
}
