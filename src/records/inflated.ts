/**
 * How large compressed data becomes at most, read from its frames before anything is made of it: a few bytes may claim to
 * be, or be, gigabytes. What is no such data gives any number; whoever decompresses it says that it is none.
 */
import type { Codec } from './record-batch.ts';

/** A record batch that is larger is not decompressed. */
export const MOST_INFLATED = 64 << 20;

/** For gzip nothing is known beforehand: node:zlib is given the bound itself. */
export function inflatedAtMost(codec: Codec, data: Buffer): number {
  switch (codec) {
    case 'snappy':
      return snappyBytes(data);
    case 'lz4':
      return lz4Bytes(data);
    case 'zstd':
      return zstdBytes(data);
    default:
      return data.length;
  }
}

const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER = 16;

/** The raw blocks: one, or those of xerial's framing (magic, two versions, then each with its length, an i32, before it). */
export function snappyBlocks(data: Buffer): Buffer[] {
  if (!data.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return [data];
  const blocks: Buffer[] = [];
  for (let at = XERIAL_HEADER; at < data.length; ) {
    const length = data.readInt32BE(at);
    if (length < 0 || length > data.length - at - 4) throw new RangeError('a block is cut short');
    blocks.push(data.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return blocks;
}

/** A raw block begins with its size, a varint. */
function snappyBytes(data: Buffer): number {
  let sum = 0;
  for (const block of snappyBlocks(data)) {
    let scale = 1;
    for (const byte of block.subarray(0, 5)) {
      sum += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 128;
    }
  }
  return sum;
}

const LZ4_MAGIC = 0x184d2204;
/** No byte of a block makes more than so many. */
const LZ4_RATIO = 255;
const STORED = 0x80000000;

/**
 * magic u32 | FLG u8 | BD u8 | content size u64 (FLG bit 3) | dictionary u32 (bit 0) | header checksum u8
 * | blocks: size u32, its highest bit: stored as it is | bytes | checksum u32 (bit 4) | size 0 | checksum u32 (bit 2)
 */
function lz4Bytes(data: Buffer): number {
  let sum = 0;
  for (let at = 0; at < data.length; ) {
    if (data.length - at < 7 || data.readUInt32LE(at) !== LZ4_MAGIC) return sum + (data.length - at) * LZ4_RATIO;
    const flags = data[at + 4]!;
    const blockBytes = 1 << (8 + 2 * ((data[at + 5]! >> 4) & 7));
    at += 7 + (flags & 8 ? 8 : 0) + (flags & 1 ? 4 : 0);
    for (;;) {
      if (data.length - at < 4) return sum;
      const size = data.readUInt32LE(at);
      at += 4;
      if (size === 0) break;
      const bytes = size % STORED;
      sum += size >= STORED ? bytes : Math.min(blockBytes, bytes * LZ4_RATIO);
      at += bytes + (flags & 16 ? 4 : 0);
    }
    if (flags & 4) at += 4;
  }
  return sum;
}

const ZSTD_MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
const ZSTD_BLOCK = 128 << 10;
const DICTIONARY_BYTES = [0, 1, 2, 4] as const;
const SIZE_BYTES = [0, 2, 4, 8] as const;
const [REPEATED, COMPRESSED] = [1, 2];

/**
 * magic u32 | descriptor u8 (bits 0-1 dictionary, 2 checksum, 5 single segment, 6-7 size) | window u8 (not single segment)
 * | dictionary | size | blocks: u24 (bit 0 last, 1-2 kind, then the size) | bytes | checksum u32;
 * or a frame to skip: magic u32 | bytes u32 | bytes
 */
function zstdBytes(data: Buffer): number {
  let sum = 0;
  for (let at = 0; data.length - at >= 8; ) {
    const magic = data.readUInt32LE(at);
    if ((magic & ~0xf) === SKIPPABLE) {
      at += 8 + data.readUInt32LE(at + 4);
      continue;
    }
    if (magic !== ZSTD_MAGIC) return sum;
    const descriptor = data[at + 4]!;
    const single = (descriptor & 0x20) !== 0;
    const sizeBytes = SIZE_BYTES[descriptor >> 6]! || (single ? 1 : 0);
    const sizeAt = at + 5 + (single ? 0 : 1) + DICTIONARY_BYTES[descriptor & 3]!;
    at = sizeAt + sizeBytes;
    if (at > data.length) return sum;
    const claimed =
      sizeBytes === 8 ? Number(data.readBigUInt64LE(sizeAt)) : sizeBytes > 0 ? data.readUIntLE(sizeAt, sizeBytes) : 0;
    let blocks = 0;
    for (let last = false; !last; ) {
      if (data.length - at < 3) break;
      const header = data.readUIntLE(at, 3);
      const size = header >> 3;
      const kind = (header >> 1) & 3;
      last = (header & 1) !== 0;
      blocks += kind === COMPRESSED ? ZSTD_BLOCK : size;
      at += 3 + (kind === REPEATED ? 1 : size);
    }
    // Room may be made for what is claimed.
    sum += Math.max(claimed, blocks);
    if (descriptor & 4) at += 4;
  }
  return sum;
}
