/** Tests of cells, of every kind, beside what JavaScript says of the same texts and numbers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rowsAt } from '../../../src/core/batch.ts';
import { Pool } from '../../../src/core/pool.ts';
import { Kernel } from '../../../src/kernel/kernel.ts';
import { type CellTest, CellTests } from '../../../src/kernel/process/cell-tests.ts';
import { mostRows } from '../../../src/kernel/process.ts';

const pool = new Pool(16 << 20);
const kernel = new Kernel(pool.memory, pool.arenas);
const [slot, fields] = await pool.takeAll(pool.share('test'), 'batch', 2);
const rows = { slot: fields!, width: 4, most: mostRows(4), first: 0, all: 1, ordered: false };
const arena = kernel.takeArena();
const tests = new CellTests(kernel.process, arena);
const CELL = 3;
const [TEXT, JSTR, RAW, TRUE, UINT] = [1, 2, 3, 5, 7];

interface Cell {
  kind: number;
  text: string | number;
  /** In JSON it has backslashes. */
  escaped?: boolean;
}

/** A row a cell; null: it is absent. */
function place(cells: readonly (Cell | null)[]): void {
  kernel.process.useRows({ ...rows, all: cells.length }, true);
  kernel.process.clearRows(0, cells.length);
  let at = slot!.bytesAt;
  for (const [i, cell] of cells.entries()) {
    if (!cell) continue;
    const words = kernel.process.words.subarray(rowsAt(rows) / 4 + (i * 4 + CELL) * 2);
    if (typeof cell.text === 'number') {
      words[0] = cell.text;
      words[1] = cell.kind << 24;
      continue;
    }
    const bytes = kernel.process.bytes.write(cell.text, at);
    words[0] = at;
    words[1] = bytes | (cell.kind << 24) | (cell.escaped ? 1 << 28 : 0);
    // Something stands behind it.
    at += bytes + kernel.process.bytes.write('GARBAGE', at + bytes) + 16;
  }
}

const textsOf = (cells: readonly (Cell | null)[], holds: CellTest) => {
  place(cells);
  const found = holds(cells.length);
  return cells.map((_, i) => found[i]);
};

test('texts of every kind are compared as what they say', () => {
  const cells: Cell[] = [
    { kind: TEXT, text: 'error' },
    { kind: JSTR, text: 'error' },
    { kind: JSTR, text: 'er\\u0072or', escaped: true },
    { kind: JSTR, text: 'a\\nb\\ud83d\\ude00', escaped: true },
    { kind: RAW, text: '200' },
    { kind: RAW, text: 'true' },
    { kind: TRUE, text: 0 },
    { kind: UINT, text: 200 },
    { kind: UINT, text: 4294967295 },
    { kind: UINT, text: 0 },
    { kind: TEXT, text: '' },
    { kind: TEXT, text: `${'long '.repeat(100)}end` },
  ];
  const says = [
    'error',
    'error',
    'error',
    'a\nb😀',
    '200',
    'true',
    'true',
    '200',
    '4294967295',
    '0',
    '',
    cells[11]!.text,
  ];
  const literals = ['error', '200', 'true', 'a\nb', '😀', 'end', '0', 'rr', '', 'error!', '2000'];
  for (const one of literals) {
    for (const list of [[one], [one, 'nowhere']]) {
      const check = (where: 'contains' | 'starts' | 'ends' | 'is', is: (text: string) => boolean) =>
        assert.deepEqual(
          textsOf(cells, tests.text(CELL, where, list)),
          says.map((text) => Number(is(String(text)))),
          `${where} ${one}`,
        );
      check('is', (text) => text === one);
      if (one === '') continue;
      check('contains', (text) => text.includes(one));
      check('starts', (text) => text.startsWith(one));
      check('ends', (text) => text.endsWith(one));
    }
  }
  assert.deepEqual(textsOf([null, ...cells], tests.there(CELL)), [0, ...cells.map(() => 1)]);
  for (const where of ['is', 'contains'] as const) {
    assert.deepEqual(textsOf([null], tests.text(CELL, where, where === 'is' ? ['', '0'] : ['0'])), [0]);
  }
});

test('numbers are compared as numbers, exactly, and what is none is less than nothing', () => {
  const same = [
    ['0', '0.0', '-0', '000', '0e5', '0.000e-9'],
    ['5', '5.0', '0.5e1', '50e-1', '+5', '005.000'],
    ['500', '5e2', '0.05E+4', '500.00'],
    ['1e400', `1${'0'.repeat(400)}`],
  ];
  const ascending = [
    '-1e400',
    '-9007199254740993',
    '-9007199254740992',
    '-5.01',
    '-5',
    '-0.001',
    '0',
    '1e-400',
    '0.1',
    '0.10000000000000000001',
    '0.2',
    '4.999999999999999999999',
    '5',
    '5.000000000000000000001',
    '10',
    '99',
    '100',
    '9007199254740992',
    '9007199254740993',
    '1e400',
  ];
  const none = [
    '',
    '-',
    '.',
    '5.',
    '.5',
    '5e',
    '5e+',
    '0x10',
    '1,5',
    ' 5',
    '5 ',
    '1e5x',
    '--5',
    '1.2.3',
    'NaN',
    'null',
    'Infinity',
  ];
  const cell = (text: string): Cell => ({ kind: RAW, text });
  const orders = {
    lt: (a: number, b: number) => a < b,
    lte: (a: number, b: number) => a <= b,
    gt: (a: number, b: number) => a > b,
    gte: (a: number, b: number) => a >= b,
  } as const;
  for (const [name, holds] of Object.entries(orders) as [keyof typeof orders, (a: number, b: number) => boolean][]) {
    for (const [j, number] of ascending.entries()) {
      const found = textsOf(ascending.map(cell), tests.number(CELL, name, number));
      assert.deepEqual(
        found,
        ascending.map((_, i) => Number(holds(i, j))),
        `${name} ${number}`,
      );
    }
    for (const list of same) {
      for (const number of list) {
        const found = textsOf(list.map(cell), tests.number(CELL, name, number.replace('+', '')));
        assert.deepEqual(
          found,
          list.map(() => Number(holds(0, 0))),
          `${name} ${number}`,
        );
      }
    }
    assert.deepEqual(textsOf([null, ...none.map(cell)], tests.number(CELL, name, '5')), [0, ...none.map(() => 0)]);
  }
  assert.deepEqual(
    textsOf(
      [
        { kind: UINT, text: 499 },
        { kind: UINT, text: 500 },
        { kind: TEXT, text: '501' },
      ],
      tests.number(CELL, 'gte', '500'),
    ),
    [0, 1, 1],
  );
});

test('patterns are found in what a cell says', () => {
  const cells: (Cell | null)[] = [
    { kind: TEXT, text: 'GET /healthz' },
    { kind: JSTR, text: 'a\\nb', escaped: true },
    { kind: RAW, text: '503' },
    { kind: UINT, text: 503 },
    { kind: TEXT, text: '' },
    null,
  ];
  const says = ['GET /healthz', 'a\nb', '503', '503', '', null];
  for (const pattern of ['^GET|b$', '^5\\d\\d$', 'a\\nb', 'health', '^$', '^[^]*z$', '(?:x|y)+']) {
    const expected = says.map((text) => Number(text !== null && new RegExp(pattern).test(text)));
    assert.deepEqual(textsOf(cells, tests.pattern(CELL, pattern)), expected, pattern);
  }
});

test('what is unescaped to be compared takes no room', () => {
  const cells = Array.from({ length: 2000 }, () => ({ kind: JSTR, text: `${'\\n'.repeat(120)}x`, escaped: true }));
  const before = () => kernel.process.sideTake(0);
  place(cells);
  const at = before();
  const found = tests.text(CELL, 'ends', ['\nx'])(cells.length);
  assert.ok(found.every((one) => one === 1));
  assert.equal(at - before(), 16);
});
