import assert from 'node:assert/strict';
import { test } from 'node:test';
import { abortable, aborted, pause } from '../../src/core/abort.ts';
import { Bell } from '../../src/core/bell.ts';

const LONG_MS = 600_000;

test('a promise is waited for until the signal aborts; what is no promise is there', async () => {
  const stop = new AbortController();
  assert.equal(await abortable(Promise.resolve(1), stop.signal), 1);
  const never = abortable(new Promise(() => undefined), stop.signal);
  stop.abort(new Error('stopped'));
  await assert.rejects(never, /^Error: stopped$/);
  await assert.rejects(abortable(Promise.reject(new Error('too late')), stop.signal), /^Error: stopped$/);
  assert.equal(await abortable(2, stop.signal), 2);
});

test('a pause says whether it was a whole one', async () => {
  const stop = new AbortController();
  assert.equal(await pause(1, stop.signal), true);
  const long = pause(LONG_MS, stop.signal);
  stop.abort();
  assert.deepEqual([await long, await pause(LONG_MS, stop.signal)], [false, false]);
  assert.equal(await aborted(stop.signal), null);
});

test('who waits for the bell is woken by it, by the signal, or when the time is over', async () => {
  const [bell, stop] = [new Bell(), new AbortController()];
  const heard = [bell.heard(), bell.heard(stop.signal), bell.heard(stop.signal, LONG_MS)];
  bell.ring();
  await Promise.all(heard);
  await bell.heard(undefined, 1);
  const waiting = bell.heard(stop.signal, LONG_MS);
  stop.abort();
  await Promise.all([waiting, bell.heard(stop.signal)]);
});
