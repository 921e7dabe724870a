import assert from 'node:assert/strict';
import { type FileHandle, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { acknowledgedIn, ReadState } from '../../src/spool/read-state.ts';
import { directory } from '../support/directory.ts';

test('who asks for what is written to be synced gets that, also when another write waits already', async (t) => {
  const dir = directory(t);
  const path = join(dir, 'read.state');
  await writeFile(join(dir, 'any'), '');
  const any = await open(join(dir, 'any'), 'r+');
  const handles = Object.getPrototypeOf(any) as FileHandle;
  await any.close();
  const datasync = t.mock.method(handles, 'datasync');
  const state = await ReadState.open(path);
  const writes: Promise<void>[] = [];
  for (const [acknowledged, sync] of [
    [1, false],
    [2, false],
    [3, true],
    [4, false],
  ] as const) {
    state.acknowledged = acknowledged;
    writes.push(state.write(sync));
  }
  await writes[2];
  assert.equal(datasync.mock.callCount(), 1);
  await Promise.all(writes);
  assert.equal(state.persisted, 4);
  assert.equal(await acknowledgedIn(path), 4);
  state.acknowledged = 5;
  await state.write();
  assert.equal(datasync.mock.callCount(), 1, 'only what was asked for is synced');
  await state.close();
});
