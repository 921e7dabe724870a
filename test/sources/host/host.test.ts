import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account } from '../../../src/core/account.ts';
import type { Output } from '../../../src/core/pipeline.ts';
import { hostSource } from '../../../src/sources/host/host.ts';
import { recordsOf, TestOutput } from '../../support/output.ts';
import { until } from '../../support/until.ts';

/** Keeps the documents of every batch; settles what it gets at once. */
class Collected extends TestOutput {
  readonly windows: Record<string, unknown>[][] = [];

  constructor(aborter: AbortController, abortAfter: number) {
    super((batch) => {
      this.windows.push([...recordsOf(batch)].map(({ text }) => JSON.parse(text)));
      batch.stream.account.forwarded += batch.weight;
      if (this.windows.length === abortAfter) aborter.abort();
    }, 32 << 20);
  }
}

test('every window has the host metrics as records of the contract, and each is counted', async () => {
  const aborter = new AbortController();
  const output = new Collected(aborter, 2);
  const account = new Account('host');
  let flush = 6;
  const source = hostSource({
    config: { interval: 1000, host: { cpu: true, memory: true, uptime: false } },
    topic: 'runnel.metrics',
    host: 'web-1',
    tags: { env: 'prod' },
    account,
    nextWindowId: () => `agent-${++flush}`,
  });
  await source.run(output, aborter.signal);

  const [first, second] = output.windows;
  const idle = second!.find(
    (d) => d.name === 'system.cpu.time' && (d.attributes as object & { 'cpu.mode': string })['cpu.mode'] === 'idle',
  );
  assert.deepEqual(Object.keys(idle!), [
    '@timestamp',
    'start',
    'interval',
    'name',
    'type',
    'value',
    'unit',
    'attributes',
    'host',
    'event',
    'labels',
  ]);
  assert.equal(idle!.type, 'sum');
  assert.equal(idle!.unit, 's');
  assert.deepEqual(idle!.host, { name: 'web-1' });
  assert.deepEqual(idle!.labels, { env: 'prod' });
  assert.equal((idle!.event as { dataset: string }).dataset, 'host');
  // Counters were read at the start, so the first window has them already.
  assert.ok(first!.some((d) => d.name === 'system.cpu.time'));
  assert.ok(!first!.some((d) => d.name === 'system.uptime'), 'switched off');

  const ids = output.windows.flat().map((d) => (d.event as { id: string }).id);
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(ids[0]!.startsWith('agent-7-'));
  for (const documents of output.windows) {
    const ends = new Set(documents.map((d) => d['@timestamp'] as string));
    assert.equal(ends.size, 1);
  }
  // One that comes late, on a machine that is busy, ends when it does.
  const aligned = output.windows.filter(([document]) => Date.parse(document!['@timestamp'] as string) % 1000 === 0);
  assert.ok(aligned.length > 0, 'no window ends at a multiple of the interval');
  assert.equal(account.received, ids.length);
  assert.equal(account.received, account.forwarded + account.dropped);
  const status = source.status().find((s) => s.name === 'cpu')!;
  assert.equal(status.errors, 0);
  assert.equal(status.runs, 3);
});

test('nothing is concluded from a gap of more than three intervals', async () => {
  const aborter = new AbortController();
  const output = new Collected(aborter, 4);
  const account = new Account('host');
  const interval = 100;
  const options = { topic: 't', host: 'h', tags: {}, account, nextWindowId: () => 'x-1' };
  const running = hostSource({ ...options, config: { interval, host: { cpu: true } } }).run(output, aborter.signal);
  await until('the first window', () => output.windows.length > 0);
  // As a machine that sleeps, or SIGSTOP.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, interval * 5);
  await running;
  const lengths = output.windows.map((documents) => documents[0]!.interval as number);
  assert.equal(lengths.length, 4);
  assert.ok(Math.max(...lengths) <= 0.3, `${lengths}`);
});

test('without host metrics the source ends at once', async () => {
  const aborter = new AbortController();
  const output = new Collected(aborter, 1);
  const account = new Account('host');
  const options = { topic: 't', host: 'h', tags: {}, account, nextWindowId: () => 'x-1' };
  await hostSource({ ...options, config: { interval: 1000, host: false } }).run(output, aborter.signal);
  assert.deepEqual(output.windows, []);
});

test('what could not be handed over before the end is counted', async () => {
  const aborter = new AbortController();
  const account = new Account('host');
  const full: Output = {
    take: (_, signal) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
        setImmediate(() => aborter.abort());
      }),
    push: async () => {},
    discard: () => {},
  };
  const options = { topic: 't', host: 'h', tags: {}, account, nextWindowId: () => 'x-1' };
  await hostSource({ ...options, config: { interval: 1000, host: { cpu: true } } }).run(full, aborter.signal);
  assert.ok(account.received > 0);
  assert.equal(account.losses.get('shutdown')?.records, account.received);
});
