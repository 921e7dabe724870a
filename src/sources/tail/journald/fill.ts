/**
 * Entries of the journal into a batch: a message is a line, and what else is known of it lies before it.
 *
 *   bytes   | info . nginx.service . | GET /a . | info . nginx.service . | GET /b . |      a dot is an LF
 *                                    ^ starts[0]                         ^ starts[1]
 */
import { type Batch, type Supplied, TRUNCATED } from '../../../core/batch.ts';
import { SLOT_CAPACITY } from '../../../core/pool.ts';
import { RAW, TEXT } from '../../../kernel/process.ts';
import type { ExportedEntry } from './export-format.ts';
import { CELLS, cellBytes, FIELDS } from './fields.ts';
import type { Passing } from './stream.ts';

const LF = 0x0a;
/** A batch is full with so much: others have their turn. */
const ENOUGH_BYTES = 256 * 1024;
/** So far `source` reaches; messages may be larger than what is kept of them. */
const MOST_SOURCE = 2 ** 31;
/** The kernel reads a little beyond. */
const SLACK = 64;

/** Where entries come from. */
export interface Entries {
  peek(): ExportedEntry | null;
  take(): void;
}

export interface Filled {
  passing: Passing;
  /** Messages of which only the beginning is kept. */
  cut: number;
}

export interface FillOptions {
  /** Records at most. */
  most: number;
  /** False: only the messages are wanted. */
  fields: boolean;
}

/** Takes what there is of entries and fits, the first in any case. `batch.from` is set; `end` and all else is set here. */
export function fillWithEntries(batch: Batch, entries: Entries, { most, fields }: FillOptions): Filled {
  const { bytes, bytesAt, starts, ends, source, length, flags } = batch.slot;
  const words = new Words(bytes, bytesAt);
  const passing: Passing = { ends: [], cursors: [], times: [] };
  const cells: number[] = [];
  let position = 0;
  let cut = 0;
  for (let entry = entries.peek(); entry !== null && batch.count < most; entry = entries.peek()) {
    const { message, messageBytes } = entry;
    const values = fields ? valuesOf(entry) : [];
    const size = message.length + 1 + values.reduce((sum, value) => sum + (value?.length ?? 0) + 1, 0);
    const fits = words.used + size + SLACK <= SLOT_CAPACITY && words.used < ENOUGH_BYTES;
    if (batch.count > 0 && (!fits || position + messageBytes + 1 > MOST_SOURCE)) break;
    const time = Math.floor(Number(valueIn(entry, '__REALTIME_TIMESTAMP')) / 1000);
    if (fields) {
      cells.push(time >>> 0, Math.floor(time / 2 ** 32));
      for (const [i, { as }] of FIELDS.entries()) words.cell(values[i] ?? null, as === 'number' ? RAW : TEXT, cells);
    }
    const i = batch.count++;
    starts[i] = words.put(message);
    ends[i] = starts[i]! + message.length;
    source[i] = position;
    length[i] = messageBytes + 1;
    flags[i] = message.length < messageBytes ? TRUNCATED : 0;
    if (message.length < messageBytes) cut++;
    position += messageBytes + 1;
    passing.ends.push(batch.from + position);
    passing.cursors.push(valueIn(entry, '__CURSOR'));
    passing.times.push(time);
    entries.take();
  }
  batch.used = words.used;
  batch.end = batch.from + position;
  batch.weight = batch.count;
  batch.time = Date.now();
  if (fields) batch.supplied = suppliedOf(batch, cells);
  return { passing, cut };
}

function suppliedOf({ slot, count }: Batch, cells: readonly number[]): Supplied {
  return { width: CELLS.length, sources: slot.source.slice(0, count), cells: Uint32Array.from(cells) };
}

/** In the order of FIELDS. */
function valuesOf({ fields }: ExportedEntry): (Buffer | null)[] {
  return FIELDS.map(({ of, as }) => {
    const value = fields.get(of);
    return value === undefined ? null : cellBytes(value, as);
  });
}

export function valueIn({ fields }: ExportedEntry, name: string): string {
  return fields.get(name)?.toString('latin1') ?? '';
}

/** What is put into a slot, one behind the other. */
class Words {
  readonly #bytes: Buffer;
  readonly #at: number;
  used = 0;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Its address. */
  put(word: Buffer): number {
    const { used } = this;
    word.copy(this.#bytes, used);
    this.#bytes[used + word.length] = LF;
    this.used = used + word.length + 1;
    return this.#at + used;
  }

  cell(word: Buffer | null, kind: number, cells: number[]): void {
    if (word === null) cells.push(0, 0);
    else cells.push(this.put(word), word.length | (kind << 24));
  }
}
