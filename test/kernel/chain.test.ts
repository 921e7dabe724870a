/** Records that follow each other, read many at once: beside `RecordScan`, which reads any. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditRecord, readAuditRecord, recordHash } from '../../src/audit/record.ts';
import { RecordScan } from '../../src/audit/scan.ts';
import { ChainKernel } from '../../src/kernel/chain.ts';
import { sha256Blocks } from '../../src/native/sha256.ts';
import { frameRecord } from '../../src/records/record-batch.ts';
import { COLUMNS, fillTable } from '../../src/records/record-table.ts';
import { MadeStream } from '../support/audit-records.ts';

const RECORDS = 12;
const CHANGED = 7;

/** Both ways to hash. */
const WAYS = [
  ['many', sha256Blocks],
  ['one by one', () => null],
] as const;
/** So many behind each other make it hash many from then on. */
const WARM = 200;

/** Records of all lengths modulo 16, from this number on. */
function made(from: number, count: number): Buffer[] {
  const stream = new MadeStream('orders');
  stream.sequence = from - 1;
  return Array.from({ length: count }, (_, i) => stream.event('x'.repeat(1 + ((i * 5) % 33))).value);
}

/** One that hashes in this way from now on. */
function warmed(blocksOf: typeof sha256Blocks): ChainKernel {
  const asked: unknown[] = [];
  const kernel = new ChainKernel(1 << 20, (memory) => {
    asked.push(memory);
    return blocksOf(memory);
  });
  const values = made(1, WARM);
  behind(kernel, values[0]!);
  rowsBehind(kernel, values);
  assert.equal(asked.length, 1);
  return kernel;
}

/** Expects what follows the first one. */
function behind(kernel: ChainKernel, value: Buffer): void {
  const scan = new RecordScan();
  assert.ok(scan.read(value, 0, value.length));
  kernel.expect(scan.stream, scan.sequence, scan.claimed);
}

function hashesOf(values: readonly Buffer[]): string {
  const scan = new RecordScan();
  return values.map((value) => (scan.read(value, 0, value.length) ? scan.computed : '')).join('');
}

function section(values: readonly Buffer[]): { bytes: Buffer; table: Int32Array } {
  const bytes = Buffer.concat(values.map((value, offsetDelta) => frameRecord({ offsetDelta, key: 'orders', value })));
  const table = new Int32Array(values.length * COLUMNS);
  fillTable(bytes, values.length, values.length - 1, table);
  return { bytes, table };
}

function linesOf(values: readonly Buffer[]): Buffer {
  const lines = values.map(
    (value, i) => `{"partition":3,"offset":${i},"key":"orders","headers":{},"value":"${value.toString('base64')}"}\n`,
  );
  return Buffer.from(lines.join(''));
}

/** How many follow the first value, however many calls it takes; all their hashes. */
function rowsBehind(kernel: ChainKernel, values: readonly Buffer[], within = false): { found: number; hashes: string } {
  let { bytes, table } = section(values);
  // Sections may lie in the kernel's memory already.
  if (within) bytes = kernel.text.subarray(0, bytes.copy(kernel.text));
  let [row, hashes] = [1, ''];
  for (let found = -1; found !== 0; row += found) {
    found = kernel.rows(bytes, table, row, values.length);
    hashes += kernel.lastHashes(found);
  }
  return { found: row - 1, hashes };
}

/** Of lines behind the first one. */
function linesBehind(kernel: ChainKernel, lines: Buffer): { found: number; hashes: string } {
  lines.copy(kernel.text);
  let [at, all, hashes] = [lines.indexOf('\n') + 1, 0, ''];
  for (let found = -1; found !== 0; all += found) {
    found = kernel.lines(at, lines.length, 3);
    at = kernel.lineEnd;
    hashes += kernel.lastHashes(found);
  }
  return { found: all, hashes };
}

for (const from of [1, 99_999_990, Number.MAX_SAFE_INTEGER - 300]) {
  for (const [way, blocksOf] of WAYS) {
    test(`all that follow are taken, from number ${from} on, hashed ${way}`, () => {
      const kernel = new ChainKernel(1 << 20, blocksOf);
      const values = made(from, WARM);
      const whole = { found: WARM - 1, hashes: hashesOf(values.slice(1)) };
      behind(kernel, values[0]!);
      assert.deepEqual(rowsBehind(kernel, values), whole);
      behind(kernel, values[0]!);
      assert.deepEqual(rowsBehind(kernel, values, true), whole);
      behind(kernel, values[0]!);
      assert.deepEqual(linesBehind(kernel, linesOf(values)), whole);
    });
  }
}

test('numbers that are not exact follow nothing', () => {
  const kernel = new ChainKernel(1 << 20);
  const values = made(Number.MAX_SAFE_INTEGER - 20, 10);
  behind(kernel, values[0]!);
  assert.equal(rowsBehind(kernel, values).found, 0);
});

for (const [way, blocksOf] of WAYS) {
  test(`where any bit of a record was changed, those before it are taken, hashed ${way}`, () => {
    const kernel = warmed(blocksOf);
    const values = made(1, RECORDS);
    const whole = values[CHANGED]!;
    for (let bit = 0; bit < 8 * whole.length; bit++) {
      const bytes = Buffer.from(whole);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const changed = values.with(CHANGED, bytes);
      behind(kernel, values[0]!);
      assert.equal(rowsBehind(kernel, changed, bit % 2 === 0).found, CHANGED - 1, `bit ${bit}, from Kafka`);
      behind(kernel, values[0]!);
      assert.equal(linesBehind(kernel, linesOf(changed)).found, CHANGED - 1, `bit ${bit}, of an export`);
    }
  });
}

test('what is no object follows nothing, whatever its hash', () => {
  const kernel = new ChainKernel(1 << 20);
  const values = made(1, RECORDS);
  const { client, ...link } = readAuditRecord(values[CHANGED]!)!;
  client[0] = 0x5b;
  const forged = values.with(CHANGED, auditRecord(client, { ...link, hash: recordHash(link.previous, link, client) }));
  behind(kernel, values[0]!);
  assert.equal(rowsBehind(kernel, forged).found, CHANGED - 1);
  behind(kernel, values[0]!);
  assert.equal(linesBehind(kernel, linesOf(forged)).found, CHANGED - 1);
});

test('where any byte of a line was changed, none is taken that is not what it was', () => {
  const kernel = new ChainKernel(1 << 20);
  const values = made(1, RECORDS);
  const lines = linesOf(values);
  const starts = [0];
  for (let at = lines.indexOf('\n'); at >= 0; at = lines.indexOf('\n', at + 1)) starts.push(at + 1);
  for (let at = starts[CHANGED]!; at < starts[CHANGED + 1]!; at++) {
    for (const byte of [lines[at]! ^ 1, 0x0a, 0x22, 0x3d, 0x41, 0x80, 0xff]) {
      const changed = Buffer.from(lines);
      changed[at] = byte;
      behind(kernel, values[0]!);
      const { found, hashes } = linesBehind(kernel, changed);
      assert.ok(found >= CHANGED - 1);
      assert.equal(hashes, hashesOf(values.slice(1, 1 + found)), `byte ${at}: ${byte}`);
    }
  }
});

test('a line of another partition, one that is cut short, values longer than there is room', () => {
  const kernel = new ChainKernel(1 << 20);
  const values = made(1, RECORDS);
  const lines = linesOf(values);
  const last = lines.lastIndexOf('{"partition":3');
  for (const [what, changed, found] of [
    ['another partition', Buffer.from(lines.toString().replace('3,"offset":5', '4,"offset":5')), 4],
    ['no LF at the end', lines.subarray(0, -1), RECORDS - 2],
    ['half a line', lines.subarray(0, (last + lines.length) >> 1), RECORDS - 2],
  ] as const) {
    kernel.text.fill(0x41);
    behind(kernel, values[0]!);
    assert.equal(linesBehind(kernel, changed).found, found, what);
  }
  const stream = new MadeStream('orders');
  const large = Array.from({ length: 5 }, (_, i) => stream.event('y'.repeat(i === 3 ? 1 << 20 : 300_000)).value);
  const roomy = new ChainKernel(8 << 20);
  behind(roomy, large[0]!);
  assert.equal(rowsBehind(roomy, large).found, 2);
  behind(roomy, large[0]!);
  assert.equal(linesBehind(roomy, linesOf(large)).found, 2);
});

test('nothing follows where nothing is expected, or what was expected was changed', () => {
  const kernel = new ChainKernel(1 << 20);
  const values = made(1, RECORDS);
  assert.equal(rowsBehind(kernel, values).found, 0);
  behind(kernel, values[0]!);
  kernel.forget();
  assert.equal(rowsBehind(kernel, values).found, 0);
  const bytes = Buffer.from(values[3]!);
  bytes[2]! ^= 1;
  behind(kernel, values[0]!);
  assert.equal(rowsBehind(kernel, values.with(3, bytes)).found, 2);
  // Its hash is of other bytes: who follows it is to be looked at alone.
  assert.equal(rowsBehind(kernel, values.slice(3)).found, 0);
});
