/** Files that are not where they were when the agent stopped: looked for where rotations put them; else said and counted. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { StoredFiles } from '../../../../src/sources/tail/positions/edit.ts';
import { blank } from '../../../../src/sources/tail/positions/journal.ts';
import { Positions } from '../../../../src/sources/tail/positions/positions.ts';
import { Bench, said } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

/** Longer than what is compared of a beginning. */
const before = `${'1'.repeat(400)}\n`;

async function readAndStop(bench: Bench, input = {}): Promise<string> {
  const out = await bench.start(input);
  await out.count(1);
  await bench.stop();
  return out.lines[0]!.id;
}

/** What is lost and what is not found after a start, and what is said of it. */
async function started(bench: Bench, input = {}) {
  const warnings = await said(async () => {
    await bench.start(input);
    await until('it is started', () => bench.positions.started('test') && bench.source.files_total > 0);
    await bench.stop();
  });
  const reasons = [...bench.account.losses.keys()];
  return { reasons, notFound: bench.account.notFound, warnings: warnings.filter((line) => / warn /.test(line)) };
}

test('a link on the way leads elsewhere since: what is left of the file is read where it was', async (t) => {
  const bench = new Bench(t);
  for (const release of ['1', '2']) mkdirSync(bench.path(`releases/${release}/log`), { recursive: true });
  symlinkSync(bench.path('releases/1'), bench.path('current'));
  const old = bench.path('releases/1/log/app.log');
  writeFileSync(old, before);
  const input = { include: [bench.path('current/log/*.log')], rotate_wait: 60_000 };
  const id = await readAndStop(bench, input);
  appendFileSync(old, 'while down\n');
  symlinkSync(bench.path('releases/2'), bench.path('next'));
  renameSync(bench.path('next'), bench.path('current'));
  writeFileSync(bench.path('releases/2/log/app.log'), 'new\n');
  const out = await bench.start(input);
  await out.count(2);
  assert.deepEqual(out.texts(), ['while down', 'new']);
  assert.equal(out.lines[0]!.id, id);
  assert.equal(out.lines[0]!.path, bench.path('current/log/app.log'));
  const stored = bench.positions.all().find((g) => g.id === id)!;
  assert.deepEqual(new StoredFiles().find(stored).now, old);
  await bench.stop();
  // And once more: the old workers go on for some time.
  appendFileSync(old, 'while down again\n');
  const again = await bench.start(input);
  await again.count(1);
  assert.deepEqual(again.texts(), ['while down again']);
  assert.equal(bench.account.notFound, 0);
});

for (const [where, dir] of Object.entries({ below: 'app/old', beside: 'archive', above: '.' })) {
  test(`rotated into a directory ${where} while down: it is finished there, before the new file`, async (t) => {
    const bench = new Bench(t);
    for (const name of ['app', dir]) mkdirSync(bench.path(name), { recursive: true });
    const input = { include: [bench.path('app/*.log')] };
    writeFileSync(bench.path('app/a.log'), before);
    const id = await readAndStop(bench, input);
    appendFileSync(bench.path('app/a.log'), '2\n3\n');
    renameSync(bench.path('app/a.log'), join(bench.path(dir), 'a.log.1'));
    writeFileSync(bench.path('app/a.log'), 'new\n');
    const out = await bench.start(input);
    await out.count(3);
    assert.deepEqual(out.texts(), ['2', '3', 'new']);
    assert.equal(out.lines[0]!.id, id);
    await bench.stop();
    assert.deepEqual(await started(bench, input), { reasons: [], notFound: 0, warnings: [] });
  });
}

for (const [dir, name] of [
  ['app/old', 'a.log-20261130.gz'],
  ['archive', 'a-20261130.log.gz'],
  ['.', 'a.log.1.gz'],
] as const) {
  test(`compressed into ${dir} as ${name} while down: it is finished there, before the new file`, async (t) => {
    const bench = new Bench(t);
    for (const one of ['app', dir]) mkdirSync(bench.path(one), { recursive: true });
    const input = { include: [bench.path('app/*.log')] };
    const old = bench.path('app/a.log');
    writeFileSync(old, before);
    const id = await readAndStop(bench, input);
    for (let i = 0; i < 40; i++) writeFileSync(join(bench.path(dir), `other.${i}.gz`), gzipSync(before));
    writeFileSync(join(bench.path(dir), name), gzipSync(`${readFileSync(old, 'utf8')}2\n3\n`));
    rmSync(old);
    writeFileSync(old, 'new\n');
    const out = await bench.start(input);
    await out.count(3);
    assert.deepEqual(out.texts(), ['2', '3', 'new']);
    assert.equal(out.lines[0]!.id, id);
    await bench.stop();
    assert.deepEqual(await started(bench, input), { reasons: [], notFound: 0, warnings: [] });
  });
}

test('moved to where it is not looked for: that is said and counted, once, though it is not known what is lost', async (t) => {
  const bench = new Bench(t);
  const far = mkdtempSync(join(tmpdir(), 'runnel-far-'));
  t.after(() => rmSync(far, { recursive: true }));
  writeFileSync(bench.path('a.log'), before);
  await readAndStop(bench);
  appendFileSync(bench.path('a.log'), 'never seen\n');
  renameSync(bench.path('a.log'), join(far, 'a.log'));
  writeFileSync(bench.path('a.log'), 'new\n');
  const first = await started(bench);
  assert.deepEqual([first.reasons, first.notFound], [['not_found'], 1]);
  assert.equal(first.warnings.length, 1);
  assert.match(first.warnings[0]!, /a\.log went away while the agent was down, and cannot be found: .*\(not_found\)/);
  const second = await started(bench);
  assert.deepEqual([second.notFound, second.warnings], [1, []]);
});

for (const [how, rotate] of Object.entries({
  'renamed beside it': (bench: Bench) => renameSync(bench.path('a.log'), bench.path('a.log.1')),
  'renamed to a directory below': (bench: Bench) => {
    mkdirSync(bench.path('old'));
    renameSync(bench.path('a.log'), bench.path('old/a.log'));
  },
  'compressed beside it': (bench: Bench) => {
    writeFileSync(bench.path('a.log.1.gz'), gzipSync(before));
    rmSync(bench.path('a.log'));
  },
  'copied and truncated': (bench: Bench) => {
    writeFileSync(bench.path('a.log.1'), before);
    writeFileSync(bench.path('a.log'), '');
  },
})) {
  test(`${how} while down with nothing new in it: nothing is said, nor when it is gone later`, async (t) => {
    const bench = new Bench(t);
    writeFileSync(bench.path('a.log'), before);
    await readAndStop(bench);
    rotate(bench);
    writeFileSync(bench.path('a.log'), 'new\n');
    assert.deepEqual(await started(bench), { reasons: [], notFound: 0, warnings: [] });
    for (const name of ['a.log.1', 'a.log.1.gz', 'old']) rmSync(bench.path(name), { recursive: true, force: true });
    assert.deepEqual(await started(bench), { reasons: [], notFound: 0, warnings: [] });
  });
}

test('rotated away and let go while it ran, then deleted while down: nobody could have written to it', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), before);
  const out = await bench.start({ rotate_wait: 50 });
  await out.count(1);
  renameSync(bench.path('a.log'), bench.path('a.old'));
  writeFileSync(bench.path('a.log'), 'new\n');
  await out.count(2);
  await until('it is let go', () => bench.source.files_total === 1);
  await bench.stop();
  rmSync(bench.path('a.old'));
  assert.deepEqual(await started(bench), { reasons: [], notFound: 0, warnings: [] });
});

test('a journal of a version that did not note whether a file had its name says nothing of it', async (t) => {
  const bench = new Bench(t);
  const positions = await Positions.open(bench.data, ['test']);
  const generation = blank({ id: 'old', input: 'test', path: bench.path('a.log'), base: 0 });
  positions.create(
    Object.assign(generation, { inode: 1n, position: 5, markedAt: 5, marker: { length: 5, digest: 1n } }),
  );
  await positions.close();
  assert.doesNotMatch(readFileSync(join(bench.data, 'positions'), 'latin1'), /named/);
  writeFileSync(bench.path('b.log'), before);
  assert.deepEqual(await started(bench), { reasons: [], notFound: 0, warnings: [] });
  assert.match(readFileSync(join(bench.data, 'positions'), 'latin1'), /b\.log","base":0,"named":true/);
});
