/** What a ranking is, read out of Redis. */
import { oneValue } from './batch.ts';
import { type RankingKeys, SEPARATOR } from './keys.ts';
import { Ranking, type RankingOptions } from './ranking.ts';
import type { RedisConnection } from './redis.ts';
import { partsAt, startAt, type TumblingWindow } from './windows.ts';

export interface RankedName {
  /** The member: the values of `by`, joined by U+001F. */
  name: string;
  labels: Record<string, string>;
  value: number;
}

export interface Ranked {
  ranking: string;
  /** `10m` */
  window: string;
  start: string;
  end: string;
  /** It has ended. */
  complete: boolean;
  /** Names that were cut of it: others may lack something, and are at most what the least one here has. */
  cut: number;
  names: RankedName[];
}

export interface Wish {
  /** ms: the window that holds this moment. */
  at: number;
  /** The last one that has ended then, instead. */
  last: boolean;
  limit: number;
  /** The least values first. */
  lowest: boolean;
}

/**
 * A window is read from its own key (what was written before it became a union) and those that it is made of. They are
 * added up here, a key a call: Redis would stand still while it does it for all of them.
 */
export async function readRanking(
  redis: RedisConnection,
  keys: RankingKeys,
  options: RankingOptions,
  window: TumblingWindow,
  { at, last, limit, lowest }: Wish,
): Promise<Ranked> {
  const { seconds, base } = window;
  const start = startAt(at, seconds) - (last ? seconds : 0);
  const { op } = new Ranking(options);
  const places = [[seconds, start] as const, ...partsAt(window, start).map((part) => [base!, part] as const)];
  const most = places.length === 1 ? limit : null;
  const values = new Map<string, number>();
  let cut = 0;
  await Promise.all(
    places.map(async ([length, from]) => {
      const [scores, gone] = await Promise.all([
        redis.scores(keys.window(options.name, length, from), most, lowest),
        redis.get(keys.cut(options.name, length, from)),
      ]);
      cut += Number(gone ?? 0);
      for (const [name, score] of scores) {
        const before = values.get(name);
        values.set(name, before === undefined ? score : oneValue(op, before, score));
      }
    }),
  );
  return {
    ranking: options.name,
    window: window.name,
    start: iso(start),
    end: iso(start + seconds),
    complete: (start + seconds) * 1000 <= Date.now(),
    cut,
    names: first(values, limit, lowest).map(([name, value]) => ({ name, labels: labelsOf(name, options.by), value })),
  };
}

/** Of equal values the names in order, as they are in a sorted set. */
function first(values: ReadonlyMap<string, number>, limit: number, lowest: boolean): [string, number][] {
  const sign = lowest ? 1 : -1;
  const sorted = [...values].sort(([a, x], [b, y]) => sign * (x - y || (a < b ? -1 : 1)));
  return sorted.slice(0, limit);
}

function labelsOf(name: string, by: readonly string[]): Record<string, string> {
  const parts = name.split(SEPARATOR);
  return Object.fromEntries(by.map((field, i) => [field, parts[i] ?? '']));
}

const iso = (seconds: number) => new Date(seconds * 1000).toISOString();
