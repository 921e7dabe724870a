/** A StatsD source that runs until the test ends, with what it brings kept as text. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SeriesLimits } from '../../src/aggregate/series.ts';
import { Account } from '../../src/core/account.ts';
import type { FlushPiece } from '../../src/sources/statsd/flush.ts';
import type { ListenEntry } from '../../src/sources/statsd/listen-entry.ts';
import type { NamingConfig } from '../../src/sources/statsd/naming-options.ts';
import { type StatsdOptions, statsdSource } from '../../src/sources/statsd/statsd.ts';
import { collect } from './output.ts';

/** A port of 127.0.0.1, or of ::1. */
export const FOUR = 'udp://127.0.0.1:0';
export const SIX = 'udp://[::1]:0';

export const NO_NAMING: NamingConfig = {
  mappings: [],
  prefix: '',
  normalize: 'none',
  drop_tags: [],
  allow: [],
  deny: [],
};

/** Those of the options of which tests seldom want others. */
export const DEFAULTS = {
  ...NO_NAMING,
  forward: [],
  max_connections: 256,
  idle_timeout: 600_000,
  max_contexts_per_name: 2_000_000,
  max_tags: 64,
  max_length: 1024,
};

/** The records of a piece, and how many samples stand behind each. */
export function unpacked({ metrics }: FlushPiece): { documents: string[]; weights: number[] } {
  const { bytes, ends, weights, count } = metrics;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const documents = Array.from({ length: count }, (_, i) =>
    text.toString('utf8', i === 0 ? 0 : ends[i - 1]!, ends[i]!),
  );
  return { documents, weights: [...weights.subarray(0, count)] };
}

export function seriesLimits(series: number): SeriesLimits {
  return { series, perName: series, tags: 64, length: 1_000_000 };
}

export function listenOn(...addresses: string[]): ListenEntry[] {
  return addresses.map((address) => ({ address, origin: false, dialect: 'dogstatsd', name_tags: [] }));
}

export interface SentRecord {
  name: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a record says is the test's business
  [field: string]: any;
}

/** One window that ends with the test, unless `config` has another interval. */
export async function startStatsd(
  t: TestContext,
  listen: (string | ListenEntry)[],
  options: Partial<StatsdOptions> = {},
  config: Partial<StatsdOptions['config']> = {},
) {
  const account = new Account('statsd');
  const { output, weight, records } = collect();
  let windows = 0;
  const source = statsdSource({
    config: {
      listen: listen.flatMap((entry) => (typeof entry === 'string' ? listenOn(entry) : entry)),
      ...DEFAULTS,
      receive_buffer: 1 << 20,
      flush_interval: 3_600_000,
      percentiles: [],
      max_contexts: 1000,
      memory: 8 << 20,
      ...config,
    },
    host: 'web-1',
    tags: {},
    topic: 'runnel.metrics',
    events: 'runnel.events',
    unbound: 'refused',
    account,
    nextWindowId: () => `agent-${++windows}`,
    onError: (error) => assert.fail(error),
    ...options,
  });
  const stop = new AbortController();
  const running = source.run(output, stop.signal);
  // Looked at by the test, or not at all.
  running.catch(() => undefined);
  const sockets = { udp4: createSocket('udp4'), udp6: createSocket('udp6') };
  t.after(async () => {
    for (const socket of Object.values(sockets)) socket.close();
    stop.abort();
    await Promise.allSettled([running]);
  });
  await source.ready.catch(() => undefined);
  const addressOf = (listener: number) => source.status().listeners[listener]!.address;
  const portOf = (listener: number) => Number(addressOf(listener).split(':').at(-1));
  return {
    source,
    account,
    weight,
    running,
    stop,
    addressOf,
    portOf,
    addresses: listen.map((_, i) => addressOf(i)),
    /** Resolves when the kernel has it. */
    async send(line: string, listener = 0): Promise<void> {
      const six = addressOf(listener).includes('[');
      await new Promise((sent) => {
        sockets[six ? 'udp6' : 'udp4'].send(line, portOf(listener), six ? '::1' : '127.0.0.1', sent);
      });
    },
    /** So many samples, those that are lost included. */
    async received(count: number): Promise<void> {
      for (source.inFlight(); account.received < count; source.inFlight()) await sleep(5);
    },
    /** The records, by topic, once it has ended. */
    async end(): Promise<{ topic: string; record: SentRecord }[]> {
      stop.abort();
      await running;
      assert.deepEqual([source.inFlight(), account.received], [0, weight() + account.dropped]);
      return records.map(({ stream, value }) => ({ topic: stream.topic, record: JSON.parse(value) as SentRecord }));
    },
  };
}
