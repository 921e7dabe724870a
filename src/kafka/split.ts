/**
 * What to do with a records section that a topic does not take because it is too large: make smaller ones of the same
 * records in the same order, or, where a single record is too large, its cut form. The number of records never changes:
 * a hole in the sequence numbers would make the broker refuse all that follows.
 */
import type { Codec } from '../core/block.ts';
import { compress, decompress } from './codecs.ts';
import { type BatchRecord, frameRecord, HEADER_BYTES, records } from './record-batch.ts';

export interface Section {
  codec: Codec;
  body: Buffer;
  count: number;
}

/** The level that the second compression uses: this is rare, and never worth more. */
const LEVEL = 1;
/** Parts compress a little worse than the whole. */
const MARGIN = 0.85;
/** A record's framing around key, value and headers, at most. */
const FRAMING = 40;

/**
 * Sections that are each likely to make a batch of at most `limit` bytes, header included; those that still do not can be
 * split again. `cut`: records that were cut. One section that is no smaller than before means: nothing can be done.
 */
export async function split(section: Section, limit: number): Promise<{ sections: Section[]; cut: number }> {
  const raw = await decompress(section.codec, section.body);
  const ratio = Math.min(1, section.body.length / raw.length);
  const target = Math.max(1, Math.floor(((limit - HEADER_BYTES) / ratio) * MARGIN));
  const pack = async (parts: Buffer[]): Promise<Section> => ({
    codec: section.codec,
    body: await compress(section.codec, LEVEL, Buffer.concat(parts)),
    count: parts.length,
  });

  if (section.count === 1) {
    const [record] = records(raw);
    return { sections: [await pack([cutRecord(record!, Math.min(target, raw.length - 1))])], cut: 1 };
  }
  const sections: Section[] = [];
  const most = Math.min(target, Math.ceil(raw.length / 2));
  let parts: Buffer[] = [];
  let bytes = 0;
  for (const { key, value, headers, start, end } of records(raw)) {
    // Two records at least are apart afterwards, whatever their sizes: the first may be nearly all.
    const first = sections.length === 0 && start > 0 && end === raw.length;
    if (parts.length > 0 && (bytes + end - start > most || first)) {
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

/** The record with as much of its value as fits into `limit` bytes. */
function cutRecord({ key, value, headers }: BatchRecord, limit: number): Buffer {
  let around = FRAMING + (key?.length ?? 0);
  for (const [name, bytes] of headers) around += name.length + bytes.length + 10;
  return frameRecord({
    offsetDelta: 0,
    key,
    value: value && cutValue(value, Math.max(0, limit - around)),
    headers: value && !isObject(value) ? flagged(headers) : headers,
  });
}

/** A value of at most `limit` bytes. Of a JSON document with a `message`, that is cut, so it stays one; see `log.flags`. */
export function cutValue(value: Buffer, limit: number): Buffer {
  if (value.length <= limit) return value;
  if (isObject(value)) {
    const cut = cutDocument(value, limit);
    if (cut) return cut;
  }
  let end = limit;
  // Not in the middle of a character: 10xxxxxx are the bytes that continue one.
  while (end > 0 && (value[end]! & 0xc0) === 0x80) end--;
  return value.subarray(0, end);
}

function isObject(value: Buffer): boolean {
  return value[0] === 0x7b && value.at(-1) === 0x7d;
}

/** Null where the value is no JSON document with a message, or all but its message is too large already. */
function cutDocument(value: Buffer, limit: number): Buffer | null {
  let document: { message?: unknown; log?: { flags?: unknown } };
  try {
    document = JSON.parse(value.toString());
  } catch {
    // Looks like a document, is none: it is cut as bytes.
    return null;
  }
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
