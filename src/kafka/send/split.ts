/**
 * Makes smaller sections of the records of one, in the same order; where a single record is too large, its cut form. The
 * number of records never changes: a hole in the sequence numbers would make the broker refuse all that follows.
 */

import { compress, decompress } from '../../records/codecs.ts';
import type { Codec } from '../../records/record-batch.ts';
import { type BatchRecord, frameRecord, records } from '../../records/record-batch.ts';

export interface RecordsSection {
  readonly codec: Codec;
  readonly body: Buffer;
  readonly count: number;
  /** Bytes before compression; null: not known. */
  readonly rawBytes: number | null;
  /** Its one record was cut already, and counted. */
  readonly cut?: boolean;
}

export interface Smaller {
  sections: RecordsSection[];
  /** Records that were cut. */
  cut: number;
}

/** The level of a second compression: this is rare, and never worth more. */
export const LEVEL = 1;
/** A record's framing around key, value and headers, at most. */
const FRAMING = 40;

/**
 * Sections whose records take at most `most` bytes unpacked, or of which each is one record: at least two of several
 * records, whatever their sizes. A record that is alone is cut. Null: it cannot be, and stay what it is.
 */
export async function split(section: RecordsSection, raw: Buffer, most: number): Promise<Smaller | null> {
  const { codec, count } = section;
  const pack = async (parts: Buffer[]): Promise<RecordsSection> => {
    const rawBytes = parts.reduce((sum, part) => sum + part.length, 0);
    return { codec, body: await compress(codec, LEVEL, Buffer.concat(parts)), count: parts.length, rawBytes };
  };
  if (count === 1) {
    const [record] = records(raw);
    const cut = cutRecord(record!, Math.min(most, raw.length - 1));
    return cut && { sections: [{ ...(await pack([cut])), cut: true }], cut: section.cut ? 0 : 1 };
  }
  const sections: RecordsSection[] = [];
  const fitting = Math.min(most, Math.ceil(raw.length / 2));
  let parts: Buffer[] = [];
  let bytes = 0;
  for (const { key, value, headers, start, end } of records(raw)) {
    // Two records at least are apart afterwards, whatever their sizes: the first may be nearly all.
    const first = sections.length === 0 && start > 0 && end === raw.length;
    if (parts.length > 0 && (bytes + end - start > fitting || first)) {
      sections.push(await pack(parts));
      parts = [];
      bytes = 0;
    }
    parts.push(frameRecord({ offsetDelta: parts.length, key, value, headers }));
    bytes += end - start;
  }
  sections.push(await pack(parts));
  return { sections, cut: 0 };
}

/** Two sections, or more, of one of several records. */
export async function halve(section: RecordsSection): Promise<RecordsSection[]> {
  const raw = await decompress(section.codec, section.body);
  return (await split(section, raw, Number.POSITIVE_INFINITY))!.sections;
}

/** The record with as much of its value as fits into `limit` bytes; null: nothing of it would be left. */
function cutRecord({ key, value, headers }: BatchRecord, limit: number): Buffer | null {
  let around = FRAMING + (key?.length ?? 0);
  for (const [name, bytes] of headers) around += name.length + bytes.length + 10;
  const cut = value && limit > around ? cutValue(value, limit - around) : null;
  if (!cut) return null;
  return frameRecord({ offsetDelta: 0, key, value: cut, headers: isObject(cut) ? headers : flagged(headers) });
}

/**
 * A value of at most `limit` bytes. Of a JSON document with a `message`, that is cut, so it stays one; see `log.flags`. Null:
 * a document that has none, or too much beside it.
 */
export function cutValue(value: Buffer, limit: number): Buffer | null {
  if (value.length <= limit) return value;
  const document = isObject(value) ? parsed(value) : null;
  if (document) return cutDocument(document, limit);
  let end = limit;
  // Not in the middle of a character: 10xxxxxx are the bytes that continue one.
  while (end > 0 && (value[end]! & 0xc0) === 0x80) end--;
  return value.subarray(0, end);
}

function isObject(value: Buffer): boolean {
  return value[0] === 0x7b && value.at(-1) === 0x7d;
}

interface Document {
  message?: unknown;
  log?: { flags?: unknown };
}

function parsed(value: Buffer): Document | null {
  try {
    return JSON.parse(value.toString());
  } catch {
    // Looks like a document, is none: it is cut as bytes.
    return null;
  }
}

/** Null where it has no message, or all but its message is too large already. */
function cutDocument(document: Document, limit: number): Buffer | null {
  if (typeof document.message !== 'string') return null;
  if (typeof document.log === 'object' && document.log !== null) {
    const flags = Array.isArray(document.log.flags) ? document.log.flags : [];
    document.log.flags = [...new Set([...flags, 'truncated'])];
  }
  for (let message = document.message; ; ) {
    document.message = message;
    const out = Buffer.from(JSON.stringify(document));
    if (out.length <= limit) return out;
    if (message.length === 0) return null;
    const escaped = Buffer.byteLength(JSON.stringify(message));
    const share = Math.max(0, escaped - (out.length - limit)) / escaped;
    let end = Math.min(message.length - 1, Math.floor(message.length * share));
    const last = message.charCodeAt(end - 1);
    if (last >= 0xd800 && last < 0xdc00) end--;
    message = message.slice(0, end);
  }
}

/** Raw lines carry their flags in a header. */
function flagged(headers: readonly [string, Buffer][]): [string, Buffer][] {
  const others = headers.filter(([name]) => name !== 'flags');
  const flags =
    headers
      .find(([name]) => name === 'flags')?.[1]
      .toString()
      .split(',') ?? [];
  return [...others, ['flags', Buffer.from([...new Set([...flags, 'truncated'])].join(','))]];
}
