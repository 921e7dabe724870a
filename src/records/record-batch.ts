/**
 * Kafka's record batch, version 2 (KIP-98). Integers are big-endian.
 *
 *    0  baseOffset           i64    what offset the first record has; 0 from producers, the broker sets it
 *    8  batchLength          i32    bytes after this field: 49 + records
 *   12  partitionLeaderEpoch i32    -1 from producers
 *   16  magic                i8     2
 *   17  crc                  u32    CRC32C of everything from 21 on
 *   21  attributes           i16    bits 0-2 codec, 3 log append time, 4 transactional, 5 control
 *   23  lastOffsetDelta      i32    count - 1
 *   27  baseTimestamp        i64    ms
 *   35  maxTimestamp         i64    ms
 *   43  producerId           i64    -1: not idempotent
 *   51  producerEpoch        i16
 *   53  baseSequence         i32
 *   57  count                i32
 *   61  records, as one stretch, compressed or not
 *
 * The fields that the broker sets lie before 21: the checksum holds on the wire and on disk. Header and records are kept
 * in separate buffers (the records are packed once, the header is made for each sequence number) and never joined.
 *
 * A record, all integers zigzag varints, -1 as a length meaning null:
 *   length | attributes (i8, 0) | timestampDelta | offsetDelta | keyLength key | valueLength value
 *          | headerCount { keyLength key valueLength value }
 */
import assert from 'node:assert';
import { crc32c } from '@node-rs/crc32';

/** Kafka's compression codecs; the index is the codec's number in the batch attributes. */
export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Codec = (typeof CODECS)[number];

export const HEADER_BYTES = 61;
/** Batches of a producer id that a broker remembers: so many may be on their way, counted from the oldest. */
export const WINDOW = 5;
/** The part of the header that batchLength and the parts before it do not count. */
const LENGTH_AT = 8;
const AFTER_LENGTH = 12;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const MAGIC = 2;
const APPENDED = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

export interface HeaderFields {
  /** Default 0. */
  baseOffset?: bigint;
  count: number;
  codec: Codec;
  /** Milliseconds since the epoch: base and max timestamp; the records' deltas are 0. */
  time: number;
  /** -1n, the default, without idempotence; then `epoch` and `sequence` are -1 too. */
  producerId?: bigint;
  epoch?: number;
  sequence?: number;
  transactional?: boolean;
}

export interface BatchHeader extends Required<HeaderFields> {
  /** Bytes of the records section as it is stored or sent. */
  recordsBytes: number;
  /** Bytes of the whole batch, header included. */
  bytes: number;
  crc: number;
  control: boolean;
  /** The records' time is `maxTime`, when the broker appended them. */
  appended: boolean;
  lastOffsetDelta: number;
  maxTime: number;
}

export interface BatchRecord {
  offsetDelta: number;
  timestampDelta: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: [string, Buffer][];
  /** The record, its length included, is `body[start..end)`. */
  start: number;
  end: number;
}

/** The header of a batch, with the checksum over it and `body`, the records section as it will be stored or sent. */
export function sealedHeader(body: Uint8Array, fields: HeaderFields): Buffer {
  const { count, time, baseOffset = 0n, producerId = -1n, epoch = -1, sequence = -1 } = fields;
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header.writeBigInt64BE(baseOffset, 0);
  header.writeInt32BE(HEADER_BYTES - AFTER_LENGTH + body.length, LENGTH_AT);
  header.writeInt32BE(-1, 12);
  header.writeInt8(MAGIC, 16);
  header.writeInt16BE(CODECS.indexOf(fields.codec) | (fields.transactional ? TRANSACTIONAL : 0), ATTRIBUTES_AT);
  header.writeInt32BE(count - 1, 23);
  header.writeBigInt64BE(BigInt(time), 27);
  header.writeBigInt64BE(BigInt(time), 35);
  header.writeBigInt64BE(producerId, 43);
  header.writeInt16BE(epoch, 51);
  header.writeInt32BE(sequence, 53);
  header.writeInt32BE(count, 57);
  header.writeUInt32BE(crc32c(body, crc32c(header.subarray(ATTRIBUTES_AT))), CRC_AT);
  return header;
}

/** The header at `at`; null when what stands there is cut short or is not a batch of version 2. */
export function readHeader(buffer: Buffer, at = 0): BatchHeader | null {
  if (buffer.length - at < HEADER_BYTES || buffer.readInt8(at + 16) !== MAGIC) return null;
  const recordsBytes = buffer.readInt32BE(at + LENGTH_AT) + AFTER_LENGTH - HEADER_BYTES;
  const attributes = buffer.readInt16BE(at + ATTRIBUTES_AT);
  const codec = CODECS[attributes & 7];
  const count = buffer.readInt32BE(at + 57);
  if (recordsBytes < 0 || count < 0 || codec === undefined) return null;
  return {
    baseOffset: buffer.readBigInt64BE(at),
    bytes: HEADER_BYTES + recordsBytes,
    recordsBytes,
    crc: buffer.readUInt32BE(at + CRC_AT),
    codec,
    transactional: (attributes & TRANSACTIONAL) !== 0,
    control: (attributes & CONTROL) !== 0,
    appended: (attributes & APPENDED) !== 0,
    lastOffsetDelta: buffer.readInt32BE(at + 23),
    time: Number(buffer.readBigInt64BE(at + 27)),
    maxTime: Number(buffer.readBigInt64BE(at + 35)),
    producerId: buffer.readBigInt64BE(at + 43),
    epoch: buffer.readInt16BE(at + 51),
    sequence: buffer.readInt32BE(at + 53),
    count,
  };
}

/** Whether a whole batch stands at `at` and its checksum holds. `header`: what readHeader gave for it. */
export function checkCrc(buffer: Buffer, at = 0, header = readHeader(buffer, at)): boolean {
  if (!header || buffer.length - at < header.bytes) return false;
  return crc32c(buffer.subarray(at + ATTRIBUTES_AT, at + header.bytes)) === header.crc;
}

/** The records of a decompressed records section; keys and values are views of it. Throws where it is malformed. */
export function* records(body: Buffer): Generator<BatchRecord, void> {
  const reader = new Reader(body);
  while (reader.at < body.length) {
    const start = reader.at;
    const length = reader.varint();
    const end = reader.at + length;
    if (length < 0 || end > body.length) throw new RangeError(`record at byte ${start} is cut short`);
    reader.at++;
    const timestampDelta = reader.varint();
    const offsetDelta = reader.varint();
    const key = reader.bytes();
    const value = reader.bytes();
    const headers: [string, Buffer][] = [];
    for (let n = reader.varint(); n > 0; n--) {
      headers.push([reader.bytes()?.toString() ?? '', reader.bytes() ?? Buffer.alloc(0)]);
    }
    if (reader.at !== end) throw new RangeError(`record at byte ${start} does not end where its length says`);
    yield { offsetDelta, timestampDelta, key, value, headers, start, end };
  }
}

type Bytes = Uint8Array | string | null;

/** One framed record, for the few that are not packed by the kernel. Timestamp delta 0. */
export function frameRecord(record: {
  offsetDelta: number;
  key?: Bytes;
  value: Bytes;
  headers?: readonly (readonly [string, Uint8Array | string])[];
}): Buffer {
  const { offsetDelta, key = null, value, headers = [] } = record;
  const keyBytes = typeof key === 'string' ? Buffer.from(key) : key;
  const around = { offsetDelta, key: keyBytes, valueBytes: bytesOf(value), headers: encodedHeaders(headers) };
  const length = bytesBehindLength(around);
  const bytes = Buffer.allocUnsafe(varintBytes(length) + length);
  const valueAt = frameAround(bytes, 0, around);
  if (typeof value === 'string') bytes.write(value, valueAt);
  else if (value !== null) bytes.set(value, valueAt);
  return bytes;
}

/** Headers as they stand in a record, their number in front. */
export function encodedHeaders(headers: readonly (readonly [string, Uint8Array | string])[]): Buffer {
  if (headers.length === 0) return NO_HEADERS;
  let length = varintBytes(headers.length);
  for (const [name, content] of headers) length += fieldBytes(name) + fieldBytes(content);
  const out = Buffer.allocUnsafe(length);
  let at = writeVarint(out, 0, headers.length);
  for (const [name, content] of headers) at = writeField(out, writeField(out, at, name), content);
  return out;
}

const NO_HEADERS = Buffer.of(0);

/** A record but for its value, which has so many bytes; -1: it is null. */
export interface RecordAround {
  offsetDelta: number;
  key: Uint8Array | null;
  valueBytes: number;
  headers: Uint8Array;
}

/** Writes it at `at`, where it has room; gives the place of the value, which the caller writes. */
export function frameAround(to: Uint8Array, at: number, record: RecordAround): number {
  const { offsetDelta, key, valueBytes, headers } = record;
  at = writeVarint(to, at, bytesBehindLength(record));
  // No attributes, and no timestamp delta.
  to[at++] = 0;
  to[at++] = 0;
  at = writeVarint(to, at, offsetDelta);
  at = writeVarint(to, at, key === null ? -1 : key.length);
  if (key !== null) {
    to.set(key, at);
    at += key.length;
  }
  const valueAt = writeVarint(to, at, valueBytes);
  to.set(headers, valueAt + Math.max(0, valueBytes));
  return valueAt;
}

function bytesBehindLength({ offsetDelta, key, valueBytes, headers }: RecordAround): number {
  const value = varintBytes(valueBytes) + Math.max(0, valueBytes);
  return 2 + varintBytes(offsetDelta) + fieldBytes(key) + value + headers.length;
}

function zigzag(n: number): number {
  assert((n | 0) === n, `${n} is not a 32-bit integer`);
  return ((n << 1) ^ (n >> 31)) >>> 0;
}

function varintBytes(n: number): number {
  let bytes = 1;
  for (let z = zigzag(n); z > 0x7f; z >>>= 7) bytes++;
  return bytes;
}

/** `n`, a 32-bit integer, as a zigzag varint; gives the place behind it. */
function writeVarint(out: Uint8Array, at: number, n: number): number {
  let z = zigzag(n);
  for (; z > 0x7f; z >>>= 7) out[at++] = (z & 0x7f) | 0x80;
  out[at++] = z;
  return at;
}

function bytesOf(field: Bytes): number {
  return field === null ? -1 : typeof field === 'string' ? Buffer.byteLength(field) : field.length;
}

function fieldBytes(field: Bytes): number {
  const bytes = bytesOf(field);
  return varintBytes(bytes) + Math.max(0, bytes);
}

function writeField(out: Buffer, at: number, field: Bytes): number {
  at = writeVarint(out, at, bytesOf(field));
  if (field === null) return at;
  if (typeof field === 'string') return at + out.write(field, at);
  out.set(field, at);
  return at + field.length;
}

class Reader {
  readonly #body: Buffer;
  at = 0;

  constructor(body: Buffer) {
    this.#body = body;
  }

  /** Exact up to 2^53: a timestamp delta is a varlong. */
  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#body[this.at++];
      if (byte === undefined || scale > 2 ** 63) throw new RangeError(`integer at byte ${this.at} is malformed`);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
  }

  bytes(): Buffer | null {
    const length = this.varint();
    if (length < 0) return null;
    const start = this.at;
    this.at += length;
    if (this.at > this.#body.length) throw new RangeError(`field at byte ${start} is cut short`);
    return this.#body.subarray(start, this.at);
  }
}
