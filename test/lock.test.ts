import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { lockDataDir } from '../src/lock.ts';

const lock = new URL('../src/lock.ts', import.meta.url).href;
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
