/**
 * StatsD: one worker a listener receives, parses and aggregates; here its documents go on into the pipeline.
 *
 *   received = in flight (the open window, the closed one, documents on their way) + pushed + dropped
 */

import type { Config } from '../../config/config.ts';
import type { Account } from '../../core/account.ts';
import type { Stream } from '../../core/batch.ts';
import { valueEnvelope } from '../../core/envelope.ts';
import type { Output, Source } from '../../core/pipeline.ts';
import { log } from '../../log.ts';
import { Listener, type ListenerStatus } from './listener.ts';

export interface StatsdOptions {
  config: Config['statsd'];
  host: string;
  /** On every record, as labels. */
  tags: Record<string, string>;
  topic: string;
  /** The user configured the listeners: one that cannot bind is an error, not a warning. */
  explicit: boolean;
  account: Account;
  /** Makes the id of a flush: unique, and the same again never. */
  nextWindowId: () => string;
  /** A listener that stopped by itself. */
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
  /** Resolves when every listener is bound; rejects when one that was configured cannot be. */
  readonly ready: Promise<void>;
  status(): StatsdStatus;
  /** Samples that were received and are neither pushed nor dropped. */
  inFlight(): number;
}

export function statsdSource(options: StatsdOptions): StatsdSource {
  const { config, account, host, topic } = options;
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
      if (failed.length > 0 && options.explicit) reject(failed[0]);
      else resolve();
      if (!options.explicit) for (const error of failed) log.warn(`statsd: ${error.message}`);
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
