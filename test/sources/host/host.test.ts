import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account } from '../../../src/core/account.ts';
import { Batch, type Stream } from '../../../src/core/batch.ts';
import type { Output } from '../../../src/core/pipeline.ts';
import { Pool } from '../../../src/core/pool.ts';
import { hostSource } from '../../../src/sources/host/host.ts';

/** Keeps the documents of every batch; settles what it gets at once. */
class Collected implements Output {
  readonly windows: Record<string, unknown>[][] = [];
  readonly #pool = new Pool(32 << 20);
  readonly #abortAfter: number;
  readonly #aborter: AbortController;

  constructor(aborter: AbortController, abortAfter: number) {
    this.#aborter = aborter;
    this.#abortAfter = abortAfter;
  }

  async take(stream: Stream): Promise<Batch> {
    const share = this.#pool.share(stream.topic);
    return new Batch(await this.#pool.take(share, 'batch'), share, stream);
  }

  async push(batch: Batch): Promise<void> {
    const { bytes, bytesAt, starts, ends } = batch.slot;
    const documents: Record<string, unknown>[] = [];
    for (let i = 0; i < batch.count; i++) {
      documents.push(JSON.parse(bytes.toString('utf8', starts[i]! - bytesAt, ends[i]! - bytesAt)));
    }
    this.windows.push(documents);
    batch.stream.account.forwarded += batch.weight;
    this.discard(batch);
    if (this.windows.length === this.#abortAfter) this.#aborter.abort();
  }

  discard(batch: Batch): void {
    this.#pool.give(batch.share, 'batch', batch.slot);
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
    assert.equal(Date.parse([...ends][0]!) % 1000, 0, 'ends at a multiple of the interval');
  }
  assert.equal(account.received, ids.length);
  assert.equal(account.received, account.forwarded + account.dropped);
  const status = source.status().find((s) => s.name === 'cpu')!;
  assert.equal(status.errors, 0);
  assert.equal(status.runs, 3);
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
