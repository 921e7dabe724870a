/** Flush numbers make event.id: they must not repeat, whatever the disk does. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Identity } from '../../src/data-dir/identity.ts';

test('flush numbers do not repeat after a kill -9, nor where the disk took nothing at the start', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-identity-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const given = new Set([Identity.open(dir).nextWindowId()]);
  // The name that agent.json is written under first is taken.
  const inTheWay = join(dir, 'agent.json.new');
  mkdirSync(inTheWay);
  const identity = Identity.open(dir);
  given.add(identity.nextWindowId());
  rmdirSync(inTheWay);
  given.add(identity.nextWindowId());
  given.add(Identity.open(dir).nextWindowId());
  assert.equal(given.size, 4);
});

test('nor after a restart while, or after, the disk is full', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-identity-'));
  t.after(() => rmSync(dir, { recursive: true }));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', dir]).status !== 0) {
    return t.skip('NOT TESTED: needs the right to mount');
  }
  try {
    const given: string[] = [];
    const give = (identity: Identity, count: number) => {
      for (let i = 0; i < count; i++) given.push(identity.nextWindowId());
    };
    const fill = () => assert.throws(() => writeFileSync(join(dir, 'filler'), Buffer.alloc(100_000)), /ENOSPC/);
    const first = Identity.open(dir);
    give(first, 10);
    fill();
    // It has what it reserved; then it has to do without.
    give(first, 1500);
    // Killed, started on the full disk, killed again.
    give(Identity.open(dir), 10);
    const last = Identity.open(dir);
    give(last, 10);
    rmSync(join(dir, 'filler'));
    give(last, 10);
    give(Identity.open(dir), 2000);
    assert.equal(new Set(given).size, given.length);
    for (const id of given) assert.match(id, /^[0-9a-f]{16}-\d+$/);
    assert.ok(given.at(-1)!.startsWith(first.agentId), 'with room on the disk the id is the agent again');
  } finally {
    spawnSync('umount', ['-l', dir]);
  }
});
