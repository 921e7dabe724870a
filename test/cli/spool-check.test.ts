/** `spool check`, as people run it. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { directory } from '../support/directory.ts';
import { block, openSpool, TOPIC } from '../support/spool-blocks.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;

async function check(config: string, ...options: string[]) {
  try {
    const args = [MAIN, 'spool', 'check', '-c', config, ...options];
    return { code: 0, ...(await promisify(execFile)(process.execPath, args)) };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

test('what root repairs stays the agent’s', { skip: process.getuid?.() !== 0 && 'needs root' }, async (t) => {
  const dir = directory(t);
  const dataDir = join(dir, 'data');
  const { spool } = await openSpool(join(dataDir, 'spool'));
  for (const value of ['one', 'two', 'three']) await spool.partition(TOPIC).append(await block([value]));
  await spool.close();
  const partition = join(dataDir, 'spool', `${TOPIC}-0`);
  const segment = join(partition, `${'0'.repeat(20)}.log`);
  const bytes = await readFile(segment);
  bytes[bytes.length / 2]! ^= 0x55;
  await writeFile(segment, bytes);
  await chmod(dir, 0o755);
  spawnSync('chown', ['-R', '12345:12345', dataDir]);
  const config = join(dir, 'runnel.yaml');
  await writeFile(config, `data_dir: ${dataDir}\n`);

  assert.equal((await check(config)).code, 1);
  const repair = await check(config, '--repair');
  assert.equal(repair.code, 0, repair.stderr);
  for (const path of [partition, join(dataDir, 'spool', 'quarantine')]) {
    const names = await readdir(path);
    assert.ok(names.length > 0);
    for (const name of names) assert.equal((await stat(join(path, name))).uid, 12345, name);
  }
  assert.equal((await stat(join(dataDir, 'lock'))).uid, 12345);
  assert.equal((await check(config)).code, 0);
});

test('a repair where no agent has run makes no data_dir', async (t) => {
  const dir = directory(t);
  const config = join(dir, 'runnel.yaml');
  await writeFile(config, `data_dir: ${join(dir, 'data')}\n`);
  const { code, stderr } = await check(config, '--repair');
  assert.equal(code, 1);
  assert.match(stderr, /no local log in .*: nothing was collected there yet/);
  assert.ok(!existsSync(join(dir, 'data')));
});
