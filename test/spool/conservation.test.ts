/** Whatever happens to it, every item that the spool took is forwarded, dropped with a number, or waiting. */
// Slow: goes through many random cases.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { directory } from '../support/directory.ts';
import { block, openSpool, streamOf, valuesOf } from '../support/spool-blocks.ts';

const TOPICS = ['runnel.metrics', 'runnel.logs', 'runnel.events'];

/** A small generator with a seed (mulberry32), so that a failure can be repeated. */
function random(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

for (const seed of [1, 2, 3, 4]) {
  test(`appended = forwarded + dropped + waiting, through drops, trims and restarts (seed ${seed})`, async (t) => {
    const dir = directory(t);
    const below = random(seed);
    const options = { max_size: 60_000, sync: seed % 2 === 0 ? ('always' as const) : 5 };
    const inputs = ['statsd', 'host', 'logs.app'].map((input) => streamOf(input));
    let appended = 0;
    let forwarded = 0;
    let dropped = 0;
    for (let restart = 0; restart < 4; restart++) {
      const { spool, drops } = await openSpool(dir, options);
      const recovered = [...spool.recovered().values()].reduce((a, b) => a + b, 0);
      assert.equal(recovered, appended - forwarded - dropped);
      const stop = new AbortController();
      const tickets: (() => void)[] = [];
      // Readers are slower than the writer: each block waits until the writer lets one of them go on.
      const ticket = (signal: AbortSignal) =>
        new Promise<void>((resolve) => {
          tickets.push(resolve);
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      const readers = TOPICS.map(async (topic) => {
        const partition = spool.partition(topic);
        let last = -1;
        for await (const entry of partition.read(partition.acknowledged, { signal: stop.signal })) {
          assert.ok(entry.baseOffset > last);
          last = entry.baseOffset;
          assert.equal((await valuesOf(entry)).length, entry.count);
          await partition.mayBeSent(stop.signal);
          if (stop.signal.aborted) break;
          await ticket(stop.signal);
          const items = [...(entry.note?.weights.values() ?? [])].reduce((a, b) => a + b, 0);
          forwarded += items;
          await partition.acknowledge(entry.nextOffset);
        }
      });
      for (let i = 0; i < 120; i++) {
        const values = Array.from({ length: 1 + below(5) }, () => 'x'.repeat(below(1000)));
        const weight = 1 + below(9);
        const topic = spool.partition(TOPICS[below(3)]!);
        await topic.append(await block(values, { weight, stream: inputs[below(3)]! }), 'written');
        appended += values.length * weight;
        if (below(3) === 0) tickets.shift()?.();
      }
      stop.abort();
      await Promise.all(readers);
      await spool.close();
      dropped += drops.reduce((sum, drop) => sum + drop.records, 0);
      const { weights } = spool.waiting();
      const waiting = [...weights.values()].reduce((a, b) => a + b, 0);
      assert.equal(appended, forwarded + dropped + waiting);
      assert.ok(drops.every((drop) => drop.reason === 'spool_full'));
    }
    assert.ok(dropped > 0 && forwarded > 0, `dropped ${dropped}, forwarded ${forwarded}`);
  });
}
