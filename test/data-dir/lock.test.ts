import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { lockDataDir } from '../../src/data-dir/lock.ts';

const lock = new URL('../../src/data-dir/lock.ts', import.meta.url).href;
const script = (dir: string, mode: string) =>
  `import { lockDataDir } from ${JSON.stringify(lock)};
   try { lockDataDir(${JSON.stringify(dir)}, ${JSON.stringify(mode)}); console.log('locked'); }
   catch (error) { console.log(error.message); }`;

for (const mode of ['flock', 'pid'] as const) {
  test(`a second agent on a data_dir is refused and told who has it (${mode})`, (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'runnel-lock-'));
    t.after(() => rmSync(dir, { recursive: true }));
    const other = () =>
      spawnSync(process.execPath, ['--input-type=module', '-e', script(dir, mode)], { encoding: 'utf8' });
    const held = lockDataDir(dir, mode);
    const said = other().stdout.trim();
    assert.equal(said, `${dir} is in use by the agent with pid ${process.pid}: one agent per data_dir`);
    held.release();
    assert.equal(other().stdout.trim(), 'locked');
  });

  test(`the lock ends with the process, whatever ends it (${mode})`, async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'runnel-lock-'));
    t.after(() => rmSync(dir, { recursive: true }));
    const code = `${script(dir, mode)}; setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code]);
    await once(child.stdout, 'data');
    assert.throws(() => lockDataDir(dir, mode), new RegExp(`pid ${child.pid}`));
    child.kill('SIGKILL');
    await once(child, 'exit');
    lockDataDir(dir, mode).release();
  });
}

test('a full disk is no reason not to start', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-lock-'));
  t.after(() => {
    spawnSync('umount', ['-l', dir]);
    rmSync(dir, { recursive: true });
  });
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', dir]).status !== 0) {
    return t.skip('NOT TESTED: needs the right to mount');
  }
  const fill = () => assert.throws(() => writeFileSync(join(dir, 'filler'), Buffer.alloc(1 << 20)), /ENOSPC/);
  fill();
  const first = lockDataDir(dir, 'flock');
  assert.throws(() => lockDataDir(dir, 'flock'), /is in use by another agent/);
  first.release();
  // What names the last agent takes room already.
  rmSync(join(dir, 'filler'));
  lockDataDir(dir, 'flock').release();
  fill();
  const again = lockDataDir(dir, 'flock');
  assert.equal(readFileSync(join(dir, 'lock'), 'utf8'), `${process.pid}\n`);
  again.release();
});
