/** Globs over members that no step names: the kernel and JavaScript, which sees to names with escapes, leave the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Processing } from '../../src/transforms/process.ts';
import { brief, made, run } from '../support/processed.ts';

let state = 11;
function below(limit: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
}

const NAMES = [
  'a',
  'b',
  'debug',
  'token',
  'x_token',
  'ab',
  'a.b',
  'secret',
  '日本',
  'known',
  'deep',
  'log.ab',
  'event.b',
];
const VALUES = ['1', '"x"', 'null', '[1,{"a":2}]', '"\\"}"', '{}', '{ }', '-1.50e3', '"ü"', 'true'];

function object(depth: number): string {
  const blank = () => ['', '', '', ' ', '\t'][below(5)]!;
  const names = NAMES.filter(() => below(3) === 0);
  const members = names.map((name) => {
    const value = depth < 4 && below(3) === 0 ? object(depth + 1) : VALUES[below(VALUES.length)]!;
    return `${blank()}"${name}"${blank()}:${blank()}${value}${blank()}`;
  });
  return `{${members.join()}}`;
}

const GLOBS = [['*token'], ['a*'], ['*.b', 'debug'], ['d*.a', '日*'], ['*e*b*'], ['*'], ['a', '*.x_token', 'b.*']];
const LINES = Array.from({ length: 400 }, () => object(0));
/** A name with an escape: JavaScript does all of the line. */
const SIGN = '"\\u007a\\u007a":1';
const marked = (line: string) => (line === '{}' ? `{${SIGN}}` : `${line.slice(0, -1)},${SIGN}}`);

function left(steps: Processing, line: string): Record<string, unknown> {
  const [text] = run(steps, [line]).texts;
  const found = brief(text!);
  delete found.zz;
  return found;
}

for (const verb of ['remove', 'only'] as const) {
  test(`${verb}: what the kernel leaves is what JavaScript leaves`, () => {
    for (const globs of GLOBS) {
      const steps = made([
        { parse: 'json' },
        { set: { known: { default: 'k' } } },
        { add: { 'deep.er': 'x' } },
        { [verb]: globs },
      ]);
      let shorter = 0;
      for (const line of LINES) {
        if (!/[a-z]/.test(line)) continue;
        const found = left(steps, line);
        assert.deepEqual(found, left(steps, marked(line)), `${globs} of ${line}`);
        if (JSON.stringify(found).length < line.length) shorter++;
      }
      assert.ok(shorter > 20, `${globs}: ${shorter}`);
      steps.close();
    }
  });
}

test('what is very deep, long or large is no trouble for globs', () => {
  const deep = (depth: number) => `${'{"c":'.repeat(depth)}{"token":1,"d":2}${'}'.repeat(depth)}`;
  const steps = made([{ parse: 'json' }, { remove: ['*token'] }]);
  const of = (line: string) => brief(run(steps, [line]).texts[0]!);
  assert.deepEqual(of(deep(50)), JSON.parse(deep(50).replace('"token":1,', '')));
  // Deeper than is looked into.
  assert.equal(JSON.stringify(of(deep(40_000)).c).includes('token'), true);
  assert.equal(JSON.stringify(of(deep(40_000).replace('{"c"', '{"\\u0063"')).c).includes('token'), true);
  const name = 'n'.repeat(5000);
  assert.deepEqual(of(`{"${name}":1,"${name}token":2}`), { [name]: 1 });
  const many = `{${Array.from({ length: 9000 }, (_, i) => `"k${i}${i % 2 ? 'token' : ''}":${i}`).join()}}`;
  assert.equal(Object.keys(of(many)).length, 4500);
  steps.close();
});
