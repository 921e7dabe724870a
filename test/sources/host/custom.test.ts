/** Checks of the configuration as inputs: their windows, their books, and what of a run is left out. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CustomCheckConfig } from '../../../src/checks/custom/options.ts';
import { Account } from '../../../src/core/account.ts';
import { customSource } from '../../../src/sources/host/custom.ts';
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
