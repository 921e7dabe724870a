/**
 * Blocks of many keys, cut by the partitions that their keys belong to. What is sent together is a cut: whole blocks of the
 * spool, one after the other, of which each partition gets at most one block.
 *
 *   spool     | a b a c | b a | c c a b |      keys of the records, in the order of arrival
 *             '------ a cut ------------'
 *   Kafka     0: a a a a    1: b b b    2: c c c
 *
 * A cut is a function of its first and last offset and of the number of partitions. So after a kill, when these are known,
 * the same records go out in the same blocks, under the same numbers.
 */
import { free } from '../core/free.ts';
import { compress, decompress } from '../records/codecs.ts';
import { murmur2 } from '../records/murmur2.ts';
import type { Codec } from '../records/record-batch.ts';
import { sizeOfVarint, writeVarint } from '../records/varint.ts';
import type { StoredBatch } from './segment.ts';

/** What a block of one partition has at most, packed and not compressed: Kafka's default takes it whatever is in it. */
const MOST_BYTES = 1_000_000;
/** Bytes of records, not compressed, that a cut has at most, and records. */
const CUT_BYTES = 4 << 20;
const CUT_RECORDS = 65_536;
/** Bytes of a length or a delta, at most. */
const VARINT_BYTES = 5;

/** A block for one partition. */
export interface CutPart {
  partition: number;
  count: number;
  rawBytes: number;
  codec: Codec;
  body: Buffer;
}

/** Records of one block of the spool: where the rest of each begins behind its offset delta, and where it ends. */
interface Walked {
  raw: Buffer;
  partition: Int32Array;
  from: Uint32Array;
  end: Uint32Array;
}

export class Cut {
  readonly partitions: number;
  readonly entries: StoredBatch[] = [];
  readonly #blockBytes: number;
  readonly #walked: Walked[] = [];
  /** By partition: bytes, at most, and records. */
  readonly #bytes: Float64Array;
  readonly #counts: Uint32Array;
  #total = 0;
  #records = 0;

  /** A partition's block has about `blockBytes`, not compressed. */
  constructor(partitions: number, blockBytes: number) {
    this.partitions = partitions;
    this.#blockBytes = Math.min(blockBytes, MOST_BYTES);
    this.#bytes = new Float64Array(partitions);
    this.#counts = new Uint32Array(partitions);
  }

  /** The offset behind it. */
  get next(): number {
    return this.entries.at(-1)!.nextOffset;
  }

  get isEmpty(): boolean {
    return this.entries.length === 0;
  }

  /** When its first record came, milliseconds since the epoch. */
  get time(): number {
    return this.entries[0]!.time;
  }

  /** Takes the next block of the spool; `whole` false: it was left, as a partition would get more than one block. */
  async add(entry: StoredBatch, whatever: boolean): Promise<boolean> {
    const walked = walk(await decompress(entry.codec, entry.body), entry.count, this.partitions);
    const { partition, from, end } = walked;
    const bytes = new Float64Array(this.partitions);
    for (let i = 0; i < partition.length; i++) bytes[partition[i]!]! += end[i]! - from[i]! + 2 * VARINT_BYTES + 2;
    if (!whatever && !this.isEmpty) {
      const most = (p: number) => this.#bytes[p]! + bytes[p]! > this.#blockBytes;
      if (bytes.some((size, p) => size > 0 && most(p))) return false;
    }
    this.entries.push(entry);
    this.#walked.push(walked);
    for (let i = 0; i < partition.length; i++) this.#counts[partition[i]!]!++;
    for (let p = 0; p < this.partitions; p++) this.#bytes[p]! += bytes[p]!;
    this.#total += walked.raw.length;
    this.#records += partition.length;
    return true;
  }

  /** It is large enough. */
  get full(): boolean {
    return this.#total >= CUT_BYTES || this.#records >= CUT_RECORDS;
  }

  /** Its blocks, by ascending partition. Once: what they are made of is let go of, bodies of `entries` with it. */
  async parts(codec: Codec, level: number): Promise<CutPart[]> {
    const outs = new Map<number, { out: Buffer; at: number; count: number }>();
    for (let p = 0; p < this.partitions; p++) {
      if (this.#counts[p]! > 0) outs.set(p, { out: Buffer.allocUnsafe(this.#bytes[p]!), at: 0, count: 0 });
    }
    for (const { raw, partition, from, end } of this.#walked) {
      for (let i = 0; i < partition.length; i++) {
        const to = outs.get(partition[i]!)!;
        to.at = frame(to.out, to.at, to.count++, raw, from[i]!, end[i]!);
      }
    }
    for (const [i, { raw }] of this.#walked.entries()) {
      const { body } = this.entries[i]!;
      if (raw !== body) free(raw);
      free(body);
    }
    return Promise.all(
      [...outs].map(async ([partition, { out, at, count }]) => {
        const body = await compress(codec, level, out.subarray(0, at));
        if (body.buffer !== out.buffer) free(out);
        return { partition, count, rawBytes: at, codec, body };
      }),
    );
  }
}

/** Which partition each record belongs to. A record without a key belongs to that of an empty one. */
function walk(raw: Buffer, count: number, partitions: number): Walked {
  const partition = new Int32Array(count);
  const from = new Uint32Array(count);
  const end = new Uint32Array(count);
  for (let i = 0, at = 0; i < count; i++) {
    const length = varintIn(raw, at);
    at = pastVarint(raw, at);
    const ends = at + length;
    if (length < 4 || ends > raw.length) throw new RangeError(`a record at byte ${at} is cut short`);
    end[i] = ends;
    // Attributes and timestamp delta, which are 0, and the offset delta.
    at = pastVarint(raw, at + 2);
    from[i] = at;
    const keyBytes = varintIn(raw, at);
    at = pastVarint(raw, at);
    if (keyBytes > ends - at) throw new RangeError(`a key at byte ${at} is cut short`);
    const hash = murmur2(raw, at, at + Math.max(0, keyBytes));
    partition[i] = (hash & 0x7fffffff) % partitions;
    at = ends;
  }
  return { raw, partition, from, end };
}

/** A zigzag number of at most 32 bits that stands there. */
function varintIn(raw: Buffer, at: number): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = raw[at++];
    if (byte === undefined) break;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
  }
  throw new RangeError(`a record at byte ${at} is malformed`);
}

function pastVarint(raw: Buffer, at: number): number {
  let past = at;
  while (raw[past]! >= 0x80) past++;
  return past + 1;
}

/** A record with another offset delta; gives the place behind it. */
function frame(out: Buffer, at: number, delta: number, raw: Buffer, from: number, end: number): number {
  const rest = end - from;
  at = writeVarint(out, at, 2 + sizeOfVarint(delta) + rest);
  out[at++] = 0;
  out[at++] = 0;
  at = writeVarint(out, at, delta);
  raw.copy(out, at, from, end);
  return at + rest;
}
