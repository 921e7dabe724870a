import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { nativeAvailable, tryLock } from '../src/native.ts';

test('a lock is held by one descriptor at a time and ends with it', { skip: !nativeAvailable() }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-native-'));
  const first = openSync(join(dir, 'lock'), 'w');
  const second = openSync(join(dir, 'lock'), 'w');
  try {
    assert.equal(tryLock(first), true);
    assert.equal(tryLock(second), false);
    closeSync(first);
    assert.equal(tryLock(second), true);
  } finally {
    closeSync(second);
    rmSync(dir, { recursive: true });
  }
});

test('a descriptor that is not open cannot be locked', { skip: !nativeAvailable() }, () => {
  assert.throws(() => tryLock(9999), /cannot lock: bad file descriptor/);
});
