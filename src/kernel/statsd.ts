/**
 * The StatsD kernel and its memory. It belongs to one worker; the size follows from the most series it may hold, and
 * pages that are not used cost nothing.
 *
 *   page 0         | arena     | columns, twice | entries | table of spellings
 *   result, values | datagrams | sums, samples  |         |
 *
 * Columns come twice: while one pair is written out, the next window is counted in the other.
 * The table is a cache: when it is full it is emptied, and spellings are learned again.
 */
import { readFileSync } from 'node:fs';
import { release } from '../core/free.ts';

/** Why the kernel gave a line back. */
export const DONE = 0;
export const UNKNOWN = 1;
export const ODD = 2;
export const FULL = 3;
export const MEMBER = 4;
export const TIMED = 5;

/** Kinds of series, as the kernel numbers them. */
export const COUNTER = 0;
export const GAUGE = 1;
export const HISTOGRAM = 2;
export const TIMER = 3;
export const SET = 4;

/** Entries between two drains. */
export const MAX_ENTRIES = 65_536;
const RESULT_AT = 32_768;
const VALUES_AT = 40_960;
/** Random bytes for hashes, so that nobody can choose names that collide. */
const SECRETS_AT = 49_152;
const SECRETS = 2 * (4096 + 16);
/** 64 tags, and the key that they are part of: a spelling, and quotes and what stands between them. */
const TAGS_AT = 45_568;
const KEY_AT = 57_856;
const MAX_VALUES = 512;
const ARENA_AT = 65_536;
const FIRST_SLOTS = 4096;
/** Of the slots so many may be taken: then one that is known is found in the third, on average. */
const MOST_TAKEN = 0.8;
/** A series may come in so many spellings, on average, before the cache counts as full. */
const SPELLINGS = 2;
const PAGE = 65_536;

interface Exports {
  configure(...addresses: number[]): void;
  setTable(at: number, slots: number): void;
  clearEntries(): void;
  accumulate(from: number, to: number, sums: number, samples: number): number;
  comesFrom(origin: number, steps: boolean): void;
}

/** One window's figures by series number. */
export interface Columns {
  readonly sumsAt: number;
  readonly samplesAt: number;
  readonly sums: Float64Array;
  /** Whole numbers; a window of an hour has more than 2^32 of a busy series. */
  readonly samples: Float64Array;
}

/** The key of a series as bytes, ASCII, of which nothing is escaped. */
export interface PlainKey {
  bytes: Buffer;
  from: number;
  length: number;
  /** With its quotes. */
  nameLength: number;
  tags: number;
  /** Bytes of the name, or of the key or the value of a tag. */
  longest: number;
}

let compiled: WebAssembly.Module | undefined;

export class StatsdKernel {
  readonly arenaAt = ARENA_AT;
  readonly memory: WebAssembly.Memory;
  /** The whole memory. */
  readonly bytes: Buffer;
  readonly columns: readonly [Columns, Columns];
  /** Into `entrySeries`, `entryValue`, `entryWeight`: what histograms and timers were sent since `clearEntries`. */
  readonly entrySeries: Uint32Array;
  readonly entryValue: Float64Array;
  readonly entryWeight: Float64Array;
  /** why, end of line, lines, samples, entries; MEMBER: series, from, to; TIMED: series, values; UNKNOWN, from the seventh on: fingerprint, lengths, kind, those of `newKey`. */
  readonly result: Uint32Array;
  /** TIMED: the line's values. */
  readonly values: Float64Array;
  readonly #exports: Exports;
  readonly #words: Uint32Array;
  readonly #tableAt: number;
  readonly #maxSlots: number;
  #slots: number;
  #spellings = 0;

  /**
   * For series 0 ... `series` - 1, and `counted` more whose samples are only counted; the first `arenaBytes` after page 0
   * are the caller's.
   */
  constructor(series: number, counted: number, arenaBytes: number) {
    const columns = series + counted;
    let at = ARENA_AT;
    const reserve = (bytes: number) => {
      const start = at;
      at = (at + bytes + 63) & ~63;
      return start;
    };
    reserve(arenaBytes + 64);
    const columnsAt = [0, 1].map(() => ({ sumsAt: reserve(columns * 8), samplesAt: reserve(columns * 8) }));
    const seriesAt = reserve(MAX_ENTRIES * 4);
    const valueAt = reserve(MAX_ENTRIES * 8);
    const weightAt = reserve(MAX_ENTRIES * 8);
    this.#maxSlots = Math.max(FIRST_SLOTS, 2 ** Math.ceil(Math.log2((series * SPELLINGS) / MOST_TAKEN)));
    this.#tableAt = reserve(this.#maxSlots * 16);
    const pages = Math.ceil(at / PAGE) + 1;
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    const buffer = this.memory.buffer;
    this.bytes = Buffer.from(buffer);
    this.#words = new Uint32Array(buffer);
    this.columns = columnsAt.map((column) => ({
      ...column,
      sums: new Float64Array(buffer, column.sumsAt, columns),
      samples: new Float64Array(buffer, column.samplesAt, columns),
    })) as [Columns, Columns];
    this.entrySeries = new Uint32Array(buffer, seriesAt, MAX_ENTRIES);
    this.entryValue = new Float64Array(buffer, valueAt, MAX_ENTRIES);
    this.entryWeight = new Float64Array(buffer, weightAt, MAX_ENTRIES);
    this.result = new Uint32Array(buffer, RESULT_AT, 14);
    this.values = new Float64Array(buffer, VALUES_AT, MAX_VALUES + 2);
    compiled ??= new WebAssembly.Module(readFileSync(new URL('./statsd.wasm', import.meta.url)));
    const instance = new WebAssembly.Instance(compiled, { env: { memory: this.memory } });
    this.#exports = instance.exports as unknown as Exports;
    for (let at = SECRETS_AT; at < SECRETS_AT + SECRETS; at += 4) this.#words[at / 4] = Math.random() * 2 ** 32;
    this.#exports.configure(
      RESULT_AT,
      VALUES_AT,
      seriesAt,
      valueAt,
      weightAt,
      MAX_ENTRIES,
      series,
      SECRETS_AT,
      TAGS_AT,
      KEY_AT,
    );
    this.#slots = FIRST_SLOTS;
    this.#exports.setTable(this.#tableAt, this.#slots);
  }

  /** Counts the lines in [from, to) until one needs the caller; returns its address, or `to`. See `result`. */
  accumulate(from: number, to: number, columns: Columns): number {
    return this.#exports.accumulate(from, to, columns.sumsAt, columns.samplesAt);
  }

  /** Spellings of another origin are others: from now on it is this one. `steps`: gauges with a sign are given back. */
  comesFrom(origin: number, steps: boolean): void {
    this.#exports.comesFrom(origin, steps);
  }

  /** TIMED: what one value of the line stands for, 1 / rate. */
  get weight(): number {
    return this.values[MAX_VALUES]!;
  }

  /** TIMED: the line's own time, seconds since the epoch. */
  get second(): number {
    return this.values[MAX_VALUES + 1]!;
  }

  clearEntries(): void {
    this.result[4] = 0;
    this.#exports.clearEntries();
  }

  /** After UNKNOWN: the key of its series, where the spelling is so ordinary that it needs no grammar. */
  get newKey(): PlainKey | null {
    const { result, bytes } = this;
    if (result[10] === 0) return null;
    const [length, nameLength, tags, longest] = [result[10]!, result[11]!, result[12]!, result[13]!];
    return { bytes, from: KEY_AT, length, nameLength, tags, longest };
  }

  /** After UNKNOWN: the spelling of that line leads to `series` from now on. */
  learn(series: number): void {
    const { result } = this;
    if (this.#spellings >= this.#maxSlots * MOST_TAKEN) this.forget();
    else if (this.#spellings >= this.#slots * MOST_TAKEN) this.#grow();
    this.#insert(result[6]!, result[7]!, result[8]!, ((result[9]! << 28) | series) >>> 0);
    this.#spellings++;
  }

  /** Every spelling is unknown again. */
  forget(): void {
    this.bytes.fill(0, this.#tableAt, this.#tableAt + this.#slots * 16);
    this.#spellings = 0;
  }

  #insert(low: number, high: number, lengths: number, target: number): void {
    let slot = low >>> (Math.clz32(this.#slots) + 1);
    const base = this.#tableAt / 4;
    while (this.#words[base + slot * 4] !== 0) slot = (slot + 1) & (this.#slots - 1);
    this.#words[base + slot * 4] = low;
    this.#words[base + slot * 4 + 1] = high;
    this.#words[base + slot * 4 + 2] = lengths;
    this.#words[base + slot * 4 + 3] = target;
  }

  #grow(): void {
    const base = this.#tableAt / 4;
    const old = this.#words.slice(base, base + this.#slots * 4);
    this.bytes.fill(0, this.#tableAt, this.#tableAt + this.#slots * 16);
    this.#slots *= 2;
    this.#exports.setTable(this.#tableAt, this.#slots);
    for (let i = 0; i < old.length; i += 4) {
      if (old[i] !== 0) this.#insert(old[i]!, old[i + 1]!, old[i + 2]!, old[i + 3]!);
    }
    release(old);
  }
}
