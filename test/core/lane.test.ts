import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Account } from '../../src/core/account.ts';
import { HELD, type Stream } from '../../src/core/batch.ts';
import type { Block, Outlet } from '../../src/core/block.ts';
import { Lane, type LaneOptions } from '../../src/core/lane.ts';
import { Ledgers } from '../../src/core/ledger.ts';
import { Pipeline } from '../../src/core/pipeline.ts';
import { Pool } from '../../src/core/pool.ts';
import { Stalled } from '../../src/core/stalled.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { compress, decompress } from '../../src/records/codecs.ts';
import { rawEnvelope } from '../../src/records/envelope.ts';
import { records } from '../../src/records/record-batch.ts';

/** Where blocks end up; they settle when the test says so, or at once. */
class Shelf implements Outlet {
  readonly blocks: Block[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly #settleAtOnce: boolean;
  constructor(settleAtOnce: boolean) {
    this.#settleAtOnce = settleAtOnce;
  }
  async put(block: Block, settled: () => void): Promise<void> {
    this.blocks.push({ ...block, body: Buffer.from(block.body) });
    if (this.#settleAtOnce) settled();
    else this.#waiting.push(settled);
  }
  settleAll(): void {
    for (const settled of this.#waiting.splice(0)) settled();
  }
  settleNext(): void {
    this.#waiting.shift()!();
  }
  async drained(): Promise<void> {}
  async values(): Promise<string[]> {
    const all: string[] = [];
    for (const block of this.blocks) {
      for (const record of records(await decompress(block.codec, block.body))) all.push(record.value!.toString());
    }
    return all;
  }
}

interface TestStream extends Stream {
  positions: number[];
}

function stream(topic: string, name = 'a.log', key = 'web-1'): TestStream {
  const envelope = rawEnvelope({ host: 'web-1', path: name, id: name, dataset: 'x', labels: {}, key });
  const positions: number[] = [];
  return {
    name,
    topic,
    key,
    account: new Account('logs.x'),
    envelope: () => envelope,
    settled: (position) => positions.push(position),
    replayable: true,
    positions,
  };
}

function house(options: Partial<LaneOptions> & { outlet: Outlet }, bufferMemory = 32 << 20) {
  const pool = options.pool ?? new Pool(bufferMemory);
  const kernel = new Kernel(pool.memory);
  const ledgers = new Ledgers();
  const lanes = new Map<string, Lane>();
  const addLane = (topic: string, outlet: Outlet, share = pool.share(topic)) => {
    const lane = new Lane({
      topic,
      share,
      pool,
      kernel,
      ledgers,
      compress,
      codec: 'none',
      level: 1,
      linger: 5,
      blockBytes: 100_000,
      singleKey: false,
      final: true,
      mayStall: false,
      ...options,
      outlet,
    });
    lanes.set(topic, lane);
    return lane;
  };
  const lane = addLane('logs', options.outlet);
  const pipeline = new Pipeline({ pool, ledgers, laneOf: (s) => lanes.get(s.topic)!, observers: [] });
  /** Pushes text as lines of a stream that starts at `from`. */
  const push = async (to: Stream, text: string, from = 0) => {
    const batch = await pipeline.take(to);
    const { slot } = batch;
    batch.used = slot.bytes.write(text);
    batch.count = kernel.findLines(slot, slot.bytesAt, slot.bytesAt + batch.used, slot.bytesAt, 0);
    batch.from = from;
    batch.end = from + (kernel.consumedAt - slot.bytesAt);
    batch.weight = batch.count;
    batch.time = Date.now();
    to.account.received += batch.count;
    await pipeline.push(batch);
  };
  return { pool, lane, ledgers, pipeline, push, addLane, drain: () => lane.drain(AbortSignal.timeout(5000)) };
}

const lines = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `line ${from + i}`);
const text = (of: string[]) => of.map((line) => `${line}\n`).join('');

for (const codec of ['none', 'zstd'] as const) {
  test(`what is pushed comes out in order, in blocks of the size asked for, ${codec}`, async () => {
    const shelf = new Shelf(true);
    const { push, drain, pool } = house({ outlet: shelf, codec });
    const free = pool.free;
    const s = stream('logs');
    const expected: string[] = [];
    let position = 0;
    for (let i = 0; i < 20; i++) {
      const some = lines(500, i * 500);
      await push(s, text(some), position);
      position += text(some).length;
      expected.push(...some);
    }
    await drain();
    assert.deepEqual(await shelf.values(), expected);
    assert.ok(shelf.blocks.length > 3, `${shelf.blocks.length} blocks`);
    assert.ok(shelf.blocks.every((block) => block.rawBytes <= 100_000));
    assert.equal(s.positions.at(-1), position);
    assert.equal(s.account.forwarded, 10_000);
    assert.equal(pool.free, free, 'every slot came back');
  });
}

test('many quiet streams share one block', async () => {
  const shelf = new Shelf(true);
  const { push, drain } = house({ outlet: shelf, linger: 1000 });
  const streams = Array.from({ length: 50 }, (_, i) => stream('logs', `${i}.log`));
  for (const s of streams) await push(s, 'hello\n');
  await drain();
  assert.equal(shelf.blocks.length, 1);
  assert.deepEqual(
    streams.map((s) => s.positions),
    streams.map(() => [6]),
  );
});

test('a block goes out after the linger although it is not full', async () => {
  const shelf = new Shelf(true);
  const { push } = house({ outlet: shelf, linger: 10 });
  const s = stream('logs');
  await push(s, 'hello\n');
  while (s.positions.length === 0) await new Promise((r) => setTimeout(r, 5));
  assert.equal(shelf.blocks.length, 1);
});

test('a position moves only when its block and all before it are safe', async () => {
  const shelf = new Shelf(false);
  const { push, lane, drain } = house({ outlet: shelf, blockBytes: 1000 });
  const s = stream('logs');
  await push(s, text(lines(40)));
  await drain();
  const { length } = shelf.blocks;
  assert.ok(length >= 3);
  assert.deepEqual(s.positions, []);
  let waiting = 0;
  for (const mark of lane.pending()) waiting += mark.weight;
  assert.equal(waiting, 40);
  for (let i = 0; i < length; i++) shelf.settleNext();
  assert.equal(s.positions.at(-1), text(lines(40)).length);
  assert.deepEqual(
    s.positions,
    [...s.positions].sort((a, b) => a - b),
  );
  assert.equal(s.account.forwarded, 40);
});

test('bytes without a record move the position after the blocks before them', async () => {
  const shelf = new Shelf(false);
  const { push, pipeline, drain } = house({ outlet: shelf });
  const s = stream('logs');
  await push(s, 'hello\n');
  await drain();
  const nothing = await pipeline.take(s);
  nothing.from = 6;
  nothing.end = 1000;
  await pipeline.push(nothing);
  assert.deepEqual(s.positions, []);
  shelf.settleNext();
  assert.deepEqual(s.positions, [6, 1000]);
});

test('a second stream in a batch is safe with the last record, not before', async () => {
  const shelf = new Shelf(false);
  const { pipeline, drain } = house({ outlet: shelf, blockBytes: 1000 });
  const [s, heir] = [stream('logs'), stream('logs', 'b.log')];
  const batch = await pipeline.take(s);
  const { slot } = batch;
  slot.bytes.fill(0x78, 0, 2000);
  for (let i = 0; i < 2; i++) {
    slot.starts[i] = slot.bytesAt + i * 800;
    slot.ends[i] = slot.bytesAt + i * 800 + 800;
    slot.source[i] = i * 801;
    slot.length[i] = 801;
    slot.flags[i] = 0;
  }
  Object.assign(batch, { count: 2, weight: 2, end: 1602, also: { stream: heir, end: 77 } });
  await pipeline.push(batch);
  await drain();
  assert.equal(shelf.blocks.length, 2);
  shelf.settleNext();
  assert.deepEqual([s.positions, heir.positions], [[801], []]);
  shelf.settleNext();
  assert.deepEqual([s.positions, heir.positions], [[801, 1602], [77]]);
});

test('where a block ends within records that only count together, the position stays before them', async () => {
  const shelf = new Shelf(true);
  const { pipeline, drain } = house({ outlet: shelf, blockBytes: 1000 });
  const s = stream('logs');
  const batch = await pipeline.take(s);
  const { slot } = batch;
  slot.bytes.fill(0x78, 0, 4000);
  for (let i = 0; i < 4; i++) {
    slot.starts[i] = slot.bytesAt + i * 800;
    slot.ends[i] = slot.bytesAt + i * 800 + 800;
    slot.source[i] = i * 801;
    slot.length[i] = 801;
    slot.flags[i] = i === 1 || i === 2 ? HELD : 0;
  }
  Object.assign(batch, { count: 4, weight: 4, end: 3204 });
  await pipeline.push(batch);
  await drain();
  assert.deepEqual(s.positions, [801, 3204]);
});

test('a stream takes another lane only when all that it has on its way has arrived', async () => {
  const [old, next] = [new Shelf(false), new Shelf(true)];
  const { lane, push, addLane, pool, drain } = house({ outlet: old });
  let current = lane;
  const s = stream('logs');
  const other = stream('logs', 'b.log');
  const pipeline = new Pipeline({
    pool,
    ledgers: new Ledgers(),
    laneOf: (of) => (of === s ? current : lane),
    keeps: (of, its) => of !== s || its === current,
    observers: [],
  });
  const fill = async () => {
    const batch = await pipeline.take(s);
    batch.slot.bytes.write('a line\n');
    batch.count = 1;
    batch.slot.starts[0] = batch.slot.bytesAt;
    batch.slot.ends[0] = batch.slot.bytesAt + 6;
    return batch;
  };
  const first = await fill();
  current = addLane('next', next);
  let taken = false;
  const second = fill().then((batch) => {
    taken = true;
    return batch;
  });
  // Another stream keeps the old lane busy.
  await push(other, 'x\n');
  await pipeline.push(first);
  while (old.blocks.length < 1) await new Promise(setImmediate);
  await push(other, 'y\n', 2);
  assert.equal(taken, false);
  old.settleNext();
  await pipeline.push(await second);
  await current.drain(AbortSignal.timeout(5000));
  await drain();
  assert.deepEqual(await old.values(), ['x', 'a line', 'y']);
  assert.deepEqual(await next.values(), ['a line']);
});

test('a stream in two lanes is safe up to what either of them still has on its way', async () => {
  const [slow, fast] = [new Shelf(false), new Shelf(true)];
  const { pipeline, addLane } = house({ outlet: slow });
  const s = stream('logs');
  const lanes = [addLane('slow', slow), addLane('fast', fast)];
  const put = async (lane: Lane, from: number, end: number) => {
    const batch = await pipeline.take(s);
    batch.slot.bytes.write('a line\n');
    batch.slot.starts[0] = batch.slot.bytesAt;
    batch.slot.ends[0] = batch.slot.bytesAt + 6;
    batch.slot.source[0] = 0;
    batch.slot.length[0] = end - from;
    Object.assign(batch, { count: 1, weight: 1, from, end });
    await lane.append(batch);
    pipeline.discard(batch);
    await lane.drain(AbortSignal.timeout(5000));
  };
  await put(lanes[1]!, 0, 10);
  await put(lanes[0]!, 10, 20);
  await put(lanes[1]!, 20, 30);
  await put(lanes[0]!, 30, 40);
  await put(lanes[1]!, 40, 50);
  assert.deepEqual(s.positions, [10]);
  slow.settleNext();
  assert.deepEqual(s.positions, [10, 30]);
  slow.settleNext();
  assert.deepEqual(s.positions, [10, 30, 50]);
});

test('a lane of the spool starts a block for each key', async () => {
  const shelf = new Shelf(true);
  const { push, drain } = house({ outlet: shelf, singleKey: true, final: false });
  for (const key of ['a', 'b', 'b', 'a']) await push(stream('logs', 'x', key), 'hello\n');
  await drain();
  assert.deepEqual(
    shelf.blocks.map((block) => [block.key, block.count]),
    [
      ['a', 1],
      ['b', 2],
      ['a', 1],
    ],
  );
});

test('a topic that is stuck at full speed starves no other topic', async () => {
  const stuck = new Shelf(false);
  const { push, addLane, pipeline } = house({ outlet: stuck, blockBytes: 900_000 });
  const fine = new Shelf(true);
  const other = addLane('metrics', fine);
  const hot = stream('logs');
  let pushed = 0;
  const flood = (async () => {
    for (let i = 0; i < 1000; i++) {
      await push(hot, `${'x'.repeat(900_000)}\n`);
      pushed++;
    }
  })();
  flood.catch(() => undefined);
  while (pushed < 3) await new Promise((r) => setImmediate(r));
  const s = stream('metrics');
  for (let i = 0; i < 200; i++) await push(s, text(lines(100, i * 100)));
  await other.drain(AbortSignal.timeout(5000));
  assert.equal(s.account.forwarded, 20_000);
  assert.ok(pushed < 20, `the stuck topic took ${pushed} batches`);
  let waiting = 0;
  for (const batch of pipeline.pending()) waiting += batch.weight;
  assert.ok(waiting <= 1);
});

test('a block that its outlet does not take is said, and nothing is put behind it', async (t) => {
  const said: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string) => said.push(text) > 0);
  let puts = 0;
  const outlet = { put: () => Promise.reject(new Error(`refused ${++puts}`)), drained: async () => undefined };
  const { push, drain } = house({ outlet });
  const s = stream('logs');
  await push(s, 'one\n');
  // An unheard rejection would end the process.
  while (said.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await push(s, 'two\n', 4);
  await assert.rejects(drain(), /refused 1/);
  assert.match(said.join(), /logs: a block could not be handed on: refused 1/);
  assert.deepEqual([puts, s.positions], [1, []]);
});

for (const codec of ['none', 'zstd'] as const) {
  test(`a lane that is stalled leaves its topic's memory to the others, ${codec}`, async () => {
    const stuck = new Shelf(false);
    const { pool, pipeline, push, addLane } = house({ outlet: stuck, blockBytes: 900_000, codec, mayStall: true });
    const share = pool.share('logs');
    const free = pool.free;
    const away = addLane('away', stuck, share.part('away'));
    const fine = addLane('fine', new Shelf(true), share.part('fine'));
    const [held, other] = [stream('away'), stream('fine', 'b.log')];
    // As much as there is memory for: what is noise stays as large as it is.
    const noise = () => `${randomBytes(600_000).toString('latin1').replaceAll('\n', ' ')}\n`;
    let pushed = 0;
    const flood = async () => {
      for (;;) {
        await push(held, noise());
        pushed++;
      }
    };
    await assert.rejects(flood(), Stalled);
    assert.ok(pushed > 1, `${pushed}`);
    for (let i = 0; i < 20; i++) await push(other, noise());
    await fine.drain(AbortSignal.timeout(5000));
    assert.equal(other.account.forwarded, 20);
    assert.equal(held.account.forwarded, 0);
    const { over } = (await pipeline.take(held).catch((error: Stalled) => error)) as Stalled;
    const settling = setInterval(() => stuck.settleAll(), 5);
    await over;
    await push(held, noise());
    await away.drain(AbortSignal.timeout(5000));
    while (held.account.forwarded < held.account.received) await new Promise((r) => setTimeout(r, 5));
    clearInterval(settling);
    assert.equal(pool.free, free, 'every slot came back');
    assert.deepEqual(share.aside, { slots: 0, batches: 0, bytes: 0 });
  });
}
