/**
 * A segment: record batches one after the other, without gaps, in a file named after the first one's offset, as in the
 * log directory of a Kafka broker.
 *
 *   00000000000000000042.log      | batch 42..49 | batch 50..50 | ...
 *   00000000000000000042.weights  what the batches carry (sidecar.ts)
 *
 * A batch's checksum does not cover its offset, so the offset is not taken from the file where it can be counted: the
 * batch after a good batch begins where that one ended.
 */
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { copyApart } from '../core/free.ts';
import type { Codec } from '../records/record-batch.ts';
import { checkCrc, HEADER_BYTES, readHeader } from '../records/record-batch.ts';
import { readWhole, type Salvage } from './salvage.ts';
import { type BlockNote, FreshNotes, NoteReader, readNotes } from './sidecar.ts';
import { goesOn, hasRoom, mayBeAnswered } from './together.ts';

export interface Segment {
  readonly base: number;
  readonly log: string;
  readonly weights: string;
  /** The offset after the last batch. */
  next: number;
  /** Bytes of whole batches. */
  size: number;
  /** When its first block was packed, milliseconds since the epoch. */
  firstTime: number;
  /** When it was written to last, by `performance.now()`: clocks that are set do not age it. */
  written: number;
  /** Nothing is appended to it any more: its end cannot be read. */
  sealed: boolean;
  /** Batches lie behind its end that nobody was answered for: the rest of what they belong to did not come. */
  unanswered: boolean;
  /** Zeros behind its end are no damage. */
  room: boolean;
  /** Its files are gone, or about to be. */
  removed: boolean;
  /** Notes of its blocks that are not in the sidecar yet, by their offsets: see lazy-notes.ts. */
  readonly noted: Map<number, BlockNote>;
  /** Notes of the last blocks, which are in the sidecar: who reads along has them from here. */
  readonly fresh: FreshNotes;
}

/** A batch as it is read back. */
export interface StoredBatch {
  baseOffset: number;
  nextOffset: number;
  body: Buffer;
  count: number;
  codec: Codec;
  time: number;
  /** Of the whole batch, header included. */
  bytes: number;
  note: BlockNote | undefined;
}

/** Bytes of a segment that were no batch, and what should have been there. */
export interface Damage {
  /** Where in the file. */
  at: number;
  bytes: number;
  /** The offsets that are missing: [from, to). */
  from: number;
  to: number;
  notes: BlockNote[];
  /** The medium did not give all of them. */
  unreadable: boolean;
}

const CHUNK = 256 * 1024;
const EMPTY = Buffer.alloc(0);
const NAME = /^(\d{20})\.log$/;
/** No damage swallows more offsets than this: a batch that claims more has a damaged offset itself. */
const MAX_GAP = 100_000_000;

export function segmentAt(dir: string, base: number): Segment {
  const stem = join(dir, String(base).padStart(20, '0'));
  return {
    base,
    log: `${stem}.log`,
    weights: `${stem}.weights`,
    next: base,
    size: 0,
    firstTime: Date.now(),
    written: performance.now(),
    sealed: false,
    unanswered: false,
    room: false,
    removed: false,
    noted: new Map(),
    fresh: new FreshNotes(),
  };
}

/** The base offsets of a partition's segments, ascending. */
export async function basesIn(dir: string): Promise<number[]> {
  const entries = await readdir(dir, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile()).map((entry) => NAME.exec(entry.name)?.[1]);
  return names
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

/** A segment as its file is now; `following` is the base of the next one, if there is one. */
export async function measured(dir: string, base: number, following: number | undefined): Promise<Segment> {
  const segment = segmentAt(dir, base);
  if (following === undefined) {
    const { end, next, size, lacking, unanswered, room } = await scan(segment);
    if (!lacking) return Object.assign(segment, { size: end, next, unanswered, room });
    // What cannot be read now may be later, so it stays: where it ends its notes say.
    const last = (await readNotes(segment.weights)).at(-1);
    const ends = Math.max(next, base + 1, last ? last.offset + last.records : 0);
    return Object.assign(segment, { size, next: ends, sealed: true });
  }
  return Object.assign(segment, { size: (await stat(segment.log)).size, next: following });
}

/** Where the next whole, undamaged batch begins at or after `at`, with an offset in [low, high); -1: nowhere. */
export function findBatch(bytes: Buffer, at: number, low: number, high: number): number {
  for (let i = at; i + HEADER_BYTES <= bytes.length; i++) {
    if (bytes[i + 16] !== 2) continue;
    const header = readHeader(bytes, i);
    if (!header || header.count === 0 || header.lastOffsetDelta !== header.count - 1) continue;
    if (header.baseOffset < low || header.baseOffset >= high) continue;
    if (checkCrc(bytes, i)) return i;
  }
  return -1;
}

interface Scanned {
  /** Where its good batches end, in bytes and as an offset. */
  end: number;
  next: number;
  size: number;
  /** Some of it cannot be read. */
  lacking: boolean;
  unanswered: boolean;
  room: boolean;
}

/** Walks the whole file. */
async function scan(segment: Segment): Promise<Scanned> {
  const { bytes, lacking } = await readWhole(segment.log);
  let next = segment.base;
  let end = 0;
  /** Where something begins that goes on in the next batch. */
  let begun: { end: number; next: number } | null = null;
  let unanswered = false;
  let room = false;
  for (let at = 0; at < bytes.length; ) {
    const header = readHeader(bytes, at);
    if (header && header.count > 0 && checkCrc(bytes, at)) {
      if (!goesOn(header)) begun = null;
      else begun ??= { end, next };
      room = hasRoom(header);
      at += header.bytes;
      next += header.count;
      end = at;
      continue;
    }
    const found = findBatch(bytes, at + 1, next, next + MAX_GAP);
    if (found < 0) break;
    unanswered = !isAnswered(bytes, found, next);
    if (unanswered) break;
    next = Number(bytes.readBigInt64BE(found));
    at = found;
    begun = null;
  }
  if (begun) unanswered = true;
  return { end, next, ...begun, size: bytes.length, lacking, unanswered, room };
}

/** Some batch from `from` on, the first of which is there, says that what is missing at this offset was on the medium. */
function isAnswered(bytes: Buffer, from: number, offset: number): boolean {
  for (let at = from; at >= 0; at = findBatch(bytes, at, offset, offset + MAX_GAP)) {
    const header = readHeader(bytes, at)!;
    if (mayBeAnswered(header, offset)) return true;
    at += header.bytes;
  }
  return false;
}

/** Reads one segment from its start, also while it grows. */
export class SegmentReader {
  readonly segment: Segment;
  readonly #file: FileHandle;
  readonly #notes: NoteReader;
  readonly #onDamage: (damage: Damage) => void;
  readonly #salvage: Salvage | undefined;
  /** What was read last, at the beginning of memory that is used again. */
  #chunk: Buffer = EMPTY;
  #chunkAt = 0;
  #room: Buffer = EMPTY;
  #at = 0;
  /** The offset of the next batch. */
  offset: number;

  private constructor(segment: Segment, file: FileHandle, onDamage: (damage: Damage) => void, salvage?: Salvage) {
    this.segment = segment;
    this.#file = file;
    this.#notes = new NoteReader(segment.weights);
    this.#onDamage = onDamage;
    this.#salvage = salvage;
    this.offset = segment.base;
  }

  /** With `salvage` what the medium does not give is damage; without, a read of it rejects. */
  static async open(segment: Segment, onDamage: (damage: Damage) => void, salvage?: Salvage): Promise<SegmentReader> {
    return new SegmentReader(segment, await open(segment.log, 'r'), onDamage, salvage);
  }

  /** The next good batch whose offset is at least `low`; null at the end of what is written. */
  async next(low: number): Promise<StoredBatch | null> {
    // What was taken back may still lie behind its end.
    while (this.#at < this.segment.size && this.offset < this.segment.next) {
      const head = await this.#bytes(HEADER_BYTES);
      const header = head && readHeader(head);
      const batch = header && header.count > 0 ? await this.#bytes(header.bytes) : null;
      if (!header || !batch || !checkCrc(batch)) {
        await this.#skip(low);
        continue;
      }
      const baseOffset = this.offset;
      this.offset += header.count;
      this.#at += header.bytes;
      const { noted, fresh, next } = this.segment;
      const note = noted.get(baseOffset) ?? fresh.take(baseOffset) ?? (await this.#notes.take(baseOffset, next));
      if (baseOffset < low) continue;
      return {
        baseOffset,
        nextOffset: this.offset,
        // It is on its way when the next one is read.
        body: copyApart(batch.subarray(HEADER_BYTES)),
        count: header.count,
        codec: header.codec,
        time: header.time,
        bytes: header.bytes,
        note,
      };
    }
    this.offset = this.segment.next;
    return null;
  }

  async close(): Promise<void> {
    try {
      await this.#notes.close();
    } finally {
      await this.#file.close();
    }
  }

  /** `length` bytes from where the reader stands, good until the next call; null where the segment has fewer. */
  async #bytes(length: number): Promise<Buffer | null> {
    const end = this.#at + length;
    if (end > this.segment.size) return null;
    if (this.#at < this.#chunkAt || end > this.#chunkAt + this.#chunk.length) {
      const want = Math.max(length, Math.min(CHUNK, this.segment.size - this.#at));
      if (want > this.#room.length) this.#room = Buffer.allocUnsafeSlow(Math.max(want, 2 * this.#room.length));
      // Nothing of it is there if this fails.
      this.#chunk = EMPTY;
      const bytesRead = await this.#read(this.#room.subarray(0, want));
      this.#chunk = this.#room.subarray(0, bytesRead);
      this.#chunkAt = this.#at;
      if (bytesRead < length) return null;
    }
    return this.#chunk.subarray(this.#at - this.#chunkAt, end - this.#chunkAt);
  }

  /** From where the reader stands, as far as the file goes. */
  async #read(buffer: Buffer): Promise<number> {
    if (this.#salvage) return this.#salvage.read(this.#file, buffer, this.#at);
    let done = 0;
    while (done < buffer.length) {
      // Before what the medium does not give a read ends early; only the next one says so.
      const { bytesRead } = await this.#file.read(buffer, done, buffer.length - done, this.#at + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  async #skip(low: number): Promise<void> {
    const { size, next } = this.segment;
    const rest = Buffer.alloc(size - this.#at);
    await this.#read(rest);
    const found = findBatch(rest, 1, this.offset, next);
    const from = this.offset;
    const at = this.#at;
    const bytes = found < 0 ? rest.length : found;
    this.#at += bytes;
    this.offset = found < 0 ? next : Number(rest.readBigInt64BE(found));
    const kept = [...this.segment.noted.values()].filter(({ offset }) => offset >= from && offset < this.offset);
    const written = await this.#notes.takeRange(from, this.offset, this.segment.next);
    const notes = [...new Map([...written, ...kept].map((note) => [note.offset, note])).values()].filter(
      ({ offset }) => offset >= low,
    );
    const unreadable = this.#salvage?.lacks(at, at + bytes) ?? false;
    if (this.offset > low) {
      this.#onDamage({ at, bytes, from: Math.max(from, low), to: this.offset, notes, unreadable });
    }
  }
}
