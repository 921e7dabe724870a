/** Checks of the configuration as inputs: their windows, their books, and what of a run is left out. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CustomCheckConfig } from '../../../src/checks/custom/options.ts';
import { Account } from '../../../src/core/account.ts';
import { customSource, spreadOf } from '../../../src/sources/host/custom.ts';
import { folder } from '../../support/custom-checks.ts';
import { recordsOf, TestOutput } from '../../support/output.ts';

const INTERVAL = 1000;

async function windowsOf(script: string, count: number) {
  const aborter = new AbortController();
  const windows: Record<string, unknown>[][] = [];
  const output = new TestOutput((batch) => {
    windows.push([...recordsOf(batch)].map(({ text }) => JSON.parse(text)));
    batch.stream.account.forwarded += batch.weight;
    if (windows.length === count) aborter.abort();
  }, 32 << 20);
  const account = new Account('check.x');
  let flush = 0;
  const source = customSource({
    check: {
      name: 'x',
      type: 'exec',
      command: ['/bin/sh', '-c', script],
      parse: 'prometheus',
      timeout: 5000,
      max_series: 100,
      tags: {},
    } as unknown as CustomCheckConfig,
    interval: INTERVAL,
    topic: 'runnel.metrics',
    host: 'web-1',
    tags: {},
    account,
    nextWindowId: () => `agent-${++flush}`,
  });
  await source.run(output, aborter.signal);
  assert.equal(account.received, account.forwarded);
  return { windows, status: source.status() };
}

test('an increase that failed runs held up is of the whole time; what is too long for a record is left out', async (t) => {
  const file = join(await folder(t), 'n');
  const { windows, status } = await windowsOf(
    `n=$(($(cat ${file} 2>/dev/null || echo 0) + 1)); echo $n > ${file}
     printf '# TYPE a counter\\na %s\\nb{x="' $((n * 10)); head -c 300000 /dev/zero | tr '\\0' a; echo '"} 1'; [ $n != 2 ]`,
    3,
  );
  const a = windows.flat().filter(({ name }) => name === 'a');
  // A late timer on a busy machine makes a window a little shorter or longer.
  assert.deepEqual(
    a.map(({ value, interval }) => [value, Math.round(interval as number)]),
    [[20, 2]],
  );
  const ends = windows.map(([record]) => Date.parse(record!['@timestamp'] as string));
  assert.ok(ends.every((end) => end % INTERVAL === 0));
  assert.deepEqual([status.truncated, status.errors], [2, 1]);
});

test('a run that lasts as long as its interval takes the next one with it, which is counted', async () => {
  const { windows, status } = await windowsOf('sleep 60', 2);
  assert.deepEqual([status.runs, status.errors, status.skipped], [2, 2, 1]);
  assert.equal(windows[1]![0]!.interval, 2);
});

test('checks begin spread over the first tenth of the interval, each host in its own way', () => {
  const names = Array.from({ length: 100 }, (_, i) => `check-${i}`);
  const spreads = (host: string, interval: number) => names.map((name) => spreadOf(host, name, interval));
  const some = spreads('web-1', 10_000);
  assert.deepEqual(spreads('web-1', 10_000), some);
  assert.notDeepEqual(spreads('web-2', 10_000), some);
  assert.ok(some.every((ms) => ms >= 0 && ms < 1000));
  // None of ten equal parts is without, and none has a third.
  const parts = Map.groupBy(some, (ms) => Math.floor(ms / 100));
  assert.ok(parts.size === 10 && [...parts.values()].every(({ length }) => length < 33));
  assert.ok(spreads('web-1', 1000).every((ms) => ms < 100));
  assert.ok(spreads('web-1', 3_600_000).every((ms) => ms < 1000));
});
