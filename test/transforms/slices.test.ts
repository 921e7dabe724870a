/** Lines pass their steps slice by slice: what comes of them is what comes of each by itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Processing } from '../../src/transforms/process.ts';
import { stepLines, stepStatuses } from '../../src/transforms/report.ts';
import { made, run, runSliced } from '../support/processed.ts';
import { compareProgram, RandomPrograms } from '../support/programs.ts';

let state = 7;
function below(limit: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
}

const LINES = Array.from({ length: 6000 }, (_, i) => {
  const kind = below(8);
  if (kind === 0) return `plain ${i}`;
  if (kind === 1) return `{"level":"info","a":${i},"a":${i + 1},"user":"u${below(9)}"}`;
  const more = kind === 2 ? `,"text":"${'x'.repeat(below(1500))}"` : '';
  return `{"level":"${['debug', 'Info', 'error'][below(3)]}","n":${i},"user":"u${below(9)}","ts":17900${10_000 + i}${more},"deep":{"x":"A${i}","y":"${below(3)}"}}`;
});

const PROGRAMS: Record<string, object[]> = {
  'with fields': [
    { parse: 'json' },
    { time: 'ts' },
    { level: 'level' },
    { sample: { rate: '0.9', by: 'user' } },
    { drop: { 'deep.y': '1', 'log.level': 'debug' } },
    { add: { seen: 'yes' }, when: { user: ['u1', 'u2'] } },
    { set: { 'deep.x': { lower: 'true' } } },
    { remove: ['*.y'], when: { user: 'u3' } },
    { route: 'logs.errors', when: { 'log.level': 'error' } },
    { drop: { line: { contains: '77' } } },
  ],
  // Most lines need none, and some do, in the midst of others.
  'fields of some': [
    { drop: { line: { ends: ['3', '3}'] } } },
    { parse: 'json', when: { line: { contains: '"u5"' } } },
    { route: 'logs.x', when: { line: { contains: '"u5"' } } },
  ],
  'of the line': [
    { keep: { line: { matches: 'a|u[1-7]' } } },
    { sample: '0.5' },
    { drop: { line: { starts: 'plain 1' } } },
  ],
};

/** Without what the lines before it have to do with. */
function alone(text: string): string {
  return text.replace(/"offset":\d+/, '"offset":0').replace(/,"skipped":\d+/, '');
}

for (const [name, process] of Object.entries(PROGRAMS)) {
  test(`a program ${name}: batches and single lines come to the same`, async () => {
    const sliced = made(process);
    const all = await runSliced(sliced, LINES);
    const whole = made(process);
    assert.ok(run(whole, LINES).texts.join() === all.texts.join(), 'it does not matter that a batch is cut to slices');
    assert.ok(all.texts.length > 500 && all.texts.length < LINES.length, `${all.texts.length} are left`);
    // Which ones a rate takes goes by where they stand.
    if (name !== 'of the line') {
      const single = made(process);
      const counts = ({ steps }: Processing) => steps.map((step) => [step.in, step.out, step.failed, step.slow]);
      let i = 0;
      for (const line of LINES) {
        const { texts, routes } = await runSliced(single, [line]);
        for (const text of texts) {
          assert.deepEqual(JSON.parse(alone(all.texts[i]!)), JSON.parse(alone(text)));
          assert.equal(all.routes[i++], routes[0]);
        }
      }
      assert.equal(i, all.texts.length);
      assert.deepEqual(counts(sliced), counts(single));
      single.close();
    }
    for (const one of [sliced, whole]) one.close();
  });
}

test('while lines are hard on a pattern others have their turn, and what gives up is counted', async () => {
  const hard = made([{ drop: { line: { matches: '(?:.*a){8}$' } } }]);
  const lines = Array.from({ length: 4000 }, () => 'ab'.repeat(60));
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns++;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  const { texts } = await runSliced(hard, lines);
  isOver = true;
  assert.equal(texts.length, lines.length);
  assert.ok(turns >= 4, `${turns} turns`);
  assert.deepEqual(stepStatuses(hard.steps), [
    { step: 1, verb: 'drop', in: 4000, out: 4000, failed: 0, gave_up: 4000 },
  ]);
  assert.deepEqual(stepLines(stepStatuses(hard.steps)), ['  step 1, drop: 4000 lines in, 4000 out, 4000 gave up']);
  hard.close();
});

/** With what takes much room beside the rows. */
const LOWER = Array.from({ length: 20 }, (_, k) => `f${k}`);
const lower = { set: Object.fromEntries(LOWER.map((name) => [name, { lower: 'true' }])) };

test('fields of the path are those of all lines, however little room is left', async () => {
  const steps = made([
    { parse: 'json' },
    { parse: { regex: { pattern: '/(?<app.name>[^/]+)\\.log$', field: 'log.file.path', search: 'true' } } },
    lower,
  ]);
  const line = JSON.stringify(Object.fromEntries(LOWER.map((name) => [name, 'X'])));
  const { texts } = await runSliced(
    steps,
    Array.from({ length: 1800 }, () => line),
  );
  assert.ok(steps.steps[2]!.failed > 0, 'there is not enough room for all');
  assert.equal(steps.steps[1]!.failed, 0);
  for (const text of texts) assert.deepEqual(JSON.parse(text).app, { name: 'a' });
  steps.close();
});

test('what has no room beside the rows stays as it was, and takes none of rows that come later', async () => {
  const names = LOWER;
  const lines = Array.from({ length: 2000 }, (_, i) => {
    const fields = names.map((name, k) => [name, String.fromCharCode(0x41 + ((i + k) % 26))]);
    return JSON.stringify({ k: i % 5 ? 'a' : 'b', ...Object.fromEntries(fields) });
  });
  const steps = made([{ parse: 'json' }, { drop: { k: 'b' } }, lower]);
  const { texts } = await runSliced(steps, lines);
  const { failed, in: came } = steps.steps[2]!;
  assert.ok(failed > 0 && failed < came, `${failed} of ${came} have not enough room`);
  const kept = lines.filter((_, i) => i % 5 > 0).map((line) => JSON.parse(line));
  assert.equal(texts.length, kept.length);
  for (const [i, text] of texts.entries()) {
    const record = JSON.parse(text);
    for (const name of names) assert.equal(record[name]?.toLowerCase(), kept[i][name].toLowerCase(), `${name} of ${i}`);
  }
  steps.close();
});

test('random programs over random lines: batches and single lines come to the same', async () => {
  const random = new RandomPrograms(11);
  let records = 0;
  for (let i = 0; i < 20; i++) records += await compareProgram(random.program(), random.lines(1500));
  assert.ok(records > 5000, `${records} records`);
});
