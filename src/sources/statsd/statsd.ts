/**
 * StatsD: addresses are bound here, and quiet until something comes on one of them; then one thread takes them all over,
 * so that a series gives one record a window wherever its samples came from.
 *
 *   listeners  --- something has come ---> thread: receive, parse, aggregate ---> documents ---> pipeline
 *
 *   received = in flight (the open window, the closed one, documents on their way) + pushed + dropped
 */

import { isIPv6 } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { aborted, Backoff, pause } from '../../core/abort.ts';
import type { Account } from '../../core/account.ts';
import { type ByteSink, Reopened } from '../../core/input.ts';
import type { Output, Source } from '../../core/pipeline.ts';
import { log } from '../../log.ts';
import { unusedInherited } from '../../native/inherited.ts';
import { datagramsAvailable, type SocketPlace } from '../../native/sockets.ts';
import { valueEnvelope } from '../../records/envelope.ts';
import { type ForwardStatus, Forwards } from './forwards.ts';
import { Listener, type ListenerStatus } from './listener.ts';
import type { StatsdConfig } from './options.ts';
import type { HandedSocket, HeardDatagram } from './protocol.ts';
import { Ear } from './receive/ear.ts';
import { KeptSockets } from './receive/kept.ts';
import type { ListenSocket } from './receive/socket.ts';
import { AggregatingThread } from './thread.ts';
import type { StatsdTop } from './top-shape.ts';

export interface StatsdOptions {
  config: StatsdConfig;
  host: string;
  /** On every record, as labels. */
  tags: Record<string, string>;
  topic: string;
  /** Of events. */
  events: string;
  /**
   * What a listener that cannot be bound is; the others run. `refused`: `ready` rejects. `warned`: it is said. `missed`: it
   * is tried again, here or, where it is the only one, by whom `run` rejects for.
   */
  unbound: 'refused' | 'warned' | 'missed';
  account: Account;
  /** Makes the id of a flush: unique, and the same again never. */
  nextWindowId: () => string;
  /** What was received could not be handed over. */
  onError: (error: Error) => void;
  /** Where sockets are kept for who comes after it. */
  kept?: KeptSockets;
  /** False: node:dgram even where libc could be called. */
  native?: boolean;
}

/** Whether the names of sockets are theirs still is looked at this often. */
const NAMES_EVERY_MS = 2000;

export interface StatsdStatus {
  listeners: ListenerStatus[];
  /** Where packets are repeated to. */
  forward: ForwardStatus[];
  contexts: number;
  /** Samples that were added to a series of their name alone, `runnel.overflow`. */
  overflowed: number;
  /** Sketches and sets that were kept coarser for want of memory. */
  coarser: number;
  /** Fields of no known meaning, which are ignored; once a spelling. */
  unknown_fields: number;
  /** What Datadog's clients say of themselves (packets_dropped ...), what is not 0. */
  clients: Record<string, number>;
  /** Samples that `allow` and `deny` have left out, by rule. */
  filtered: { rule: string; samples: number }[];
}

export interface StatsdSource extends Source {
  readonly ready: Promise<void>;
  status(): StatsdStatus;
  /** Samples that were received and are neither pushed nor dropped. */
  inFlight(): number;
  /** Who sends most. */
  top(): Promise<StatsdTop>;
  /** Packets as they come, see captured.ts. */
  capture(sink: ByteSink): (() => void) | null;
}

export function statsdSource(options: StatsdOptions): StatsdSource {
  const source = new Statsd(options);
  return {
    ready: source.ready,
    run: (output, signal) => source.run(output, signal),
    status: () => source.status(),
    inFlight: () => source.inFlight(),
    top: () => source.top(),
    capture: (sink) => source.capture(sink),
  };
}

class Statsd {
  readonly #options: StatsdOptions;
  readonly #native: boolean;
  readonly #listeners: Listener[];
  readonly #thread: AggregatingThread;
  readonly #forwards: Forwards;
  readonly #ready = Promise.withResolvers<void>();
  /** By listener, of those that are bound here. */
  readonly #sockets = new Map<number, ListenSocket>();
  /** Of those of them that the thread has not got. */
  readonly #quiet = new Map<number, Ear | null>();
  /** What has come on them, in its order. */
  #kept: HeardDatagram[] = [];
  readonly #heard = Promise.withResolvers<void>();
  #threadReady = false;
  readonly #bound: KeptSockets;
  #signal: AbortSignal | null = null;

  constructor(options: StatsdOptions) {
    this.#options = options;
    const { config, account, host, topic, events } = options;
    this.#native = (options.native ?? true) && datagramsAvailable();
    this.#bound = options.kept ?? new KeptSockets();
    this.#listeners = config.listen.map((entry) => new Listener(entry));
    const envelope = valueEnvelope(host);
    const common = { name: 'statsd', key: host, account, envelope: () => envelope, replayable: false };
    this.#thread = new AggregatingThread({
      interval: config.flush_interval,
      limits: {
        series: config.max_contexts,
        perName: config.max_contexts_per_name,
        tags: config.max_tags,
        length: config.max_length,
      },
      naming: config,
      memory: config.memory,
      percentiles: config.percentiles,
      origin: { host, dataset: 'statsd', labels: options.tags },
      stream: { ...common, topic },
      eventStream: { ...common, topic: events },
      listeners: this.#listeners,
      forwards: config.forward.length,
      connections: config.max_connections,
      idle: config.idle_timeout,
      native: this.#native,
      nextWindowId: options.nextWindowId,
      onError: options.onError,
      onReady: () => {
        this.#threadReady = true;
        this.#forwards.handOver();
        this.#handOver();
      },
      onRead: () => this.#close(),
    });
    this.#forwards = new Forwards(config.forward, this.#thread, this.#native);
    for (const [i, listener] of this.#listeners.entries()) listener.countedIn(this.#thread.countersOf(i));
    // Who does not ask whether it is ready must not die of the answer.
    this.#ready.promise.catch(() => {});
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  status(): StatsdStatus {
    const thread = this.#thread;
    thread.count();
    const listeners = this.#listeners.map((listener) => listener.status());
    const { contexts, overflowed, coarser, unknownFields: unknown_fields, clients, filtered } = thread;
    const forward = this.#forwards.status();
    return { listeners, forward, contexts, overflowed, coarser, unknown_fields, clients, filtered };
  }

  capture(sink: ByteSink): (() => void) | null {
    return this.#thread.capture(sink);
  }

  top(): Promise<StatsdTop> {
    return this.#thread.top();
  }

  inFlight(): number {
    return this.#thread.inFlight();
  }

  /**
   * Receives until the signal aborts, and resolves when everything received is pushed; at once where nothing can be bound.
   * Rejects when it stops before that.
   */
  async run(output: Output, signal: AbortSignal): Promise<void> {
    const { unbound } = this.#options;
    this.#signal = signal;
    const thread = this.#thread;
    const began = performance.now();
    const ended = new AbortController();
    const until = AbortSignal.any([signal, ended.signal]);
    let started = false;
    const start = (since: number) => {
      started = true;
      thread.start(since, output);
      aborted(signal).then(() => thread.stop());
    };
    const forwarding = this.#forwards.open(until);
    try {
      // Where it binds them itself there is nothing to wait for.
      if (!this.#native && this.#listeners.length > 0) start(began);
      const errors = await Promise.all(this.#listeners.map((_, i) => this.#bind(i)));
      for (const unused of unusedInherited())
        log.warnOnce(
          `inherited ${unused}`,
          `statsd: systemd has bound ${unused}, which is not in statsd.listen: nothing reads it`,
        );
      const failed = errors.filter((error) => error !== null);
      const none = failed.length === this.#listeners.length;
      if (unbound === 'warned') for (const error of failed) log.warn(`statsd: ${error.message}`);
      if (failed.length > 0 && (unbound === 'refused' || (unbound === 'missed' && none))) this.#ready.reject(failed[0]);
      else this.#ready.resolve();
      if (none) {
        if (started) thread.stop();
        if (started) await thread.ended;
        if (unbound === 'missed' && failed[0]) throw failed[0];
        return;
      }
      if (unbound === 'missed') errors.forEach((error, i) => void (error && this.#bindAgain(i, error, until)));
      if (this.#native && (await this.#hears(signal)))
        start(Math.min(...this.#listeners.map((listener) => listener.since ?? Infinity)));
      if (!started) return;
      const gone = this.#watchNames(until);
      const error = (await thread.ended) ?? (await gone);
      if (!error) return;
      for (const listener of this.#listeners) if (listener.since !== null) listener.fail(error);
      if (!signal.aborted) throw error;
      log.warn(`statsd: ${error.message}`);
    } finally {
      ended.abort();
      await forwarding;
      this.#forwards.close();
      this.#close();
    }
  }

  /** Ends the thread when a path leads to another socket, or to none: the next life binds it. Resolves with the reason. */
  async #watchNames(signal: AbortSignal): Promise<Error | null> {
    const named = [...this.#sockets].filter(([i]) => this.#listeners[i]!.local);
    while (named.length > 0 && (await pause(NAMES_EVERY_MS, signal))) {
      const lost = named.find(([, socket]) => !socket.reachable);
      if (!lost) continue;
      this.#thread.stop();
      return this.#listeners[lost[0]]!.fail(new Error('its file is gone, or another program has put its own there'));
    }
    return null;
  }

  /** Null when it is bound, or why it is not. */
  async #bind(i: number): Promise<Error | null> {
    const listener = this.#listeners[i]!;
    const wanted = this.#options.config.receive_buffer;
    try {
      const place = await listener.located();
      if (this.#native) await this.#open(i, place, wanted);
      else if ('path' in place || listener.reception === 'connections')
        throw new Error('only udp:// is served where koffi cannot be loaded');
      else {
        const { host, port } = place;
        const bound = await this.#thread.bind({ listener: i, host, port, receiveBuffer: wanted });
        listener.bound(bound.port, bound.receiveBuffer, wanted);
      }
      return null;
    } catch (error) {
      return listener.fail(error as Error);
    }
  }

  async #open(i: number, place: SocketPlace, wanted: number): Promise<void> {
    const listener = this.#listeners[i]!;
    const { reception, origin, local } = listener;
    const options = { receiveBuffer: wanted, credentials: origin };
    const socket = this.#bound.take(listener.configured, place, reception, options);
    try {
      const ear = local || reception === 'connections' ? null : await this.#listenQuietly(i, socket, place, wanted);
      this.#quiet.set(i, ear);
    } catch (error) {
      socket.close();
      throw error;
    }
    this.#sockets.set(i, socket);
    listener.bound(socket.port, socket.receiveBuffer, wanted);
    // Nobody but the thread hears of these.
    if (this.#quiet.get(i) === null) this.#heard.resolve();
  }

  #listenQuietly(i: number, socket: ListenSocket, place: SocketPlace, room: number): Promise<Ear> {
    const type = 'host' in place && isIPv6(place.host) ? 'udp6' : 'udp4';
    return Ear.on(socket, type, room, (datagram) => {
      this.#kept.push({ listener: i, datagram });
      this.#heard.resolve();
    });
  }

  /** Until it can be bound: the others are heard meanwhile. */
  async #bindAgain(i: number, error: Error, signal: AbortSignal): Promise<void> {
    log.warn(`statsd: ${error.message}; it is tried again`);
    const backoff = new Backoff();
    try {
      do await backoff.wait(signal);
      while ((await this.#bind(i)) !== null);
    } catch {
      // The signal ends the wait.
      return;
    }
    if (signal.aborted) this.#close();
    else if (this.#threadReady) this.#handOver();
  }

  /** True when something has come on one of them, or one can be heard by the thread only; false when the signal aborts before that. */
  async #hears(signal: AbortSignal): Promise<boolean> {
    await Promise.race([this.#heard.promise, aborted(signal)]);
    const needed = () => this.#kept.length > 0 || [...this.#quiet.values()].includes(null);
    // What came just before is told in the next turn of the loop.
    for (let turns = 0; !needed() && turns < 2; turns++) await turn();
    return needed();
  }

  /** The thread receives from now on. */
  #handOver(): void {
    const sockets = [...this.#quiet].map(([i, ear]): HandedSocket => {
      ear?.close();
      const { reception, local, origin } = this.#listeners[i]!;
      return { listener: i, fd: this.#sockets.get(i)!.fd, reception, local, origin };
    });
    this.#quiet.clear();
    this.#thread.take(sockets, this.#kept);
    this.#kept = [];
  }

  #close(): void {
    const signal = this.#signal;
    // Nobody comes after one that is stopped for good.
    const goesOn = this.#options.kept !== undefined && !(signal?.aborted && !(signal.reason instanceof Reopened));
    for (const ear of this.#quiet.values()) ear?.close();
    for (const [i, socket] of this.#sockets) {
      const { configured, origin } = this.#listeners[i]!;
      const options = { receiveBuffer: this.#options.config.receive_buffer, credentials: origin };
      if (goesOn) this.#bound.keep(configured, options, socket);
      else socket.close();
    }
    this.#sockets.clear();
  }
}
