import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { constants, zstdCompressSync } from 'node:zlib';
import { compress, decompress } from '../../src/records/codecs.ts';
import { inflatedAtMost } from '../../src/records/inflated.ts';
import { zstdFrame } from '../../src/records/zstd.ts';

const lines = (count: number) =>
  Buffer.from(Array.from({ length: count }, (_, i) => `{"n":${i},"id":"${(i * 2654435761) % 1e9}"}\n`).join(''));

test('what zstd makes of a block is one frame, which says how large the block is', async () => {
  for (const level of [1, 3]) {
    for (const data of [Buffer.alloc(0), lines(1), lines(40_000), randomBytes(900_000), randomBytes(3_000_000)]) {
      const frame = await zstdFrame(level, data);
      const bound = inflatedAtMost('zstd', frame);
      assert.ok(bound >= data.length && bound < data.length + (128 << 10), `${bound} for ${data.length}`);
      if (data.length > 100_000) assert.equal(frame.readUInt32LE(frame[4]! & 0x20 ? 5 : 6), data.length);
      assert.ok((await decompress('zstd', frame)).equals(data));
    }
  }
});

test('frames stay as they are while others are made by what has made them', async () => {
  const blocks = Array.from({ length: 40 }, (_, i) => (i % 2 ? lines(i * 500) : randomBytes(100_000 + i * 20_000)));
  const frames: Buffer[] = [];
  for (const block of blocks) frames.push(await compress('zstd', 1, block));
  for (const [i, frame] of frames.entries()) {
    assert.equal(frame.buffer.byteLength, frame.length, 'it can be let go of alone');
    assert.ok((await decompress('zstd', frame)).equals(blocks[i]!), `block ${i}`);
  }
});

test('records that are alike become about as small as with all that level 1 looks through otherwise', async () => {
  const data = lines(30_000);
  const usual = zstdCompressSync(data, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }).length;
  assert.ok((await zstdFrame(1, data)).length < 1.1 * usual);
});
