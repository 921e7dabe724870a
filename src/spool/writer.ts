/**
 * The open end of a spool partition: the segment that is written to, and which of its blocks are synced.
 *
 * A block's note goes into the sidecar first, then header and body into the segment. Where it is chained a block that is alone
 * is written and synced by one call, into room that was made before (room.ts), and most notes come later (lazy-notes.ts). All
 * is written at positions that move only when all is written, so what a failed write left behind is overwritten by the next try.
 */
import type { FileHandle } from 'node:fs/promises';
import type { Block } from '../core/block.ts';
import { openOrCreate } from '../core/files.ts';
import { HEADER_BYTES, sealedHeader } from '../records/record-batch.ts';
import { LazyNotes } from './lazy-notes.ts';
import { FileRoom } from './room.ts';
import type { Segment } from './segment.ts';
import { closeAll, openSynced, writeAll } from './segment-file.ts';
import { type BlockNote, noteLine, type Weights } from './sidecar.ts';
import { togetherFields } from './together.ts';

export class SegmentWriter {
  readonly segment: Segment;
  /** Everything before this offset is on the medium. */
  synced: number;
  /** The segment's size when it was synced. */
  #syncedSize: number;
  readonly #log: FileHandle;
  readonly #weights: FileHandle;
  #weightsAt: number;
  readonly #notes: LazyNotes | null;
  /**
   * The log once more: a write to it is synced with it. Where it is chained; each of its blocks is answered for: what they
   * are is in them, and notes may come to the medium later.
   */
  readonly #syncedLog: FileHandle | null;
  readonly #room: FileRoom | null;

  private constructor(segment: Segment, files: Files, at: number) {
    const { log, weights, synced, room } = files;
    this.#syncedLog = synced;
    this.#room = room;
    this.segment = segment;
    this.#log = log;
    this.#weights = weights;
    this.#weightsAt = at;
    this.#notes = synced ? new LazyNotes(segment, weights, at) : null;
    this.synced = segment.next;
    this.#syncedSize = segment.size;
  }

  /**
   * Opens the segment's files, or creates them; what lies behind the last good batch is cut off. `most`: how large it gets,
   * of one that is chained.
   */
  static async open(segment: Segment, most: number | null): Promise<SegmentWriter> {
    const log = await openOrCreate(segment.log);
    let weights: FileHandle | undefined;
    let synced: FileHandle | null = null;
    try {
      await log.truncate(segment.size);
      weights = await openOrCreate(segment.weights);
      const { size } = await weights.stat();
      // A line that was cut short must not swallow the next one.
      await weights.write('\n', size);
      if (most !== null) synced = await openSynced(segment.log);
      const room = most === null ? null : await FileRoom.open(segment.log, segment.size, most);
      return new SegmentWriter(segment, { log, weights, synced, room }, size + 1);
    } catch (error) {
      // Left to the garbage collector, a file that is open would end the process.
      await closeAll(log, weights, synced);
      throw error;
    }
  }

  /** Everything written is synced, and a block can be written so that it is, too. */
  get syncsWrites(): boolean {
    return this.#syncedLog !== null && this.synced === this.segment.next;
  }

  /** Writes a block at the segment's end. `synced`: on the medium, too, where `syncsWrites`. */
  async write(block: Block, weights: Weights, synced = false): Promise<BlockNote> {
    const { segment } = this;
    const { count, body, codec, time, rawBytes, key } = block;
    const bytes = blockBytes(block);
    const note: BlockNote = { offset: segment.next, records: count, bytes, time, rawBytes, key, weights };
    if (this.#notes) await this.#writeChained(block, note, this.#notes, synced);
    else {
      const line = Buffer.from(noteLine(note));
      const header = sealedHeader(body, { baseOffset: BigInt(segment.next), count, codec, time });
      await writeAll(this.#weights, [line], this.#weightsAt);
      await writeAll(this.#log, [header, body], segment.size);
      this.#weightsAt += line.length;
      segment.fresh.add(note);
    }
    if (segment.size === 0) segment.firstTime = time;
    segment.written = performance.now();
    segment.size += bytes;
    segment.next += count;
    this.#room?.after(segment.size);
    if (synced) this.#isSynced(segment.next, segment.size);
    return note;
  }

  /** Resolves when it is written, and its note with it, or kept. */
  #writeChained(block: Block, note: BlockNote, notes: LazyNotes, synced: boolean): Promise<void> {
    const made = this.#room?.before(this.segment.size + note.bytes) ?? null;
    const write = () => this.#writeNow(block, note, notes, synced);
    return made === null ? write() : made.then(write);
  }

  #writeNow(block: Block, note: BlockNote, notes: LazyNotes, synced: boolean): Promise<void> {
    const { next, size } = this.segment;
    const { count, body, codec, time, continues = false } = block;
    const others = note.weights.values().reduce((left, items) => left - items, count);
    const together = togetherFields(this.synced, continues, others);
    const header = sealedHeader(body, { baseOffset: BigInt(next), count, codec, time, ...together });
    const written = writeAll(synced ? this.#syncedLog! : this.#log, [header, body], size);
    const beside = notes.beside(note);
    if (beside === null) return written.then(() => notes.keep(note));
    return both(written, beside).catch((error) => {
      notes.takeBack(note);
      throw error;
    });
  }

  /** Brings everything to the medium; `next` is the offset that everything so far lies before. */
  async sync(next: number): Promise<void> {
    const { size } = this.segment;
    // Side by side: who waits to be answered waits for both.
    await Promise.all([this.#syncedLog ? null : this.#weights.datasync(), this.#log.datasync()]);
    this.#isSynced(next, size);
  }

  #isSynced(next: number, size: number): void {
    this.synced = Math.max(this.synced, next);
    this.#syncedSize = size;
  }

  /** Written, and not on the medium yet. */
  get unsyncedBytes(): number {
    return this.segment.size - this.#syncedSize;
  }

  /** Takes away what a failed write has left behind. */
  async cut(): Promise<void> {
    await this.#log.truncate(this.segment.size);
    await (this.#notes?.cut() ?? this.#weights.truncate(this.#weightsAt));
  }

  /** Resolves when all notes are in the sidecar. */
  async note(): Promise<void> {
    await this.#notes?.write();
  }

  async close(): Promise<void> {
    // A power cut may take notes that are not on the medium, as a disk that fails does: then items of blocks are not counted.
    if (this.#notes) {
      const noted = this.note().then(() => this.#weights.datasync());
      await noted.catch(() => undefined);
    }
    const room = await Promise.allSettled([this.#room?.close(this.segment.size)]);
    await closeAll(this.#log, this.#syncedLog, this.#weights);
    if (room[0]!.status === 'rejected') throw room[0]!.reason;
  }
}

interface Files {
  log: FileHandle;
  weights: FileHandle;
  synced: FileHandle | null;
  room: FileRoom | null;
}

/** Rejects with the first failure, when both are over: until then their memory is in use. */
async function both(one: Promise<void>, other: Promise<void>): Promise<void> {
  for (const result of await Promise.allSettled([one, other])) if (result.status === 'rejected') throw result.reason;
}

export function blockBytes(block: Block): number {
  return HEADER_BYTES + block.body.length;
}

export function weightsOf(block: Block): Weights {
  const weights = new Map<string, number>();
  for (const { stream, weight } of block.marks) {
    if (weight === 0) continue;
    const { input } = stream.account;
    weights.set(input, (weights.get(input) ?? 0) + weight);
  }
  return weights;
}
