/**
 * StatsD: one worker a listener receives, parses and aggregates; here its documents go on into the pipeline.
 *
 *   received = in flight (the open window, the closed one, documents on their way) + pushed + dropped
 */

import type { Account } from '../../core/account.ts';
import type { Stream } from '../../core/batch.ts';
import type { Output, Source } from '../../core/pipeline.ts';
import { log } from '../../log.ts';
import { valueEnvelope } from '../../records/envelope.ts';
import { Listener, type ListenerStatus } from './listener.ts';
import type { StatsdConfig } from './options.ts';

export interface StatsdOptions {
  config: StatsdConfig;
  host: string;
  /** On every record, as labels. */
  tags: Record<string, string>;
  topic: string;
  /**
   * What a listener that cannot be bound is. `refused`: `ready` rejects, the others run. `warned`: it is said, the others
   * run. `missed`: `ready` and `run` reject, so that it is tried again.
   */
  unbound: 'refused' | 'warned' | 'missed';
  account: Account;
  /** Makes the id of a flush: unique, and the same again never. */
  nextWindowId: () => string;
  /** What was received could not be handed over. */
  onError: (error: Error) => void;
  /** False: node:dgram even where libc could be called. */
  native?: boolean;
}

export interface StatsdStatus {
  listeners: ListenerStatus[];
  contexts: number;
  /** Samples that were added to a series of their name alone, `runnel.overflow`. */
  overflowed: number;
  /** Sketches and sets that were kept coarser for want of memory. */
  coarser: number;
}

export interface StatsdSource extends Source {
  readonly ready: Promise<void>;
  status(): StatsdStatus;
  /** Samples that were received and are neither pushed nor dropped. */
  inFlight(): number;
}

export function statsdSource(options: StatsdOptions): StatsdSource {
  const { config, account, host, topic, unbound } = options;
  const envelope = valueEnvelope(host);
  const stream: Stream = { name: 'statsd', topic, key: host, account, envelope: () => envelope, replayable: false };
  const listeners = config.listen.map(
    (address) =>
      new Listener({
        address,
        receiveBuffer: config.receive_buffer,
        interval: config.flush_interval,
        maxContexts: config.max_contexts,
        memory: Math.floor(config.memory / config.listen.length),
        percentiles: config.percentiles,
        origin: { host, dataset: 'statsd', labels: options.tags },
        stream,
        nextWindowId: options.nextWindowId,
        onError: options.onError,
        native: options.native ?? true,
      }),
  );
  const sum = (of: (listener: Listener) => number) => listeners.reduce((total, listener) => total + of(listener), 0);
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  // Who does not ask whether it is ready must not die of the answer.
  ready.catch(() => {});

  return {
    ready,
    async run(output: Output, signal: AbortSignal): Promise<void> {
      const failure = new AbortController();
      const until = AbortSignal.any([signal, failure.signal]);
      const runs = listeners.map((listener) => listener.run(output, until));
      const ended = Promise.all(runs).catch(async (error) => {
        // All end together: whoever starts it again binds all of them.
        failure.abort(error);
        await Promise.allSettled(runs);
        throw error;
      });
      ended.catch(() => undefined); // thrown where it is awaited, below
      const bound = await Promise.all(listeners.map((listener) => listener.bound));
      const failed = bound.filter((error) => error !== null);
      if (unbound === 'warned') for (const error of failed) log.warn(`statsd: ${error.message}`);
      if (failed.length > 0 && unbound !== 'warned') reject(failed[0]);
      else resolve();
      if (failed.length > 0 && unbound === 'missed') {
        failure.abort();
        await Promise.allSettled(runs);
        throw failed[0];
      }
      await ended;
    },
    status(): StatsdStatus {
      return {
        listeners: listeners.map((listener) => listener.status()),
        contexts: sum((listener) => listener.contexts),
        overflowed: sum((listener) => listener.overflowed),
        coarser: sum((listener) => listener.coarser),
      };
    },
    inFlight: () => sum((listener) => listener.inFlight()),
  };
}
