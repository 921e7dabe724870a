/**
 * The growing end of a spool partition: appends one after the other, rolls segments, says what is synced.
 *
 * Where the disk is full or failing, the block at hand waits in memory and is tried again; whoever comes after it waits
 * behind it. A reader that has come to the end of the files may take that block from memory meanwhile, so Kafka goes on
 * getting what the disk does not take.
 */
import { open, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { pause } from '../core/abort.ts';
import type { Block } from '../core/block.ts';
import { makeDirectory, openOrCreate, syncDirectory, writeSynced } from '../core/files.ts';
import { writeKept } from './lazy-notes.ts';
import { type Segment, segmentAt } from './segment.ts';
import { type BlockNote, cutNotes, type Weights } from './sidecar.ts';
import { blockBytes, SegmentWriter, weightsOf } from './writer.ts';

/** So much is synced before its time: a lane waits for its last five blocks, and would wait for the clock each time. */
const SYNC_BYTES = 1 << 20;

export interface AppenderOptions {
  dir: string;
  sync: 'always' | number | 'never';
  /**
   * Who appends answers somebody when it is synced: what waits for the disk is given to no reader, and where a sync fails
   * who waits for it is told.
   */
  durable: boolean;
  /** See `SpoolOptions.chained`. */
  chained: boolean;
  segmentBytes: number;
  /** Counts `bytes` more. Resolves when they may be written; null: they may be now. */
  admit(bytes: number): Promise<void> | null;
  release(bytes: number): void;
  /** Called before the first block is written. */
  prepare(): Promise<void>;
  onWritten(note: BlockNote): void;
  /** A block waits in memory. */
  onHeld(): void;
  warn(what: string, error?: unknown): void;
}

interface Held {
  block: Block;
  weights: Weights;
  taken: boolean;
  wake: () => void;
}

/** What comes of a disk that has no room, or may not be written to: nothing of it is on the medium. */
const TAKES_NOTHING = ['ENOSPC', 'EDQUOT', 'EROFS'];

/** How far was written. */
export interface AppenderMark {
  readonly segment: Segment | null;
  readonly size: number;
  readonly next: number;
}

/** How a block is written. */
export interface Placing {
  /**
   * It is to be synced at once, with nothing else, so where that can be had it is written so; a disk that fails then rejects
   * it.
   */
  alone?: boolean;
  /** Of bytes, in the file that it goes to: others that follow it are to be in the same one. 0: it follows such. */
  room?: number;
}

const RETRY_MS = 1000;
/** What is written to see whether the disk takes anything; a kill may leave it. */
export const PROBE_FILE = 'probe';
const PROBE = Buffer.alloc(64 << 10);

export class Appender {
  /** The offset of the next block. */
  next: number;
  /** The segment that a block is being written to: must not be removed now. */
  busy: Segment | null = null;
  /** Why the disk does not take the block at hand; null when it does. */
  error: string | null = null;
  /** Why what is written could not be brought to the medium at the last try. */
  syncError: string | null = null;
  readonly #o: AppenderOptions;
  readonly #segments: Segment[];
  #writer: SegmentWriter | null = null;
  #turn: Promise<void> = Promise.resolve();
  /** Pieces of work that are being done, or wait for their turn. */
  #working = 0;
  #syncing: Promise<void> | null = null;
  #unsynced: { next: number; resolve: () => void; reject: (error: Error) => void }[] = [];
  #held: Held | null = null;
  #looking: NodeJS.Timeout | undefined;
  #closing = false;
  #closed = false;
  /**
   * Where it is chained: a sync has failed, or a write that was to be synced with it. What of it is there nobody knows, nor
   * does another sync say it; so all of the group is taken back.
   */
  #torn: Segment | null = null;
  /** Of what was taken back, and could not be removed. */
  readonly #litter: Segment[] = [];

  /** New segments are added to `segments`. */
  constructor(segments: Segment[], next: number, options: AppenderOptions) {
    this.#segments = segments;
    this.next = next;
    this.#o = options;
  }

  /**
   * Resolves, when the block is written, with the offset after it; `signal`: nobody waits for it any more.
   */
  append(block: Block, signal?: AbortSignal, where: Placing = {}): Promise<number> {
    return this.#inTurn(() => this.#write(block, signal, where));
  }

  /** One after the other; at once where nothing is before it. Whoever asked is told; the next one has its own luck. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#working++ === 0 ? work() : this.#turn.then(work);
    const over = () => {
      this.#working--;
    };
    this.#turn = done.then(over, over);
    return done;
  }

  synced(offset: number): Promise<void> {
    if (this.#torn) return Promise.reject(this.#failedSync());
    if (this.#o.sync === 'never' || offset <= this.#syncedTo) return Promise.resolve();
    const done = new Promise<void>((resolve, reject) => this.#unsynced.push({ next: offset, resolve, reject }));
    if (this.#o.sync === 'always' || (this.#writer?.unsyncedBytes ?? 0) >= SYNC_BYTES) void this.sync();
    return done;
  }

  async sync(): Promise<void> {
    if (this.#o.sync === 'never') return;
    if (this.#syncing) await this.#syncing;
    if (this.unsynced) {
      this.#syncing ??= this.#syncOnce().finally(() => {
        this.#syncing = null;
      });
      await this.#syncing;
    }
    this.#settleSynced();
  }

  /** The block that waits in memory, if one does; it has the offset `next` had, and is not written any more. */
  takeHeld(): { offset: number; block: Block; weights: Weights } | null {
    const held = this.#held;
    if (!held || this.#o.durable) return null;
    this.#held = null;
    held.taken = true;
    const offset = this.next;
    this.next += held.block.count;
    held.wake();
    return { offset, block: held.block, weights: held.weights };
  }

  /** What is written is so far. */
  mark(): AppenderMark {
    const segment = this.#segments.at(-1) ?? null;
    return { segment, size: segment?.size ?? 0, next: this.next };
  }

  /**
   * Takes back what was written since the mark. Nobody may have read it, or wait for it. What comes next goes to another
   * file: where a sync has failed, another one of the same file may say that all is well.
   */
  takeBack(mark: AppenderMark): Promise<void> {
    return this.#inTurn(() => this.#takeBack(mark));
  }

  /** Brings what an earlier process has written to the medium. Rejects where that fails. */
  async resync(): Promise<void> {
    const last = this.#segments.at(-1);
    if (!last || last.sealed) return;
    for (const path of [last.weights, last.log]) {
      const file = await open(path, 'r+').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null;
        throw error;
      });
      try {
        await file?.datasync();
      } finally {
        await file?.close();
      }
    }
  }

  /** Lets go of a segment that is about to be removed; gives back what has its files open. */
  detach(segment: Segment): SegmentWriter | null {
    const writer = this.#writer;
    if (writer?.segment !== segment) return null;
    this.#writer = null;
    this.#settleSynced();
    return writer;
  }

  /** What waits is tried once more; what comes later is refused. */
  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#looking);
    this.#held?.wake();
    await this.#turn;
    this.#closed = true;
    await this.sync();
    // What it holds is synced, or it was said that it is not.
    await this.#writer?.close().catch((error) => this.#o.warn('cannot close a segment', error));
    this.#writer = null;
    await writeKept(this.#segments.at(-1)).catch((error) => this.#o.warn('cannot write notes', error));
  }

  async #write(block: Block, signal: AbortSignal | undefined, { alone, room }: Placing): Promise<number> {
    if (this.#closed) throw new Error('the spool is closed');
    signal?.throwIfAborted();
    if (this.#torn) throw this.#failedSync();
    const bytes = blockBytes(block);
    const weights = weightsOf(block);
    const admitted = this.#o.admit(bytes);
    if (admitted !== null) await admitted;
    for (;;) {
      let failed: Error;
      try {
        const writer = this.#writerNow(room ?? bytes) ?? (await this.#writerFor(room ?? bytes));
        const note = await (alone && writer.syncsWrites
          ? this.#writeSynced(writer, block, weights)
          : writer.write(block, weights));
        this.next = writer.segment.next;
        this.error = null;
        this.#o.onWritten(note);
        return this.next;
      } catch (error) {
        if (this.#torn) {
          this.#o.release(bytes);
          throw error;
        }
        failed = error as Error;
        this.error = failed.message;
        this.#o.warn('cannot write; what is collected waits in memory until it can', error);
        if (this.#closing || signal?.aborted) {
          this.#o.release(bytes);
          this.#lookLater();
          throw error;
        }
      } finally {
        this.busy = null;
      }
      if (await this.#hold(block, weights, signal)) {
        this.#o.release(bytes);
        this.#lookLater();
        return this.next;
      }
      if (signal?.aborted) {
        this.#o.release(bytes);
        this.#lookLater();
        // Whoever is told wants to know what is wrong with the disk, not that we have stopped waiting for it.
        throw failed;
      }
    }
  }

  async #writeSynced(writer: SegmentWriter, block: Block, weights: Weights): Promise<BlockNote> {
    try {
      const note = await writer.write(block, weights, true);
      this.syncError = null;
      return note;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (!TAKES_NOTHING.includes(code!)) {
        this.#torn = writer.segment;
        this.syncError = message;
        this.#o.warn('cannot sync', error);
      }
      throw error;
    }
  }

  /** There is no block at hand that is tried again: the next one may be hours away, and until then nobody knows better. */
  #lookLater(): void {
    if (this.#closing) return;
    this.#looking ??= setTimeout(() => {
      this.#looking = undefined;
      void this.#inTurn(() => this.#look());
    }, RETRY_MS).unref();
  }

  async #look(): Promise<void> {
    if (this.#closing || this.error === null) return;
    const probe = join(this.#o.dir, PROBE_FILE);
    let failed: Error | null = null;
    try {
      await makeDirectory(this.#o.dir);
      await (await writeSynced(probe, [PROBE])).close();
    } catch (error) {
      failed = error as Error;
    }
    await rm(probe, { force: true }).catch((error) => this.#o.warn('cannot remove what was tried', error));
    this.error = failed?.message ?? null;
    if (failed) this.#lookLater();
  }

  /** Keeps the block for a while; true: a reader has taken it. */
  async #hold(block: Block, weights: Weights, signal: AbortSignal | undefined): Promise<boolean> {
    const woken = new AbortController();
    const held: Held = { block, weights, taken: false, wake: () => woken.abort() };
    this.#held = held;
    this.#o.onHeld();
    await pause(RETRY_MS, signal ? AbortSignal.any([woken.signal, signal]) : woken.signal);
    this.#held = null;
    return held.taken;
  }

  async #takeBack({ segment, size, next }: AppenderMark): Promise<void> {
    await this.#syncing;
    const writer = this.#writer;
    this.#writer = null;
    const torn = this.#torn;
    this.#torn = null;
    for (const offset of segment?.noted.keys() ?? []) if (offset >= next) segment!.noted.delete(offset);
    await writer?.close().catch((error) => this.#o.warn('cannot close a segment', error));
    this.next = next;
    // `segment` may be gone by now, being acknowledged.
    const begun = this.#segments.filter((one) => one !== segment && one.base >= next);
    this.#segments.splice(this.#segments.length - begun.length);
    for (const one of begun) {
      this.#o.release(one.size);
      one.removed = true;
    }
    this.#litter.push(...begun);
    await this.#tidy().catch((error) => this.#o.warn('cannot remove what was taken back', error));
    if (segment === null || segment.removed) return;
    const spoilt = segment.size > size || segment === torn;
    this.#o.release(segment.size - size);
    Object.assign(segment, { size, next });
    // A write that has failed may have left something in any case.
    const cut = await Promise.allSettled([truncate(segment.log, size), cutNotes(segment.weights, next)]);
    const failed = cut.find((one) => one.status === 'rejected');
    segment.sealed ||= spoilt || failed !== undefined;
    if (failed) await this.#endAt(next, failed.reason);
  }

  /** The file before this offset could not be cut off there: it ends where the next one begins. */
  async #endAt(next: number, why: unknown): Promise<void> {
    this.#o.warn('cannot cut off what was taken back', why);
    try {
      const { log } = segmentAt(this.#o.dir, next);
      await (await openOrCreate(log)).close();
      await syncDirectory(this.#o.dir);
    } catch (error) {
      // The next write makes it. Who kills the process before that finds what was taken back as it was written.
      this.#o.warn('cannot begin another file', error);
    }
  }

  /** Files of what was taken back go before anything is written: their names say where others end. */
  async #tidy(): Promise<void> {
    for (let left = this.#litter[0]; left; left = this.#litter[0]) {
      for (const path of [left.log, left.weights]) await rm(path, { force: true });
      this.#litter.shift();
    }
  }

  /** The writer that is open has room for `bytes` more; marks its segment busy. Null: another one has to be opened. */
  #writerNow(bytes: number): SegmentWriter | null {
    const writer = this.#writer;
    if (this.#litter.length > 0 || !writer || !this.#fits(writer.segment, bytes)) return null;
    this.busy = writer.segment;
    return writer;
  }

  #fits(segment: Segment, bytes: number): boolean {
    if (segment.sealed || segment.next !== this.next) return false;
    return segment.size === 0 || bytes === 0 || segment.size + bytes <= this.#o.segmentBytes;
  }

  /** The writer of the segment that has room for `bytes` more; marks that segment busy. */
  async #writerFor(bytes: number): Promise<SegmentWriter> {
    if (this.#litter.length > 0) await this.#tidy();
    const now = this.#writerNow(bytes);
    if (now) return now;
    const writer = this.#writer;
    if (writer) await this.#closeWriter(writer);
    const last = this.#segments.at(-1);
    const segment = last && this.#fits(last, bytes) ? last : segmentAt(this.#o.dir, this.next);
    if (segment !== last) await writeKept(last);
    this.busy = segment;
    await makeDirectory(this.#o.dir);
    await this.#o.prepare();
    const { chained, segmentBytes } = this.#o;
    const opened = await SegmentWriter.open(segment, chained ? segmentBytes : null);
    if (segment !== last) this.#segments.push(segment);
    this.#writer = opened;
    if (this.#o.sync !== 'never') await syncDirectory(this.#o.dir);
    return opened;
  }

  async #closeWriter(writer: SegmentWriter): Promise<void> {
    this.busy = writer.segment;
    await writer.note();
    await this.sync();
    if (this.#o.sync !== 'never' && writer.synced < writer.segment.next) {
      throw this.#failedSync();
    }
    // A write that failed may have left a part of a block behind the last whole one.
    await writer.cut();
    this.#writer = null;
    await writer.close();
  }

  /** Something is written and not on the medium, where it is to be. */
  get unsynced(): boolean {
    return this.#o.sync !== 'never' && this.#syncedTo < this.next;
  }

  get #syncedTo(): number {
    return this.#writer ? this.#writer.synced : this.next;
  }

  #failedSync(): Error {
    return new Error(`the last sync failed: ${this.syncError}`);
  }

  async #syncOnce(): Promise<void> {
    const writer = this.#writer;
    try {
      await writer?.sync(this.next);
      this.syncError = null;
    } catch (error) {
      if (this.#o.chained && writer) this.#torn = writer.segment;
      this.syncError = (error as Error).message;
      this.#o.warn('cannot sync', error);
      // What a sync could not bring to the medium a later one may pass over, and say that all is well.
      if (this.#o.durable) for (const { reject } of this.#unsynced.splice(0)) reject(error as Error);
    }
  }

  #settleSynced(): void {
    while (this.#unsynced[0] && this.#unsynced[0].next <= this.#syncedTo) this.#unsynced.shift()?.resolve();
  }
}
