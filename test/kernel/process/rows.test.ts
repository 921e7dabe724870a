/** Rows of cells, their side bytes, and the arenas of programs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Rows, rowsAt } from '../../../src/core/batch.ts';
import { Pool, PROGRAM_BYTES } from '../../../src/core/pool.ts';
import { Kernel } from '../../../src/kernel/kernel.ts';
import { mostRows } from '../../../src/kernel/process.ts';

const pool = new Pool(16 << 20);
const kernel = new Kernel(pool.memory, pool.arenas);
const [slot, fields] = await pool.takeAll(pool.share('test'), 'batch', 2);

/** The slot's first `count` records get a text each, and rows whose cells say which they are. */
function fill(count: number, width: number): Rows {
  const rows: Rows = { slot: fields!, width, most: mostRows(width), first: 0, all: count, ordered: false };
  slot!.bytes.write('x\n'.repeat(count));
  kernel.findLines(slot!, slot!.bytesAt, slot!.bytesAt + count * 2, slot!.bytesAt, 0);
  kernel.process.useRows(rows, true);
  kernel.process.clearRows(0, count);
  const words = kernel.process.words.subarray(rowsAt(rows) / 4, rowsAt(rows) / 4 + count * width * 2);
  for (let i = 0; i < words.length; i++) {
    assert.equal(words[i], 0);
    words[i] = Math.floor(i / (width * 2));
  }
  return rows;
}

test('rows move with the records that are left', () => {
  for (const width of [2, 24, 64]) {
    const count = Math.min(500, mostRows(width));
    const rows = fill(count, width);
    const wanted = Uint8Array.from({ length: count }, (_, i) => Number(i % 3 === 1 || i > count - 5));
    const kept = kernel.select(slot!, count, wanted, 1, rows);
    const at = rowsAt(rows) / 4;
    for (let i = 0; i < kept; i++) {
      const row = kernel.process.words.subarray(at + i * width * 2, at + (i + 1) * width * 2);
      assert.deepEqual([...new Set(row)], [slot!.source[i]! / 2]);
    }
    assert.equal(
      kept,
      wanted.reduce((sum, one) => sum + one, 0),
    );
  }
});

test('side bytes never reach the rows, and all lines of a slot have room there', () => {
  for (const [width, count] of [
    [2, 8192],
    [24, mostRows(24)],
    [64, mostRows(64)],
    [64, 1],
  ] as const) {
    const rows = fill(count, width);
    let taken = 0;
    let lowest = fields!.limit;
    for (let at = kernel.process.sideTake(1000); at > 0; at = kernel.process.sideTake(1000)) {
      assert.ok(at % 16 === 0 && at + 1000 + 16 <= lowest);
      lowest = at;
      taken += 1000;
    }
    assert.ok(lowest >= rowsAt(rows) + count * width * 8);
    assert.ok(taken >= 500 << 10 || width * count * 8 < 512 << 10, `${taken} bytes`);
  }
  assert.throws(() =>
    kernel.process.useRows(
      { slot: fields!, width: 64, most: mostRows(64), first: 0, all: mostRows(64) + 1, ordered: false },
      true,
    ),
  );
});

test('an arena says when it is full, and is another one when it was given back', () => {
  const one = kernel.takeArena();
  const other = kernel.takeArena();
  assert.notEqual(one.at, other.at);
  const at = one.place(Buffer.from('abc'));
  assert.equal(kernel.process.bytes.toString('latin1', at, at + 4), 'abc\0');
  one.reserve(PROGRAM_BYTES - 64);
  assert.throws(() => one.reserve(64), /its steps need 1 KiB of tables more, and \d KiB are left: make them fewer/);
  kernel.giveArena(one);
  assert.equal(kernel.takeArena().at, one.at);
});
