/**
 * The kernel once more in plain TypeScript, to compare it with: as slow and as plain as possible, by the specifications
 * (Kafka's record format v2, JSON, and TextDecoder for what is no UTF-8).
 */
import { MULTILINE, STDERR, STDOUT, TRUNCATED } from '../../src/core/batch.ts';
import type { Envelope } from '../../src/records/envelope.ts';

export interface Line {
  start: number;
  end: number;
  source: number;
  length: number;
  flags: number;
}

/** Lines of bytes [from, to), `source` relative to `base`, at most `max`. `last`: what no LF ends is a line, too. */
export function findLines(
  bytes: Uint8Array,
  from: number,
  to: number,
  base: number,
  max: number,
  last: boolean,
): Line[] {
  const lines: Line[] = [];
  const text = (from: number, end: number): number => {
    const isMark = end - from >= 3 && Buffer.from(bytes.subarray(from, from + 3)).toString('hex') === 'efbbbf';
    return isMark ? text(from + 3, end) : from;
  };
  let start = from;
  for (let at = from; at < to && lines.length < max; at++) {
    if (bytes[at] !== 10) continue;
    const end = at > start && bytes[at - 1] === 13 ? at - 1 : at;
    lines.push({ start: text(start, end), end, source: start - base, length: at + 1 - start, flags: 0 });
    start = at + 1;
  }
  if (last && start < to && lines.length < max) {
    lines.push({ start: text(start, to), end: to, source: start - base, length: to - start, flags: 0 });
  }
  return lines;
}

export interface Job {
  envelope: Envelope;
  time: number;
  position: number;
  skipped: number;
  delta: number;
  /** Bytes that the records may take. */
  room: number;
  empty: boolean;
}

export interface Packed {
  count: number;
  bytes: Buffer;
  replaced: number;
  cut: number;
}

export function pack(bytes: Uint8Array, lines: Line[], first: number, count: number, job: Job): Packed {
  const packed: Packed = { count: 0, bytes: Buffer.alloc(0), replaced: 0, cut: 0 };
  for (let i = first; i < first + count; i++) {
    const before = i === 0 ? -job.skipped : lines[i - 1]!.source + lines[i - 1]!.length;
    const line = lines[i]!;
    const skipped = Math.max(0, line.source - before);
    const room = job.room - packed.bytes.length;
    const text = bytes.subarray(line.start, line.end);
    const make = (part: Uint8Array, flags: number) => record(part, line, skipped, flags, job, i - first);
    // A varint is taken to be as wide as for a record that fills the room.
    const fits = (part: Uint8Array, flags: number) => {
      const value = recordValue(part, line, skipped, flags, job);
      const widths = 2 * zigzag(room).length + 2 + zigzag(job.delta + i - first).length;
      const around = widths + zigzag(job.envelope.key.length).length + job.envelope.key.length;
      return around + value.length + headerRoom(line, skipped, flags, job) <= room;
    };
    if (fits(text, line.flags)) append(packed, make(text, line.flags), text, job);
    else {
      if (!job.empty || i !== first) break;
      const flags = line.flags | TRUNCATED;
      const end = characterEnds(text).findLast((end) => fits(text.subarray(0, end), flags));
      if (end === undefined) break;
      const part = text.subarray(0, end);
      append(packed, make(part, flags), part, job);
      packed.cut++;
    }
    packed.count++;
  }
  return packed;
}

function append(packed: Packed, bytes: Buffer, text: Uint8Array, job: Job): void {
  packed.bytes = Buffer.concat([packed.bytes, bytes]);
  if (job.envelope.kind === 'json') packed.replaced += decode(text).filter((c) => c.replaced).length;
}

function record(text: Uint8Array, line: Line, skipped: number, flags: number, job: Job, index: number): Buffer {
  const value = recordValue(text, line, skipped, flags, job);
  const body = Buffer.concat([
    Buffer.from([0, 0]),
    zigzag(job.delta + index),
    framed(job.envelope.key),
    framed(value),
    headersOf(line, skipped, flags, job),
  ]);
  return framed(body);
}

function recordValue(text: Uint8Array, line: Line, skipped: number, flags: number, job: Job): Buffer {
  const e = job.envelope;
  if (e.kind !== 'json') return Buffer.from(text);
  const words = flagWords(flags);
  const iostream = iostreamOf(flags);
  const message = decode(text)
    .map((c) => JSON.stringify(c.text).slice(1, -1))
    .join('');
  return Buffer.from(
    `{"@timestamp":"${new Date(job.time).toISOString()}${e.before}${message}${e.offset}${job.position + line.source}` +
      `,"length":${line.length}${skipped > 0 ? `,"skipped":${skipped}` : ''}` +
      `${words.length > 0 ? `,"flags":${JSON.stringify(words)}` : ''}` +
      `${iostream === '' ? '' : `,"iostream":"${iostream}"`}${e.after}`,
  );
}

function headersOf(line: Line, skipped: number, flags: number, job: Job): Buffer {
  const e = job.envelope;
  if (e.kind !== 'raw') return zigzag(0);
  const pairs = [
    ['offset', String(job.position + line.source)],
    ['length', String(line.length)],
  ];
  if (skipped > 0) pairs.push(['skipped', String(skipped)]);
  const words = flagWords(flags);
  if (words.length > 0) pairs.push(['flags', words.join(',')]);
  if (iostreamOf(flags) !== '') pairs.push(['iostream', iostreamOf(flags)]);
  const count = zigzag(e.headerCount + pairs.length);
  return Buffer.concat([count, e.headers, ...pairs.flat().map((text) => framed(Buffer.from(text)))]);
}

/** Bytes that are kept for the headers: their number is taken to be as wide as with all five that may be added. */
function headerRoom(line: Line, skipped: number, flags: number, job: Job): number {
  const e = job.envelope;
  if (e.kind !== 'raw') return 1;
  const said = (flagWords(flags).length > 0 ? 1 : 0) + (iostreamOf(flags) === '' ? 0 : 1);
  const added = 2 + (skipped > 0 ? 1 : 0) + said;
  const count = zigzag(e.headerCount + added).length;
  return headersOf(line, skipped, flags, job).length - count + zigzag(e.headerCount + 5).length;
}

function flagWords(flags: number): string[] {
  return [flags & TRUNCATED ? 'truncated' : '', flags & MULTILINE ? 'multiline' : ''].filter((word) => word !== '');
}

function iostreamOf(flags: number): string {
  return flags & STDERR ? 'stderr' : flags & STDOUT ? 'stdout' : '';
}

const DECODER = new TextDecoder('utf-8', { ignoreBOM: true });

interface Character {
  text: string;
  bytes: number;
  replaced: boolean;
}

/** Characters as TextDecoder sees them, and what it replaces. */
function decode(bytes: Uint8Array): Character[] {
  const characters: Character[] = [];
  for (let at = 0; at < bytes.length; ) {
    const found = whole(bytes, at) ?? { text: '\ufffd', bytes: subpart(bytes, at), replaced: true };
    characters.push(found);
    at += found.bytes;
  }
  return characters;
}

/** The character at `at`, where there is one. */
function whole(bytes: Uint8Array, at: number): Character | undefined {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length++) {
    const part = bytes.subarray(at, at + length);
    const text = DECODER.decode(part);
    if (Buffer.from(text).equals(part)) return { text, bytes: length, replaced: false };
  }
  return undefined;
}

/** How many bytes one U+FFFD stands for: as long as a decoder that gets more bytes says no word. */
function subpart(bytes: Uint8Array, at: number): number {
  let length = 1;
  while (length < 3 && at + length < bytes.length) {
    const stream = new TextDecoder();
    if (stream.decode(bytes.slice(at, at + length + 1), { stream: true }) !== '') break;
    length++;
  }
  return length;
}

/** Where text can be cut; 0 is one of the places. */
function characterEnds(bytes: Uint8Array): number[] {
  const ends = [0];
  for (const character of decode(bytes)) ends.push(ends.at(-1)! + character.bytes);
  return ends;
}

function framed(bytes: Buffer): Buffer {
  return Buffer.concat([zigzag(bytes.length), bytes]);
}

function zigzag(value: number): Buffer {
  const out: number[] = [];
  for (let rest = value * 2; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...out, rest]);
    out.push((rest % 128) + 128);
  }
}
