/** Draining, against an outlet that keeps what it is given and settles it when told to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Block, Outlet } from '../../src/core/block.ts';
import { drain, type SpoolIdentity } from '../../src/spool/drain.ts';
import type { SpoolPartition } from '../../src/spool/partition.ts';
import { block, directory, openSpool, streamOf, TOPIC, valuesOf } from './blocks.ts';

class Held implements Outlet {
  readonly key: string;
  readonly numbers: SpoolIdentity;
  readonly blocks: { block: Block; settled: () => void }[] = [];
  #settledTo = 0;
  #wakers: (() => void)[] = [];

  constructor(key: string, numbers: SpoolIdentity) {
    this.key = key;
    this.numbers = numbers;
  }

  put(put: Block, settled: () => void): Promise<void> {
    this.blocks.push({ block: put, settled });
    this.#wake();
    return Promise.resolve();
  }

  async drained(): Promise<void> {
    await this.until(() => this.#settledTo === this.blocks.length);
  }

  settle(count: number): void {
    for (let i = 0; i < count; i++) this.blocks[this.#settledTo++]!.settled();
    this.#wake();
  }

  async has(count: number): Promise<void> {
    await this.until(() => this.blocks.length >= count);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#wakers.push(resolve));
  }

  #wake(): void {
    const wakers = this.#wakers;
    this.#wakers = [];
    for (const wake of wakers) wake();
  }
}

function draining(partition: SpoolPartition) {
  const controller = new AbortController();
  const senders: Held[] = [];
  const made: (() => void)[] = [];
  const forwarded = new Map<string, number>();
  const caughtUp = Promise.withResolvers<void>();
  const done = drain(partition, {
    signal: controller.signal,
    caughtUp: caughtUp.resolve,
    sender: (key, numbers) => {
      const sender = new Held(key, numbers);
      senders.push(sender);
      for (const wake of made.splice(0)) wake();
      return sender;
    },
    onForwarded: (weights) => {
      for (const [input, items] of weights) forwarded.set(input, (forwarded.get(input) ?? 0) + items);
    },
  });
  const sender = async (index: number) => {
    while (!senders[index]) await new Promise<void>((resolve) => made.push(resolve));
    return senders[index];
  };
  const stop = async () => {
    controller.abort();
    await done;
  };
  return { sender, senders, forwarded, caughtUp: caughtUp.promise, stop };
}

test('blocks go out oldest first, at most five beyond the persisted position, and are trimmed when settled', async (t) => {
  const { spool } = await openSpool(await directory(t));
  const partition = spool.partition(TOPIC);
  for (let i = 0; i < 12; i++) await partition.append(await block([`value ${i}`], { weight: 2 }));
  const d = draining(partition);
  const sender = await d.sender(0);
  await sender.has(5);
  await partition.synced(0);
  assert.equal(sender.blocks.length, 5);
  sender.settle(2);
  await sender.has(7);
  assert.equal(partition.acknowledged, 2);
  assert.equal(d.forwarded.get('statsd'), 4);
  for (let n = 7; n < 12; n++) {
    sender.settle(1);
    await sender.has(n + 1);
  }
  sender.settle(5);
  await d.caughtUp;
  assert.equal(partition.acknowledged, 12);
  assert.equal(d.forwarded.get('statsd'), 24);
  await partition.append(await block(['fresh']));
  await sender.has(13);
  const values = await Promise.all(sender.blocks.map((b) => valuesOf(b.block)));
  assert.deepEqual(values.flat().at(-1), 'fresh');
  assert.equal(sender.blocks[0]!.block.key, 'web-1');
  await d.stop();
  await spool.close();
});

test('after a kill the same blocks go out under the same numbers', async (t) => {
  const dir = await directory(t);
  const { spool: killed } = await openSpool(dir);
  for (let i = 0; i < 8; i++) await killed.partition(TOPIC).append(await block([`a ${i}`, `b ${i}`]));
  const first = draining(killed.partition(TOPIC));
  const sender = await first.sender(0);
  assert.equal(sender.numbers.identity, undefined);
  await sender.numbers.onIdentity({ producerId: 77n, epoch: 1 }, 0);
  await sender.has(5);
  sender.settle(3);
  await sender.has(8);
  await first.stop();

  const { spool } = await openSpool(dir);
  const second = draining(spool.partition(TOPIC));
  const again = await second.sender(0);
  assert.deepEqual(again.numbers.identity, { producerId: 77n, epoch: 1, sequence: 6 });
  await again.has(5);
  assert.deepEqual(await valuesOf(again.blocks[0]!.block), ['a 3', 'b 3']);
  // The broker forgot the producer after one of these was acknowledged.
  again.settle(1);
  await again.numbers.onIdentity({ producerId: 78n, epoch: 0 }, 2);
  assert.deepEqual(spool.partition(TOPIC).identity, { producerId: 78n, epoch: 0, firstOffset: 8 });
  await second.stop();
  await spool.close();
  await killed.close();
});

test('a gap in the offsets begins a new identity', async (t) => {
  const { spool } = await openSpool(await directory(t), { max_size: 80_000 });
  const partition = spool.partition(TOPIC);
  const append = async (i: number) => partition.append(await block([`${i} ${'x'.repeat(1000)}`]));
  for (let i = 0; i < 20; i++) await append(i);
  const d = draining(partition);
  const sender = await d.sender(0);
  await sender.numbers.onIdentity({ producerId: 5n, epoch: 0 }, 0);
  await sender.has(5);
  // What is not in flight is dropped; the first segment, of nine blocks, stays.
  for (let i = 20; i < 120; i++) await append(i);
  for (let n = 5; n < 9; n++) {
    sender.settle(1);
    await sender.has(n + 1);
  }
  sender.settle(5);
  const next = await d.sender(1);
  assert.equal(next.numbers.identity, undefined);
  await next.has(1);
  assert.ok(Number.parseFloat((await valuesOf(next.blocks[0]!.block))[0]!) > 20);
  await d.stop();
  await spool.close();
});

test('blocks of several keys go to a sender each, and the position follows the oldest', async (t) => {
  const { spool } = await openSpool(await directory(t));
  const partition = spool.partition(TOPIC);
  const other = streamOf('logs.app', 'web-1:/var/log/app');
  await partition.append(await block(['one']));
  await partition.append(await block(['two'], { stream: other }));
  await partition.append(await block(['three']));
  const d = draining(partition);
  const single = await d.sender(0);
  await single.has(1);
  single.settle(1);
  const second = await d.sender(1);
  const third = await d.sender(2);
  assert.deepEqual([single.key, second.key, third.key], ['web-1', 'web-1:/var/log/app', 'web-1']);
  await third.has(1);
  third.settle(1);
  assert.equal(partition.acknowledged, 1);
  second.settle(1);
  await d.caughtUp;
  assert.equal(partition.acknowledged, 3);
  await d.stop();
  await spool.close();
});

test('a backlog that is damaged to its end does not hold up what waits for it', async (t) => {
  const dir = await directory(t);
  const { spool } = await openSpool(dir, { max_size: 80_000 });
  const partition = spool.partition(TOPIC);
  for (let i = 0; i < 12; i++) await partition.append(await block(['x'.repeat(1000)]));
  const d = draining(partition);
  const sender = await d.sender(0);
  await sender.has(5);
  for (let i = 12; i < 200; i++) await partition.append(await block(['x'.repeat(1000)]));
  await d.stop();
  await spool.close();
  const { spool: opened } = await openSpool(dir, { max_size: 80_000, max_age: 1 });
  await opened.partition(TOPIC).expire(Date.now() + 1000);
  const after = draining(opened.partition(TOPIC));
  await after.caughtUp;
  await after.stop();
  await opened.close();
});
