/** Directories and files that come and go, as those of pods do: nothing is kept of them. */
// Slow: what is tried again has to come round.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { queryObjects } from 'node:v8';
import { TrackedFile } from '../../../src/sources/tail/file/file.ts';
import { Bench } from '../../support/tail.ts';
import { until } from '../../support/until.ts';

const ROUNDS = 30;
const TOGETHER = 10;

test('of files that were read and are gone nothing stays in memory, nor in the journal', async (t) => {
  const bench = new Bench(t);
  const out = await bench.start({ include: [`${bench.logs}/*/*.log`] });
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < TOGETHER; i++) {
      mkdirSync(bench.path(`${round}-${i}`));
      writeFileSync(bench.path(`${round}-${i}/a.log`), `${round} ${i}\n`);
    }
    await out.count((round + 1) * TOGETHER);
    for (let i = 0; i < TOGETHER; i++) rmSync(bench.path(`${round}-${i}`), { recursive: true });
  }
  await until('they are let go', () => bench.source.files_total === 0, 40_000);
  await until('and forgotten', () => bench.positions.all().length === 0);
  out.streams.length = 0;
  // A few are the last that something had to do with; names that were lost are swept every ten seconds.
  await until('nothing is kept', () => queryObjects(TrackedFile, { format: 'count' }) < 40, 20_000);
  assert.equal(bench.account.losses.size, 0);
});
