/** Who else may write what root relies on. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isUnusedByOthers, writableByOthers, writableWithin } from '../../src/data-dir/writable.ts';

const skip = process.getuid?.() !== 0 && 'NOT TESTED: needs root, to be told from others';
const OTHER = 65_534;

function place(t: TestContext): (name: string) => string {
  const root = mkdtempSync(join(tmpdir(), 'runnel-writable-'));
  t.after(() => {
    spawnSync('umount', [join(root, 'a/b')]);
    rmSync(root, { recursive: true, force: true });
  });
  mkdirSync(join(root, 'a/b/c'), { recursive: true });
  return (name) => join(root, name);
}

test('a directory above that others may write is told, with the sticky bit it is none', { skip }, (t) => {
  const at = place(t);
  assert.equal(writableByOthers(at('a/b/c')), null);
  chmodSync(at('a'), 0o777);
  assert.match(
    writableByOthers(at('a/b/c'))!,
    /\/a, in which it lies, may be written by everybody: chmod go-w \S+\/a$/,
  );
  chmodSync(at('a'), 0o1777);
  assert.equal(writableByOthers(at('a/b/c')), null);
  chmodSync(at('a/b'), 0o775);
  assert.equal(writableByOthers(at('a/b/c')), null);
  chownSync(at('a/b'), 0, OTHER);
  assert.match(writableByOthers(at('a/b/c'))!, /\/b, in which it lies, may be written by group 65534/);
});

test('a right that others have and did not use can be taken away where the sticky bit is set', { skip }, (t) => {
  const at = place(t);
  chmodSync(at('a'), 0o1777);
  assert.equal(isUnusedByOthers(at('a')), true);
  writeFileSync(at('a/own'), '');
  assert.equal(isUnusedByOthers(at('a')), true);
  chmodSync(at('a'), 0o777);
  assert.equal(isUnusedByOthers(at('a')), false);
  chmodSync(at('a'), 0o1777);
  chownSync(at('a/own'), OTHER, OTHER);
  assert.equal(isUnusedByOthers(at('a')), false);
  assert.equal(isUnusedByOthers('/tmp'), false);
});

test('behind a link both ways count', { skip }, (t) => {
  const at = place(t);
  mkdirSync(at('links'));
  symlinkSync('../a/b/c', at('links/c'));
  assert.equal(writableByOthers(at('links/c')), null);
  chmodSync(at('links'), 0o777);
  assert.match(writableByOthers(at('links/c'))!, /\/links, in which it lies/);
  chmodSync(at('links'), 0o755);
  chownSync(at('a/b/c'), OTHER, 0);
  assert.match(writableByOthers(at('links/c'))!, /\/a\/b\/c belongs to user 65534, who may change it: chown root/);
});

test('what others may write within a directory is told, where they get there and it is asked for', { skip }, (t) => {
  const at = place(t);
  const within = () => writableWithin(at('a'), (name) => name !== 'theirs');
  mkdirSync(at('a/theirs'), { mode: 0o755 });
  chmodSync(at('a/theirs'), 0o777);
  writeFileSync(at('a/b/c/file'), '');
  symlinkSync('nowhere', at('a/b/gone'));
  symlinkSync('loop', at('a/b/loop'));
  assert.equal(within(), null);
  chmodSync(at('a/b/c'), 0o777);
  assert.match(within()!, /\/a\/b\/c may be written by everybody: chmod go-w/);
  chmodSync(at('a/b/c'), 0o755);
  chmodSync(at('a/b/c/file'), 0o666);
  assert.match(within()!, /\/c\/file may be written by everybody/);
  chmodSync(at('a/b'), 0o750);
  assert.equal(within(), null);
  mkdirSync(at('elsewhere'));
  symlinkSync('../elsewhere', at('a/spool'));
  assert.equal(within(), null);
  chmodSync(at('elsewhere'), 0o777);
  assert.match(within()!, /\/elsewhere may be written by everybody/);
  chmodSync(at('elsewhere'), 0o755);
  writeFileSync(at('elsewhere/segment'), '');
  chownSync(at('elsewhere/segment'), OTHER, 0);
  assert.match(within()!, /\/segment belongs to user 65534/);
});

test('a device that everybody may write is left as it is', { skip }, () => {
  assert.equal(writableByOthers('/dev/null'), null);
});

test('what is mounted read-only nobody may write, and in a namespace of few users owners are not told', {
  skip,
}, (t) => {
  const at = place(t);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'ro,mode=777', 'none', at('a/b')]).status === 0;
  if (!mounted) return t.skip('NOT TESTED: this user may not mount');
  assert.equal(writableByOthers(at('a/b')), null);
  chownSync(at('a'), OTHER, OTHER);
  const script = `import { isUnusedByOthers, writableByOthers } from '${new URL('../../src/data-dir/writable.ts', import.meta.url).href}'; console.log(writableByOthers('${at('a')}'))`;
  const inside = spawnSync('unshare', ['-Ur', process.execPath, '--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  if (inside.status !== 0) return t.diagnostic('NOT TESTED: user namespaces are not allowed here');
  assert.equal(inside.stdout.trim(), 'null');
});
