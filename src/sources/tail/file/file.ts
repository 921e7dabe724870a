/**
 * One tracked file.
 *
 *   |  settled  |  in flight  |  not read  |
 *   0       committed      position       size
 *
 * A file that is truncated or replaced in place goes on as a new generation: another id, another stream, from 0.
 * Invariant: `marker` is the hash of the (up to 64) bytes before `position`.
 */

import type { BigIntStats } from 'node:fs';
import type { Account } from '../../../core/account.ts';
import type { Step } from '../../../core/pipeline.ts';
import type { Origin } from '../../../lines/envelope.ts';
import { mayGroup } from '../../../lines/format.ts';
import { type LineEnds, lineEndsOf } from '../../../lines/line-ends.ts';
import { closeSync, fstatSync, read, readSync, statSync } from '../../../mounts/fs.ts';
import { openRegular } from '../../../mounts/open.ts';
import type { Packed } from '../compressed/packed.ts';
import type { LogConfig } from '../options.ts';
import { blank, type Generation } from '../positions/journal.ts';
import type { Positions } from '../positions/positions.ts';
import { begins, hasBefore, headOf, markerAt } from '../positions/recognise.ts';
import type { Queued } from '../queue.ts';
import type { Before } from '../rotation/order.ts';
import {
  birthOf,
  digest,
  type Inode,
  isInode,
  keyOf,
  MARKER_BYTES,
  NOTHING,
  newId,
  type Prefix,
  sharedDevice,
} from './inode.ts';
import { endOfData } from './nuls.ts';
import { isHeadPunched, isPunchedTo } from './punched.ts';
import { type Room, setEnd } from './reserved.ts';
import type { Doubt } from './rewrites.ts';
import { FileStream } from './stream.ts';
import { sumOf, timeOf } from './sum.ts';
import { Unfinished } from './unfinished.ts';
import { isHold, type Wait } from './wait.ts';

/** Bytes of one read; a longer line is read with more, shorter lines than the tables can name with less. */
export const READ_BYTES = 512 * 1024;
/** Beginnings of lines up to this length are simply read again. */
export const LONG = 4096;
/** A line's length, and that of a hole before it, is kept in 32 bits: a longer line is cut into pieces. */
export const LONGEST = 0xf000_0000;
/** So little is read sooner than a thread can be woken for it. */
const LITTLE_BYTES = 16 * 1024;
/** The marker behind a hole. */
const NULS = digest(Buffer.alloc(MARKER_BYTES));

/** What all files of an input share. */
export interface TailContext {
  input: LogConfig;
  origin: Origin;
  positions: Positions;
  account: Account;
  /** What its lines pass before they are packed. */
  steps: readonly Step[] | undefined;
  /** What is the agent's own in it is not read. */
  data_dir: string;
}

export class TrackedFile implements Queued, Inode {
  readonly #context: TailContext;
  readonly device: bigint;
  readonly inode: bigint;
  readonly born: number;
  /** The name it has now; null: it was renamed away, or deleted. */
  path: string | null;
  /** Other names of the same file: hard links, symbolic links and their target, the name it was renamed to. */
  aliases: Set<string> | null = null;
  stream: FileStream;
  fd: number | null = null;
  position: number;
  marker: Prefix = NOTHING;
  /** Of all that lies before `position`; null: it is not known. */
  sum: number | null;
  /** Without the NULs at its end, as far as it is known that there are any: its `room`. */
  size: number;
  room: Room | null = null;
  modified: number;
  /** Set: it is compressed; positions and `size` are those of its content. */
  packed: Packed | null = null;
  /** Up to here no line ends; at or after `position`. */
  scanned = 0;
  /** What lies before `scanned`, where that is not read again. */
  seam: Prefix | null = null;
  /** Where the first NULs between `position` and `scanned` begin that were passed over; before `position`: none were. */
  nuls = -1;
  /** Bytes of a hole that was skipped, directly before `position`. */
  hole = 0;
  readBytes = READ_BYTES;
  /** It is being read; `again`: something was written meanwhile. */
  busy = false;
  again = false;
  /** Its descriptor is in use: it must not be closed. */
  reading = false;
  /** How often it was read. */
  reads = 0;
  /** Why it is not to be read now; written by turns.ts. */
  wait: Wait | null = null;
  /** It was taken for a file that was read before, by inode and size; what it holds is still to be compared. */
  unsure = false;
  /** It may have been written anew in place. */
  doubt: Doubt | null = null;
  /** The unfinished last line is sent as it is: nothing will follow. */
  flush = false;
  /** By `performance.now()`: when it lost its name, when it last grew, when it was last written as far as known. */
  gone: number | null = null;
  grown = performance.now();
  written: number;
  queued: Queued['queued'] = null;
  /** What is known of its unfinished records, where lines are not simply records. */
  unfinished: Unfinished | null = null;
  /** What there was of it when it was last read, if that was all. */
  readTo = 0;
  /** The file that had its name before, while that has to be read first; and the other way round. */
  before: Before | null = null;
  after: TrackedFile | null = null;
  error: string | null = null;
  /** By `performance.now()`: when reading it failed; null: it did not, the last time. */
  failed: number | null = null;
  lines = 0;
  truncated = 0;

  constructor(
    context: TailContext,
    path: string | null,
    stat: BigIntStats,
    generation: Generation,
    persisted: boolean,
  ) {
    this.#context = context;
    this.path = path;
    this.device = sharedDevice(stat.dev);
    // The same number as an object of its own would be kept twice.
    this.inode = generation.inode === stat.ino ? generation.inode : stat.ino;
    this.born = birthOf(stat);
    this.size = Number(stat.size);
    this.modified = Number(stat.mtimeMs);
    this.stream = new FileStream(context, generation, persisted, persisted ? 0n : stat.mtimeNs);
    this.position = generation.position;
    this.sum = sumOf(generation);
    this.scanned = this.position;
    this.written = this.grown - Math.max(0, Date.now() - this.modified);
    if (persisted) context.positions.use(generation, context.input.name);
  }

  /** Its inode, as text. */
  get key(): string {
    return keyOf(this);
  }

  get committed(): number {
    return this.stream.generation.position;
  }

  /** Nothing is read of it for now. */
  get held(): boolean {
    return isHold(this.wait) && !this.restarting;
  }

  /** It does not hold what it held; the copy of that is being looked for. Nothing is read of it for now. */
  get restarting(): boolean {
    return this.wait?.reason === 'truncated';
  }

  /** Where its lines end. */
  get lineEnds(): LineEnds {
    return lineEndsOf(this.#context.input.encoding_in);
  }

  /** It has not the name any more that it was read under: who has it open may go on, and nobody else comes. */
  get lost(): boolean {
    const { path } = this.stream.generation;
    return this.path !== path && !this.aliases?.has(path);
  }

  /** Nothing of it was read. */
  get untouched(): boolean {
    return this.position === 0 && this.stream.generation.base === 0;
  }

  /** Bytes on disk, as they were seen last. */
  get stored(): number {
    if (this.packed) return this.packed.size;
    return this.room ? this.size + this.room.bytes : this.size;
  }

  /** Bytes of its content; those of a compressed file that was not read to its end are estimated. */
  get expected(): number {
    return this.packed ? this.packed.expected(this) : this.size;
  }

  /** Bytes that are not settled. */
  get waiting(): number {
    return Math.max(0, this.expected - this.committed);
  }

  /** Milliseconds until `now` since the oldest byte that is not settled was seen. */
  lag(now: number): number {
    return this.waiting > 0 ? now - (this.stream.oldest ?? this.grown) : 0;
  }

  /** The first `bytes` bytes from the position on are those of a hole: nobody wrote them. */
  skip(bytes: number): void {
    this.hole += bytes;
    this.position += bytes;
    this.scanned = this.position;
    this.size = Math.max(this.size, this.position);
    this.marker = NULS;
    this.sum = null;
    this.#context.account.drop('hole', 0, bytes);
  }

  /** No line ends before `to`; the bytes before it are those before `end`. */
  lookedAt(to: number, bytes: Buffer, end: number): void {
    this.scanned = to;
    this.seam = to - this.position < LONG ? null : digest(bytes.subarray(end - MARKER_BYTES, end));
  }

  /** The same, where [from, to) are NULs, a page of them at least. Of a line that is too long, so much is enough. */
  lookedPast(from: number, to: number): void {
    if (this.nuls < this.position) this.nuls = from;
    this.scanned = Math.min(to, this.position + LONGEST + 2);
    this.seam = NULS;
  }

  /** Has the generation written to the journal. Its first bytes are known if it is open. */
  announce(): void {
    const { generation, persisted } = this.stream;
    if (persisted) return;
    if (generation.head.length === 0 && this.fd !== null && !this.packed) {
      try {
        generation.head = headOf(this.fd);
      } catch {
        // Its turn to be read comes, and says so: whoever has it announced may have lines of another file in hand.
      }
    }
    this.stream.persisted = true;
    this.#context.positions.create(generation);
    this.#context.positions.use(generation);
  }

  /** Nothing is read for now. What it is and holds is noted, so that it is known what is lost if that goes. */
  noteUnread(): void {
    const { persisted, generation } = this.stream;
    if (persisted || this.packed || this.restarting) return;
    this.announce();
    this.#endAt(this.stored);
    this.#context.positions.sized(generation, this.size);
  }

  /** Makes sure that records may go out: the generation is in the journal. */
  persist(): Promise<void> | undefined {
    this.announce();
    return this.#context.positions.stored(this.stream.generation);
  }

  /**
   * Whether it still has this name, and size and time as they were; `other`: this has to be looked at closely. `shorter`:
   * less is there than was known of.
   */
  compare(path: string): 'same' | 'written' | 'shorter' | 'other' {
    try {
      const stat = statSync(path, { throwIfNoEntry: false });
      if (!stat || stat.ino !== Number(this.inode) || stat.dev !== Number(this.device)) return 'other';
      if (birthOf(stat) !== this.born) return 'other';
      const modified = Math.floor(stat.mtimeMs);
      if (stat.size === this.stored && modified === this.modified) return 'same';
      // A larger number of an inode may be that of another, too.
      if (stat.ino > Number.MAX_SAFE_INTEGER) return 'other';
      return this.seen(stat.size, modified);
    } catch {
      // The look that follows says why.
      return 'other';
    }
  }

  /** It has another size or time. What waits is known also while nothing can be read. */
  seen(stored: number, modified: number): 'written' | 'shorter' {
    this.modified = modified;
    this.written = Math.max(this.written, performance.now() - Math.max(0, Date.now() - modified));
    if (this.packed) return 'written';
    if (stored < this.size) return 'shorter';
    if (stored > this.stored) this.grown = performance.now();
    if (this.room) {
      // What is behind room is room as well, or is found by reading.
      setEnd(this, this.size, stored, this.room.to);
    } else if (stored > this.size && this.holdsWhatWasRead() !== false) this.#endAt(stored);
    return 'written';
  }

  /** How much of it there is now, if that can be told at once. */
  measure(): void {
    if (this.fd === null) return;
    const { size } = this.now();
    this.seen(size, this.modified);
    // What is written over the NULs at its end makes it no larger.
    if (this.room && size === this.stored) this.#endAt(size);
  }

  #endAt(stored: number): void {
    const found = this.withOpen((fd) => (fstatSync(fd).size < stored ? stored : endOfData(fd, stored)));
    const end = Math.max(this.room ? this.size : this.position, found ?? stored);
    setEnd(this, end, stored, end);
  }

  /** False: it was truncated and written anew, so that its size is not that of what is still to be read. */
  holdsWhatWasRead(): boolean | undefined {
    const { position, marker, stream } = this;
    const { head } = stream.generation;
    if (marker.length > 0) {
      const known = this.packed === null && head.length <= position;
      const sameHead = (fd: number) => !known || begins(fd, head) || isHeadPunched(fd, head);
      return this.withOpen((fd) => hasBefore(fd, position, marker) && sameHead(fd));
    }
    return !stream.persisted || head.length === 0 || this.withOpen((fd) => begins(fd, head));
  }

  /** What was read, and not all of it that was known, is a hole now: it goes on there. `size`: what was known. */
  isPunched(size: number): boolean {
    const { fd, position, marker, packed, stream } = this;
    const { head } = stream.generation;
    if (fd === null || packed) return false;
    // What was not read of its first bytes may be others by now.
    const there = head.length <= position && begins(fd, head);
    if (!isPunchedTo(fd, there, { head, marker, position, size })) return false;
    this.marker = markerAt(fd, position);
    this.sum = null;
    this.scanned = position;
    // Else it would be compared again and again.
    if (position === 0) stream.generation.head = headOf(fd);
    return true;
  }

  /** Nothing is behind `to` any more, which is at or behind `position`. */
  cut(to: number): void {
    setEnd(this, to, to, to);
    this.scanned = this.position;
  }

  /** The file begins anew. `moved`: what it held is in another file, which goes on with its stream. */
  restart(moved: boolean): void {
    if (!moved) this.stream.end();
    const generation = this.#successor(0);
    const since = this.fd === null ? 0n : fstatSync(this.fd, { bigint: true }).mtimeNs;
    this.stream = new FileStream(this.#context, generation, false, since);
    this.position = 0;
    this.hole = 0;
    this.scanned = 0;
    this.nuls = -1;
    this.marker = NOTHING;
    this.sum = 0;
    this.doubt = null;
    this.size = 0;
    this.room = null;
    this.readTo = 0;
    this.unsure = false;
    this.readBytes = READ_BYTES;
    this.unfinished = null;
    this.packed?.restart();
  }

  /** It goes on in the same place. */
  #successor(base: number): Generation {
    const { path, named, real } = this.stream.generation;
    const generation = newGeneration(this.#context.input.name, path, this, base);
    generation.named = named;
    if (real !== undefined) generation.real = real;
    return generation;
  }

  /** It comes after the other one, the end of which it may begin with: it has the name that this one had. */
  follow(old: TrackedFile, joins = true): void {
    for (let one: TrackedFile | undefined = old; one; one = one.before?.file) if (one === this) return;
    old.measure();
    this.before = { file: old, to: old.size, joins: joins && mayGroup(this.#context.input) };
    old.after = this;
  }

  /** Reading begins here: what is before it is in a record of another file. */
  begin(position: number, marker: Prefix): void {
    this.stream.generation.carried = position;
    if (this.stream.persisted) this.#context.positions.described(this.stream.generation);
    this.position = position;
    this.scanned = position;
    this.marker = marker;
    this.sum = null;
    this.unfinished = new Unfinished(0);
  }

  /** When it is read for the first time by this process: what an earlier one knew. */
  unfinishedAtFirst(): Unfinished {
    const unfinished = new Unfinished(this.#chainedAtFirst());
    const { cut } = this.stream.generation;
    // Elsewhere it says nothing: what is read there may be a line of its own.
    if (cut?.at === this.position) unfinished.cut = cut.streams;
    return unfinished;
  }

  /** Where its last record's bytes end. */
  #chainedAtFirst(): number {
    const { generation, persisted } = this.stream;
    if (generation.carried === undefined) return this.position;
    // None of its own was sent yet: its first one shows them as skipped.
    if (generation.carried === this.position) return 0;
    if (this.position === 0) {
      delete generation.carried;
      if (persisted) this.#context.positions.described(generation);
    }
    return this.position;
  }

  /** What lies before `position` was read under another id: it is a file of its own from there on. */
  startAt(position: number, head: Prefix, marker: Prefix): void {
    const { positions } = this.#context;
    const generation = this.#successor(position);
    generation.head = head;
    generation.marker = marker;
    positions.create(generation);
    positions.use(generation);
    this.stream = new FileStream(this.#context, generation, true);
    this.position = position;
    this.scanned = position;
    this.marker = marker;
    this.sum = null;
  }

  /** Goes on with the stream of a file of which this is a copy. */
  takeOver(from: TrackedFile): void {
    this.stream = from.stream;
    this.position = from.position;
    this.scanned = from.position;
    this.marker = from.marker;
    this.sum = from.sum;
    this.unfinished = from.unfinished;
    this.#context.positions.moveTo(this.stream.generation, this);
  }

  /** Goes on with a stored generation. */
  resume(generation: Generation): void {
    this.stream = new FileStream(this.#context, generation, true);
    this.position = generation.position;
    this.sum = sumOf(generation);
    this.scanned = this.position;
    this.size = this.position;
    this.#context.positions.use(generation, this.#context.input.name);
  }

  /** It was taken up as a stored file: where it was written to since that was looked at last, it is compared. */
  doubtIfWritten(): void {
    const { sum, size, position } = this.stream.generation;
    if (sum?.length !== this.position || sum.modified === timeOf(this.modified)) return;
    this.doubt = { size: Math.max(size, position), away: true, differs: null };
  }

  /** It was looked at, and is as it was: the next process knows by its time whether it was written to since. */
  noteSum(): void {
    if (!this.busy && this.queued === null && this.doubt === null) this.#summed(timeOf(this.modified));
  }

  /** It is not looked at any more; it may have been written to since it last was. */
  closeSum(): void {
    if (this.doubt || this.stream.generation.sum?.modified === null) this.#summed(0);
  }

  #summed(modified: number): void {
    const { generation } = this.stream;
    const { sum } = generation;
    if (sum && sum.modified !== modified) this.#context.positions.summed(generation, { ...sum, modified });
  }

  /** Reads up to `length` bytes of its content from `position` on; fewer only at its end. It must be open. */
  read(into: Buffer, length: number, position: number): Promise<number> | number {
    if (this.packed) return this.packed.read(this, into, length, position, 2 * READ_BYTES);
    if (Math.min(length, this.stored - position) <= LITTLE_BYTES) {
      const asked = Math.min(length, 2 * LITTLE_BYTES);
      const got = readSync(this.fd!, into, 0, asked, position);
      if (got < asked || asked === length) return got;
      // More than a little has come since.
    }
    return new Promise((resolve, reject) => {
      read(this.fd!, into, 0, length, position, (error, got) => (error ? reject(error) : resolve(got)));
    });
  }

  /** Size and names of the open file, as they were seen last where the system does not say (a server that is gone). */
  now(): { size: number; nlink: number } {
    try {
      return fstatSync(this.fd!);
    } catch (error) {
      this.error = (error as Error).message;
      return { size: this.stored, nlink: 1 };
    }
  }

  close(): void {
    if (this.fd !== null) closeSync(this.fd);
    this.fd = null;
    this.packed?.release();
  }

  /** With its descriptor, or one for the moment; undefined: it cannot be opened or read now, or is another file. */
  withOpen<T>(use: (fd: number) => T): T | undefined {
    let opened: ReturnType<typeof openRegular> = null;
    try {
      if (this.fd !== null) return use(this.fd);
      if (this.path !== null) opened = openRegular(this.path);
      return opened && isInode(this, opened.stat) ? use(opened.fd) : undefined;
    } catch {
      // What cannot be read now cannot be compared; the look at it says why.
      return undefined;
    } finally {
      if (opened) closeSync(opened.fd);
    }
  }

  /** Opens it under its name; false: another file has the name now. Throws what the system says. */
  open(): boolean {
    if (this.fd !== null) return true;
    if (this.path === null) return false;
    const opened = openRegular(this.path);
    if (!opened) return false;
    if (!isInode(this, opened.stat)) {
      closeSync(opened.fd);
      return false;
    }
    this.fd = opened.fd;
    return true;
  }
}

export function newGeneration(input: string, path: string, { device, inode, born }: Inode, base: number): Generation {
  return Object.assign(blank({ id: newId(), input, path, base }), { device, inode, born });
}
