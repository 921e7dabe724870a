/**
 * What records of one partition come to, added up until it is sent: an entry a window key and name.
 *
 *   records ──> ranking x written window ──> key ──> name ──> value
 *
 * The fewer distinct (key, name) there are, the less Redis has to do, so records are gathered for a second; a script call
 * holds Redis up for some 6 ms a thousand entries, so a batch has at most MOST_ENTRIES. It goes in as a whole or not at
 * all: one that is too large could not be cut by its names, only by its records.
 */
import type { RankingKeys } from './keys.ts';
import type { Ranking } from './ranking.ts';
import type { NotRead, RecordReader } from './record.ts';
import { startOf, type WrittenWindow } from './windows.ts';

export const MOST_ENTRIES = 2000;
export const MOST_RECORDS = 50_000;
/** A time that is so far ahead (ms) is a wrong clock's, and would be kept for as long. */
const AHEAD_MS = 86_400_000;

/** Why a record is in no window. */
export type NotCounted = NotRead | 'no_value' | 'too_old' | 'ahead';

export interface Plan {
  rankings: readonly Ranking[];
  windows: readonly WrittenWindow[];
  keys: RankingKeys;
  /** Names a key may have. */
  cap: number;
}

interface Group {
  key: string;
  cutKey: string;
  ranking: Ranking;
  expires: number;
  /** In the order in which they came. */
  values: Map<string, number>;
}

/** What one record may come to at most. */
export function entriesOfRecord(plan: Pick<Plan, 'rankings' | 'windows'>): number {
  return plan.rankings.length * plan.windows.length;
}

export class TopkBatch {
  readonly #plan: Plan;
  readonly #groups = new Map<string, Group>();
  /** The groups of each ranking for the time of the last record; null: too old for that window. */
  #time = Number.NaN;
  #now = 0;
  #at = new Map<Ranking, readonly (Group | null)[]>();
  records = 0;
  counted = 0;
  entries = 0;
  /** Values that were left out because their window is not kept any more, of records that are in other ones. */
  late = 0;
  readonly skipped = new Map<NotCounted, number>();

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** Whether one more record might be too much. */
  get full(): boolean {
    return this.records >= MOST_RECORDS || this.entries + entriesOfRecord(this.#plan) > MOST_ENTRIES;
  }

  /** `now`: ms; the value is `bytes[from..to)`. */
  add(reader: RecordReader, bytes: Buffer, from: number, to: number, now: number): void {
    this.records++;
    const why = from < 0 ? 'unwanted' : this.#count(reader, bytes, from, to, now);
    if (why === null) this.counted++;
    else this.skipped.set(why, (this.skipped.get(why) ?? 0) + 1);
  }

  /** Null: it is in a window. */
  #count(reader: RecordReader, bytes: Buffer, from: number, to: number, now: number): NotCounted | null {
    const record = reader.read(bytes, from, to);
    if (typeof record === 'string') return record;
    if (reader.time > now + AHEAD_MS) return 'ahead';
    if (reader.time !== this.#time) {
      this.#time = reader.time;
      this.#now = Math.floor(now / 1000);
      this.#at = new Map();
    }
    let numbers = 0;
    let windows = 0;
    for (const ranking of reader.wanting) {
      const value = ranking.valueOf(record);
      if (value === null) continue;
      numbers++;
      windows += this.#add(ranking, ranking.nameOf(record), value);
    }
    if (windows === 0) return numbers === 0 ? 'no_value' : 'too_old';
    this.late += numbers * this.#plan.windows.length - windows;
    return null;
  }

  /** Gives to how many windows. */
  #add(ranking: Ranking, name: string, value: number): number {
    let groups = this.#at.get(ranking);
    if (groups === undefined) {
      groups = this.#plan.windows.map((window) => this.#groupOf(ranking, window));
      this.#at.set(ranking, groups);
    }
    let windows = 0;
    for (const group of groups) {
      if (group === null) continue;
      windows++;
      const before = group.values.get(name);
      if (before === undefined) this.entries++;
      group.values.set(name, before === undefined ? value : oneValue(ranking.op, before, value));
    }
    return windows;
  }

  #groupOf(ranking: Ranking, window: WrittenWindow): Group | null {
    const start = startOf(this.#time, window.seconds);
    const expires = window.expiresAt(start);
    if (expires <= this.#now) return null;
    const { keys } = this.#plan;
    const key = keys.window(ranking.name, window.seconds, start);
    let group = this.#groups.get(key);
    if (group === undefined) {
      const cutKey = keys.cut(ranking.name, window.seconds, start);
      group = { key, cutKey, ranking, expires, values: new Map() };
      this.#groups.set(key, group);
    }
    return group;
  }

  /** As the script wants them, behind the positions' key and the first five arguments. */
  script(): { keys: string[]; args: string[] } {
    const keys: string[] = [];
    const args: string[] = [];
    for (const { key, cutKey, ranking, expires, values } of this.#groups.values()) {
      // Its first value was too old for it, say.
      if (values.size === 0) continue;
      keys.push(key, cutKey);
      args.push(ranking.op, String(expires), String(this.#plan.cap), String(values.size));
      for (const [name, value] of values) args.push(name, String(value));
    }
    return { keys, args };
  }
}

/** A sum never becomes infinite: infinities of both signs would be no number. */
export function oneValue(op: Ranking['op'], a: number, b: number): number {
  if (op === 'max') return Math.max(a, b);
  if (op === 'min') return Math.min(a, b);
  const sum = a + b;
  if (Number.isFinite(sum)) return sum;
  return sum > 0 ? Number.MAX_VALUE : -Number.MAX_VALUE;
}
