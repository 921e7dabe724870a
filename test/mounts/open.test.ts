/** Which symbolic links are followed: none that would have the agent read what the link's owner may not have. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  closeSync,
  lchownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isForeign, judgeDirectory, mayBePlanted, openRegular } from '../../src/mounts/open.ts';
import { Bench, said } from '../support/tail.ts';
import { until } from '../support/until.ts';

const EVE = 65_534;
const BOB = 65_533;
const skip = process.getuid?.() !== 0 && 'NOT TESTED: needs root, to make links of other users';

/** `root/secret` is root's, `eve/` is Eve's. */
function place(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-open-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  for (const name of ['root', 'eve', 'eve/sub']) mkdirSync(join(dir, name));
  for (const name of ['root/secret', 'eve/own', 'eve/sub/own']) writeFileSync(join(dir, name), name);
  for (const name of ['eve', 'eve/own', 'eve/sub', 'eve/sub/own']) chownSync(join(dir, name), EVE, EVE);
  return {
    dir,
    at: (name: string) => join(dir, name),
    /** A link of the user's. */
    link(name: string, to: string | Buffer, user: number): string {
      symlinkSync(to, join(dir, name));
      lchownSync(join(dir, name), user, user);
      return join(dir, name);
    },
  };
}

/** What is read there; a word for what is not. */
function read(path: string): string {
  try {
    const opened = openRegular(path);
    if (!opened) return 'no file';
    const text = readFileSync(opened.fd, 'utf8');
    closeSync(opened.fd);
    return text;
  } catch (error) {
    return isForeign(error as Error) ? 'foreign' : String((error as NodeJS.ErrnoException).code);
  }
}

test('a link is followed if it is of root, or of the owner of what it leads to', { skip }, (t) => {
  const { at, link } = place(t);
  assert.equal(read(at('eve/own')), 'eve/own');
  assert.equal(read(link('eve/a', 'own', EVE)), 'eve/own');
  assert.equal(read(link('eve/b', at('eve/sub/own'), EVE)), 'eve/sub/own');
  assert.equal(read(link('eve/c', '../root/secret', 0)), 'root/secret');
  assert.equal(read(link('eve/d', '../root/secret', EVE)), 'foreign');
  assert.equal(read(link('eve/e', at('root/secret'), EVE)), 'foreign');
  // Bob may not give away what is Eve's, nor may Eve what is Bob's.
  assert.equal(read(link('eve/f', 'own', BOB)), 'foreign');
  chownSync(at('eve/sub/own'), BOB, BOB);
  assert.equal(read(at('eve/b')), 'foreign');
  assert.equal(read(at('eve/sub/own')), 'eve/sub/own');
});

test('each link on the way is judged by what it leads to itself', { skip }, (t) => {
  const { at, link } = place(t);
  link('eve/to-root', '../root', EVE);
  assert.equal(read(at('eve/to-root/secret')), 'foreign');
  assert.throws(() => judgeDirectory(at('eve/to-root')), isForeign);
  link('eve/to-sub', 'sub', EVE);
  assert.equal(read(at('eve/to-sub/own')), 'eve/sub/own');
  assert.equal(read(at('eve/to-sub/own')), 'eve/sub/own');
  judgeDirectory(at('eve/to-sub'));
  // Root's link to Eve's link to what is root's; and through a directory of root's back to what is Eve's.
  link('root/to-eve', '../eve/x', 0);
  link('eve/x', '../root/secret', EVE);
  assert.equal(read(at('root/to-eve')), 'foreign');
  assert.equal(read(link('eve/y', 'to-root/../eve/own', EVE)), 'foreign');
  assert.equal(read(link('eve/z', 'sub/../own', EVE)), 'eve/own');
  assert.equal(read(at('eve/sub/../own')), 'eve/own');
  // The same path, when its directory has become a link.
  renameSync(at('eve/sub'), at('eve/sub-2'));
  link('eve/sub', '../root', EVE);
  assert.equal(read(at('eve/sub/secret')), 'foreign');
  assert.equal(read(at('eve/to-sub/secret')), 'foreign');
});

test('links end like those of the system: nowhere, in a circle, at what is no file, with odd names', (t) => {
  const { at, link } = place(t);
  const user = process.getuid?.() === 0 ? EVE : process.getuid!();
  assert.equal(read(at('nothing')), 'ENOENT');
  assert.equal(read(link('dangling', 'nothing', user)), 'ENOENT');
  link('one', 'two', user);
  assert.equal(read(link('two', 'one', user)), 'ELOOP');
  assert.equal(read(link('root-link', '/', process.getuid!())), 'no file');
  assert.equal(read(link('dot', '.', process.getuid!())), 'no file');
  assert.equal(read(at('eve')), 'no file');
  const name = Buffer.concat([Buffer.from(at('eve/')), Buffer.from([0xff, 0xfe])]);
  writeFileSync(name, 'odd');
  assert.equal(read(link('to-odd', name, process.getuid!())), 'odd');
  let last = 'eve/own';
  for (let i = 0; i < 40; i++) {
    link(`chain-${i}`, last, process.getuid!());
    last = `chain-${i}`;
  }
  assert.equal(read(at(last)), 'eve/own');
  assert.equal(read(link('chain-40', last, process.getuid!())), 'ELOOP');
});

test('links of /proc lead where the system has them lead, not to what they say', (t) => {
  const { at } = place(t);
  assert.equal(read(`/proc/self/cwd/../${process.cwd().split('/').at(-1)}/package.json`).slice(0, 1), '{');
  const { fd } = openRegular(at('eve/own'))!;
  unlinkSync(at('eve/own'));
  assert.equal(read(`/proc/self/fd/${fd}`), 'eve/own');
  closeSync(fd);
});

test('what is swapped for a link at any moment is never read', { skip }, async (t) => {
  const { at, link } = place(t);
  link('eve/link', '../root', EVE);
  link('eve/file', '../root/secret', EVE);
  writeFileSync(at('eve/sub/secret'), 'eve/sub/secret');
  link('eve/sub/secret-link', '../../root/secret', EVE);
  const swapping = `
    const { renameSync } = require('node:fs');
    for (;;) {
      renameSync('sub', 'real'); renameSync('link', 'sub'); renameSync('sub', 'link'); renameSync('real', 'sub');
      renameSync('own', 'aside'); renameSync('file', 'own'); renameSync('own', 'file'); renameSync('aside', 'own');
    }`;
  const child = spawn(process.execPath, ['-e', swapping], { cwd: at('eve'), stdio: 'ignore' });
  const seen = new Set<string>();
  const end = performance.now() + 10_000;
  while (performance.now() < end && !(seen.has('foreign') && seen.size > 2 && performance.now() > end - 9_000)) {
    for (const name of ['eve/sub/secret', 'eve/own']) seen.add(read(at(name)));
  }
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok(seen.has('foreign'), [...seen].join());
  assert.ok(!seen.has('root/secret'), [...seen].join());
});

test('a hard link may have been planted where others than the owner of the file may write', () => {
  const check = (file: bigint, directory: bigint, mode: bigint, planted: boolean) =>
    assert.equal(mayBePlanted({ uid: file, mode: 0o600n }, { uid: directory, mode }, 7n), planted);
  check(0n, 1000n, 0o755n, true);
  check(0n, 0n, 0o1777n, true);
  check(0n, 0n, 0o775n, true);
  check(1001n, 1000n, 0o755n, true);
  check(0n, 0n, 0o755n, false);
  check(1000n, 1000n, 0o755n, false);
  check(1000n, 0n, 0o755n, false);
  check(1000n, 7n, 0o755n, false);
});

test("what a user's links lead to is not read, which is said and counted; their own files are", { skip }, async (t) => {
  const bench = new Bench(t);
  chownSync(bench.logs, EVE, EVE);
  const secret = `${bench.data}/secret`;
  mkdirSync(secret);
  writeFileSync(`${secret}/key.log`, 'secret\n');
  writeFileSync(bench.path('own.log'), 'own\n');
  chownSync(bench.path('own.log'), EVE, EVE);
  for (const [name, to] of [
    ['a.log', `${secret}/key.log`],
    ['b.log', 'own.log'],
    ['sub', secret],
  ]) {
    symlinkSync(to!, bench.path(name!));
    lchownSync(bench.path(name!), EVE, EVE);
  }
  const lines = await said(async () => {
    await bench.start({ include: [`${bench.logs}/**/*.log`] });
    await until('looked at', () => bench.source.unreadable > 0 && bench.output.lines.length > 0);
  });
  assert.deepEqual(bench.output.texts(), ['own']);
  assert.ok(lines.some((line) => /a\.log is a symbolic link of user 65534 to \S+ of user 0: .*include/.test(line)));
  // When root takes it over it is read.
  lchownSync(bench.path('a.log'), 0, 0);
  linkSync(bench.path('a.log'), bench.path('c.log'));
  await until('read', () => bench.output.lines.length > 1);
  assert.deepEqual(bench.output.texts(), ['own', 'secret']);
});
