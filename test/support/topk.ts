/** Metric records on their way into Redis, without Kafka: a list of values is what the partition holds. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, Redis } from 'ioredis';
import { ConsumerAccount } from '../../src/consumers/account.ts';
import { Flow, type FlowRows, newTotals } from '../../src/consumers/topk/flow.ts';
import { RankingKeys } from '../../src/consumers/topk/keys.ts';
import { durationName } from '../../src/consumers/topk/options.ts';
import { Ranking } from '../../src/consumers/topk/ranking.ts';
import type { Store } from '../../src/consumers/topk/store.ts';
import { planWindows, writtenOf } from '../../src/consumers/topk/windows.ts';
import { until } from './until.ts';

export const MINUTE = 60_000;
export const NOW = Math.floor(Date.now() / MINUTE) * MINUTE;

/** The books of one flow, and the reader that it steers: a list of values, from which it is handed a set at a time. */
export class TopkReader {
  readonly account = new ConsumerAccount();
  readonly totals = newTotals();
  readonly values: string[];
  readonly flow: Flow;
  readonly lost = new AbortController();
  seeks: (number | 'first')[] = [];
  #at = -1;

  constructor(store: Store, values: string[], { topicId = 'id', lingerMs = 5, cap = 10_000, size = 100 } = {}) {
    this.values = values;
    const windows = planWindows(
      [60, 600, 3600].map((seconds) => ({ name: durationName(seconds), seconds })),
      new Map(),
    );
    const ranking = new Ranking({ name: 'top', metric: 'hits', by: ['attributes.path'], value: 'sum', field: null });
    const plan = { rankings: [ranking], windows: writtenOf(windows), keys: new RankingKeys('r', 'g'), cap };
    this.flow = new Flow({
      ...{ plan, store, account: this.account, totals: this.totals, topic: 't', partition: 0, topicId, lingerMs },
      signal: this.lost.signal,
      seek: (where) => {
        this.seeks.push(where);
        this.#at = where === 'first' ? 0 : where;
      },
    });
    this.#size = size;
  }
  readonly #size: number;

  /** Hands out what there is until `stop`. */
  async run(stop: AbortSignal): Promise<void> {
    await this.flow.begin();
    while (!stop.aborted) {
      const from = this.#at;
      const to = Math.min(this.values.length, from + this.#size);
      if (from >= to) await sleep(2);
      else {
        this.#at = to;
        await this.flow.take(rowsOf(this.values, from, to));
      }
    }
  }

  /** Until all of it is in Redis. */
  async done(): Promise<void> {
    await until('all is in Redis', () => this.flow.position === this.values.length && this.flow.settled, 60_000);
    assert.equal(this.account.books(0).unaccounted, 0);
  }
}

function rowsOf(values: readonly string[], first: number, end: number): FlowRows {
  const parts = values.slice(first, end).map((value) => Buffer.from(value));
  const ends = parts.map(
    (
      (at) => (part: Buffer) =>
        (at += part.length)
    )(0),
  );
  return {
    bytes: Buffer.concat(parts),
    count: parts.length,
    offset: (row) => first + row,
    from: (row) => ends[row]! - parts[row]!.length,
    to: (row) => ends[row]!,
  };
}

export const hit = (path: string, value: number, time = NOW) =>
  JSON.stringify({ '@timestamp': new Date(time).toISOString(), name: 'hits', value, attributes: { path } });
export const hits = (count: number, names: number, time = NOW) =>
  Array.from({ length: count }, (_, i) => hit(`/${i % names}`, i % 7, time + (i % 3) * MINUTE));
export const sumOf = (values: readonly string[]) => values.reduce((sum, text) => sum + JSON.parse(text).value, 0);

/** The names of a window and their values. */
export async function sumsOf(redis: Redis | Cluster, key: string): Promise<Map<string, number>> {
  const flat = await redis.zrevrange(key, 0, -1, 'WITHSCORES');
  return new Map(Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i]!, Number(flat[2 * i + 1])]));
}

/** The sums of all names of the ranking, by the window's length. */
export async function sumsIn(redis: Redis | Cluster, keys?: readonly string[]): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const key of keys ?? (await redis.keys('r:{g}:top:*'))) {
    const window = key.split(':')[3]!;
    for (const value of (await sumsOf(redis, key)).values()) found[window] = (found[window] ?? 0) + value;
  }
  return found;
}
