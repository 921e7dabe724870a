/** Draining, against an outlet that keeps what it is given and settles it when told to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Block, Outlet } from '../../src/core/block.ts';
import { partitionFor } from '../../src/records/murmur2.ts';
import { type DrainOptions, drain, type SpoolIdentity } from '../../src/spool/drain.ts';
import type { SpoolPartition } from '../../src/spool/partition.ts';
import { directory } from '../support/directory.ts';
import { block, HERE, openSpool, streamOf, TOPIC, valuesOf } from '../support/spool-blocks.ts';

class Held implements Outlet {
  readonly partition: number;
  readonly numbers: SpoolIdentity;
  readonly blocks: { block: Block; settled: () => void }[] = [];
  #settledTo = 0;
  #wakers: (() => void)[] = [];

  constructor(partition: number, numbers: SpoolIdentity) {
    this.partition = partition;
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

function draining(partition: SpoolPartition, options: Partial<DrainOptions> & { count?: number } = {}) {
  const { count = 1, ...more } = options;
  const controller = new AbortController();
  const senders: Held[] = [];
  const made: (() => void)[] = [];
  const forwarded = new Map<string, number>();
  const caughtUp = Promise.withResolvers<void>();
  const done = drain(partition, {
    signal: controller.signal,
    caughtUp: caughtUp.resolve,
    target: () => Promise.resolve({ topic: HERE, partitions: count }),
    partitions: () => count,
    sender: (partition, numbers) => {
      const sender = new Held(partition, numbers);
      senders.push(sender);
      for (const wake of made.splice(0)) wake();
      return sender;
    },
    onForwarded: (weights) => {
      for (const [input, items] of weights) forwarded.set(input, (forwarded.get(input) ?? 0) + items);
    },
    ...more,
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
  const { spool } = await openSpool(directory(t));
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
  const dir = directory(t);
  const { spool: killed } = await openSpool(dir);
  for (let i = 0; i < 8; i++) await killed.partition(TOPIC).append(await block([`a ${i}`, `b ${i}`]));
  const first = draining(killed.partition(TOPIC));
  const sender = await first.sender(0);
  assert.equal(sender.numbers.identity, undefined);
  await sender.numbers.onIdentity({ ...HERE, producerId: 77n, epoch: 1 }, 0);
  await sender.has(5);
  sender.settle(3);
  await sender.has(8);
  await first.stop();

  const { spool } = await openSpool(dir);
  const second = draining(spool.partition(TOPIC));
  const again = await second.sender(0);
  assert.deepEqual(again.numbers.identity, { ...HERE, producerId: 77n, epoch: 1, sequence: 6 });
  await again.has(5);
  assert.deepEqual(await valuesOf(again.blocks[0]!.block), ['a 3', 'b 3']);
  assert.ok(
    again.blocks.every(({ block }) => block.sentBefore) && !sender.blocks.some(({ block }) => block.sentBefore),
  );
  // The broker forgot the producer after one of these was acknowledged.
  again.settle(1);
  await again.numbers.onIdentity({ ...HERE, producerId: 78n, epoch: 0 }, 2);
  assert.deepEqual(spool.partition(TOPIC).producers.get(0), { producerId: 78n, epoch: 0, sequence: 0 });
  await second.stop();
  await spool.close();
  await killed.close();
});

test('only what an earlier process left goes out under its numbers: a backup may have been put back', async (t) => {
  const dir = directory(t);
  const { spool: stopped } = await openSpool(dir);
  for (const value of ['a', 'b']) await stopped.partition(TOPIC).append(await block([value]));
  const first = draining(stopped.partition(TOPIC));
  const sender = await first.sender(0);
  await sender.numbers.onIdentity({ ...HERE, producerId: 77n, epoch: 1 }, 0);
  await sender.has(2);
  sender.settle(1);
  await first.stop();
  await stopped.close();

  const { spool } = await openSpool(dir);
  const partition = spool.partition(TOPIC);
  const second = draining(partition);
  const left = await second.sender(0);
  assert.deepEqual(left.numbers.identity, { ...HERE, producerId: 77n, epoch: 1, sequence: 1 });
  await left.has(1);
  await partition.append(await block(['new']));
  // Nothing of the old ones may be in flight then.
  await new Promise(setImmediate);
  assert.equal(second.senders.length, 1);
  left.settle(1);
  const fresh = await second.sender(1);
  assert.equal(fresh.numbers.identity, undefined);
  await fresh.has(1);
  assert.deepEqual(await valuesOf(fresh.blocks[0]!.block), ['new']);
  assert.equal(left.blocks.length, 1);
  await second.stop();
  await spool.close();
});

test('a gap in the offsets begins a new identity', async (t) => {
  const { spool } = await openSpool(directory(t), { max_size: 80_000 });
  const partition = spool.partition(TOPIC);
  const append = async (i: number) => partition.append(await block([`${i} ${'x'.repeat(1000)}`]));
  for (let i = 0; i < 20; i++) await append(i);
  const d = draining(partition);
  const sender = await d.sender(0);
  await sender.numbers.onIdentity({ ...HERE, producerId: 5n, epoch: 0 }, 0);
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

/** Streams whose keys go to partitions 0, 1 and 2 of three. */
const THREE = [0, 1, 2].map((partition) => {
  const names = Array.from({ length: 100 }, (_, i) => `web-1:/var/log/${i}`);
  return streamOf('logs.app', names.find((name) => partitionFor(name, 3) === partition)!);
});

test('blocks go to the partition of their key, and the position follows the oldest', async (t) => {
  const { spool } = await openSpool(directory(t));
  const partition = spool.partition(TOPIC);
  for (const to of [2, 0, 2]) await partition.append(await block([`to ${to}`], { stream: THREE[to]! }));
  const d = draining(partition, { count: 3 });
  const [two, zero] = [await d.sender(0), await d.sender(1)];
  assert.deepEqual([two.partition, zero.partition], [2, 0]);
  await two.has(2);
  two.settle(1);
  assert.equal(partition.acknowledged, 1);
  two.settle(1);
  assert.equal(partition.acknowledged, 1);
  zero.settle(1);
  await d.caughtUp;
  assert.equal(partition.acknowledged, 3);
  await d.stop();
  await spool.close();
});

/** What a killed process leaves that sent blocks of two records to 0, 1, 2, 0, 1, 2 ... and had the first four acknowledged. */
async function killedInThree(dir: string) {
  const { spool } = await openSpool(dir);
  const partition = spool.partition(TOPIC);
  for (let i = 0; i < 12; i++) await partition.append(await block([`${i} a`, `${i} b`], { stream: THREE[i % 3]! }));
  const d = draining(partition, { count: 3 });
  for (let i = 0; i < 3; i++) {
    const sender = await d.sender(i);
    await sender.numbers.onIdentity({ ...HERE, producerId: BigInt(70 + i), epoch: 0 }, 0);
  }
  for (const i of [0, 1, 2, 0]) d.senders[i]!.settle(1);
  // Acknowledged before an older one, it does not move the position.
  await d.senders[2]!.has(2);
  d.senders[2]!.settle(1);
  await partition.synced(0);
  assert.equal(partition.acknowledged, 8);
  await d.stop();
  return spool;
}

const first = async ({ blocks }: Held) => (await valuesOf(blocks[0]!.block))[0];

test('after a kill the blocks of each partition go out under the numbers that they had', async (t) => {
  const dir = directory(t);
  const killed = await killedInThree(dir);
  const { spool } = await openSpool(dir);
  const d = draining(spool.partition(TOPIC), { count: 3 });
  const [one, two, zero] = [await d.sender(0), await d.sender(1), await d.sender(2)];
  assert.deepEqual([one.partition, two.partition, zero.partition], [1, 2, 0]);
  assert.deepEqual(one.numbers.identity, { ...HERE, producerId: 71n, epoch: 0, sequence: 2 });
  assert.deepEqual(two.numbers.identity, { ...HERE, producerId: 72n, epoch: 0, sequence: 2 });
  assert.deepEqual(zero.numbers.identity, { ...HERE, producerId: 70n, epoch: 0, sequence: 4 });
  assert.deepEqual([await first(one), await first(two), await first(zero)], ['4 a', '5 a', '6 a']);
  // One of them is forgotten by its broker: what the position has passed of it counts, and no other's.
  await one.numbers.onIdentity({ ...HERE, producerId: 81n, epoch: 0 }, 0);
  one.settle(1);
  assert.equal(spool.partition(TOPIC).acknowledged, 10);
  assert.deepEqual(spool.partition(TOPIC).producers.get(1), { producerId: 81n, epoch: 0, sequence: 2 });
  assert.deepEqual(spool.partition(TOPIC).producers.get(0), { producerId: 70n, epoch: 0, sequence: 4 });
  await d.stop();
  await spool.close();
  await killed.close();
});

test('a producer that is renewed while another partition holds the position back is known again after a kill', async (t) => {
  const dir = directory(t);
  const { spool: killed } = await openSpool(dir);
  const partition = killed.partition(TOPIC);
  for (let i = 0; i < 5; i++) await partition.append(await block([`${i} a`, `${i} b`], { stream: THREE[i % 3]! }));
  const first = draining(partition, { count: 3 });
  const lanes = [await first.sender(0), await first.sender(1), await first.sender(2)];
  for (const [i, { numbers }] of lanes.entries())
    await numbers.onIdentity({ ...HERE, producerId: BigInt(70 + i), epoch: 0 }, 0);
  await lanes[1]!.has(2);
  // Block 1 is acknowledged, block 0 is not. The broker of partition 1 forgets its producer, and block 4 goes out again.
  lanes[1]!.settle(1);
  let known = false;
  const renewed = lanes[1]!.numbers.onIdentity({ ...HERE, producerId: 81n, epoch: 0 }, 2).then(() => {
    known = true;
  });
  await partition.synced(0);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(known, false, 'nothing goes out under a producer that a kill would forget');
  lanes[0]!.settle(1);
  await renewed;
  assert.equal(partition.acknowledged, 4);
  await first.stop();

  const { spool } = await openSpool(dir);
  const second = draining(spool.partition(TOPIC), { count: 3 });
  const again = [await second.sender(0), await second.sender(1), await second.sender(2)];
  const byPartition = new Map(again.map(({ partition, numbers }) => [partition, numbers.identity]));
  assert.deepEqual(byPartition.get(1), { ...HERE, producerId: 81n, epoch: 0, sequence: 0 });
  assert.deepEqual(byPartition.get(0), { ...HERE, producerId: 70n, epoch: 0, sequence: 2 });
  await second.stop();
  await spool.close();
  await killed.close();
});

test('the partition that holds the position back is never waited for by its own producer', async (t) => {
  const { spool } = await openSpool(directory(t));
  const partition = spool.partition(TOPIC);
  for (let i = 0; i < 3; i++) await partition.append(await block(['a', 'b'], { stream: THREE[i]! }));
  const d = draining(partition, { count: 3 });
  const [zero, one] = [await d.sender(0), await d.sender(1)];
  await one.has(1);
  one.settle(1);
  // Block 0 was split, and the first of its two records is acknowledged.
  await zero.numbers.onIdentity({ ...HERE, producerId: 80n, epoch: 0 }, 1);
  zero.settle(1);
  assert.deepEqual(partition.producers.get(0), { producerId: 80n, epoch: 0, sequence: 1 });
  await d.stop();
  await spool.close();
});

test('more partitions count after what may have been sent, in another cluster nothing of it does', async (t) => {
  const dir = directory(t);
  const killed = await killedInThree(dir);
  const { spool } = await openSpool(dir);
  const d = draining(spool.partition(TOPIC), { count: 4 });
  for (let i = 0; i < 3; i++) assert.ok((await d.sender(i)).numbers.identity);
  await d.senders[1]!.has(2);
  for (const i of [0, 1, 2, 0, 1]) d.senders[i]!.settle(1);
  const next = await d.sender(3);
  assert.equal(next.partition, partitionFor(THREE[0]!.key, 4));
  assert.equal(next.numbers.identity, undefined);
  await d.stop();
  await spool.close();

  const { spool: again } = await openSpool(dir);
  await again.partition(TOPIC).beginProducers({ ...HERE, cluster: 'there' }, 4);
  for (let i = 0; i < 4; i++)
    await again
      .partition(TOPIC)
      .setProducer({ ...HERE, cluster: 'there' }, i, { producerId: 9n, epoch: 0, sequence: 7 });
  const elsewhere = draining(again.partition(TOPIC), { count: 4 });
  assert.equal((await elsewhere.sender(0)).numbers.identity, undefined);
  await elsewhere.stop();
  await again.close();
  await killed.close();
});

test('before transactions go on, what may have been sent is sent under its old numbers', async (t) => {
  const dir = directory(t);
  const killed = await killedInThree(dir);
  const { spool } = await openSpool(dir);
  const transactional: Held[] = [];
  const exactly = (partition: number) => {
    const held = new Held(partition, { onIdentity: () => Promise.resolve() });
    transactional.push(held);
    return held;
  };
  const partition = spool.partition(TOPIC);
  const d = draining(partition, { count: 3, exactly });
  for (let i = 0; i < 3; i++) assert.ok((await d.sender(i)).numbers.identity);
  assert.equal(transactional.length, 0);
  await d.senders[1]!.has(2);
  for (const i of [0, 1, 2, 0, 1]) d.senders[i]!.settle(1);
  while (transactional.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await transactional[0]!.has(1);
  assert.equal(await first(transactional[0]!), '9 a');
  assert.equal(transactional[0]!.blocks[0]!.block.checkpoint?.key, `spool/${TOPIC}`);
  assert.equal(partition.producers.partitions, 0);
  transactional[0]!.settle(1);
  await d.stop();
  await spool.close();
  await killed.close();
});

test('a backlog that is damaged to its end does not hold up what waits for it', async (t) => {
  const dir = directory(t);
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
  await opened.partition(TOPIC).expire(performance.now() + 1000);
  const after = draining(opened.partition(TOPIC));
  await after.caughtUp;
  await after.stop();
  await opened.close();
});
