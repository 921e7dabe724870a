/**
 * What a segment's batches carry, beside the segment: `<20-digit base offset>.weights`, one line of JSON a block:
 *
 *   [offset, records, bytes, time, bytes before compression, "key", {"statsd": 1200}]
 *
 * The key is null where the block's records have many.
 *
 * A block's line is written before the block, so whatever batch stands in a segment has its weights here. A line
 * without a batch (the process died between the two) or a damaged line means nothing: readers go by offset.
 */
import { type FileHandle, open, readFile, truncate } from 'node:fs/promises';
import { log } from '../log.ts';

const MOST_FRESH = 16;

/** Input items by input, as the accounts name them. */
export type Weights = ReadonlyMap<string, number>;

export interface BlockNote {
  offset: number;
  records: number;
  /** Of the whole batch on disk. */
  bytes: number;
  time: number;
  rawBytes: number;
  key: string | null;
  weights: Weights;
}

export function noteLine(note: BlockNote): string {
  const { offset, records, bytes, time, rawBytes, key, weights } = note;
  return `${JSON.stringify([offset, records, bytes, time, rawBytes, key, Object.fromEntries(weights)])}\n`;
}

/** All notes of a sidecar, one an offset (a later line counts); a file that is missing or cannot be read has none. */
export async function readNotes(path: string): Promise<BlockNote[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    unknown(path, error as NodeJS.ErrnoException);
    return [];
  }
  return [...new Map(parseNotes(text).map((note) => [note.offset, note])).values()];
}

/** Cuts off the notes of blocks from `offset` on, which are the last ones. Takes no room, so a disk may be full. */
export async function cutNotes(path: string, offset: number): Promise<void> {
  const bytes = await readFile(path);
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0x0a, at);
    const next = end < 0 ? bytes.length : end + 1;
    const note = parseNote(bytes.toString('utf8', at, end < 0 ? next : end));
    if (note && note.offset >= offset) return truncate(path, at);
    at = next;
  }
}

/**
 * Reads a sidecar alongside its segment, as it grows. `written`: the offset behind the last block that is in the segment. What
 * stands behind may be of a write that has failed, and become another one.
 */
export class NoteReader {
  readonly #path: string;
  #file: FileHandle | null = null;
  #at = 0;
  readonly #notes = new Map<number, BlockNote>();

  constructor(path: string) {
    this.#path = path;
  }

  /** The note of the block at `offset`, if there is one. Forgets it and those before it: each is asked for once, in order. */
  async take(offset: number, written: number): Promise<BlockNote | undefined> {
    if (!this.#notes.has(offset)) {
      this.#notes.clear();
      await this.#readOn(offset, written);
    }
    const note = this.#notes.get(offset);
    this.#notes.delete(offset);
    return note;
  }

  /** The notes of blocks in [from, to). */
  async takeRange(from: number, to: number, written: number): Promise<BlockNote[]> {
    await this.#readOn(from, written);
    const found = [...this.#notes.values()].filter((note) => note.offset >= from && note.offset < to);
    for (const note of found) this.#notes.delete(note.offset);
    return found;
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
  }

  /** Notes of blocks before `from` are passed over. */
  async #readOn(from: number, written: number): Promise<void> {
    try {
      this.#file ??= await open(this.#path, 'r');
      const { size } = await this.#file.stat();
      if (size <= this.#at) return;
      const want = size - this.#at;
      const { buffer, bytesRead } = await this.#file.read(Buffer.allocUnsafe(want), 0, want, this.#at);
      const read = buffer.subarray(0, bytesRead);
      for (let at = 0, end = read.indexOf(0x0a); end >= 0; at = end + 1, end = read.indexOf(0x0a, at)) {
        const note = parseNote(read.toString('utf8', at, end));
        if (note && note.offset >= written) return;
        if (note && note.offset >= from) this.#notes.set(note.offset, note);
        this.#at += end + 1 - at;
      }
    } catch (error) {
      unknown(this.#path, error as NodeJS.ErrnoException);
    }
  }
}

/** Notes of the blocks of a segment that were written last, as many as a reader may be behind that reads along. */
export class FreshNotes {
  readonly #notes = new Map<number, BlockNote>();

  add(note: BlockNote): void {
    this.#notes.set(note.offset, note);
    if (this.#notes.size > MOST_FRESH) this.#notes.delete(this.#notes.keys().next().value!);
  }

  /** Forgets it. */
  take(offset: number): BlockNote | undefined {
    const note = this.#notes.get(offset);
    this.#notes.delete(offset);
    return note;
  }
}

/** The blocks are good without: a bad place on the disk must not hold them up. */
function unknown(path: string, error: NodeJS.ErrnoException): void {
  if (error.code === 'ENOENT') return;
  log.warnOnce(`notes ${path}`, `spool: cannot read ${path}: ${error.message}; items of its blocks are not counted`);
}

function parseNotes(text: string): BlockNote[] {
  const notes: BlockNote[] = [];
  for (const line of text.split('\n')) {
    const note = parseNote(line);
    if (note) notes.push(note);
  }
  return notes;
}

function parseNote(line: string): BlockNote | null {
  if (line === '') return null;
  let fields: unknown;
  try {
    fields = JSON.parse(line);
  } catch {
    // A line that a crash cut short, or that the disk damaged: the batch is still good, only its weights are unknown.
    return null;
  }
  if (!Array.isArray(fields) || fields.length !== 7) return null;
  const [offset, records, bytes, time, rawBytes, key, weights] = fields;
  const numbers = [offset, records, bytes, time, rawBytes];
  if (!numbers.every((n) => Number.isSafeInteger(n) && n >= 0) || (typeof key !== 'string' && key !== null))
    return null;
  if (typeof weights !== 'object' || weights === null) return null;
  const items = Object.entries(weights).filter((entry): entry is [string, number] => Number.isFinite(entry[1]));
  return { offset, records, bytes, time, rawBytes, key, weights: new Map(items) };
}
