/**
 * What the reader knows of a file, and alone writes: how far it was read, what lay before that, and how much there is.
 *
 *   |  settled  |  in flight  |  no line ends here  |  not read  |  room  |
 *   0       committed      position              scanned        size   stored
 *
 * Invariant: `marker` is the hash of the (up to 64) bytes before `position`.
 */
import type { BigIntStats } from 'node:fs';
import { READ_BYTES } from '../../../lines/format.ts';
import { fstatSync, read, readSync, statSync } from '../../../mounts/fs.ts';
import { byClock, came } from '../positions/ages.ts';
import { begins, hasBefore, headOf, markerAt } from '../positions/recognise.ts';
import { birthOf, digest, MARKER_BYTES, NO_PREFIX, type Prefix } from './inode.ts';
import { endOfData } from './nuls.ts';
import { Place } from './place.ts';
import { isHeadPunched, isPunchedTo } from './punched.ts';
import { type ReservedRoom, setEnd } from './reserved.ts';
import type { FileStream } from './stream.ts';
import type { Unfinished } from './unfinished.ts';

/** Beginnings of lines up to this length are simply read again. */
export const LONG = 4096;
/** A line's length, and that of a hole before it, is kept in 32 bits: a longer line is cut into pieces. */
export const LONGEST = 0xf000_0000;
/** So little is read sooner than a thread can be woken for it. */
const LITTLE_BYTES = 16 * 1024;
/** The marker behind a hole. */
const NULS = digest(Buffer.alloc(MARKER_BYTES));

/** Where reading goes on, and what is known of what lies before. */
export interface ReadPlace {
  readonly position: number;
  readonly marker: Prefix;
  readonly sum: number | null;
  readonly hole: number;
  readonly openKey: number | null;
  readonly chained: number;
  readonly cut: number;
}

/** What a compressed file holds (compressed/packed.ts). */
export interface PackedContent {
  /** Bytes on disk, as they were seen last. */
  readonly size: number;
  /** Bytes of it, as far as they are known; before the end, what the rest would be. */
  expected(file: FileState): number;
  read(file: FileState, into: Buffer, length: number, position: number, step: number): Promise<number>;
}

export class FileState extends Place {
  stream: FileStream;
  position: number;
  marker: Prefix = NO_PREFIX;
  /** Of all that lies before `position`; null: it is not known. */
  sum: number | null;
  /** Without the NULs at its end, as far as it is known that there are any: its `room`. */
  size: number;
  room: ReservedRoom | null = null;
  modified: number;
  /** Set: it is compressed; positions and `size` are those of its content. */
  packed: PackedContent | null = null;
  /** Up to here no line ends; at or after `position`. */
  scanned: number;
  /** What lies before `scanned`, where that is not read again. */
  seam: Prefix | null = null;
  /** Where the first NULs between `position` and `scanned` begin that were passed over; before `position`: none were. */
  nuls = -1;
  /** Bytes of a hole that was skipped, directly before `position`. */
  hole = 0;
  /** Bytes of one read: more for a line that is longer, less for shorter lines than the tables can name. */
  readBytes = READ_BYTES;
  /** The unfinished last line is sent as it is: nothing will follow. */
  flush = false;
  /** What is known of its unfinished records, where lines are not simply records. */
  unfinished: Unfinished | null = null;
  /** What there was of it when it was last read, if that was all. */
  readTo = 0;
  /** By `performance.now()`: when it last grew, when it was last written as far as known. */
  grown = performance.now();
  /** Milliseconds: how long it had been silent before it was seen to grow; 0 once that was read. */
  silence = 0;
  written: number;
  /** What the system said of it last that is of no good; null: nothing. */
  error: string | null = null;
  lines = 0;
  truncated = 0;
  /** Bytes that a private key which has begun may still have; null: its lines were not looked at for one yet. */
  openKey: number | null = null;
  /** How often it went back, to be read again. */
  returns = 0;

  constructor(path: string | null, stat: BigIntStats, stream: FileStream, sum: number | null) {
    const { generation } = stream;
    super(path, stat, generation.inode === stat.ino ? generation.inode : stat.ino);
    this.stream = stream;
    this.position = generation.position;
    this.sum = sum;
    this.scanned = this.position;
    this.size = Number(stat.size);
    this.modified = Number(stat.mtimeMs);
    this.written = this.grown - Math.max(0, Date.now() - this.modified);
  }

  get committed(): number {
    return this.stream.generation.position;
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

  /** The age of the oldest byte that is not settled, milliseconds. */
  lag(now: number): number {
    if (this.waiting === 0) return 0;
    this.came(now);
    const { ages, position } = this.stream.generation;
    // How much there is of what is compressed is an estimate.
    return Math.max(0, now - (ages ? ages.of(position) : this.packed ? this.written : this.grown));
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

  /** The first `bytes` bytes from the position on are those of a hole: nobody wrote them. */
  skip(bytes: number): void {
    this.hole += bytes;
    this.position += bytes;
    this.scanned = this.position;
    this.size = Math.max(this.size, this.position);
    this.marker = NULS;
    this.sum = null;
    this.stream.account.drop('hole', 0, bytes);
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

  /** It was read, and looked at, up to here: a line ends there. */
  moveTo(position: number, marker: Prefix): void {
    this.position = position;
    this.scanned = position;
    this.marker = marker;
  }

  /** What lies before `position` was not read by this reader, or not at once. */
  goTo(position: number, marker: Prefix): void {
    this.moveTo(position, marker);
    this.sum = null;
  }

  /** Where it is now, to go back there. */
  get place(): ReadPlace {
    const { position, marker, sum, hole, openKey, unfinished } = this;
    const { chained = position, cut = 0 } = unfinished ?? {};
    return { position, marker, sum, hole, openKey, chained, cut };
  }

  /** It is read again from there. */
  goBack({ position, marker, sum, hole, openKey, chained, cut }: ReadPlace): void {
    this.moveTo(position, marker);
    this.openKey = openKey;
    this.sum = sum;
    this.hole = hole;
    if (this.unfinished) Object.assign(this.unfinished, { chained, cut, open: 0, close: false, again: 0 });
    this.readTo = 0;
    this.returns++;
    this.stream.readAgain(position);
  }

  /** What was passed over, or looked at, is looked at again. */
  lookAgain(): void {
    this.nuls = -1;
    this.scanned = this.position;
  }

  /** The bytes that were skipped before what is read now; they are told once. */
  takeHole(): number {
    const { hole } = this;
    this.hole = 0;
    return hole;
  }

  /** So much of it is known, whatever was seen since. */
  know(size: number): void {
    this.size = size;
  }

  /** It is compressed: what there is of its content is not known yet. */
  unpack(packed: PackedContent): void {
    this.packed = packed;
    this.size = this.position;
    this.stream.generation.ages = undefined;
  }

  /** What lies before `position` is known now. */
  mark(marker: Prefix): void {
    this.marker = marker;
  }

  /** Its last record is another file's. */
  forgetUnfinished(): void {
    this.unfinished = null;
  }

  /** Something was written to it, it is told. */
  wrote(): void {
    this.written = performance.now();
  }

  /** It grew last so many milliseconds before it was found. */
  grewBefore(ms: number): void {
    this.grown -= ms;
  }

  /** So many lines of it went out. */
  count(lines: number): void {
    this.lines += lines;
  }

  /** What is wrong with it; null: nothing any more. */
  say(error: string | null): void {
    this.error = error;
  }

  /** More has come. */
  grew(): void {
    this.grown = performance.now();
    if (this.packed) return;
    this.written = this.grown;
    this.came(this.grown);
  }

  /** What there is of it beyond what was seen came now. */
  came(now: number): void {
    if (!this.packed) came(this.stream.generation, this.size, now);
  }

  /** It was read to its end. */
  ended(): void {
    this.readTo = this.size;
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
    const at = byClock(modified);
    this.written = Math.max(this.written, at);
    // What is new came since it last grew, and not after it was written last.
    const came = Math.max(this.grown, at);
    if (this.packed) return 'written';
    if (stored < this.size) return 'shorter';
    if (stored > this.stored) {
      const now = performance.now();
      this.silence = Math.max(this.silence, Math.floor(now - this.grown));
      this.grown = now;
    }
    if (this.room) {
      // What is behind room is room as well, or is found by reading.
      setEnd(this, this.size, stored, this.room.to);
    } else if (stored > this.size && this.holdsWhatWasRead() !== false) this.endAt(stored);
    this.came(came);
    return 'written';
  }

  /** How much of it there is now, if that can be told at once. */
  measure(): void {
    if (this.fd === null) return;
    const { size } = this.now();
    this.seen(size, this.modified);
    // What is written over the NULs at its end makes it no larger.
    if (this.room && size === this.stored) this.endAt(size);
  }

  /** So much is stored: behind what is known there may be room. */
  endAt(stored: number): void {
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
    return head.length === 0 || this.withOpen((fd) => begins(fd, head));
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
}
