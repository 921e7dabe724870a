/** Whether there is a journal: the built-in configuration goes by that. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { defaultConfig } from '../../src/cli/default.ts';
import { hasJournal } from '../../src/cli/own-journal.ts';
import { directory } from '../support/directory.ts';

test('a journal is there where its files are, and journalctl', (t) => {
  const root = directory(t);
  const path = join(root, 'bin');
  const has = () => hasJournal({ root, path: `/nowhere:${path}` });
  assert.equal(has(), false);
  for (const dir of ['etc', 'bin', 'var/log/journal/abc', 'run/log/journal/abc'])
    mkdirSync(join(root, dir), { recursive: true });
  writeFileSync(join(root, 'etc/machine-id'), 'abc\n');
  assert.equal(has(), false);
  for (const place of ['var', 'run']) {
    const file = join(root, place, 'log/journal/abc/system.journal');
    writeFileSync(file, '');
    assert.equal(has(), false);
    writeFileSync(join(path, 'journalctl'), '');
    chmodSync(join(path, 'journalctl'), 0o755);
    assert.equal(has(), true);
    rmSync(file);
    assert.equal(has(), false);
    rmSync(join(path, 'journalctl'));
  }
});

test('the built-in configuration reads it, and no files that are made of it', () => {
  const env = { HOME: '/root' };
  const { logs } = defaultConfig({ root: true, env, journal: true });
  assert.deepEqual(
    logs.map(({ name, journald, include, start_at }) => [name, journald !== undefined, include, start_at]),
    [
      ['journal', true, [], 'end'],
      ['system', false, ['/var/log/*.log'], 'end'],
    ],
  );
  assert.ok(logs[1]!.exclude.includes('kern.log'));
  const without = defaultConfig({ root: true, env, journal: false }).logs;
  assert.deepEqual([without.length, without[0]!.include.includes('/var/log/syslog')], [1, true]);
});
