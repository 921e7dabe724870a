/** Flush numbers make event.id: they must not repeat, whatever the disk does. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Identity } from '../src/identity.ts';

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
