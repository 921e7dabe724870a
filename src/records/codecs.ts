/**
 * Kafka's compression codecs, off the main thread: every call runs on libuv's thread pool and may read its input from
 * shared memory, which must not change until the promise settles.
 *
 *   gzip    node:zlib
 *   snappy  one raw block, no framing (Java and librdkafka tell it from the xerial framing by its first bytes);
 *           what others wrote may be framed, so both are read
 *   lz4     the LZ4 frame format
 *   zstd    zstd.ts: 1.6-2.1 ms of CPU per MB of records, where @toondepauw/node-zstd takes 2.0-2.7. To decompress it takes
 *           1.5-1.9, of which 0.2-0.3 on the main thread, where node:zlib takes 2.5-3.2, and 1.0-1.2
 *
 * The native packages are loaded when a codec is first used. Where that must not fail later, `loadCodec` does so before.
 */
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { Decoder } from '@toondepauw/node-zstd';
import { unzstdInto } from '../native/zstd.ts';
import { inflatedAtMost, MOST_INFLATED, snappyBlocks } from './inflated.ts';
import type { Codec } from './record-batch.ts';
import { zstdFrame } from './zstd.ts';

/** node:zlib's default of 16 KiB makes a block cost sixty rounds through the thread pool. */
const CHUNK = 256 * 1024;

const gzip = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gzip);
const gunzip = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gunzip);

/** More at once would not be faster where it matters, and each takes memory of its own. */
const AT_ONCE = 2;
let running = 0;
const waiting: (() => void)[] = [];

let decoder: Decoder | undefined;

/** Rejects where the codec's package cannot be loaded: as when a process may open no more files. */
export async function loadCodec(codec: Codec): Promise<void> {
  if (codec === 'snappy') await import('snappy');
  else if (codec === 'lz4') await import('lz4-napi');
  else if (codec === 'zstd') await import('@toondepauw/node-zstd');
}

/** `level` counts for gzip and zstd; snappy and lz4 have one. Calls beyond two at a time wait, in order. */
export async function compress(codec: Codec, level: number, data: Uint8Array): Promise<Buffer> {
  if (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  else running++;
  try {
    return await compressNow(codec, level, data);
  } finally {
    // The turn goes to who waits longest; `running` stays as it is then.
    const next = waiting.shift();
    if (next) next();
    else running--;
  }
}

async function compressNow(codec: Codec, level: number, data: Uint8Array): Promise<Buffer> {
  switch (codec) {
    case 'none':
      return asBuffer(data);
    case 'gzip':
      return gzip(data, { level, chunkSize: CHUNK });
    case 'snappy':
      // Copied into memory of V8's, which is used again; the module's own is mapped and unmapped for every block.
      return (await import('snappy')).compress(data, { copyOutputData: true });
    case 'lz4':
      return (await import('lz4-napi')).compressFrame(data);
    case 'zstd':
      return zstdFrame(level, data);
  }
}

/** Rejects where it is not of the codec, or would become larger than MOST_INFLATED. */
export async function decompress(codec: Codec, data: Uint8Array): Promise<Buffer> {
  if (inflatedAtMost(codec, asBuffer(data)) > MOST_INFLATED) {
    throw new RangeError(`it would become larger than ${MOST_INFLATED} bytes`);
  }
  switch (codec) {
    case 'none':
      return asBuffer(data);
    case 'gzip':
      return gunzip(data, { chunkSize: CHUNK, maxOutputLength: MOST_INFLATED });
    case 'snappy':
      return unsnappy(asBuffer(data));
    case 'lz4':
      return (await import('lz4-napi')).decompressFrame(data);
    case 'zstd':
      return (decoder ?? (await zstdDecoder())).decode(asBuffer(data));
  }
}

/**
 * The same at once, into `room`, from its beginning: cheaper where what it gives is looked at next, by the same thread.
 * Null: `decompress` is to say what becomes of it.
 */
export function decompressInto(codec: Codec, data: Uint8Array, room: Buffer): Buffer | null {
  const bytes = codec === 'zstd' ? unzstdInto(data, room) : null;
  return bytes === null ? null : room.subarray(0, bytes);
}

async function unsnappy(data: Buffer): Promise<Buffer> {
  const { uncompress } = await import('snappy');
  const parts: Buffer[] = [];
  for (const block of snappyBlocks(data)) parts.push((await uncompress(block)) as Buffer);
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

async function zstdDecoder(): Promise<Decoder> {
  const { Decoder } = await import('@toondepauw/node-zstd');
  decoder = new Decoder();
  return decoder;
}

/** The same bytes as a Buffer, not copied. */
function asBuffer(data: Uint8Array): Buffer {
  return Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
