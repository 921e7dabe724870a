import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { hopelessDataDir } from '../../src/data-dir/hopeless.ts';

test('places where there can be no data_dir are told from those where there may be one', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-hopeless-'));
  t.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'file'), '');
  symlinkSync('nowhere', join(dir, 'link'));
  const said = (path: string) =>
    hopelessDataDir(path)
      ?.message.replaceAll(dir, 'D')
      .replace(/: write .*/, '') ?? null;
  const cases: [string, string | null][] = [
    ['/proc/x', '/proc/x cannot be: in /proc the kernel shows itself, and keeps no files'],
    ['/proc/self/../x/y', '/proc/x/y cannot be: in /proc the kernel shows itself, and keeps no files'],
    ['/dev/null', '/dev/null is no directory'],
    ['/dev/x', '/dev/x cannot be: /dev holds devices, and is gone after a restart'],
    ['/', "would have the agent's files beside everything else"],
    [join(dir, 'file/x/y'), 'D/file/x/y cannot be: D/file is no directory'],
    [join(dir, 'link/x'), 'D/link/x cannot be: D/link is a link to what is not there'],
    [join(dir, 'a/b'), null],
    ['/dev/shm/x', null],
    [dir, null],
  ];
  for (const [path, expected] of cases) assert.equal(said(path), expected, path);
});
