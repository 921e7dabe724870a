/**
 * StatsD: addresses are bound here, and quiet until something comes on one of them; then one thread takes them all over,
 * so that a series gives one record a window wherever its samples came from.
 *
 *   listeners  --- something has come ---> thread: receive, parse, aggregate ---> documents ---> pipeline
 *
 *   received = in flight (the open window, the closed one, documents on their way) + pushed + dropped
 */

import { aborted } from '../../core/abort.ts';
import type { Account } from '../../core/account.ts';
import { type ByteSink, Reopened } from '../../core/input.ts';
import type { Measured } from '../../core/measured.ts';
import type { Output, Source } from '../../core/pipeline.ts';
import { log } from '../../log.ts';
import { unusedInherited } from '../../native/inherited.ts';
import { datagramsAvailable } from '../../native/sockets.ts';
import { valueEnvelope } from '../../records/envelope.ts';
import { Bindings } from './bindings.ts';
import { type ForwardStatus, Forwards } from './forwards.ts';
import { Listener, type ListenerStatus } from './listener.ts';
import type { StatsdConfig } from './options.ts';
import { KeptSockets } from './receive/kept.ts';
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
  /** Looks at windows before they leave. */
  measured?: Measured;
  /** What was received could not be handed over. */
  onError: (error: Error) => void;
  /** Where sockets are kept for who comes after it. */
  kept?: KeptSockets;
  /** False: node:dgram even where libc could be called. */
  native?: boolean;
}

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
  readonly #bindings: Bindings;
  #signal: AbortSignal | null = null;

  constructor(options: StatsdOptions) {
    this.#options = options;
    const { config, account, host, topic, events } = options;
    this.#native = (options.native ?? true) && datagramsAvailable();
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
      ...(options.measured && { measured: options.measured }),
      onError: options.onError,
      onReady: () => {
        this.#forwards.handOver();
        this.#bindings.handOver();
      },
      onRead: () => this.#close(),
    });
    this.#forwards = new Forwards(config.forward, {
      thread: this.#thread,
      listen: config.listen.map(({ address }) => address),
      native: this.#native,
    });
    this.#bindings = new Bindings({
      listeners: this.#listeners,
      thread: this.#thread,
      kept: options.kept ?? new KeptSockets(),
      receiveBuffer: config.receive_buffer,
      native: this.#native,
    });
    for (const [i, listener] of this.#listeners.entries()) listener.countedIn(this.#thread.counters.listener(i));
    // Who does not ask whether it is ready must not die of the answer.
    this.#ready.promise.catch(() => {});
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  status(): StatsdStatus {
    const { counters, books } = this.#thread;
    books.count();
    const listeners = this.#listeners.map((listener) => listener.status());
    const { contexts, overflowed, coarser, unknownFields: unknown_fields, clients, filtered } = counters;
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
    return this.#thread.books.inFlight();
  }

  /**
   * Receives until the signal aborts, and resolves when everything received is pushed; at once where nothing can be bound.
   * Rejects when it stops before that.
   */
  async run(output: Output, signal: AbortSignal): Promise<void> {
    const { unbound } = this.#options;
    this.#signal = signal;
    const [thread, bindings] = [this.#thread, this.#bindings];
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
      const errors = await Promise.all(this.#listeners.map((_, i) => bindings.bind(i)));
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
      if (unbound === 'missed')
        errors.forEach((error, i) => void (error && bindings.bindAgain(i, error, until, () => this.#close())));
      if (this.#native && (await bindings.hears(signal)))
        start(Math.min(...this.#listeners.map((listener) => listener.since ?? Infinity)));
      if (!started) return;
      const gone = bindings.watchNames(until);
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

  #close(): void {
    const signal = this.#signal;
    // Nobody comes after one that is stopped for good.
    const goesOn = this.#options.kept !== undefined && !(signal?.aborted && !(signal.reason instanceof Reopened));
    this.#bindings.close(goesOn);
  }
}
