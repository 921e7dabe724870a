/** Whether a kernel is compiled anew when its sources are others, whatever the times of the files say. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = new URL('../..', import.meta.url).pathname;
const PARTS = ['package.json', 'scripts', 'src/kernel'];

test('a kernel is compiled anew when its sources are others, also where it is younger than they are', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'runnel-kernel-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const build = (where: string) => spawnSync(process.execPath, [join(where, 'scripts/build-kernel.mjs')]);
  assert.equal(build(ROOT).status, 0);
  for (const part of PARTS) cpSync(join(ROOT, part), join(root, part), { recursive: true });
  // There is no compiler in the copy: to need one is to fail.
  const check = (isFresh: boolean) => assert.equal(build(root).status === 0, isFresh);
  const wasm = join(root, 'src/kernel/statsd.wasm');
  const source = join(root, 'src/kernel/statsd.as.ts');
  utimesSync(source, new Date(), new Date());
  check(true);
  const [made, text] = [readFileSync(wasm), readFileSync(source)];
  writeFileSync(wasm, made.subarray(0, 100));
  check(false);
  writeFileSync(wasm, made);
  check(true);
  appendFileSync(source, '\n// Nothing.\n');
  utimesSync(source, 0, 0);
  check(false);
  writeFileSync(source, text);
  check(true);
});

test('whoever runs a checkout that was brought up to date runs kernels of the same sources', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  for (const name of ['start', 'runnel']) assert.equal(scripts[`pre${name}`], scripts.prepare);
});
