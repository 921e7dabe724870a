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
import type { LossReason } from '../../core/losses.ts';
import type { Output } from '../../core/pipeline.ts';
import { log } from '../../log.ts';
import { openBell, ring } from '../../native/poll.ts';
import { closeSocket } from '../../native/sockets.ts';
import { CLIENT_FIGURES } from './clients.ts';
import type { Listener } from './listener.ts';
import { LossesSaid } from './losses-said.ts';
import { rulesOf } from './naming.ts';
import type { NamingConfig } from './naming-options.ts';
import {
  type BindPlace,
  CLIENTS,
  COARSER,
  CONNECTIONS,
  CONTEXTS,
  controlsFor,
  countersOf,
  FORWARD_LOST,
  FORWARDED,
  type FromThread,
  filteredOf,
  forwardsOf,
  type HandedSocket,
  type HeardDatagram,
  MESSAGES,
  OVERFLOWED,
  REPLACED,
  SAMPLES,
  STOP,
  type ThreadOptions,
  type ToThread,
  UNKNOWN_FIELDS,
} from './protocol.ts';

import { NO_TOP, type StatsdTop } from './top-shape.ts';

export interface ThreadSettings {
  interval: number;
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

/** Bytes that were captured and did not leave yet. */
const MOST_WAITING = 1 << 20;

type Bound = { port: number; receiveBuffer: number };

export class AggregatingThread {
  readonly #settings: ThreadSettings;
  readonly #control: Int32Array;
  #bell: number | null = null;
  readonly #counters: Float64Array;
  readonly #rules: readonly string[];
  readonly #ended = Promise.withResolvers<Error | null>();
  readonly #lost = new LossesSaid();
  /** Who waits for a socket of the thread's own, by listener. */
  readonly #binding = new Map<number, PromiseWithResolvers<Bound>>();
  #worker: Worker | null = null;
  #emitting: Promise<void> = Promise.resolve();
  /** Who asks who sends most. */
  #asked: PromiseWithResolvers<StatsdTop> | null = null;
  /** Of its counters, what the account knows already. */
  #over = false;
  #capturing: ByteSink | null = null;
  #samples = 0;
  #replaced = 0;
  #settled = 0;
  #filtered = 0;

  constructor(settings: ThreadSettings) {
    this.#settings = settings;
    this.#rules = rulesOf(settings.naming);
    this.#control = new Int32Array(new SharedArrayBuffer(controlsFor(settings.connections) * 4));
    this.#counters = new Float64Array(
      new SharedArrayBuffer(forwardsOf(settings.listeners.length, this.#rules.length, settings.forwards) * 8),
    );
  }

  /** The last thing it does: null when it has handed over everything, or why it has not. */
  get ended(): Promise<Error | null> {
    return this.#ended.promise;
  }

  get contexts(): number {
    return this.#counters[CONTEXTS]!;
  }

  /** Samples that were added to a series of their name alone. */
  get overflowed(): number {
    return this.#counters[OVERFLOWED]!;
  }

  /** Sketches and sets that were kept coarser for want of memory. */
  get coarser(): number {
    return this.#counters[COARSER]!;
  }

  /** Fields of no known meaning, of lines that were taken for the first time. */
  get unknownFields(): number {
    return this.#counters[UNKNOWN_FIELDS]!;
  }

  /** What the clients say of themselves, what is not 0. */
  get clients(): Record<string, number> {
    const figures = CLIENT_FIGURES.map((name, i): [string, number] => [name, this.#counters[CLIENTS + i]!]);
    return Object.fromEntries(figures.filter(([, value]) => value !== 0));
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

  /** Of a place that packets are repeated to. */
  forwarded(target: number): { packets: number; lost: number } {
    const at = forwardsOf(this.#settings.listeners.length, this.#rules.length, target);
    return { packets: this.#counters[at + FORWARDED]!, lost: this.#counters[at + FORWARD_LOST]! };
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

  /** Samples that were left out, by rule. */
  get filtered(): { rule: string; samples: number }[] {
    const first = filteredOf(this.#settings.listeners.length, 0);
    return this.#rules.map((rule, i) => ({ rule, samples: this.#counters[first + i]! }));
  }

  /** Of one listener; see protocol.ts. */
  countersOf(listener: number): Float64Array {
    return this.#counters.subarray(countersOf(listener), countersOf(listener + 1));
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
      counters: this.#counters.buffer as SharedArrayBuffer,
    };
    const file = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';
    // Documents are gone as soon as they are made: a small young generation keeps the thread small.
    const limits = { maxYoungGenerationSizeMb: 4 };
    const worker = new Worker(new URL(file, import.meta.url), { workerData, resourceLimits: limits });
    this.#worker = worker;
    let done = false;
    let why = '';
    worker.on('message', (message: FromThread) => {
      this.count();
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
      this.count();
      this.#ended.resolve(done ? null : this.#died(why || `exit code ${code}`));
    });
  }

  /** Its listeners' sockets, and what came before what is in them. */
  take(sockets: HandedSocket[], datagrams: HeardDatagram[]): void {
    this.#say({ type: 'take', sockets, datagrams });
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

  /** Samples that were received and are neither pushed nor dropped. */
  inFlight(): number {
    this.count();
    return this.#samples - this.#settled;
  }

  /** Takes its counters into the account. */
  count(): void {
    const { stream, listeners } = this.#settings;
    const { account } = stream;
    const [samples, replaced] = [this.#counters[SAMPLES]!, this.#counters[REPLACED]!];
    account.received += samples - this.#samples;
    account.replaced += replaced - this.#replaced;
    this.#samples = samples;
    this.#replaced = replaced;
    const filtered = this.filtered.reduce((sum, { samples }) => sum + samples, 0);
    account.filtered += filtered - this.#filtered;
    this.#settled += filtered - this.#filtered;
    this.#filtered = filtered;
    for (const listener of listeners) listener.count(account);
    if (this.coarser > 0) {
      log.warnOnce(
        'statsd coarser',
        `statsd: ${this.coarser} histograms, sets and messages of checks were kept coarser, statsd.memory is used up: raise it, or send fewer series`,
      );
    }
    if (this.overflowed > 0) {
      log.warnOnce(
        'statsd overflowed',
        `statsd: ${this.overflowed} samples count for their name alone (runnel.overflow), there are more series than statsd.max_contexts and statsd.memory allow`,
      );
    }
  }

  #heard(message: Exclude<FromThread, { type: 'done' }>, output: Output): void {
    const { nextWindowId, stream, listeners, onReady, onRead } = this.#settings;
    if (message.type === 'piece') {
      this.#emitting = this.#emitting.then(() => this.#emit(output, message));
    } else if (message.type === 'ready') onReady();
    else if (message.type === 'read') onRead();
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
        stream.account.received += loss.samples;
        stream.account.drop(loss.reason, loss.samples);
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
        this.#settled += batch.weight;
        return output.push(batch);
      },
    };
    const before = this.#settled;
    try {
      // Without a signal: what was received is pushed even when the agent is stopping.
      await emitPacked(counting, this.#settings.stream, piece.metrics);
      await emit(counting, this.#settings.eventStream, piece.events, new Uint8Array(piece.events.length).fill(1));
    } catch (error) {
      const { weights, count } = piece.metrics;
      const weight = weights.subarray(0, count).reduce((sum, w) => sum + w, piece.events.length);
      this.#drop('output_failed', before + weight - this.#settled);
      this.#settings.onError(new Error(`statsd: cannot hand over a window: ${(error as Error).message}`));
    }
    this.#say({ type: 'next' });
  }

  #say(message: ToThread): void {
    this.#worker?.postMessage(message);
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
    const lost = this.inFlight();
    if (lost > 0) this.#drop('listener_failed', lost);
    const held = `${lost} samples that it held are lost (listener_failed)`;
    const error = new Error(`its thread has ended (${why}); ${held}`);
    for (const bound of this.#binding.values()) bound.reject(error);
    return error;
  }

  #drop(reason: LossReason, samples: number): void {
    this.#settled += samples;
    this.#settings.stream.account.drop(reason, samples);
  }
}
