/** Steps that need much memory are refused when they are made, and never while lines pass. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Processing } from '../../src/transforms/process.ts';
import { brief, made, run } from '../support/processed.ts';

const NAMES = 'abcdefgh'.split('');
/** Each set of the names once. */
const LINES = Array.from({ length: 256 }, (_, i) => {
  return Object.fromEntries(NAMES.filter((_, bit) => (i >> bit) & 1).map((name) => [name, 'V']));
});
const SOME = { when: { a: 'V' } };

/** So many steps with large tables of their own. */
function steps(count: number): object[] {
  const lower = { set: Object.fromEntries(NAMES.map((name) => [name, { lower: 'true' }])), ...SOME };
  const fields = Array.from({ length: count }, (_, i) => ({ parse: { logfmt: { field: `x${i % 9}` } }, ...SOME }));
  return [{ parse: 'json' }, lower, ...fields, { time: { field: 'b' }, ...SOME }, { level: 'c', ...SOME }];
}

test('whatever the steps leave of their memory is enough for lines of any fields', () => {
  let refused = '';
  let passed = 0;
  for (let count = 0; refused === ''; count++) {
    let all: Processing;
    try {
      all = made(steps(count));
    } catch (error) {
      refused = (error as Error).message;
      break;
    }
    const { texts } = run(
      all,
      LINES.map((line) => JSON.stringify(line)),
    );
    for (const [i, text] of texts.entries()) {
      const { error, conflict, ...fields } = brief(text);
      const line = LINES[i]!;
      const lower = Object.entries(line).map(([name, value]) => [name, line.a ? value.toLowerCase() : value]);
      assert.deepEqual({ ...fields, ...conflict }, Object.fromEntries(lower));
    }
    passed++;
    all.close();
  }
  assert.match(refused, /^its steps need \d+ KiB of tables more, and \d+ KiB are left: make them fewer or shorter$/);
  assert.ok(passed >= 5, `${passed} programs`);
});
