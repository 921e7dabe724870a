/**
 * A record of the audit stream: what a client sent, byte for byte, with a link of the stream's chain in place of its last
 * brace. The link is of fixed width, so whoever checks it cuts off so many bytes and puts the brace back.
 *
 *   {"@timestamp":...,"event":{...}   ,"audit":{"stream":"<16 hex>","sequence":"<20 digits>","time":"<24>",
 *   '------- the client's -------'               "previous":"<64 hex>","hash":"<64 hex>"}}
 *
 *   hash = sha256(0x00 | previous, 32 | stream, 8 | sequence, 8, big endian | time, 24 | the client's bytes with their brace)
 *
 * Numbers begin with 1 and have no gap; the first `previous` is zeros. 0x00 tells a record from a seal (seal.ts), as in
 * RFC 6962.
 */
import { hash } from '../builtin.ts';

/** What a link adds to the client's bytes: it begins in place of their last brace. */
export const LINK_BYTES = 259;
/** Of a hash, and of a key. */
export const HASH_BYTES = 32;
export const STREAM_BYTES = 8;
/** `2026-12-01T07:00:00.000Z`. */
export const TIME_BYTES = 24;
/** Before the first record or seal, hex. */
export const ZEROS = '00'.repeat(HASH_BYTES);

/** A link of the chain. */
export interface AuditLink {
  /** The stream's id, 16 hex digits. */
  stream: string;
  /** From 1. */
  sequence: number;
  /** When it was taken, ISO 8601 with milliseconds. */
  time: string;
  /** Hash of the record before, 64 hex digits. */
  previous: string;
  hash: string;
}

export interface AuditRecord extends AuditLink {
  /** What the client sent. */
  client: Buffer;
}

const [BRACE, ZERO] = [0x7d, 0x30];
const NUMBER_DIGITS = 20;
const RECORD = 0x00;
/** Before the client's bytes, in what is hashed. */
export const HASHED_HEAD_BYTES = 1 + HASH_BYTES + STREAM_BYTES + 8 + TIME_BYTES;
/** Of a link: `[name in front, bytes]`, in their order. */
export const LINK_FIELDS: readonly (readonly [before: string, width: number])[] = [
  [',"audit":{"stream":"', 2 * STREAM_BYTES],
  ['","sequence":"', 20],
  ['","time":"', TIME_BYTES],
  ['","previous":"', 2 * HASH_BYTES],
  ['","hash":"', 2 * HASH_BYTES],
];
const END = '"}}';
const LINK =
  /^,"audit":\{"stream":"([0-9a-f]{16})","sequence":"(\d{20})","time":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)","previous":"([0-9a-f]{64})","hash":"([0-9a-f]{64})"\}\}$/;

/** What is hashed is put together here: longer ones are rare. Stream and time are most often those of the one before. */
let scratch: Buffer = Buffer.alloc(16 << 10);
let hashedStream = '';
let hashedTime = '';

/** The number as it stands in records: 20 digits. */
export function twentyDigits(n: number): string {
  return String(n).padStart(NUMBER_DIGITS, '0');
}

/** The same, written at `at`. */
export function writeTwentyDigits(to: Uint8Array, at: number, n: number): void {
  let rest = n;
  for (let i = at + NUMBER_DIGITS - 1; i >= at; i--) {
    const tens = Math.floor(rest / 10);
    to[i] = ZERO + (rest - 10 * tens);
    rest = tens;
  }
}

/** The hash of a record, as `previous` in hex; `client` ends with its brace. */
export function recordHash(previous: string, link: Omit<AuditLink, 'previous' | 'hash'>, client: Buffer): string {
  const length = HASHED_HEAD_BYTES + client.length;
  const bytes = hashed(length);
  if (link.stream !== hashedStream) bytes.write(link.stream, 1 + HASH_BYTES, STREAM_BYTES, 'hex');
  if (link.time !== hashedTime) bytes.write(link.time, HASHED_HEAD_BYTES - TIME_BYTES, TIME_BYTES, 'latin1');
  // Of one that is not kept nothing is known the next time.
  const kept = bytes === scratch;
  hashedStream = kept ? link.stream : '';
  hashedTime = kept ? link.time : '';
  bytes[0] = RECORD;
  bytes.write(previous, 1, HASH_BYTES, 'hex');
  bytes.writeUInt32BE(Math.floor(link.sequence / 2 ** 32), 1 + HASH_BYTES + STREAM_BYTES);
  bytes.writeUInt32BE(link.sequence % 2 ** 32, 1 + HASH_BYTES + STREAM_BYTES + 4);
  client.copy(bytes, HASHED_HEAD_BYTES);
  return hash('sha256', bytes.subarray(0, length), 'hex');
}

/** The link that was written last: most that follow are of the same stream and time. */
const written = Buffer.alloc(LINK_BYTES);
let writtenStream = '';
let writtenTime = '';

/** Where in a link the value of each field begins. */
export const LINK_AT = LINK_FIELDS.map((_, i) =>
  LINK_FIELDS.slice(0, i + 1).reduce((at, [before], j) => at + before.length + (j < i ? LINK_FIELDS[j]![1] : 0), 0),
) as [stream: number, sequence: number, time: number, previous: number, hash: number];
for (const [i, [before]] of LINK_FIELDS.entries()) written.write(before, LINK_AT[i]! - before.length, 'latin1');
written.write(END, LINK_BYTES - END.length, 'latin1');

/** Writes the link behind the client's bytes, over their last brace: `at` is where that stands. */
export function writeLink(to: Buffer, at: number, { stream, sequence, time, previous, hash }: AuditLink): void {
  const [streamAt, sequenceAt, timeAt, previousAt, hashAt] = LINK_AT;
  if (stream !== writtenStream) written.write(stream, streamAt, 'latin1');
  if (time !== writtenTime) written.write(time, timeAt, 'latin1');
  writtenStream = stream;
  writtenTime = time;
  writeTwentyDigits(written, sequenceAt, sequence);
  written.write(previous, previousAt, 'latin1');
  written.write(hash, hashAt, 'latin1');
  written.copy(to, at);
}

/** A record's value: the client's bytes and their link. */
export function auditRecord(client: Buffer, link: AuditLink): Buffer {
  const value = Buffer.allocUnsafe(client.length - 1 + LINK_BYTES);
  client.copy(value, 0, 0, client.length - 1);
  writeLink(value, client.length - 1, link);
  return value;
}

/** The value taken apart; null: it is no record of the audit stream. Whether its hash is right, `isIntact` says. */
export function readAuditRecord(value: Buffer): AuditRecord | null {
  const at = value.length - LINK_BYTES;
  if (at < 1 || value[0] !== 0x7b) return null;
  const found = LINK.exec(value.toString('latin1', at));
  if (!found) return null;
  const sequence = Number(found[2]);
  if (!Number.isSafeInteger(sequence)) return null;
  const client = Buffer.allocUnsafe(at + 1);
  value.copy(client, 0, 0, at);
  client[at] = BRACE;
  return { stream: found[1]!, sequence, time: found[3]!, previous: found[4]!, hash: found[5]!, client };
}

/** Its hash is that of its bytes. */
export function isIntact(record: AuditRecord): boolean {
  return recordHash(record.previous, record, record.client) === record.hash;
}

function hashed(length: number): Buffer {
  if (length <= scratch.length) return scratch;
  hashedStream = '';
  hashedTime = '';
  const grown = Buffer.alloc(length);
  // The largest event is 256 KiB: what is larger is read from elsewhere, and not kept.
  if (length <= 512 << 10) scratch = grown;
  return grown;
}
