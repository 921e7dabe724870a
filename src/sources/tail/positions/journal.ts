/**
 * The journal of positions, `data_dir/positions`: a header and entries, all little-endian, in units of 64 bytes.
 *
 *   header    "RUNNEL POSITIONS" | u32 format | u32 crc of the 20 bytes before | zeros
 *
 *   position  u32 crc | u8 2 | u8 marker bytes | u16 head bytes | u32 number | u32 seen | u32 device | u32 born |
 *             u64 inode | u64 head | u64 marker | u64 marked at | u64 position
 *   file      u32 crc | u8 1 | u8 0 | u16 text bytes | u32 number | u32 seen | text | zeros up to a unit
 *   forget    u32 crc | u8 3 | u8 0 | u16 0          | u32 number | u32 seen | zeros
 *   size      u32 crc | u8 4 | u8 0 | u16 0          | u32 number | u32 seen | u64 size | u64 summed | u32 sum | u32 modified |
 *             u64 from | u32 since | zeros (since format 2)
 *   topic     u32 crc | u8 5 | u8 0 | u16 text bytes | u32 number | u32 seen | u64 position | u64 skipped | text | zeros up to a unit
 *             (since format 3)
 *
 * The text is JSON: {"id","input","path","base"[,"whole"][,"damaged"][,"carried"][,"cut"][,"skipped"][,"named"][,"real"][,"began"][,"routed"][,"cursor"]};
 * of a topic its name. Where an input's lines go to several topics the position is the lowest of theirs, and each is
 * said by an entry of its own; a file entry without `routed` ends that. Only a journal that has those is of format 3. `number` ties the
 * entries of one file together, within this journal. `seen` is in seconds since the epoch. `born` is 0 in journals that were written before it was
 * there. `size` is what the file was known to hold when it was last looked at: what is lost is counted by it when the
 * file is gone. It is written when the file is let go and, while bytes wait, when it was looked at and had changed;
 * without one, or where it is behind the position, nothing is known to wait. `sum` is the CRC-32 of the first `summed`
 * bytes, which counts where these end at the marker, and `modified` when the file had been written last when it was seen
 * to hold them, in the last 30 bits of the milliseconds since the epoch; 0: that is not known. Where `summed` is 0 there is
 * no sum. Where bytes wait, the one at `from` came at `since`, or after that, in seconds since the epoch; 0: that is not
 * known. Versions that do not know of these pass over them. `crc` is the CRC-32 of the rest of the entry. A later position
 * replaces an earlier one. A journal of an older format is written anew before anything is appended. Entries are appended
 * with one write; so a kill leaves whole entries, and at most the last one torn. A unit that does not check is skipped:
 * what it said is lost, what was said before it counts.
 */
import { crc32 } from 'node:zlib';
import type { Watched } from '../../../core/batch.ts';
import { type Inode, NO_INODE, NO_PREFIX, type Prefix, sharedDevice } from '../file/inode.ts';
import { Ages } from './ages.ts';

export const UNIT = 64;
export const FORMAT = 3;
/** What is written while no lines go to several topics: versions before read that. */
export const PLAIN_FORMAT = 2;
const MAGIC = 'RUNNEL POSITIONS';
const FILE = 1;
const POSITION = 2;
const FORGET = 3;
const SIZE = 4;
const SINCE_AT = 48;
const TOPIC = 5;
const KINDS: readonly (JournalEntry['kind'] | undefined)[] = [undefined, 'file', 'position', 'forget', 'size', 'topic'];
const TEXT_AT = 16;
/** That of a topic. */
const NAME_AT = 32;

/** What was read of a file, up to a place that is safe. */
export interface Sum {
  /** So many bytes, from the first one. */
  readonly length: number;
  readonly crc: number;
  /** When the file had been written last and held them (timeOf); 0: that is not known; null: nor is that stored. */
  readonly modified: number | null;
}

/** How far a file is safe in one topic; so many bytes directly before that are in no record there. */
export interface TopicPosition {
  readonly position: number;
  readonly skipped: number;
}

/** An entry of the systemd journal, the last one before a position. */
export interface Cursor {
  /** Where it ends: at or before the position. */
  readonly at: number;
  /** As journalctl writes it; empty: there is no entry before. */
  readonly text: string;
  /** What was selected when it was read; null: it may be none of what is. */
  readonly of: string | null;
}

/** One file from its creation to its truncation, deletion or replacement, as an input reads it. */
export interface Generation extends Inode {
  /** In the records; given once, never changes. */
  readonly id: string;
  input: string;
  /** The name that first matched. */
  readonly path: string;
  /** Where reading began. */
  readonly base: number;
  /** The first bytes, as many of the first 256 as were known. */
  head: Prefix;
  /** Everything before it is safe, in all topics. */
  position: number;
  /** The bytes before `markedAt`, which is at or before `position`. */
  marker: Prefix;
  markedAt: number;
  /** What the file held when it was last looked at; below `position` where nothing was known to wait. */
  size: number;
  /** What lies before `markedAt`, where that is all in it. */
  sum: Sum | undefined;
  /** When what is not safe of it came; undefined: nothing is known to wait. */
  ages: Ages | undefined;
  /** Seconds since the epoch: when it was last known to exist. */
  seen: number;
  /** That of its entries in the journal; 0: it is not stored. */
  number: number;
  /** Its compressed size when it was read to its end, where it is a compressed file. */
  whole?: number;
  /** The same, where not all of it could be read. */
  damaged?: number;
  /** So many of its first bytes are in the last record of the file that had its name before. */
  carried?: number;
  /** Behind `at` the rest of a container's line goes on that was cut; `streams` has a bit for each that has one. */
  cut?: { at: number; streams: number };
  /** The `bytes` before `to` are in no record, because they were filtered. Says nothing of a position beyond `to`. */
  skipped?: { to: number; bytes: number };
  /** Its lines go to several topics, by steps that have this sum. */
  routed?: string;
  /** How far each of those topics is. Never written to: a new one replaces it. */
  topics?: ReadonlyMap<string, TopicPosition>;
  /** It is no file but the journal of systemd, and goes on behind this entry. */
  cursor?: Cursor;
  /** How far rules of alerts have counted its lines, in this process. */
  watched?: Watched;
  /** It had its name when it was last seen; false where that is not known either. */
  named: boolean;
  /** Where it was under that name, if links led there. */
  real?: string;
  /** When its file had been written last as it was found truncated, milliseconds since the epoch: what is older is a copy of what that held before. */
  began?: number;
}

/** The path under which an input's first start is kept: no file is called like this. */
export const STARTED = '';

/** A generation about which nothing but its name is known. */
export function blank({ id, input, path, base }: Pick<Generation, 'id' | 'input' | 'path' | 'base'>): Generation {
  const { device, inode, born } = NO_INODE;
  // As one literal: with spreads, V8 would make two objects of it.
  return {
    id,
    input,
    path,
    base,
    device,
    inode,
    born,
    head: NO_PREFIX,
    position: base,
    marker: NO_PREFIX,
    markedAt: base,
    size: 0,
    sum: undefined,
    ages: undefined,
    seen: now(),
    number: 0,
    named: false,
  };
}

/** Seconds since the epoch, as of the start of the process: a clock that is set meanwhile changes nothing. */
export function now(): number {
  return secondsAt(performance.now());
}

function secondsAt(time: number): number {
  return ((performance.timeOrigin + time) / 1000) >>> 0;
}

/** Seconds since the epoch as `performance.now()` tells them; not later than now. */
export function timeAt(seconds: number): number {
  return Math.min(seconds * 1000 - performance.timeOrigin, performance.now());
}

/** The oldest format in which these can be said. */
export function formatFor(generations: Iterable<Generation>): number {
  for (const { topics } of generations) if (topics) return FORMAT;
  return PLAIN_FORMAT;
}

export function header(format = FORMAT): Buffer {
  const unit = Buffer.alloc(UNIT);
  unit.write(MAGIC);
  unit.writeUInt32LE(format, 16);
  unit.writeUInt32LE(crc32(unit.subarray(0, 20)), 20);
  return unit;
}

/** The format of a journal; null: the header is damaged, or this is no journal. */
export function journalFormat(bytes: Buffer): number | null {
  if (bytes.length < UNIT || bytes.toString('latin1', 0, 16) !== MAGIC) return null;
  return crc32(bytes.subarray(0, 20)) === bytes.readUInt32LE(20) ? bytes.readUInt32LE(16) : null;
}

/** All that is known of a generation. */
export function wholeEntries(g: Generation): Buffer[] {
  const entries = [fileEntry(g), ...topicEntries(g), positionEntry(g)];
  if (g.size > g.position || g.sum) entries.push(sizeEntry(g));
  return entries;
}

export function fileEntry(g: Generation): Buffer {
  const { id, input, path, base, whole, damaged, carried, cut, skipped, real, began, routed, cursor } = g;
  const named = g.named || undefined;
  const said = { id, input, path, base, whole, damaged, carried, cut, skipped, named, real, began, routed, cursor };
  const text = Buffer.from(JSON.stringify(said));
  const entry = Buffer.alloc(Math.ceil((TEXT_AT + text.length) / UNIT) * UNIT);
  text.copy(entry, TEXT_AT);
  return sealed(entry, FILE, 0, text.length, g.number, g.seen);
}

export function positionEntry(g: Generation): Buffer {
  const entry = Buffer.allocUnsafe(UNIT);
  entry.writeUInt32LE(Number(BigInt.asUintN(32, g.device)), 16);
  entry.writeUInt32LE(g.born, 20);
  entry.writeBigUInt64LE(BigInt.asUintN(64, g.inode), 24);
  entry.writeBigUInt64LE(g.head.digest, 32);
  entry.writeBigUInt64LE(g.marker.digest, 40);
  entry.writeBigUInt64LE(BigInt(g.markedAt), 48);
  entry.writeBigUInt64LE(BigInt(g.position), 56);
  return sealed(entry, POSITION, g.marker.length, g.head.length, g.number, g.seen);
}

export function forgetEntry(number: number, seen: number): Buffer {
  return sealed(Buffer.alloc(UNIT), FORGET, 0, 0, number, seen);
}

export function sizeEntry(g: Generation): Buffer {
  const entry = Buffer.alloc(UNIT);
  entry.writeBigUInt64LE(BigInt(g.size), 16);
  if (g.sum) {
    entry.writeBigUInt64LE(BigInt(g.sum.length), 24);
    entry.writeUInt32LE(g.sum.crc, 32);
    entry.writeUInt32LE(g.sum.modified ?? 0, 36);
  }
  if (g.ages && g.size > g.position) {
    entry.writeBigUInt64LE(BigInt(g.position), SINCE_AT - 8);
    entry.writeUInt32LE(secondsAt(g.ages.of(g.position)), SINCE_AT);
  }
  return sealed(entry, SIZE, 0, 0, g.number, g.seen);
}

/** Before the position, which is the lowest of them: what is torn off leaves a lower one. */
export function topicEntries(g: Generation): Buffer[] {
  return [...(g.topics ?? [])].map(([name, { position, skipped }]) => {
    const text = Buffer.from(name);
    const entry = Buffer.alloc(Math.ceil((NAME_AT + text.length) / UNIT) * UNIT);
    entry.writeBigUInt64LE(BigInt(position), 16);
    entry.writeBigUInt64LE(BigInt(skipped), 24);
    text.copy(entry, NAME_AT);
    return sealed(entry, TOPIC, 0, text.length, g.number, g.seen);
  });
}

function sealed(entry: Buffer, kind: number, a: number, b: number, number: number, seen: number): Buffer {
  entry[4] = kind;
  entry[5] = a;
  entry.writeUInt16LE(b, 6);
  entry.writeUInt32LE(number, 8);
  entry.writeUInt32LE(seen, 12);
  entry.writeUInt32LE(crc32(entry.subarray(4)), 0);
  return entry;
}

/** What a journal says, and how many of its bytes could not be understood. */
export function readJournal(bytes: Buffer): { files: Map<number, Generation>; damaged: number } {
  const files = new Map<number, Generation>();
  let damaged = 0;
  for (const entry of entriesIn(bytes.subarray(UNIT))) {
    if (entry.kind === null) damaged += entry.bytes.length;
    else apply(entry.bytes, files);
  }
  return { files, damaged };
}

export interface JournalEntry {
  /** Null: it cannot be understood. */
  kind: 'file' | 'position' | 'forget' | 'size' | 'topic' | null;
  number: number;
  bytes: Buffer;
}

/** What follows the header. */
export function* entriesIn(bytes: Buffer): Iterable<JournalEntry> {
  for (let at = 0; at < bytes.length; ) {
    const size = entrySize(bytes, at);
    const entry = bytes.subarray(at, at + (size || UNIT));
    const kind = size === 0 ? null : (KINDS[entry[4]!] ?? null);
    yield { kind, number: kind === null ? 0 : entry.readUInt32LE(8), bytes: entry };
    at += entry.length;
  }
}

/** Bytes of the entry at `at`; 0: there is none. */
function entrySize(bytes: Buffer, at: number): number {
  if (at + UNIT > bytes.length) return 0;
  const kind = bytes[at + 4]!;
  if (kind < FILE || kind > TOPIC) return 0;
  const textAt = kind === FILE ? TEXT_AT : NAME_AT;
  const size = kind === FILE || kind === TOPIC ? Math.ceil((textAt + bytes.readUInt16LE(at + 6)) / UNIT) * UNIT : UNIT;
  if (at + size > bytes.length) return 0;
  return crc32(bytes.subarray(at + 4, at + size)) === bytes.readUInt32LE(at) ? size : 0;
}

/** What an entry says counts from now on. */
export function apply(entry: Buffer, files: Map<number, Generation>): void {
  const number = entry.readUInt32LE(8);
  const seen = entry.readUInt32LE(12);
  if (entry[4] === FORGET) {
    files.delete(number);
    return;
  }
  if (entry[4] === FILE) {
    const text = entry.toString('utf8', TEXT_AT, TEXT_AT + entry.readUInt16LE(6));
    const said = JSON.parse(text) as Pick<
      Generation,
      | ('id' | 'input' | 'path' | 'base' | 'whole' | 'damaged' | 'carried' | 'cut' | 'skipped' | 'named' | 'real')
      | ('began' | 'routed' | 'cursor')
    >;
    const file = blank(said);
    const known = files.get(number);
    if (known) {
      // Said again with something new: what is known of it stays.
      const { device, inode, born, head, position, marker, markedAt, size, sum, ages } = known;
      Object.assign(file, { device, inode, born, head, position, marker, markedAt, size, sum, ages });
      if (said.routed !== undefined && known.topics) file.topics = known.topics;
    }
    files.set(number, Object.assign(file, said, { seen, number }));
    return;
  }
  const file = files.get(number);
  // Its file entry is damaged: the file will be taken for a new one.
  if (!file) return;
  file.seen = Math.max(file.seen, seen);
  if (entry[4] === SIZE) {
    file.size = Number(entry.readBigUInt64LE(16));
    const length = Number(entry.readBigUInt64LE(24));
    const sum = { length, crc: entry.readUInt32LE(32), modified: entry.readUInt32LE(36) };
    file.sum = length === 0 ? undefined : sum;
    const since = entry.readUInt32LE(SINCE_AT);
    const from = Number(entry.readBigUInt64LE(SINCE_AT - 8));
    file.ages = since === 0 ? undefined : new Ages(from, file.size, timeAt(since));
    return;
  }
  if (entry[4] === TOPIC) {
    const name = entry.toString('utf8', NAME_AT, NAME_AT + entry.readUInt16LE(6));
    const at = { position: Number(entry.readBigUInt64LE(16)), skipped: Number(entry.readBigUInt64LE(24)) };
    file.topics = new Map(file.topics).set(name, at);
    return;
  }
  // What is the same as before stays the same object: of a hundred thousand files the garbage would take 20 MB.
  const device = sharedDevice(BigInt(entry.readUInt32LE(16)));
  const inode = entry.readBigUInt64LE(24);
  if (file.device !== device) file.device = device;
  if (file.inode !== inode) file.inode = inode;
  file.born = entry.readUInt32LE(20);
  file.head = prefixOf(file.head, entry.readUInt16LE(6), entry.readBigUInt64LE(32));
  file.marker = prefixOf(file.marker, entry[5]!, entry.readBigUInt64LE(40));
  file.markedAt = Number(entry.readBigUInt64LE(48));
  file.position = Number(entry.readBigUInt64LE(56));
}

function prefixOf(before: Prefix, length: number, digest: bigint): Prefix {
  if (length === before.length && digest === before.digest) return before;
  return length === 0 ? NO_PREFIX : { length, digest };
}
