/**
 * The tail source against a model of what must come: a fixed set of seeds, and scripts that once failed. Many seeds:
 * `npm run test:model -- --seeds 1000`; what that finds and shrinks is pasted here.
 */
// Slow: starts processes and kills them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PhysicalFile } from './content.ts';
import { Model } from './model.ts';
import { run } from './run.ts';
import { generate, type Step } from './script.ts';
import { asTest, shrink } from './shrink.ts';

const SEEDS = [6, 7, 10, 13, 14, 15, 19, 20];
const STEPS = 200;

async function holds(script: readonly Step[]): Promise<void> {
  const { failure } = await run(script);
  assert.equal(failure, null, failure ? `step ${failure.step}: ${failure.what}\n${failure.log}` : '');
}

for (const seed of SEEDS) {
  test(`whatever happens to files and agent, all that must come comes, once (seed ${seed})`, async () => {
    await holds(generate(seed, STEPS));
  });
}

test('the same seed gives the same script, another one another', () => {
  assert.deepEqual(generate(7, 300), generate(7, 300));
  assert.notDeepEqual(generate(7, 300).slice(1, 20), generate(8, 300).slice(1, 20));
  assert.equal(generate(7, 300).length, 300);
});

/** Believes that a file that is truncated goes on as it was. */
class WrongModel extends Model {
  override truncated(_file: PhysicalFile): PhysicalFile | null {
    return null;
  }
}

test('a model that is wrong is found out, and the script that shows it is made three steps at most', async () => {
  const plain = ['write', 'part', 'overwrite', 'sleep'];
  const script = generate(4, 200).filter((step) => plain.includes(step.do));
  script.length = 10;
  script.splice(4, 0, { do: 'write', file: 1, lines: 9, size: 90 });
  script.splice(8, 0, { do: 'overwrite', file: 1, lines: 5, size: 300 });
  const fails = async (part: readonly Step[]) => {
    const { failure } = await run(part, { model: WrongModel, limit_ms: 5000 });
    return failure?.kind === 'unknown' ? failure.what : null;
  };
  const shrunk = await shrink(script, fails, { tries: 1, budget_ms: 120_000 });
  assert.ok(shrunk);
  assert.ok(shrunk.script.length <= 3, asTest(shrunk, 'not short'));
  assert.equal(shrunk.script.at(-1)?.do, 'overwrite');
  // The very same script holds for the model that is right.
  await holds(shrunk.script);
});

test('of a copy that may be read as a file of its own an unfinished line need not come', () => {
  const model = new Model(true, false, 1000);
  model.told('B');
  const file = model.created('a.log', 1);
  model.appended(file, Buffer.from('first\nrest'));
  model.copying(file);
  model.truncated(file, 'a.log', 0, { where: 'near', path: 'a.log.1', size: 10 });
  model.told('I 1 a.log');
  assert.equal(model.missing().length, 1);
  model.told('R 1 0 6 first');
  assert.deepEqual(model.missing(), []);
});

test('shrinking keeps what matters and makes its numbers small', async () => {
  const truncatedAfterWrite = async (script: readonly Step[]) => {
    const write = script.findIndex((s) => s.do === 'write' && s.lines >= 3);
    const truncate = script.findLastIndex((s) => s.do === 'truncate' && s.caught_up === true);
    return write >= 0 && truncate > write ? 'as expected' : null;
  };
  const script = generate(1, 400);
  const shrunk = await shrink(script, truncatedAfterWrite, { tries: 1 });
  assert.deepEqual(shrunk?.script, [
    { do: 'write', file: 0, lines: 3, size: 0 },
    { do: 'truncate', file: 0, caught_up: true },
  ]);
  assert.match(
    asTest(shrunk, 'short'),
    /^test\('short', async .*\n {2}\/\/ as expected\n.*\n {4}\{ do: 'write', file: 0/,
  );
  assert.equal(await shrink(script, async () => null), null);
});
