/**
 * One topic's part of the spool: a directory `<topic>-0` of segments, appended to at one end, read and trimmed at the
 * other. One reader at a time.
 *
 *   | removed | acknowledged ... | handed out | waiting ...            |
 *             ^ first segment    ^ acknowledged ^ reader's place      ^ nextOffset
 *
 * Invariants: offsets are never given twice; `acknowledged` moves over blocks in the order in which they were handed
 * out; a segment that holds a block that was handed out and is not acknowledged is never dropped; a segment's files go
 * only after the state that makes them needless is written.
 */

import { unlink } from 'node:fs/promises';
import { Bell } from '../core/bell.ts';
import type { Block, Mark } from '../core/block.ts';
import type { LossReason } from '../core/losses.ts';
import type { TopicIdentity } from '../core/topic-identity.ts';
import { log } from '../log.ts';
import { HEADER_BYTES } from '../records/record-batch.ts';
import { Appender } from './appender.ts';
import { AtHand } from './at-hand.ts';
import { type FoundSpool, find, nothing } from './find.ts';
import { HandedOut } from './handed.ts';
import { Losses, type OnDrop, reportLost } from './losses.ts';
import type { Producers, SpoolProducer } from './producers.ts';
import { Progress } from './progress.ts';
import { type Segment, SegmentReader, type StoredBatch } from './segment.ts';
import { type BlockNote, readNotes, type Weights } from './sidecar.ts';
import type { Waiting } from './waiting.ts';
import { blockBytes, type SegmentWriter } from './writer.ts';

/** What a partition needs of the spool that it is part of. */
export interface Owner {
  /** Of a spool with a budget of its own: what it is for. */
  readonly group: string | null;
  readonly sync: 'always' | number | 'never';
  /** See `SpoolOptions.durable`. */
  readonly durable: boolean;
  /** See `SpoolOptions.chained`. */
  readonly chained: boolean;
  readonly segmentBytes: number;
  /** How long what the medium does not give is asked for, milliseconds. */
  readonly patience: number;
  /** Counts `bytes` more. Resolves when they may be written; null: they may be now. */
  admit(bytes: number): Promise<void> | null;
  release(bytes: number): void;
  /** A block was written, and is not synced yet. */
  written(): void;
  /** Somebody waits for room, so a segment that is acknowledged to its end should go although it is not full. */
  readonly pressed: boolean;
  readonly onDrop: OnDrop;
}

export class SpoolPartition {
  readonly topic: string;
  /** For people, and to tell partitions of one topic in several spools: `runnel.metrics`, `otlp/runnel.traces`. */
  readonly name: string;
  /** Its blocks have records of many keys each. */
  readonly manyKeys: boolean;
  /** See `SpoolOptions.chained`. */
  readonly chained: boolean;
  /** What an earlier process left waiting here. */
  readonly recovered: Weights;
  readonly #owner: Owner;
  readonly #progress: Progress;
  /** In order; the appender adds to them. */
  readonly #segments: Segment[];
  readonly #waiting: Waiting;
  readonly #appender: Appender;
  readonly #handed = new HandedOut();
  /** The offset that was to be given next when it was opened. */
  readonly #foundNext: number;
  #readTo: number;
  /** Where it is chained: what is behind this is not on the medium for certain, and may be taken back. */
  #committed: number;
  /** Of blocks behind `#committed`. */
  readonly #uncommitted: BlockNote[] = [];
  /** Segments from this offset on stay, also when they are acknowledged. */
  #keptFrom: number;
  readonly #atHand: AtHand;
  /** Rings when something happened: an append, an acknowledgement, a removal. */
  readonly #bell = new Bell();
  readonly #losses: Losses;

  private constructor(topic: string, dir: string, owner: Owner, found: FoundSpool) {
    this.topic = topic;
    this.name = owner.group === null ? topic : `${owner.group}/${topic}`;
    this.manyKeys = owner.durable && !owner.chained;
    this.chained = owner.chained;
    this.#committed = found.next;
    this.#keptFrom = owner.chained ? 0 : Number.POSITIVE_INFINITY;
    this.#owner = owner;
    this.#progress = new Progress(topic, found.state, owner.sync === 'always', () => void this.#persisted());
    this.#segments = found.segments;
    this.#readTo = found.state.acknowledged;
    this.#foundNext = found.next;
    this.#waiting = found.waiting;
    const warn = (what: string, error?: unknown) => this.#warn(what, error);
    this.#losses = new Losses(found.waiting, owner.onDrop, warn);
    this.recovered = this.#losses.recover(found);
    const { sync, durable, segmentBytes, patience } = owner;
    this.#atHand = new AtHand({
      patience,
      onDamage: (segment, damage) => this.#losses.damaged(segment, damage),
      lose: async (segment, reason) => {
        if (reason === 'spool_unreadable') await this.#losses.unopened(segment);
        await this.drop(segment, reason);
      },
      warn,
    });
    this.#appender = new Appender(found.segments, found.next, {
      dir,
      sync,
      durable,
      chained: owner.chained,
      segmentBytes,
      admit: (bytes) => owner.admit(bytes),
      release: (bytes) => owner.release(bytes),
      prepare: () => this.#progress.reserve(),
      onWritten: (note) => {
        this.#waiting.add(note.records, note.bytes, note.weights);
        if (owner.chained) this.#uncommitted.push(note);
        this.#bell.ring();
        owner.written();
      },
      onHeld: () => {
        this.#bell.ring();
        void this.#persisted();
      },
      warn,
    });
  }

  /** A topic's first partition: its directory comes with the first block. */
  static create(topic: string, dir: string, owner: Owner): SpoolPartition {
    return new SpoolPartition(topic, dir, owner, nothing(dir));
  }

  static async open(topic: string, dir: string, owner: Owner): Promise<SpoolPartition> {
    return new SpoolPartition(topic, dir, owner, await find(dir));
  }

  get nextOffset(): number {
    return this.#appender.next;
  }

  /** Everything before this offset is safe elsewhere. */
  get acknowledged(): number {
    return this.#progress.acknowledged;
  }

  /** Names the offsets as they are given here; a partition that begins anew has another. Not before the first block. */
  async id(): Promise<string> {
    return this.#progress.id ?? (await this.#progress.newId());
  }

  /**
   * Another process had everything before `offset` acknowledged, of the partition with this `id`. `passed` is told what
   * of that waited here, and now does not. Only before the first read.
   */
  async forward(id: string, offset: number, passed: (weights: Weights) => void): Promise<void> {
    if (id !== this.#progress.id || offset <= this.acknowledged) return;
    if (offset > this.#foundNext) {
      // What it had was lost with the machine's power, and its offsets may be given again: as such they mean nothing now.
      await this.#progress.newId();
      return;
    }
    const segments = this.#segments.filter((s) => s.next > this.acknowledged && s.base < offset);
    const notes = (await Promise.all(segments.map((segment) => readNotes(segment.weights)))).flat();
    const before = new Map(this.#waiting.weights);
    for (const note of notes) {
      if (note.offset < this.acknowledged || note.offset >= offset) continue;
      this.#waiting.subtract(note.records, note.bytes, note.weights);
    }
    const forgotten = this.forgetProducers();
    const moved = this.#moveTo(offset);
    const left = this.#waiting.weights;
    passed(new Map([...before].map(([input, items]) => [input, items - (left.get(input) ?? 0)])));
    await Promise.all([forgotten, moved]);
  }

  /** Brings the read position to the medium; false: that failed. */
  syncState(): Promise<boolean> {
    return this.nextOffset === 0 ? Promise.resolve(true) : this.#progress.toMedium();
  }

  get producers(): Producers {
    return this.#progress.producers;
  }

  /** Bytes of its segments. */
  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.size, 0);
  }

  /** What is sent from here on has no numbers in common with what was: nothing of that may be in flight. */
  forgetProducers(): Promise<void> {
    return this.#progress.forgetProducers();
  }

  beginProducers(topic: TopicIdentity, partitions: number): Promise<void> {
    return this.#progress.beginProducers(topic, partitions);
  }

  /**
   * Writes a producer down before a block is sent under it. Where the disk does not take it, a kill brings the one back
   * that was written last: what was sent since may then come twice, and nothing is lost.
   */
  setProducer(topic: TopicIdentity, partition: number, producer: SpoolProducer | null): Promise<void> {
    return this.#progress.setProducer(topic, partition, producer);
  }

  /**
   * True: a kill would give offsets again that went out under producers which it would bring back, and the broker would
   * take other records for repetitions. Nothing may be sent under them any more.
   */
  get producersAreUnsafe(): boolean {
    return this.#progress.producersAreUnsafe;
  }

  /** Why the disk does not take the block at hand; null when it does. */
  get writeError(): string | null {
    return this.#appender.error;
  }

  /** What the disk does not do, and why: one sentence each. */
  get errors(): string[] {
    const { error, syncError } = this.#appender;
    const readError = this.#atHand.error;
    return [
      ...(error === null ? [] : [`cannot write: ${error}`]),
      ...(syncError === null ? [] : [`cannot sync: ${syncError}`]),
      ...(readError === null ? [] : [`cannot read, so nothing of it is sent: ${readError}`]),
      ...(this.#progress.error === null ? [] : [`cannot write the read position: ${this.#progress.error}`]),
    ];
  }

  waiting(): { records: number; bytes: number; oldest_seconds: number; weights: Weights } {
    const { records, bytes, weights } = this.#waiting;
    const first = this.#segments.find((segment) => segment.next > this.acknowledged);
    const time = this.#handed.oldestTime ?? Math.max(first?.firstTime ?? 0, this.#waiting.passedTime);
    return { records, bytes, oldest_seconds: this.#waiting.oldestSeconds(time, first?.written), weights };
  }

  /** Everything before `end`, and behind what was cut before, is sent from now on as one cut. Resolves when that is written down. */
  cut(end: number): Promise<void> {
    return this.#progress.cut(end);
  }

  /**
   * Waits until what is written down says that everything before `offset` is acknowledged. A disk that does not take that
   * is not waited for, as in `mayBeSent`.
   */
  async persistedTo(offset: number, signal: AbortSignal): Promise<void> {
    while (this.#progress.persisted < offset && this.#progress.error === null && !signal.aborted) {
      await this.#bell.heard(signal);
    }
  }

  /**
   * Appends a block and resolves with the offset after it: when it is written (it outlives the process), or, with
   * `synced`, when it is as safe as the spool's policy makes things. A disk that is full or failing makes it wait, until
   * `signal` aborts.
   */
  async append(block: Block, until: 'written' | 'synced' = 'synced', signal?: AbortSignal): Promise<number> {
    const next = await this.#appender.append(block, signal);
    if (until === 'synced') await this.synced(next);
    return next;
  }

  /** Resolves when everything before `offset` is as safe as the policy makes things. */
  synced(offset: number): Promise<void> {
    return this.#appender.synced(offset);
  }

  get unsynced(): boolean {
    return this.#appender.unsynced;
  }

  /**
   * Appends these blocks, of a partition that is chained, and resolves with the offset after them when all are on the
   * medium. After a kill those that continue in the next one are there with it, or not at all. Rejects when that fails, or the signal aborts before they are written: none of them is there then. One call at
   * a time.
   */
  async appendAll(blocks: readonly Block[], signal: AbortSignal): Promise<number> {
    const mark = this.#appender.mark();
    const appended: Mark[] = [];
    try {
      let next = this.nextOffset;
      for (const [i, block] of blocks.entries()) {
        next = await this.#appender.append(block, signal, { alone: blocks.length === 1, room: roomFor(blocks, i) });
        // From here on the spool counts it.
        for (const { stream, weight } of block.marks) stream.account.received += weight;
        appended.push(...block.marks);
      }
      await this.#appender.synced(next);
      this.#committed = next;
      this.#uncommitted.length = 0;
      this.#bell.ring();
      return next;
    } catch (error) {
      await this.#appender.takeBack(mark);
      for (const note of this.#uncommitted.splice(0)) this.#waiting.subtract(note.records, note.bytes, note.weights);
      for (const { stream, weight } of appended) stream.account.received -= weight;
      throw error;
    }
  }

  /** Where it is chained: everything before this offset is on the medium. */
  get committed(): number {
    return this.#committed;
  }

  /** What its segments hold from `from` on, as far as it can be read. What was found on disk is brought to the medium first. */
  async *stored(from: number): AsyncGenerator<StoredBatch, void> {
    await this.#appender.resync();
    for (const segment of [...this.#segments]) {
      if (segment.next <= from) continue;
      const reader = await SegmentReader.open(segment, () => undefined);
      try {
        for (let entry = await reader.next(from); entry !== null; entry = await reader.next(from)) yield entry;
      } finally {
        await reader.close();
      }
    }
  }

  /** Segments before this offset may go when they are acknowledged. */
  async keepFrom(offset: number): Promise<void> {
    this.#keptFrom = offset;
    await this.#persisted();
  }

  /** Brings what is written to the medium. A failure is reported and tried again at the next call. */
  sync(): Promise<void> {
    return this.#appender.sync();
  }

  /**
   * Blocks from `from` on, in order, as they come; ends when the signal aborts or, with `follow: false`, at the end of
   * what is there. A block that is handed out counts as in flight until it is acknowledged.
   */
  async *read(
    from: number,
    options: { signal?: AbortSignal; follow?: boolean } = {},
  ): AsyncGenerator<StoredBatch, void> {
    const { signal, follow = true } = options;
    this.#handed.clear();
    this.#readTo = from;
    try {
      while (!signal?.aborted) {
        const segment = this.#readTo < this.#end ? this.#segments.find((s) => s.next > this.#readTo) : undefined;
        if (!segment) {
          // What happened while a file was closed is looked at, not waited for.
          if (await this.#atHand.leave()) continue;
          this.#passGone();
          if (!follow) return;
          const entry = await this.#fromMemory();
          if (entry) yield this.#handOut(entry, null);
          else await this.#bell.heard(signal);
          continue;
        }
        const entry = await this.#atHand.next(segment, this.#readTo, signal);
        if (entry === null) {
          const last = segment === this.#segments.at(-1) && !segment.sealed;
          this.#readTo = Math.max(this.#readTo, last ? this.#atHand.offset : segment.next);
        } else if (entry && !segment.removed) yield this.#handOut(entry, segment);
      }
    } finally {
      await this.#atHand.close();
    }
  }

  /**
   * Waits until a block that was handed out may be sent: the persisted position is at most five blocks behind it. A disk
   * that does not take the position is not waited for: a kill then brings more than five blocks twice.
   */
  async mayBeSent(signal: AbortSignal): Promise<void> {
    while (this.#handed.tooMany && this.#progress.error === null && !signal.aborted) await this.#bell.heard(signal);
  }

  /** Everything handed out before `offset` is safe elsewhere. Resolves when that is written down. */
  async acknowledge(offset: number): Promise<void> {
    this.#handed.acknowledge(offset, this.#waiting);
    await this.#moveTo(this.#handed.empty ? Math.max(offset, this.#readTo) : offset);
  }

  /** Resolves when nothing waits any more; rejects with the signal's reason when that comes first. */
  async emptied(signal: AbortSignal): Promise<void> {
    while (this.acknowledged < this.nextOffset) await this.passed(this.nextOffset, signal);
  }

  /** Resolves when everything before `offset` is acknowledged or gone; rejects as `emptied` does. */
  async passed(offset: number, signal: AbortSignal): Promise<void> {
    while (this.acknowledged < offset) {
      signal.throwIfAborted();
      await this.#bell.heard(signal);
    }
  }

  /** The oldest segment that may be dropped: none of its blocks is in flight. */
  get droppable(): Segment | null {
    const held = (segment: Segment) => segment === this.#appender.busy || this.#handed.holds(segment);
    return this.#segments.find((segment) => segment.size > 0 && !held(segment)) ?? null;
  }

  /** Removes a segment with what waits in it, counted as lost for `reason`. */
  async drop(segment: Segment, reason: LossReason): Promise<void> {
    if (segment.removed) return;
    const { acknowledged } = this;
    const writer = this.#detach(segment);
    await writer?.note().catch((error) => this.#warn('cannot write notes', error));
    const waits = ({ offset }: BlockNote) => offset >= acknowledged && offset < segment.next;
    const notes = (await readNotes(segment.weights)).filter(waits);
    const known = notes.reduce((sum, note) => sum + note.bytes, 0);
    const bytes = known > 0 || segment.next <= acknowledged ? known : segment.size;
    if (bytes > 0) reportLost(this.#owner.onDrop, notes, bytes, reason);
    for (const note of notes) this.#waiting.subtract(0, 0, note.weights);
    this.#waiting.subtract(Math.max(0, segment.next - Math.max(segment.base, acknowledged)), bytes);
    await this.#erase(segment, writer);
  }

  /** Drops what was written before then, by `performance.now()`. */
  async expire(before: number): Promise<void> {
    for (let s = this.droppable; s && s.written < before; s = this.droppable) await this.drop(s, 'spool_expired');
  }

  /** Removes the segments that are acknowledged to their ends, the last one too. */
  async retire(): Promise<void> {
    const passed = this.#segments.filter((s) => s.size > 0 && s.next <= this.#needlessTo);
    for (const segment of passed) await this.#remove(segment);
  }

  /** Syncs and closes. Blocks whose append waits for a disk are refused. */
  async close(): Promise<void> {
    await this.#appender.close();
    this.#losses.memory(this.topic, this.#handed);
    await this.#losses.kept();
    const closed = this.#owner.sync !== 'never' && this.#appender.syncError === null;
    await this.#progress.close({ written: this.nextOffset > 0, closed });
    this.#bell.ring();
  }

  #handOut(entry: StoredBatch, segment: Segment | null): StoredBatch {
    this.#handed.add(entry, segment);
    this.#readTo = entry.nextOffset;
    return entry;
  }

  /**
   * The block that the disk does not take. Its offset must not be given again, so that is written down first; where the
   * disk does not take that either, whoever sends it looks at `producersAreUnsafe`.
   */
  async #fromMemory(): Promise<StoredBatch | null> {
    const held = this.#appender.takeHeld();
    if (!held) return null;
    const { block, offset, weights } = held;
    const { count, codec, time, rawBytes, key } = block;
    // A block that is not compressed lies in a slot of the pool, which is used again when its append has come back.
    const body = Buffer.from(block.body);
    const nextOffset = offset + count;
    const bytes = HEADER_BYTES + body.length;
    this.#waiting.add(count, bytes, weights);
    if (!(await this.#progress.raiseFloor(nextOffset))) this.#bell.ring();
    const note: BlockNote = { offset, records: count, bytes, time, rawBytes, key, weights };
    return { baseOffset: offset, nextOffset, body, count, codec, time, bytes, note };
  }

  async #moveTo(offset: number): Promise<void> {
    if (offset <= this.acknowledged) return;
    const written = this.#progress.acknowledge(offset);
    if (offset >= this.nextOffset) this.#waiting.clear();
    await written;
    await this.#persisted();
  }

  async #persisted(): Promise<void> {
    this.#handed.persisted(this.#progress.persisted);
    this.#bell.ring();
    // The last one is written to, and goes where its room is needed: a full disk may be full of what nobody needs.
    const pressed = this.#owner.pressed || this.#appender.error !== null;
    for (const segment of this.#segments.filter((s) => s.next <= this.#needlessTo)) {
      if (segment !== this.#segments.at(-1) || (pressed && segment.size > 0)) await this.#remove(segment);
    }
  }

  /** Segments that end before it may go. */
  get #needlessTo(): number {
    return Math.min(this.#progress.persisted, this.#keptFrom);
  }

  /** So far it may be read. */
  get #end(): number {
    return this.chained ? this.#committed : Number.POSITIVE_INFINITY;
  }

  async #remove(segment: Segment): Promise<void> {
    if (segment.removed || segment === this.#appender.busy) return;
    await this.#erase(segment, this.#detach(segment));
  }

  /** Takes a segment out of the list; from here on nobody reads or writes it. Gives back what has its files open. */
  #detach(segment: Segment): SegmentWriter | null {
    segment.removed = true;
    this.#segments.splice(this.#segments.indexOf(segment), 1);
    const writer = this.#appender.detach(segment);
    this.#bell.ring();
    return writer;
  }

  async #erase(segment: Segment, writer: SegmentWriter | null): Promise<void> {
    // The last segment's name says which offset comes next; without it the state must.
    const known = (this.#segments.at(-1)?.next ?? 0) >= segment.next || (await this.#progress.raiseFloor(segment.next));
    await writer?.close().catch((error) => this.#warn('cannot close a segment', error));
    this.#owner.release(segment.size);
    // Where neither says it, the files stay: after a kill they are read again rather than their offsets given again.
    if (!known) return;
    // What is damaged of it is copied first.
    await this.#losses.kept();
    for (const path of [segment.log, segment.weights]) {
      await unlink(path).catch((error) => {
        if (error.code !== 'ENOENT') this.#warn('cannot remove a segment', error);
      });
    }
  }

  /** The reader is at the end: whatever lies between its place and the end was damaged or dropped. */
  #passGone(): void {
    this.#readTo = Math.max(this.#readTo, Math.min(this.nextOffset, this.#end));
    if (this.#handed.empty && this.#readTo > this.acknowledged) void this.#moveTo(this.#readTo);
  }

  #warn(what: string, error?: unknown): void {
    const reason = error instanceof Error ? `: ${error.message}` : '';
    log.warnOnce(`spool ${this.topic} ${what}`, `spool of ${this.topic}: ${what}${reason}`);
  }
}

/** What belongs together is in one file: the first of it is where there is room for all, and the others follow it. */
function roomFor(blocks: readonly Block[], at: number): number {
  if (blocks[at - 1]?.continues) return 0;
  let bytes = blockBytes(blocks[at]!);
  for (let i = at; blocks[i]!.continues && i + 1 < blocks.length; i++) bytes += blockBytes(blocks[i + 1]!);
  return bytes;
}
