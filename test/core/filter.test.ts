/**
 * A stream with steps through pipeline, lanes and ledger: whatever is filtered, and wherever it is killed, the records
 * that come out explain every byte up to the last one, and come out the same when they are read again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account } from '../../src/core/account.ts';
import type { Stream } from '../../src/core/batch.ts';
import type { Block, Outlet } from '../../src/core/block.ts';
import { Lane } from '../../src/core/lane.ts';
import { Ledgers } from '../../src/core/ledger.ts';
import { Pipeline } from '../../src/core/pipeline.ts';
import { Pool } from '../../src/core/pool.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { compress } from '../../src/records/codecs.ts';
import { rawEnvelope } from '../../src/records/envelope.ts';
import { records } from '../../src/records/record-batch.ts';
import { processingOf, type StepConfig } from '../../src/transforms/process.ts';

const SEEDS = 60;
const MOST_WAITING = 6;
const ENVELOPE = rawEnvelope({ host: 'h', path: 'a.log', id: 'a', dataset: 'x', labels: {}, key: 'h' });

function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

interface Sent {
  offset: number;
  length: number;
  skipped: number;
  value: string;
}

/** What is acknowledged when the test says so. */
class Shelf implements Outlet {
  readonly #waiting: (() => void)[] = [];
  readonly sent: Sent[] = [];
  async put(block: Block, settled: () => void): Promise<void> {
    for (const { headers, value } of records(Buffer.from(block.body))) {
      const said = Object.fromEntries(headers.map(([name, text]) => [name, text.toString()]));
      const { offset, length, skipped = 0 } = said;
      this.sent.push({ offset: Number(offset), length: Number(length), skipped: Number(skipped), value: `${value}` });
    }
    this.#waiting.push(settled);
    // Each holds a slot of the pool.
    if (this.#waiting.length > MOST_WAITING) this.settle(1);
  }
  settle(count: number): void {
    for (const settled of this.#waiting.splice(0, count)) settled();
  }
  async drained(): Promise<void> {}
}

/** A step that drops lines which contain one of the texts. */
function dropping(...literals: string[]): StepConfig {
  return {
    verb: 'drop',
    options: { of: null, path: [], test: 'contains', literals },
    when: null,
    fields: false,
    tables: false,
    entry: 0,
  };
}

/** A process: reads the file from where it is safe, and is killed at some moment. Gives what is persisted then. */
async function life(
  file: Buffer,
  from: { position: number; skipped: number },
  process: StepConfig[],
  random: (below: number) => number,
): Promise<{ sent: Sent[]; persisted: typeof from; account: Account }> {
  const pool = new Pool(48 << 20);
  const kernel = new Kernel(pool.memory);
  const share = pool.share('t');
  const shelf = new Shelf();
  const ledgers = new Ledgers();
  const blockBytes = 2000 + random(20_000);
  const lane = new Lane({
    ...{ topic: 't', share, pool, kernel, ledgers, outlet: shelf, compress, codec: 'none' as const, level: 1 },
    ...{ linger: 60_000, blockBytes, singleKey: false, final: true, mayStall: false },
  });
  const pipeline = new Pipeline({ pool, ledgers, laneOf: () => lane, observers: [] });
  const account = new Account('logs.x');
  let persisted = from;
  const processing = processingOf(process, kernel, 't');
  const stream: Stream = {
    ...{ name: 'a.log', topic: 't', key: 'h', account, replayable: true, envelope: () => ENVELOPE },
    settled(position, skipped) {
      assert.ok(position > persisted.position);
      persisted = { position, skipped };
    },
    ...(processing && { steps: processing.steps }),
    skippedAt: (position) => (position === persisted.position ? persisted.skipped : 0),
  };
  const lives = random(3) === 0 ? file.length : random(file.length);
  for (let at = from.position; at < lives; ) {
    const batch = await pipeline.take(stream);
    const { slot } = batch;
    const used = file.copy(slot.bytes, 0, at, at + 50 + random(4000));
    batch.count = kernel.findLines(slot, slot.bytesAt, slot.bytesAt + used, slot.bytesAt, 0);
    const taken = kernel.consumedAt - slot.bytesAt;
    Object.assign(batch, { from: at, end: at + taken, weight: batch.count, time: 1 });
    if (taken === 0) {
      pipeline.discard(batch);
      continue;
    }
    account.received += batch.count;
    await pipeline.push(batch);
    at += taken;
    if (random(4) === 0) shelf.settle(1);
  }
  const passed = lane.passed();
  await new Promise(setImmediate);
  shelf.settle(random(3) === 0 ? random(5) : 1000);
  passed.catch(() => undefined);
  let waiting = 0;
  for (const { weight } of lane.pending()) waiting += weight;
  assert.equal(account.received, account.forwarded + account.filtered + waiting);
  return { sent: shelf.sent, persisted, account };
}

async function round(seed: number): Promise<void> {
  const random = randomOf(seed);
  const words = ['GET', 'POST', '/health', 'probe', 'x'];
  // Runs of the same word, so that whole batches are filtered.
  const lines: string[] = [];
  while (lines.length < 400 + random(1500)) {
    const word = words[random(words.length)]!;
    for (let run = 1 + random(random(2) === 0 ? 3 : 150); run > 0; run--)
      lines.push(`${word} ${'y'.repeat(random(60))}`);
  }
  const text = lines.map((line) => `${line}\n`);
  const file = Buffer.from(text.join(''));
  const process = [dropping('/health', 'probe')];
  if (random(2) === 0) process.push(dropping('x '));
  const kept = (line: string) => !/health|probe/.test(line) && !(process.length > 1 && line.includes('x '));
  const all = new Map<number, Sent>();
  let from = { position: 0, skipped: 0 };
  for (let lives = 0; from.position < file.length && lives < 200; lives++) {
    const { sent, persisted } = await life(file, from, process, random);
    for (const one of sent) {
      const before = all.get(one.offset);
      if (before) assert.deepEqual(one, before, `seed ${seed}: read again it is the same`);
      all.set(one.offset, one);
    }
    from = persisted;
  }
  let at = 0;
  let end = 0;
  const expected: Sent[] = [];
  for (const [i, line] of text.entries()) {
    if (kept(lines[i]!)) {
      expected.push({ offset: at, length: line.length, skipped: at - end, value: lines[i]! });
      end = at + line.length;
    }
    at += line.length;
  }
  const arrived = [...all.values()].sort((a, b) => a.offset - b.offset);
  assert.deepEqual(arrived, expected, `seed ${seed}`);
  assert.deepEqual(from, { position: file.length, skipped: file.length - end }, `seed ${seed}: the end is explained`);
}

test('what is filtered is explained by the next record, over batches, blocks and kills', async () => {
  for (let seed = 1; seed <= SEEDS; seed++) await round(seed);
});

test('what was filtered before a restart is explained where nothing is filtered any more', async () => {
  const file = Buffer.from('drop 1\ndrop 2\nkeep 1\nkeep 2\n');
  const always = () => 0;
  const drop = [dropping('drop')];
  const first = await life(file.subarray(0, 14), { position: 0, skipped: 0 }, drop, always);
  assert.deepEqual([first.sent, first.persisted], [[], { position: 14, skipped: 14 }]);
  const { sent } = await life(file, first.persisted, [], always);
  assert.deepEqual(sent[0], { offset: 14, length: 7, skipped: 14, value: 'keep 1' });
});
