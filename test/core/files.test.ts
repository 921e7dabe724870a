/** What a power cut may leave of a file that is written whole: the order of the calls is what decides it. */

import assert from 'node:assert/strict';
import fs, { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeDirectory, moveFile, replaceAndKeep, replaceFile, replaceFileSync } from '../../src/core/files.ts';
import { directory } from '../support/directory.ts';

/** What is synced and renamed while `act` runs, names below `dir` only. */
async function calls(t: TestContext, dir: string, act: () => unknown): Promise<string[]> {
  const seen: string[] = [];
  const name = (path: unknown) => String(path).slice(dir.length) || '/';
  const handle = await open(dir, 'r');
  const prototype = Object.getPrototypeOf(handle);
  await handle.close();
  const ofFd = (fd: number) => name(fs.readlinkSync(`/proc/self/fd/${fd}`));
  const { sync } = prototype;
  const { fsyncSync, renameSync } = fs;
  const { rename } = fs.promises;
  prototype.sync = function (this: { fd: number }) {
    seen.push(`sync ${ofFd(this.fd)}`);
    return sync.call(this);
  };
  fs.fsyncSync = (fd) => {
    seen.push(`sync ${ofFd(fd)}`);
    fsyncSync(fd);
  };
  fs.renameSync = (from, to) => {
    seen.push(`rename ${name(from)} ${name(to)}`);
    renameSync(from, to);
  };
  fs.promises.rename = (from, to) => {
    seen.push(`rename ${name(from)} ${name(to)}`);
    return rename(from, to);
  };
  syncBuiltinESMExports();
  const restore = () => {
    prototype.sync = sync;
    Object.assign(fs, { fsyncSync, renameSync });
    fs.promises.rename = rename;
    syncBuiltinESMExports();
  };
  t.after(restore);
  await act();
  restore();
  return seen;
}

test('a file is synced, then renamed, then its directory is synced', async (t) => {
  const dir = directory(t);
  const path = join(dir, 'a');
  const want = ['sync /a.new', 'rename /a.new /a', 'sync /'];
  const parts = [Buffer.from('two '), Buffer.alloc(0), Buffer.from('parts')];
  assert.deepEqual(await calls(t, dir, () => replaceFile(path, parts)), want);
  assert.equal(readFileSync(path, 'utf8'), 'two parts');
  assert.deepEqual(await calls(t, dir, () => replaceFileSync(path, 'anew')), want);
  assert.equal(readFileSync(path, 'utf8'), 'anew');
  assert.deepEqual(readdirSync(dir), ['a']);
});

test('a file that was moved and a directory that was made are in directories that are synced', async (t) => {
  const dir = directory(t);
  assert.deepEqual(await calls(t, dir, () => makeDirectory(join(dir, 'a/b'))), ['sync /a', 'sync /']);
  assert.deepEqual(await calls(t, dir, () => makeDirectory(join(dir, 'a/b'))), []);
  writeFileSync(join(dir, 'a/one'), '');
  const moved = await calls(t, dir, () => moveFile(join(dir, 'a/one'), join(dir, 'a/b/one')));
  assert.deepEqual(moved, ['rename /a/one /a/b/one', 'sync /a/b', 'sync /a']);
});

test('where a file is in the way of a directory, that is said', async (t) => {
  const file = join(directory(t), 'a');
  writeFileSync(file, '');
  const said = async (dir: string) => makeDirectory(dir).catch(({ message }: Error) => message);
  assert.equal(await said(file), `${file} is a file, and should be a directory`);
  assert.equal(await said(`${file}/b/c`), `what lies above ${file}/b/c is a file, and should be a directory`);
});

test('what stays open is the new file', async (t) => {
  const path = join(directory(t), 'a');
  const file = await replaceAndKeep(path, [Buffer.from('one ')]);
  await file.write(Buffer.from('more'));
  await file.close();
  assert.equal(readFileSync(path, 'utf8'), 'one more');
});

test('where a file cannot be replaced, the old one stays and nothing beside it', async (t) => {
  const dir = directory(t);
  // A directory has the name: renaming fails, after all was written.
  mkdirSync(join(dir, 'a/full'), { recursive: true });
  await assert.rejects(replaceFile(join(dir, 'a'), [Buffer.from('b')]), /EISDIR|ENOTEMPTY/);
  assert.throws(() => replaceFileSync(join(dir, 'a'), 'b'), /EISDIR|ENOTEMPTY/);
  assert.deepEqual(readdirSync(dir), ['a']);
  // What has the other name is somebody else's.
  mkdirSync(join(dir, 'c.new'));
  await assert.rejects(replaceFile(join(dir, 'c'), [Buffer.from('b')]), /EISDIR/);
  assert.deepEqual(readdirSync(dir), ['a', 'c.new']);
});

test('a directory that cannot hold any is refused, and ends nobody', async () => {
  await assert.rejects(makeDirectory('/proc/runnel/x'), /no directory can be made in \/proc/);
  await assert.rejects(makeDirectory('/proc/version/x'), /lies above \/proc\/version\/x is a file/);
});
