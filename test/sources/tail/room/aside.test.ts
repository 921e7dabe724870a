/** What is to be deleted is put aside first, and gets its name back in whatever happens meanwhile. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs, {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { OpenDirectory, takeBack } from '../../../../src/sources/tail/room/aside.ts';
import { Bench } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

const ID = '0123456789abcdef';
const ANYBODY = 65_534;

function place(t: TestContext): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'runnel-aside-')));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function opened(t: TestContext, dir: string): OpenDirectory {
  const directory = OpenDirectory.open(dir);
  assert.ok(directory);
  t.after(() => directory.close());
  return directory;
}

/** In the moment in which a name is put aside, before or after it is. */
function whenPutAside(t: TestContext, moment: 'before' | 'after', act: () => void): void {
  const rename = fs.renameSync;
  t.after(() => {
    fs.renameSync = rename;
    syncBuiltinESMExports();
  });
  fs.renameSync = (from, to) => {
    const is = String(to).endsWith('runnel-delete');
    if (is && moment === 'before') act();
    rename(from, to);
    if (is && moment === 'after') act();
  };
  syncBuiltinESMExports();
}

test('what may not be deleted has its name back, also a long one, and nothing is written over', (t) => {
  const dir = place(t);
  const directory = opened(t, dir);
  const long = `${'é'.repeat(124)}.log`;
  for (const name of ['a.log', long]) {
    writeFileSync(join(dir, name), name);
    assert.equal(
      directory.delete(name, ID, (stat) => stat?.isFile() !== true),
      false,
    );
    assert.deepEqual(readdirSync(dir), [name]);
    assert.equal(
      directory.delete(name, ID, () => true),
      true,
    );
    assert.deepEqual(readdirSync(dir), []);
  }
  writeFileSync(join(dir, 'a.log'), 'old');
  const taken = () => {
    writeFileSync(join(dir, 'a.log'), 'new');
    return false;
  };
  assert.equal(directory.delete('a.log', ID, taken), false);
  assert.equal(readFileSync(join(dir, 'a.log'), 'utf8'), 'new');
  assert.equal(readFileSync(join(dir, `a.log.${ID}`), 'utf8'), 'old');
});

test('an error while it is put aside leaves no hidden name', (t) => {
  const dir = place(t);
  writeFileSync(join(dir, 'a.log'), 'old');
  const fail = () => {
    throw new Error('EIO');
  };
  assert.throws(() => opened(t, dir).delete('a.log', ID, fail), /EIO/);
  assert.deepEqual(readdirSync(dir), ['a.log']);
});

test('a directory that a link leads to is not opened', (t) => {
  const dir = place(t);
  mkdirSync(join(dir, 'real', 'below'), { recursive: true });
  symlinkSync('real', join(dir, 'link'));
  assert.equal(OpenDirectory.open(join(dir, 'link')), null);
  assert.equal(OpenDirectory.open(join(dir, 'link', 'below')), null);
});

test('what is no file that was put aside is left where it is', (t) => {
  const dir = place(t);
  for (const name of ['.runnel-delete', `.${ID}.runnel-delete`, `.a.${ID}x.runnel-delete`, `a.${ID}.runnel-delete`]) {
    writeFileSync(join(dir, name), '');
    assert.equal(takeBack(join(dir, name)), null);
  }
  mkdirSync(join(dir, `.dir.${ID}.runnel-delete`));
  assert.equal(takeBack(join(dir, `.dir.${ID}.runnel-delete`)), null);
  symlinkSync('/etc/passwd', join(dir, `.link.${ID}.runnel-delete`));
  assert.equal(takeBack(join(dir, `.link.${ID}.runnel-delete`)), null);
  assert.equal(readdirSync(dir).length, 6);
});

const root = process.getuid?.() === 0;

test('an account that does not own the file gives it its name back', { skip: !root && 'needs root' }, (t) => {
  const dir = place(t);
  chmodSync(dir, 0o777);
  writeFileSync(join(dir, 'a.log'), 'old');
  chownSync(join(dir, 'a.log'), 1, 1);
  const script = `
    import { OpenDirectory } from ${JSON.stringify(new URL('../../../../src/sources/tail/room/aside.ts', import.meta.url).href)};
    const directory = OpenDirectory.open(${JSON.stringify(dir)});
    process.stdout.write(String(directory.delete('a.log', '${ID}', () => false)));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    uid: ANYBODY,
    gid: ANYBODY,
    env: {},
    encoding: 'utf8',
  });
  assert.equal(stdout, 'false', stderr);
  assert.deepEqual(readdirSync(dir), ['a.log']);
});

test('what the writer writes in the moment of the deletion is read, and the file has its name', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), 'one\n');
  let wrote = 0;
  whenPutAside(t, 'after', () => {
    if (wrote++ > 0) return;
    const [aside] = readdirSync(bench.logs);
    appendFileSync(bench.path(aside!), 'two\n');
  });
  const out = await bench.start({ delete_after: 300 });
  await out.count(2);
  assert.deepEqual(readdirSync(bench.logs), ['a.log']);
  assert.equal(bench.source.deleted, 0);
  assert.equal(out.lines[0]!.id, out.lines[1]!.id);
  await until('it is deleted later', () => bench.source.deleted === 1);
  assert.deepEqual(readdirSync(bench.logs), []);
});

test("a directory that is swapped for a link leads to nobody else's file", async (t) => {
  const bench = new Bench(t);
  const [victim, moved] = [join(bench.data, 'victim'), join(bench.data, 'moved')];
  mkdirSync(victim);
  writeFileSync(join(victim, 'a.log'), 'of somebody else\n');
  mkdirSync(bench.path('dir'));
  writeFileSync(join(bench.path('dir'), 'a.log'), 'one\n');
  let swapped = false;
  whenPutAside(t, 'before', () => {
    renameSync(bench.path('dir'), moved);
    symlinkSync(victim, bench.path('dir'));
    swapped = true;
  });
  const out = await bench.start({ include: [`${bench.logs}/dir/*.log`], delete_after: 300 });
  await out.count(1);
  await until('it is to be deleted', () => swapped);
  await until('that is done', () => bench.source.deleted === 1);
  assert.deepEqual(readdirSync(victim), ['a.log']);
  assert.deepEqual(readdirSync(moved), []);
});

for (const include of ['*.log', 'a.log']) {
  test(`what was put aside when the agent ended has its name back at the next start (${include})`, async (t) => {
    const bench = new Bench(t);
    const includes = { include: [bench.path(include)] };
    writeFileSync(bench.path('a.log'), 'one\n');
    const out = await bench.start(includes);
    await out.count(1);
    await bench.stop();
    const { id } = out.lines[0]!;
    renameSync(bench.path('a.log'), bench.path(`.a.log.${id}.runnel-delete`));
    await bench.start(includes, false);
    await until('it has its name', () => existsSync(bench.path('a.log')));
    await until('it is followed', () => bench.source.files_total === 1);
    appendFileSync(bench.path('a.log'), 'two\n');
    await out.count(2);
    assert.deepEqual(out.texts(), ['one', 'two']);
    assert.equal(out.lines[1]!.id, id);
    assert.deepEqual(readdirSync(bench.logs), ['a.log']);
  });
}
