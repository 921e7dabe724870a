/**
 * All that a data_dir has of the local log: the common spool, and beside it one for each kind of input that answers who
 * sends, with a budget of its own.
 *
 *   <data_dir>/spool/runnel.metrics-0       the common one
 *   <data_dir>/spool/otlp/runnel.traces-0   what was answered for is never dropped, and drops nothing of others
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { OnDrop } from './losses.ts';
import type { SpoolPartition } from './partition.ts';
import type { Weights } from './sidecar.ts';
import { Spool, type SpoolOptions, sum, topicOf } from './spool.ts';

/** What was left of a kind that is not configured any more waits, however much it is. */
const UNLIMITED = Number.MAX_SAFE_INTEGER;
const GROUP = /^[a-z]{1,32}$/;
/** See `SpoolOptions.chained`. What is found on disk says by its name what it is. */
const CHAINED: readonly string[] = ['audit'];

export class Spools {
  readonly common: Spool;
  readonly #dir: string;
  readonly #onDrop: OnDrop;
  readonly #groups = new Map<string, Spool>();

  private constructor(dir: string, common: Spool, onDrop: OnDrop) {
    this.#dir = dir;
    this.common = common;
    this.#onDrop = onDrop;
  }

  /** Opens all that is in `dir`. */
  static async open(dir: string, options: SpoolOptions, onDrop: OnDrop): Promise<Spools> {
    const spools = new Spools(dir, await Spool.open(dir, options, onDrop), onDrop);
    try {
      for (const group of await groupsIn(dir)) await spools.durable(group, UNLIMITED);
      return spools;
    } catch (error) {
      await spools.close();
      throw error;
    }
  }

  /** The spool of a kind of input that answers, of at most so many bytes. */
  async durable(group: string, max_size: number): Promise<Spool> {
    const found = this.#groups.get(group);
    if (found) {
      found.resize(max_size);
      return found;
    }
    const chained = CHAINED.includes(group);
    const options: SpoolOptions = { max_size, when_full: 'block', sync: 'always', durable: true, chained, group };
    const spool = await Spool.open(join(this.#dir, group), options, this.#onDrop);
    const other = this.#groups.get(group);
    if (other) {
      // Somebody else was faster.
      await spool.close();
      return other;
    }
    this.#groups.set(group, spool);
    return spool;
  }

  *partitions(): Iterable<SpoolPartition> {
    for (const spool of this.#all()) yield* spool.partitions();
  }

  /** Input items that an earlier process left waiting, by input. */
  recovered(): Weights {
    return sum(this.#all().map((spool) => spool.recovered()));
  }

  /** Of all of them; see `Spool.waiting`. */
  waiting(): { records: number; bytes: number; oldest_seconds: number; weights: Weights } {
    const each = this.#all().map((spool) => spool.waiting());
    return {
      records: each.reduce((total, part) => total + part.records, 0),
      bytes: each.reduce((total, part) => total + part.bytes, 0),
      oldest_seconds: each.reduce((oldest, part) => Math.max(oldest, part.oldest_seconds), 0),
      weights: sum(each.map((part) => part.weights)),
    };
  }

  /** How full each is: what waits of it, and how much may. `group`: what it is for; null: for all that has none of its own. */
  budgets(): { group: string | null; bytes: number; max_size: number }[] {
    const of = (group: string | null, spool: Spool) => {
      return { group, bytes: spool.waiting().bytes, max_size: spool.max_size };
    };
    const groups = [...this.#groups].filter(([, { max_size }]) => max_size !== UNLIMITED);
    return [of(null, this.common), ...groups.map(([group, spool]) => of(group, spool))];
  }

  errors(): string[] {
    return this.#all().flatMap((spool) => spool.errors());
  }

  async syncStates(): Promise<boolean> {
    return (await Promise.all(this.#all().map((spool) => spool.syncStates()))).every(Boolean);
  }

  async close(): Promise<void> {
    await Promise.all(this.#all().map((spool) => spool.close()));
  }

  #all(): Spool[] {
    return [this.common, ...this.#groups.values()];
  }
}

export interface SpooledTopic {
  topic: string;
  /** `runnel.metrics`, `otlp/runnel.traces`. */
  name: string;
  path: string;
}

/** The partitions' directories in `dir`: those of the common spool, and of the others. */
export async function partitionsIn(dir: string): Promise<SpooledTopic[]> {
  const found: SpooledTopic[] = [];
  for (const group of ['', ...(await groupsIn(dir))]) {
    for (const name of (await readdir(join(dir, group))).sort()) {
      const topic = topicOf(name);
      if (topic !== null)
        found.push({ topic, name: group === '' ? topic : `${group}/${topic}`, path: join(dir, group, name) });
    }
  }
  return found;
}

async function groupsIn(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory() && GROUP.test(entry.name)).map(({ name }) => name);
}
