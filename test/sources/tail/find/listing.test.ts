/** Thousands of files that are closed and go at once. */
// Slow: makes thousands of files.
import assert from 'node:assert/strict';
import { appendFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { queryObjects } from 'node:v8';
import { descriptors } from '../../../../src/sources/tail/file/descriptors.ts';
import { TrackedFile } from '../../../../src/sources/tail/file/file.ts';
import { Bench } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

const FILES = 3000;

test('a thousand closed files that are deleted or renamed at once hold up nothing, and nothing is kept of them', async (t) => {
  const bench = new Bench(t);
  const { limit } = descriptors;
  t.after(() => Object.assign(descriptors, { limit }));
  Object.assign(descriptors, { limit: 50 });
  for (let i = 0; i < FILES; i++) writeFileSync(bench.path(`${i}.log`), `${i} is in this file alone\n`);
  const out = await bench.start();
  await out.count(FILES);
  await until('settled', () => bench.source.files().every(({ committed, size }) => committed === size));
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 10);
  t.after(() => clearInterval(timer));
  for (let i = 0; i < 1000; i++) rmSync(bench.path(`${i}.log`));
  for (let i = 1000; i < 1010; i++) {
    appendFileSync(bench.path(`${i}.log`), 'more\n');
    renameSync(bench.path(`${i}.log`), bench.path(`${i}.old`));
  }
  last = performance.now();
  await until('they are let go', () => bench.source.files_total <= FILES - 1000, 10_000);
  await until('the last lines', () => out.lines.length === FILES + 10);
  await until('the renamed ones, too', () => bench.source.files_total === FILES - 1010, 10_000);
  // Before, this took more than ten seconds.
  assert.ok(longest < 3000, `${longest} ms`);
  await setTimeout(11_000);
  // A few are the last that something had to do with.
  assert.ok(queryObjects(TrackedFile, { format: 'count' }) < FILES - 1010 + 50);
});

test('closed files that are renamed when no more can be opened are not lost', async (t) => {
  const bench = new Bench(t);
  const { limit } = descriptors;
  t.after(() => Object.assign(descriptors, { limit }));
  Object.assign(descriptors, { limit: 4 });
  for (let i = 0; i < 20; i++) writeFileSync(bench.path(`${i}.log`), `${i} is in this file alone\n`);
  let out = await bench.start();
  await out.count(20);
  await until('settled', () => bench.source.files().every(({ committed, size }) => committed === size));
  for (let i = 0; i < 20; i++) {
    appendFileSync(bench.path(`${i}.log`), `${i} more\n`);
    renameSync(bench.path(`${i}.log`), bench.path(`${i}.old`));
  }
  await until('they have no name', () => bench.source.files_total < 10);
  await bench.stop();
  const read = out.lines.length - 20;
  Object.assign(descriptors, { limit });
  out = await bench.start();
  await until('the rest', () => out.lines.length >= 20 - read);
  assert.equal(out.lines.length, 20 - read);
  assert.equal(bench.account.losses.size, 0);
});
