import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Batch, type Stream } from '../../../../src/core/batch.ts';
import { Pool } from '../../../../src/core/pool.ts';
import { packed, unpack } from '../../../../src/sources/tail/apart/tables.ts';

test('a batch comes out of another pool as it went in, wherever it lies there', async () => {
  const from = new Pool(8 << 20);
  const to = new Pool(8 << 20);
  const batchOf = async (pool: Pool) => {
    const share = pool.share('t');
    // Not the first slot: addresses differ.
    if (pool === to) await pool.take(share, 'batch');
    return new Batch(await pool.take(share, 'batch'), share, {} as Stream);
  };
  const sent = await batchOf(from);
  const { slot } = sent;
  slot.bytes.write('marker|first|second||last', 100);
  const records: [string, number, number, number][] = [
    ['first', 107, 112, 0],
    ['second', 113, 119, 1],
    ['', 120, 120, 0x80],
    ['last', 121, 125, 4],
  ];
  for (const [i, [, start, end, flags]] of records.entries()) {
    slot.starts[i] = slot.bytesAt + start;
    slot.ends[i] = slot.bytesAt + end;
    slot.source[i] = 4_000_000_000 + i;
    slot.length[i] = end - start + 1;
    slot.flags[i] = flags;
  }
  sent.count = records.length;
  const { bytes, tables } = packed(sent);
  assert.equal(bytes.toString(), 'first|second||last');
  const got = await batchOf(to);
  unpack({ bytes, tables, count: records.length }, got);
  assert.equal(got.count, records.length);
  for (const [i, [text, start, end, flags]] of records.entries()) {
    const { bytesAt, starts, ends, source, length, flags: marks } = got.slot;
    assert.equal(got.slot.bytes.toString('utf8', starts[i]! - bytesAt, ends[i]! - bytesAt), text);
    assert.deepEqual([source[i], length[i], marks[i]], [4_000_000_000 + i, end - start + 1, flags]);
  }
});
