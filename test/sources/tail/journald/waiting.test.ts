/** What waits for entries leaves nothing behind: it waits as long as the agent runs. */
// Slow: starts journalctl
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { Journalctl } from '../../../../src/sources/tail/journald/journalctl.ts';

test('however often it is waited for entries, the signal has no more listeners', { timeout: 20_000 }, async () => {
  const { signal } = new AbortController();
  const config = { directory: '/nonexistent', units: [], match: [] };
  const child = new Journalctl(config as never, null, 1000, 'test');
  for (let i = 0; i < 100; i++) assert.equal(await child.some(signal), false);
  assert.ok(child.failure);
  child.close();
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('a signal ends the wait', { timeout: 20_000 }, async () => {
  const stop = new AbortController();
  const config = { directory: import.meta.dirname, units: [], match: [] };
  const child = new Journalctl(config as never, null, 1000, 'test');
  const waiting = child.some(stop.signal);
  stop.abort();
  assert.equal(await waiting, false);
  child.close();
});
