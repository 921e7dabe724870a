/** Where inotify tells nothing, or not all, or cannot be used: files are looked at, and what happened is found. */
// Slow: what is tried again has to come round.
import assert from 'node:assert/strict';
import { type ChildProcessByStdio, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { fileSystemOf, silentFileSystem } from '../../../src/sources/tail/find/filesystems.ts';
import { Watcher } from '../../../src/sources/tail/find/watch.ts';
import { Bench } from '../../support/tail.ts';
import { until } from '../../support/until.ts';

const agent = new URL('../../support/tail-agent.ts', import.meta.url).pathname;
const MAY_UNSHARE = spawnSync('unshare', ['-Urm', 'true']).status === 0;
const needsNamespaces = { skip: MAY_UNSHARE ? false : 'user namespaces are not allowed here' };

/** The small agent in a user and mount namespace of its own, prepared by a shell command. */
function startAgent(t: TestContext, bench: Bench, prepare: string) {
  const result = join(bench.data, 'result');
  const command = `${prepare} && exec ${process.execPath} ${agent} ${bench.logs} ${bench.data} ${result}`;
  const child: ChildProcessByStdio<null, null, Readable> = spawn('unshare', ['-Urm', 'sh', '-c', command], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  const lines = () => {
    try {
      return readFileSync(result, 'latin1')
        .split('\n')
        .filter(Boolean)
        .map((line) => line.split(' ').slice(3).join(' '));
    } catch {
      // It has not written a line yet.
      return [];
    }
  };
  return { lines, warnings: () => log.split('\n').filter((line) => line.includes('looked at every second')) };
}

test('with no event at all, the regular look finds lines, new files, rotations and deletions', async (t) => {
  t.mock.method(Watcher.prototype, 'watch', () => () => undefined);
  const bench = new Bench(t);
  mkdirSync(bench.path('a'));
  const [plain, rotated, deleted, nested] = ['plain.log', 'rotated.log', 'deleted.log', 'a/nested.log'].map((name) =>
    bench.path(name),
  ) as [string, string, string, string];
  for (const path of [plain, rotated, deleted, nested]) writeFileSync(path, 'first\n');
  const output = await bench.start({ include: [`${bench.logs}/**/*.log`] });
  await output.count(4);

  for (const path of [plain, rotated, deleted, nested]) appendFileSync(path, 'second\n');
  renameSync(rotated, `${rotated}.1`);
  writeFileSync(rotated, 'third\n');
  unlinkSync(deleted);
  mkdirSync(bench.path('b'));
  writeFileSync(bench.path('b/new.log'), 'new\n');
  await output.count(10);
  assert.deepEqual(output.texts(rotated), ['first', 'second', 'third']);
  assert.deepEqual(output.texts(deleted), ['first', 'second']);
  assert.deepEqual(output.texts(bench.path('b/new.log')), ['new']);
  assert.equal(output.lines.length, 10);
});

test('where no directory can be watched, lines come within a second or two, with one warning', async (t) => {
  t.mock.method(Watcher.prototype, 'watch', () =>
    Object.assign(new Error('ENOSPC: no watch left'), { code: 'ENOSPC' }),
  );
  const warnings: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string) => {
    if (text.includes('cannot watch')) warnings.push(text);
    return true;
  });
  const bench = new Bench(t);
  for (const name of ['a', 'b', 'c']) mkdirSync(bench.path(name));
  writeFileSync(bench.path('a/x.log'), 'first\n');
  const output = await bench.start({ include: [`${bench.logs}/*/*.log`] });
  await output.count(1);
  assert.equal(bench.source.watching, 'polling');
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    appendFileSync(bench.path('a/x.log'), 'more\n');
    writeFileSync(bench.path(`b/${i}.log`), 'new\n');
    await output.count(3 + 2 * i);
    const took = performance.now() - start;
    assert.ok(took < 6000, `it took ${took} ms`);
  }
  assert.equal(warnings.length, 1);
});

test('when watches can be set again, they are', { timeout: 60_000 }, async (t) => {
  let full = true;
  const { watch } = Watcher.prototype;
  t.mock.method(Watcher.prototype, 'watch', function (this: Watcher, directory: string) {
    return full ? new Error('ENOSPC: no watch left') : watch.call(this, directory);
  });
  const bench = new Bench(t);
  const output = await bench.start();
  await until('it is polled', () => bench.source.watching === 'polling');
  full = false;
  await until('it is watched', () => bench.source.watching === 'inotify', 40_000);
  writeFileSync(bench.path('x.log'), 'first\n');
  await output.count(1);
});

test('the limit of inotify watches is used up: polled, with one warning', needsNamespaces, async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('x.log'), 'first\n');
  const { lines, warnings } = startAgent(t, bench, 'echo 0 > /proc/sys/user/max_inotify_watches');
  await until('the first line has come', () => lines().length === 1, 40_000);
  appendFileSync(bench.path('x.log'), 'second\n');
  writeFileSync(bench.path('new.log'), 'third\n');
  await until('the others have come', () => lines().length === 3, 8000);
  assert.deepEqual(lines().sort(), ['first', 'second', 'third']);
  assert.equal(warnings().length, 1);
  assert.match(warnings()[0]!, /ENOSPC.*max_user_watches/);
});

test('an overlay tells nothing of what is written to its layer: polled from the start', needsNamespaces, async (t) => {
  const bench = new Bench(t);
  const [lower, upper, work] = ['lower', 'upper', 'work'].map((name) => join(bench.data, name)) as [
    string,
    string,
    string,
  ];
  for (const dir of [lower, upper, work]) mkdirSync(dir);
  writeFileSync(join(upper, 'x.log'), 'first\n');
  const mount = `mount -t overlay overlay -o lowerdir=${lower},upperdir=${upper},workdir=${work} ${bench.logs}`;
  if (spawnSync('unshare', ['-Urm', 'sh', '-c', mount]).status !== 0) return t.skip('overlay cannot be mounted here');
  const { lines, warnings } = startAgent(t, bench, mount);
  await until('the first line has come', () => lines().length === 1, 40_000);
  appendFileSync(join(upper, 'x.log'), 'second\n');
  await until('the second line has come', () => lines().length === 2, 8000);
  assert.equal(warnings().length, 1);
  assert.match(warnings()[0]!, /is on overlay/);
});

test('more names at once than the queue of inotify holds: all are found', { timeout: 120_000 }, async (t) => {
  const bench = new Bench(t);
  const output = await bench.start();
  // Two events a file.
  const files = 1000 + Number(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8')) / 2;
  // The loop that would read the events stands still meanwhile.
  const code = `for (let i = 0; i < ${files}; i++) require('fs').writeFileSync(${JSON.stringify(bench.logs)} + '/' + i + '.log', i + '\\n');`;
  execFileSync(process.execPath, ['-e', code]);
  await output.count(files);
  const texts = new Set(output.texts());
  assert.equal(output.lines.length, files);
  assert.equal(texts.size, files);
});

test('file systems whose changes are made elsewhere are known by their numbers', () => {
  const check = (type: number, name: string | null) => assert.equal(silentFileSystem(type), name);
  check(0x6969, 'nfs');
  check(0xff534d42, 'cifs');
  check(0xff534d42 | 0, 'cifs');
  check(0x65735546, 'fuse');
  check(0x01021997, '9p');
  check(0x794c7630, 'overlay');
  check(0xef53, null);
  check(0x01021994, null);
  assert.equal(fileSystemOf('/proc'), null);
  assert.equal(fileSystemOf('/no/such/directory'), null);
});
