/** Cuts by partition, and what is sent again after a kill. */
import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Block, Outlet } from '../../src/core/block.ts';
import { decompress } from '../../src/records/codecs.ts';
import { partitionFor } from '../../src/records/murmur2.ts';
import { frameRecord, records } from '../../src/records/record-batch.ts';
import { Cut } from '../../src/spool/cut.ts';
import { drain, type SpoolIdentity } from '../../src/spool/drain.ts';
import type { SpoolPartition } from '../../src/spool/partition.ts';
import { directory } from '../support/directory.ts';
import { HERE, openSpools, readAll, streamOf } from '../support/spool-blocks.ts';
import { until } from '../support/until.ts';

const TOPIC = 'runnel.traces';
const STREAM = streamOf('otlp.traces');

/** A block whose records have these keys; a record's value is its key and number. */
function blockOf(first: number, keys: readonly string[], padding = 0): Block {
  const body = Buffer.concat(
    keys.map((key, offsetDelta) => {
      const headers: [string, string][] = [['signal', 'traces']];
      return frameRecord({ offsetDelta, key, value: `${key} ${first + offsetDelta}${' '.repeat(padding)}`, headers });
    }),
  );
  const marks = [{ stream: STREAM, end: 0, skipped: 0, weight: keys.length, ticket: null }];
  return {
    topic: TOPIC,
    key: null,
    count: keys.length,
    rawBytes: body.length,
    codec: 'none',
    body,
    time: Date.now(),
    marks,
  };
}

const keysOf = (first: number, count: number) => Array.from({ length: count }, (_, i) => `key ${(first + i * 7) % 31}`);

async function valuesIn({ codec, body }: Pick<Block, 'codec' | 'body'>): Promise<string[]> {
  return [...records(await decompress(codec, body))].map(({ value }) => String(value).trimEnd());
}

/** A broker that knows producers: it takes a sequence once, and nothing behind a gap. */
class Broker {
  readonly stored = new Map<number, { value: string; sequence: number }[]>();
  /** By partition: the producer, and its next sequence. */
  readonly #next = new Map<string, number>();
  repeated = 0;
  #ids = 100n;

  sender(partition: number, { identity, onIdentity }: SpoolIdentity, answers: () => boolean): Outlet {
    let producer = identity ? identity.producerId : null;
    let sequence = identity?.sequence ?? 0;
    let sending: Promise<void> = Promise.resolve();
    const put = async (block: Block, settled: () => void) => {
      if (producer === null) {
        producer = this.#ids++;
        await onIdentity({ ...HERE, producerId: producer, epoch: 0 }, 0);
      }
      const name = `${partition} ${producer}`;
      const values = await valuesIn(block);
      const at = sequence;
      sequence += values.length;
      const next = this.#next.get(name) ?? 0;
      if (at < next) {
        this.repeated++;
        assert.ok(at + values.length <= next, 'a repeated block has other records than before');
      } else {
        assert.equal(at, next, 'a gap in the numbers');
        const stored = this.stored.get(partition) ?? [];
        this.stored.set(partition, [...stored, ...values.map((value, i) => ({ value, sequence: at + i }))]);
        this.#next.set(name, at + values.length);
      }
      if (answers()) settled();
    };
    return {
      put(block, settled) {
        sending = sending.then(() => put(block, settled));
        return Promise.resolve();
      },
      drained: () => sending,
    };
  }

  values(): string[] {
    return [...this.stored.values()].flat().map(({ value }) => value);
  }
}

function draining(partition: SpoolPartition, broker: Broker, { partitions = 3, answers = (): boolean => true } = {}) {
  const stop = new AbortController();
  const forwarded = new Map<string, number>();
  const done = drain(partition, {
    signal: stop.signal,
    target: () => Promise.resolve({ topic: HERE, partitions }),
    partitions: () => partitions,
    packing: () => ({ codec: 'none', level: 1, blockBytes: 4000 }),
    sender: (to, identity) => broker.sender(to, identity, answers),
    onForwarded: (weights) => {
      for (const [input, items] of weights) forwarded.set(input, (forwarded.get(input) ?? 0) + items);
    },
  });
  return {
    forwarded,
    async stop() {
      stop.abort();
      await done;
    },
  };
}

async function filled(dir: string, blocks: number) {
  const spools = await openSpools(dir);
  const spool = await spools.durable('otlp', 64 << 20);
  const partition = spool.partition(TOPIC);
  const expected: string[] = [];
  for (let n = 0, first = 0; n < blocks; n++) {
    const keys = keysOf(first, 3 + (n % 40));
    expected.push(...keys.map((key, i) => `${key} ${first + i}`));
    await partition.append(blockOf(first, keys, 20));
    first += keys.length;
  }
  return { spools, partition, expected };
}

test('a cut has a block for each partition, with its records in the order of arrival', async (t) => {
  const { spools, partition, expected } = await filled(directory(t), 9);
  const { entries } = await readAll(partition);
  const cut = new Cut(4, 500_000);
  for (const entry of entries) assert.equal(await cut.add(entry, false), true);
  const parts = await cut.parts('zstd', 1);
  assert.deepEqual(
    parts.map(({ partition }) => partition),
    [0, 1, 2, 3],
  );
  for (const part of parts) {
    const all = [...records(await decompress(part.codec, part.body))];
    const wanted = expected.filter(
      (value) => partitionFor(value.slice(0, value.lastIndexOf(' ')), 4) === part.partition,
    );
    assert.deepEqual(
      all.map(({ value }) => String(value).trimEnd()),
      wanted,
    );
    assert.deepEqual(
      all.map(({ offsetDelta }) => offsetDelta),
      wanted.map((_, i) => i),
    );
    assert.ok(all.every(({ headers }) => headers[0]?.[0] === 'signal'));
    assert.equal(part.count, all.length);
  }
  await spools.close();
});

test('what a cut is made of is let go of when its blocks are made', async (t) => {
  const spools = await openSpools(directory(t));
  const spool = await spools.durable('otlp', 64 << 20);
  const partition = spool.partition(TOPIC);
  for (let n = 0; n < 3; n++) await partition.append(blockOf(n * 40, keysOf(n * 40, 40), 500));
  const { entries } = await readAll(partition);
  const sizes = () => entries.map(({ body }) => body.length);
  assert.ok(sizes().every((size) => size > 20_000));
  const cut = new Cut(4, 500_000);
  for (const entry of entries) assert.equal(await cut.add(entry, false), true);
  await cut.parts('zstd', 1);
  assert.deepEqual(sizes(), [0, 0, 0]);
  await spools.close();
});

test('a partition gets at most one block of a cut, of a size that it takes', async (t) => {
  const { spools, partition } = await filled(directory(t), 5);
  const { entries } = await readAll(partition);
  const cut = new Cut(1, 600);
  assert.equal(await cut.add(entries[0]!, false), true);
  let left = 0;
  for (const entry of entries.slice(1)) if (!(await cut.add(entry, false))) left++;
  assert.ok(left > 0);
  assert.equal((await cut.parts('none', 1)).length, 1);
  await spools.close();
});

test('all of it arrives, each key in one partition, in order', async (t) => {
  const { spools, partition, expected } = await filled(directory(t), 60);
  const broker = new Broker();
  const d = draining(partition, broker);
  await until('all is acknowledged', () => partition.acknowledged === partition.nextOffset);
  assert.deepEqual(broker.values().sort(), expected.toSorted());
  for (const [to, stored] of broker.stored) {
    for (const { value } of stored) assert.equal(partitionFor(value.slice(0, value.lastIndexOf(' ')), 3), to);
    const numbers = stored.map(({ value }) => Number(value.slice(value.lastIndexOf(' '))));
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
    );
  }
  assert.equal(d.forwarded.get('otlp.traces'), expected.length);
  assert.deepEqual(partition.producers.cuts, []);
  await d.stop();
  await spools.close();
});

test('killed at any moment, what was sent goes out again in the same blocks under the same numbers', async (t) => {
  const dir = directory(t);
  const { spools: first, partition: held, expected } = await filled(dir, 120);
  const broker = new Broker();
  const opened = [first];
  let partition = held;
  for (let round = 0; partition.acknowledged < partition.nextOffset; round++) {
    assert.ok(round < 200, 'it gets on');
    let answered = 0;
    // The broker has each block; of the answers some are lost.
    const d = draining(partition, broker, { answers: () => answered++ < round % 4 });
    await until(
      'five cuts are on their way',
      () => partition.producers.cuts.length >= 5 || broker.values().length === expected.length,
    );
    assert.ok(partition.producers.cuts.length <= 5 + 1, `${partition.producers.cuts.length} cuts`);
    await d.stop();
    const { acknowledged } = partition;
    const spools = await openSpools(dir);
    opened.push(spools);
    [partition] = [...spools.partitions()] as [SpoolPartition];
    assert.ok(partition.acknowledged <= acknowledged);
    if (round > 50) {
      const last = draining(partition, broker);
      await until('all is acknowledged', () => partition.acknowledged === partition.nextOffset);
      await last.stop();
    }
  }
  assert.ok(broker.repeated > 10, `${broker.repeated} blocks were sent again`);
  assert.deepEqual(broker.values().sort(), expected.toSorted());
  for (const spools of opened) await spools.close();
});

test('where data_dir is put back from a backup, what is new is not taken for what was sent since', async (t) => {
  const [dir, backup] = [directory(t), join(directory(t), 'backup')];
  const broker = new Broker();
  const life = async (first: number) => {
    const spools = await openSpools(dir);
    const partition = (await spools.durable('otlp', 64 << 20)).partition(TOPIC);
    const d = draining(partition, broker, { partitions: 1 });
    await partition.append(blockOf(first, ['key 1', 'key 2'], 20));
    await until('it is acknowledged', () => partition.acknowledged === partition.nextOffset);
    await d.stop();
    await spools.close();
  };
  await life(100);
  cpSync(dir, backup, { recursive: true });
  await life(200);
  rmSync(dir, { recursive: true });
  cpSync(backup, dir, { recursive: true });
  await life(300);
  assert.deepEqual(
    broker.values(),
    [100, 200, 300].flatMap((first) => [`key 1 ${first}`, `key 2 ${first + 1}`]),
  );
});

test('with more partitions what was cut and not sent is cut anew, and a key stays together from there on', async (t) => {
  const dir = directory(t);
  const { spools, partition, expected } = await filled(dir, 30);
  const broker = new Broker();
  let partitions = 2;
  const stop = new AbortController();
  const done = drain(partition, {
    signal: stop.signal,
    target: () => Promise.resolve({ topic: HERE, partitions }),
    partitions: () => partitions,
    packing: () => ({ codec: 'none', level: 1, blockBytes: 2000 }),
    sender: (to, identity) => {
      partitions = 5;
      return broker.sender(to, identity, () => true);
    },
    onForwarded: () => undefined,
  });
  await until('all is acknowledged', () => partition.acknowledged === partition.nextOffset);
  assert.deepEqual(broker.values().sort(), expected.toSorted());
  assert.ok([...broker.stored.keys()].some((to) => to >= 2));
  stop.abort();
  await done;
  await spools.close();
});
