import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import lz4 from 'lz4-napi';
import snappy from 'snappy';
import { compress, decompress, decompressInto } from '../../src/records/codecs.ts';
import { inflatedAtMost, MOST_INFLATED } from '../../src/records/inflated.ts';
import { CODECS } from '../../src/records/record-batch.ts';

const line = (i: number) =>
  `10.0.${i % 256}.7 - - "GET /item/${i}?q=${(i * 2654435761) % 1e6} HTTP/1.1" 200 ${i * 37}\n`;
const text = Buffer.from(Array.from({ length: 8000 }, (_, i) => line(i)).join(''));

for (const codec of CODECS) {
  test(`${codec} gives back what it was given, also from shared memory`, async () => {
    const shared = Buffer.from(new SharedArrayBuffer(text.length + 100), 50, text.length);
    text.copy(shared);
    for (const data of [text, shared, new Uint8Array(shared.buffer, 50, 1000), Buffer.alloc(0), Buffer.from('x')]) {
      const packed = await compress(codec, 1, data);
      if (codec !== 'none' && data.length > 10_000) assert.ok(packed.length < data.length / 2);
      assert.deepEqual(await decompress(codec, packed), Buffer.from(data));
    }
  });
}

for (const codec of CODECS) {
  test(`${codec} works on many blocks at once, of any content`, async () => {
    const blocks = Array.from({ length: 12 }, (_, i) =>
      i % 3 === 0 ? randomBytes(300_000) : text.subarray(i * 5000, i * 5000 + 250_000),
    );
    const packed = await Promise.all(blocks.map((block) => compress(codec, 1 + (blocks.indexOf(block) % 3), block)));
    const unpacked = await Promise.all(packed.map((block) => decompress(codec, block)));
    for (const [i, block] of blocks.entries()) assert.ok(unpacked[i]!.equals(block), `block ${i}`);
  });
}

test('zstd is read into memory that is there; what does not fit, is none, or is of another codec is left alone', async () => {
  const packed = await compress('zstd', 1, text);
  for (const memory of [new ArrayBuffer(text.length + 100), new SharedArrayBuffer(text.length + 100)]) {
    const room = Buffer.from(memory, 7, text.length);
    const bytes = decompressInto('zstd', packed, room);
    assert.ok(bytes?.equals(text));
    assert.equal(bytes?.byteOffset, 7);
    assert.deepEqual([...new Uint8Array(memory, 7 + text.length)], new Array(93).fill(0));
    // Of a size that its frame does not say, and two frames.
    const half = text.subarray(0, text.length >> 1);
    const frames = [zstdCompressSync(half), zstdCompressSync(text.subarray(half.length))];
    assert.ok(decompressInto('zstd', Buffer.concat(frames), room)?.equals(text));
    assert.equal(decompressInto('zstd', await compress('zstd', 1, Buffer.alloc(0)), room)?.length, 0);
    assert.equal(decompressInto('zstd', packed, room.subarray(1)), null);
    assert.equal(decompressInto('zstd', packed.subarray(0, -1), room), null);
    assert.equal(decompressInto('zstd', text, room), null);
    for (const codec of CODECS) {
      if (codec !== 'zstd') assert.equal(decompressInto(codec, await compress(codec, 1, half), room), null, codec);
    }
  }
});

test('snappy in the xerial framing is read', async () => {
  const half = text.length >> 1;
  const parts = [text.subarray(0, half), text.subarray(half)].map((part) => snappy.compressSync(part));
  const head = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
  const framed: Buffer[] = [head];
  for (const part of parts) {
    const length = Buffer.alloc(4);
    length.writeInt32BE(part.length);
    framed.push(length, part);
  }
  assert.deepEqual(await decompress('snappy', Buffer.concat(framed)), text);
});

test('what is not of the codec is refused', async () => {
  for (const codec of CODECS) {
    if (codec !== 'none') await assert.rejects(decompress(codec, Buffer.from('this is no compressed data')), codec);
  }
});

test('what would become larger than 64 MiB is refused before room is made for it', async () => {
  const large = Buffer.alloc(MOST_INFLATED + 1);
  const bombs = [
    ['gzip', gzipSync(large)],
    ['zstd', zstdCompressSync(large)],
    ['lz4', await lz4.compressFrame(large)],
    // What one claims to become, and another is: one byte, so many times.
    ['snappy', Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0])],
    ['zstd', Buffer.from('28b52ffd e0 000000ffffffffff 010000'.replaceAll(' ', ''), 'hex')],
    ['zstd', Buffer.from(`28b52ffd 00 58 ${'02001061'.repeat(600)}03001061`.replaceAll(' ', ''), 'hex')],
  ] as const;
  for (const [codec, data] of bombs) {
    await assert.rejects(decompress(codec, data), /larger than 67108864 bytes/, codec);
  }
  const allowed = Buffer.alloc(8 << 20, 'x');
  for (const codec of CODECS) assert.ok((await decompress(codec, await compress(codec, 1, allowed))).equals(allowed));
});

test('the bound of what data becomes is close above what it is, also in several frames', async () => {
  const data = randomBytes(300_000).toString('hex');
  for (const [codec, packed] of [
    ['zstd', zstdCompressSync(data)],
    ['zstd', zstdCompressSync(data, { pledgedSrcSize: data.length })],
    ['lz4', await lz4.compressFrame(data)],
    ['snappy', snappy.compressSync(data)],
  ] as const) {
    const bound = inflatedAtMost(codec, Buffer.from(packed));
    assert.ok(bound >= data.length && bound <= 2 * data.length + (1 << 22), `${codec}: ${bound}`);
    if (codec === 'snappy') continue;
    assert.equal(inflatedAtMost(codec, Buffer.concat([packed, packed])), 2 * bound);
  }
  const skippable = Buffer.from('502a4d18040000000102030428b52ffd', 'hex');
  assert.equal(inflatedAtMost('zstd', Buffer.concat([skippable.subarray(0, 12), zstdCompressSync('x')])), 1);
});
