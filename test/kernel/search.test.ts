/** Literals in lines, against what `Buffer.includes` finds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pool, SLOT_CAPACITY } from '../../src/core/pool.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { NEEDLES_BYTES, Needles } from '../../src/kernel/needles.ts';

const pool = new Pool(8 << 20);
const slot = await pool.take(pool.share('test'), 'batch');
const kernel = new Kernel(pool.memory);
let state = 1;

function below(limit: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
}

/** Puts lines into the slot one behind the other, as they are in a file; returns how many. */
function put(lines: readonly Buffer[], at = 0): number {
  for (const [i, line] of lines.entries()) {
    line.copy(slot.bytes, at);
    slot.starts[i] = slot.bytesAt + at;
    slot.ends[i] = slot.bytesAt + at + line.length;
    slot.source[i] = at;
    slot.length[i] = line.length + 1;
    slot.flags[i] = i & 3;
    at += line.length;
    slot.bytes[at++] = 10;
  }
  return lines.length;
}

function check(lines: readonly Buffer[], literals: readonly Buffer[], at = 0): void {
  const needles = new Needles(literals);
  const count = put(lines, at);
  const says = (where: Parameters<Kernel['find']>[2]) => [...kernel.find(slot, count, where, needles)].map(Boolean);
  const any = (test: (line: Buffer, literal: Buffer) => boolean) =>
    lines.map((line) => literals.some((literal) => test(line, literal)));
  const begins = (line: Buffer, of: Buffer) => line.subarray(0, of.length).equals(of);
  assert.deepEqual(
    says('contains'),
    any((line, of) => line.includes(of)),
  );
  assert.deepEqual(says('starts'), any(begins));
  assert.deepEqual(
    says('ends'),
    any((line, of) => line.length >= of.length && line.subarray(-of.length).equals(of)),
  );
  assert.deepEqual(
    says('is'),
    any((line, of) => line.equals(of)),
  );
}

const texts = (...of: string[]) => of.map((text) => Buffer.from(text));

test('a literal is found in the lines that hold it, and in no others', () => {
  check(
    texts('GET /health 200', 'get /HEALTH', '', 'kube-probe/1.2', 'kube-prob', 'e'),
    texts('/health', 'kube-probe'),
  );
  check(texts('ab', 'a', 'b', 'ba', ''), texts('a'));
  check(texts('zürich', 'zu\u0308rich', 'Ã¼', 'ü', '日本語の行', '本'), texts('ü', '本'));
  check([Buffer.from([0xc3]), Buffer.from([0xa9]), Buffer.from([0xff, 0xc3, 0xa9, 0xff])], texts('é'));
});

test('a literal that goes on behind its line is not in it', () => {
  check(texts('one', 'two', 'three'), texts('e\ntw', 'two\n', 'o'));
});

for (const letters of ['ab', 'abcdefgh -/.'] as const) {
  test(`what is found is what Buffer.includes finds: lines and literals of ${letters.length} letters`, () => {
    const text = (length: number) =>
      Buffer.from(Array.from({ length }, () => letters[below(letters.length)]!).join(''));
    for (let round = 0; round < 400; round++) {
      const literals = Array.from({ length: 1 + below([3, 12, 64][below(3)]!) }, () =>
        text(1 + below([3, 8, 40][below(3)]!)),
      );
      check(
        Array.from({ length: 1 + below(40) }, () => text(below([20, 100, 700][below(3)]!))),
        literals,
        below(70),
      );
    }
  });
}

test('a line that is made to be compared at every place is walked in a step or two a byte', () => {
  const literals = Array.from({ length: 15 }, (_, i) =>
    Buffer.from(`${'a'.repeat(240 + i)}${String.fromCharCode(98 + i)}`),
  );
  assert.ok(literals.reduce((sum, { length }) => sum + length, 0) <= NEEDLES_BYTES);
  const hostile = Buffer.alloc(64 << 10, 'a');
  const lines = [hostile, Buffer.concat([hostile, literals[3]!]), Buffer.concat([hostile, Buffer.from('aab')])];
  check(lines, literals);
  const needles = new Needles(literals);
  const time = (lines: readonly Buffer[]) => {
    const count = put(lines);
    const before = process.cpuUsage();
    for (let i = 0; i < 20; i++) kernel.find(slot, count, 'contains', needles);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 20;
  };
  const harmless = Buffer.alloc(64 << 10, 'GET /item/1 ');
  time([harmless]);
  const worst = Math.min(...Array.from({ length: 5 }, () => time([hostile])));
  // It is half a millisecond on an idle machine.
  assert.ok(worst < 2000, `64 KiB took ${worst} us`);
});

test('the largest set of literals has room', () => {
  const literals = Array.from({ length: 64 }, (_, i) => Buffer.from(`${String(i).padStart(3, '0')}`.padEnd(62, 'xyz')));
  check([...texts('nothing'), literals[63]!, literals[0]!], literals);
});

test('only what was found, or only what was not, stays named, with all that is said of it', () => {
  const lines = texts('a1', 'b', 'a2', 'c', 'a3');
  for (const wanted of [0, 1] as const) {
    const count = put(lines);
    const all = lines.map((_, i) => [slot.starts[i], slot.ends[i], slot.source[i], slot.length[i], slot.flags[i]]);
    const kept = kernel.select(slot, count, kernel.find(slot, count, 'contains', new Needles(texts('a'))), wanted);
    const expected = all.filter((_, i) => lines[i]!.includes('a') === Boolean(wanted));
    const found = Array.from({ length: kept }, (_, i) => [
      slot.starts[i],
      slot.ends[i],
      slot.source[i],
      slot.length[i],
      slot.flags[i],
    ]);
    assert.deepEqual(found, expected);
  }
  const count = put(lines);
  assert.equal(kernel.select(slot, count, Uint8Array.of(1, 0, 0, 0, 1), 1), 2);
  assert.ok(slot.bytes.length === SLOT_CAPACITY);
});
