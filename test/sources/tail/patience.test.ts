/** The output is away for longer than silence lasts: what is written meanwhile was not silence. */
// Slow: files have to be silent for as long as options say.
import assert from 'node:assert/strict';
import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { TailOptions } from '../../../src/sources/tail/tail.ts';
import { Bench } from '../../support/tail.ts';

test('a record is not ended by a silence that was over when the output came back', async (t) => {
  const bench = new Bench(t);
  const multiline = { start: '^#', continue: undefined, end: undefined, max_lines: 500, max_bytes: 262_144 };
  writeFileSync(bench.path('a.log'), '#0\n#1\na\n');
  const out = await bench.start({ multiline: { ...multiline, timeout: 1500 } } as Partial<TailOptions['input']>);
  await out.count(1);
  const release = out.block();
  await setTimeout(2500);
  appendFileSync(bench.path('a.log'), 'b\n');
  // Long enough for the file to be looked at.
  await setTimeout(1000);
  release();
  await setTimeout(50);
  appendFileSync(bench.path('a.log'), 'c\n#2\n');
  await out.count(2);
  assert.deepEqual(out.texts(), ['#0', '#1\na\nb\nc']);
});

for (const multiline of [undefined, { start: '^#', max_lines: 500, max_bytes: 262_144, timeout: 1500 }]) {
  test(`nor is a line of a renamed file${multiline ? ', where lines are joined' : ''}`, async (t) => {
    const bench = new Bench(t);
    writeFileSync(bench.path('a.log'), '#0\n');
    const out = await bench.start({ rotate_wait: 60_000, ...(multiline && { multiline }) } as Partial<
      TailOptions['input']
    >);
    await setTimeout(100);
    renameSync(bench.path('a.log'), bench.path('a.old'));
    appendFileSync(bench.path('a.old'), '#1\n#half');
    await out.count(multiline ? 1 : 2);
    const release = out.block();
    await setTimeout(3500);
    appendFileSync(bench.path('a.old'), ' of a');
    await setTimeout(600);
    release();
    await setTimeout(50);
    appendFileSync(bench.path('a.old'), ' line\n');
    await out.count(3);
    assert.deepEqual(out.texts(), ['#0', '#1', '#half of a line']);
  });
}
