/** Tickets over several lanes, settled in any order. By hand: `node test/core/ledger.test.ts SEEDS` tries so many. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Stream } from '../../src/core/batch.ts';
import { Ledgers, type Ticket } from '../../src/core/ledger.ts';

const SEEDS = Number(process.argv[2] ?? 200);

function randomOf(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (below) => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    state ^= state >>> 13;
    return (state >>> 0) % below;
  };
}

interface Told {
  position: number;
  skipped: number;
}

function streamThat(told: Told[]): Stream {
  return { settled: (position: number, skipped: number) => told.push({ position, skipped }) } as unknown as Stream;
}

/** A stretch in one lane, as a list has it: safe up to `safe`, with what its marks say there. */
interface Stretch {
  ticket: Ticket;
  marks: { to: number; skipped: number }[];
  safe: number;
  end: number;
}

/** One stream: batches go to one lane or two, in parts; each lane settles its parts in order, the lanes in any. */
function round(seed: number): void {
  const random = randomOf(seed);
  const told: Told[] = [];
  const stream = streamThat(told);
  const ledgers = new Ledgers();
  const lanes = Array.from({ length: 1 + random(3) }, () => ({ queue: [] as Stretch[] }));
  const all: Stretch[] = [];
  const base = random(1000);
  let end = base;
  /** By position: what is skipped directly before it, where a batch or a part ends. */
  const skippedAt = new Map([[base, 0]]);
  const check = () => {
    const open = all.filter(({ safe, end }) => safe < end);
    const expected = open.length > 0 ? Math.min(...open.map(({ safe }) => safe)) : end;
    const last = told.at(-1);
    assert.equal(last?.position ?? base, expected, `seed ${seed}`);
    assert.equal(last?.skipped ?? 0, skippedAt.get(expected), `seed ${seed}: skipped before ${expected}`);
    assert.equal(ledgers.count, open.length > 0 ? 1 : 0);
  };
  const give = () => {
    const from = end;
    end += 1 + random(100);
    const before = skippedAt.get(from)!;
    assert.equal(ledgers.skippedAt(stream, from), all.some(({ safe, end }) => safe < end) ? before : 0);
    const behind = random(3) === 0 ? Math.min(end - from, random(50)) : 0;
    const marks = [{ to: end, skipped: behind }];
    const middle = from + random(end - from);
    if (middle > from) {
      marks.unshift({ to: middle, skipped: 0 });
      skippedAt.set(middle, 0);
    }
    skippedAt.set(end, behind);
    const first = random(lanes.length);
    for (const lane of new Set([first, random(4) === 0 ? random(lanes.length) : first])) {
      const ticket = ledgers.give(stream, lanes[lane]!, from, end, { before, behind });
      const stretch = { ticket, marks: structuredClone(marks), safe: from, end };
      lanes[lane]!.queue.push(stretch);
      all.push(stretch);
    }
  };
  const settle = () => {
    const queues = lanes.map(({ queue }) => queue).filter((queue) => queue.length > 0);
    const queue = queues[random(queues.length)];
    if (!queue) return;
    const stretch = queue[0]!;
    const mark = stretch.marks.shift()!;
    stretch.safe = mark.to;
    if (stretch.marks.length === 0) queue.shift();
    ledgers.settle(stream, stretch.ticket, mark.to, mark.skipped);
  };
  for (let step = 0; step < 100; step++) {
    if (random(2) === 0) give();
    else settle();
    check();
  }
  while (lanes.some(({ queue }) => queue.length > 0)) settle();
  check();
  for (let i = 1; i < told.length; i++) assert.ok(told[i]!.position > told[i - 1]!.position, 'positions ascend');
}

test('a position is where the first byte lies that is not safe, whatever lanes settle in whatever order', () => {
  for (let seed = 1; seed <= SEEDS; seed++) round(seed);
});

test('what did not get into its lane is never safe, and what comes next is read anew', () => {
  const told: Told[] = [];
  const stream = streamThat(told);
  const ledgers = new Ledgers();
  const lane = {};
  const first = ledgers.give(stream, lane, 0, 10);
  const second = ledgers.give(stream, lane, 10, 20);
  ledgers.lose(stream, second, 10);
  ledgers.settle(stream, first, 10, 0);
  ledgers.settle(stream, second, 20, 0);
  assert.deepEqual(told, [{ position: 10, skipped: 0 }]);
  const again = ledgers.give(stream, lane, 10, 20);
  ledgers.settle(stream, again, 20, 0);
  assert.deepEqual(told.at(-1), { position: 20, skipped: 0 });
  assert.equal(ledgers.count, 0);
});

test('a stream that is stuck in one lane and goes on in another keeps one ticket a batch on its way, and no more', () => {
  const told: Told[] = [];
  const stream = streamThat(told);
  const ledgers = new Ledgers();
  const [stuck, fine] = [{}, {}];
  const first = ledgers.give(stream, stuck, 0, 1);
  for (let at = 1; at < 100_000; at++) ledgers.settle(stream, ledgers.give(stream, fine, at, at + 1), at + 1, 0);
  assert.deepEqual(told, []);
  ledgers.settle(stream, first, 1, 0);
  assert.deepEqual(told, [{ position: 100_000, skipped: 0 }]);
});
