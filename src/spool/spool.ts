/**
 * The spool, also called the local log: what cannot be read again waits here until Kafka has it; without a Kafka it is
 * where everything goes. Its files have the layout of a Kafka broker's log directory, always partition 0:
 *
 *   <dir>/<topic>-0/00000000000000000000.log      record batches, version 2
 *                   00000000000000000000.weights  input items by block
 *                   read.state                    how far it is acknowledged, producer id
 *
 * `max_size` bounds the segments of all topics together. Where it is reached, `drop_oldest` removes the oldest segment
 * that has nothing in flight, counted as `spool_full`; `block` makes appends wait. If everything is in flight, a block
 * goes beyond the limit rather than being refused.
 *
 * A `durable` spool holds what somebody was told is safe: it drops nothing, and room in it is set aside (`reserve`) before
 * anything is taken.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { abortable } from '../core/abort.ts';
import { makeDirectory } from '../core/files.ts';
import type { OnDrop } from './losses.ts';
import { type Owner, SpoolPartition } from './partition.ts';
import type { Weights } from './sidecar.ts';

export interface SpoolOptions {
  /** Bytes. */
  max_size: number;
  when_full: 'drop_oldest' | 'block';
  /** When written blocks are brought to the medium: with each append, every so many milliseconds, never. */
  sync: 'always' | number | 'never';
  /**
   * What is in it was answered for: it is always synced, nobody reads it before it is on the medium, and who waits for a
   * sync that fails is told.
   */
  durable?: boolean;
  /**
   * Its records follow from each other: blocks have one key each and go to Kafka in transactions, in order. Several are on
   * the medium together or are taken back, and nobody reads them before. Needs `durable`.
   */
  chained?: boolean;
  /** Where it has a budget of its own: what it is for. */
  group?: string;
  /** Milliseconds; null: what waits does not expire. */
  max_age?: number | null;
  /** How long what the disk does not give (EIO) is asked for before it is passed over, milliseconds. */
  read_patience?: number;
}

const SEGMENT_BYTES = 16 * 1024 * 1024;
const RETRY_SYNC_MS = 1000;
const READ_PATIENCE_MS = 30_000;
const EXPIRE_EVERY_MS = 60_000;
/** What Kafka allows in a topic's name; the directory adds the partition. */
const TOPIC = /^[a-zA-Z0-9._-]{1,249}$/;

export class Spool {
  readonly #dir: string;
  readonly #options: SpoolOptions;
  readonly #owner: Owner;
  readonly #partitions = new Map<string, SpoolPartition>();
  #expiring: NodeJS.Timeout | undefined;
  #syncing: NodeJS.Timeout | undefined;
  #bytes = 0;
  /** Set aside for what is on its way here. */
  #reserved = 0;
  /** Those who wait for room to be set aside, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #reserving = 0;
  #waiters: (() => void)[] = [];
  #dropping: Promise<void> | null = null;
  #closing = false;

  private constructor(dir: string, options: SpoolOptions, onDrop: OnDrop) {
    this.#dir = dir;
    this.#options = options;
    const pressed = () => this.#waiters.length > 0 || this.#reserving > 0;
    this.#owner = {
      group: options.group ?? null,
      sync: options.sync,
      durable: options.durable ?? false,
      chained: options.chained ?? false,
      segmentBytes: Math.min(SEGMENT_BYTES, Math.ceil(options.max_size / 8)),
      patience: options.read_patience ?? READ_PATIENCE_MS,
      admit: (bytes) => this.#admit(bytes),
      release: (bytes) => this.#release(bytes),
      written: () => this.#syncSoon(),
      get pressed() {
        return pressed();
      },
      onDrop,
    };
  }

  /** Opens the spool with all topics that have something in `dir`. */
  static async open(dir: string, options: SpoolOptions, onDrop: OnDrop): Promise<Spool> {
    await makeDirectory(dir);
    const spool = new Spool(dir, options, onDrop);
    try {
      for (const entry of await readdir(dir, { withFileTypes: true })) {
        const topic = topicOf(entry.name);
        if (entry.isDirectory() && topic !== null) await spool.#open(topic);
      }
      spool.#expireAgain();
      return spool;
    } catch (error) {
      await spool.close();
      throw error;
    }
  }

  topics(): string[] {
    return [...this.#partitions.keys()];
  }

  partitions(): Iterable<SpoolPartition> {
    return this.#partitions.values();
  }

  /** The partition of a topic; created when there is none. Throws for what Kafka would not allow as a topic's name. */
  partition(topic: string): SpoolPartition {
    const found = this.#partitions.get(topic);
    if (found) return found;
    if (!TOPIC.test(topic)) throw new Error(`cannot spool to topic "${topic}": Kafka allows no such name`);
    const partition = SpoolPartition.create(topic, join(this.#dir, `${topic}-0`), this.#owner);
    this.#partitions.set(topic, partition);
    return partition;
  }

  /** Bytes. */
  get max_size(): number {
    return this.#options.max_size;
  }

  /** From now on so many bytes; what is beyond it stays. */
  resize(max_size: number): void {
    this.#options.max_size = max_size;
    this.#wake();
  }

  /**
   * Sets so many bytes aside for what is about to be appended, in the order of the calls; resolves with what gives them back,
   * once it is written. Rejects with the signal's reason when that aborts first. An empty spool takes anything.
   */
  async reserve(bytes: number, signal: AbortSignal): Promise<() => void> {
    const wait = async () => {
      for (let retired = false; !this.#hasRoom(bytes); retired = true) {
        signal.throwIfAborted();
        // What is acknowledged takes room until its segment is full, or somebody waits for it.
        if (!retired) await this.#retire();
        else await abortable(new Promise<void>((resolve) => this.#waiters.push(resolve)), signal);
      }
      signal.throwIfAborted();
      return this.#setAside(bytes);
    };
    this.#reserving++;
    const turn = this.#turn.then(wait);
    this.#turn = turn.catch(() => undefined);
    return abortable(turn, signal).finally(() => this.#reserving--);
  }

  /** The same where there is room now, and nobody waits for some; null: there is none. */
  reserveNow(bytes: number): (() => void) | null {
    return this.#reserving === 0 && this.#hasRoom(bytes) ? this.#setAside(bytes) : null;
  }

  #hasRoom(bytes: number): boolean {
    const used = this.#bytes + this.#reserved;
    return used === 0 || used + bytes <= this.#options.max_size;
  }

  #setAside(bytes: number): () => void {
    this.#reserved += bytes;
    let held = true;
    return () => {
      if (held) this.#reserved -= bytes;
      held = false;
      this.#wake();
    };
  }

  /** Input items that an earlier process left waiting, by input. */
  recovered(): Weights {
    return sum([...this.#partitions.values()].map((partition) => partition.recovered));
  }

  /** All topics together; `size` is what the segments take on disk. */
  waiting(): { records: number; bytes: number; oldest_seconds: number; weights: Weights; size: number } {
    const each = [...this.#partitions.values()].map((partition) => partition.waiting());
    return {
      records: each.reduce((total, part) => total + part.records, 0),
      bytes: each.reduce((total, part) => total + part.bytes, 0),
      oldest_seconds: each.reduce((oldest, part) => Math.max(oldest, part.oldest_seconds), 0),
      weights: sum(each.map((part) => part.weights)),
      size: this.#bytes,
    };
  }

  /** What the disk does not do: one sentence each. */
  errors(): string[] {
    return [...this.#partitions].flatMap(([topic, { errors }]) => errors.map((e) => `local log of ${topic}: ${e}`));
  }

  async sync(): Promise<void> {
    await Promise.all([...this.#partitions.values()].map((partition) => partition.sync()));
  }

  /** Brings all read positions to the medium; false: that failed. */
  async syncStates(): Promise<boolean> {
    const synced = await Promise.all([...this.#partitions.values()].map((partition) => partition.syncState()));
    return synced.every(Boolean);
  }

  /** Syncs and closes everything. Appends that wait for room are refused. */
  async close(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#expiring);
    clearTimeout(this.#syncing);
    this.#wake();
    await Promise.all([...this.#partitions.values()].map((partition) => partition.close()));
  }

  async #open(topic: string): Promise<void> {
    const dir = join(this.#dir, `${topic}-0`);
    const partition = await SpoolPartition.open(topic, dir, this.#owner).catch((error: Error) => {
      throw new Error(`cannot open the local log ${dir}: ${error.message}`);
    });
    this.#partitions.set(topic, partition);
    this.#bytes += partition.bytes;
  }

  /** What is written now is synced at the next multiple of the time that the policy allows. */
  #syncSoon(): void {
    const { sync } = this.#options;
    if (this.#syncing || this.#closing || sync === 'never') return;
    const every = sync === 'always' ? RETRY_SYNC_MS : sync;
    this.#syncing = setTimeout(() => void this.#syncNow(), every - (performance.now() % every)).unref();
  }

  async #syncNow(): Promise<void> {
    await this.sync();
    this.#syncing = undefined;
    if ([...this.#partitions.values()].some(({ unsynced }) => unsynced)) this.#syncSoon();
  }

  #expireAgain(): void {
    const { max_age } = this.#options;
    if (!max_age) return;
    const expire = () => {
      for (const partition of this.#partitions.values()) void partition.expire(performance.now() - max_age);
    };
    this.#expiring = setInterval(expire, Math.min(EXPIRE_EVERY_MS, max_age)).unref();
    expire();
  }

  #admit(bytes: number): Promise<void> | null {
    // Of one that is durable room for it was set aside.
    if (!this.#options.durable && this.#bytes + bytes > this.#options.max_size) return this.#admitLater(bytes);
    this.#bytes += bytes;
    return null;
  }

  async #admitLater(bytes: number): Promise<void> {
    await this.#makeRoom(bytes);
    this.#bytes += bytes;
  }

  async #makeRoom(bytes: number): Promise<void> {
    const fits = () => this.#bytes + bytes <= this.#options.max_size;
    await this.#retire();
    while (!fits()) {
      if (this.#options.when_full === 'drop_oldest') {
        // One after the other: what one drops may be room enough for all who need some.
        if (this.#dropping) {
          await this.#dropping;
          continue;
        }
        const oldest = this.#oldest();
        if (!oldest) return;
        this.#dropping = oldest.partition.drop(oldest.segment, 'spool_full').finally(() => {
          this.#dropping = null;
        });
        await this.#dropping;
        continue;
      }
      if (this.#bytes === 0) return;
      if (this.#closing) throw new Error('the spool is full and closing');
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  async #retire(): Promise<void> {
    await Promise.all([...this.#partitions.values()].map((partition) => partition.retire()));
  }

  #oldest() {
    const candidates = [...this.#partitions.values()].flatMap((partition) => {
      const segment = partition.droppable;
      return segment ? [{ partition, segment }] : [];
    });
    candidates.sort((a, b) => a.segment.written - b.segment.written);
    return candidates[0];
  }

  #release(bytes: number): void {
    this.#bytes -= bytes;
    this.#wake();
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}

/** The topic that a directory of the spool belongs to; null for others. */
export function topicOf(name: string): string | null {
  const topic = name.endsWith('-0') ? name.slice(0, -2) : '';
  return TOPIC.test(topic) ? topic : null;
}

export function sum(all: Weights[]): Weights {
  const total = new Map<string, number>();
  for (const weights of all) {
    for (const [input, items] of weights) total.set(input, (total.get(input) ?? 0) + items);
  }
  return total;
}
