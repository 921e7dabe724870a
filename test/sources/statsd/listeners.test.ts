/** Several listeners: one thread aggregates for all of them, each has its own counters, and none waits for another. */
// Slow: floods a listener.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { datagramsAvailable } from '../../../src/native/sockets.ts';
import { FOUR, SIX, startStatsd } from '../../support/statsd.ts';
import { until } from '../../support/until.ts';

for (const native of datagramsAvailable() ? [true, false] : [false]) {
  const by = native ? 'recvmmsg' : 'node:dgram';

  test(`a series gives one record a window, whichever listeners its samples came from (${by})`, async (t) => {
    const statsd = await startStatsd(t, [FOUR, SIX, FOUR], { native });
    for (let i = 0; i < 90; i++) {
      await statsd.send(`users:${i % 20}|s\nqueue:${i}|g\nhits:1|c\nlat:${i}|ms`, i < 30 ? 1 : i < 60 ? 0 : 2);
      // One after the other: what of two listeners was first is not known when both are read at once.
      if (i % 30 === 29) await statsd.received((i + 1) * 4);
    }
    const records = (await statsd.end()).map(({ record }) => record);
    assert.deepEqual(
      records.map((r) => [r.name, r.value ?? r.count]),
      [
        ['users', 20],
        ['queue', 89],
        ['hits', 90],
        ['lat', 90],
      ],
    );
    assert.deepEqual(new Set(records.map((r) => `${r.start} ${r['@timestamp']}`)).size, 1);
    for (const { packets, lines, error } of statsd.source.status().listeners) {
      assert.deepEqual([packets, lines, error], [30, 120, null]);
    }
  });

  test(`what comes on all of them while the thread starts is counted (${by})`, async (t) => {
    const statsd = await startStatsd(t, [FOUR, SIX], { native });
    for (let i = 0; i < 300; i++) await statsd.send('hits:1|c', i % 2);
    await statsd.received(300);
    assert.equal((await statsd.end())[0]!.record.value, 300);
  });

  test(`each counts its own, and says its own losses (${by})`, async (t) => {
    const statsd = await startStatsd(t, [FOUR, FOUR], { native });
    await statsd.send('hits:1|c\nbroken\nworse', 0);
    await statsd.send('hits:1|c', 1);
    await statsd.received(4);
    // Of samples it is known before the lines are that they stood in.
    await until('all lines are counted', () => statsd.source.status().listeners.every(({ lines }) => lines > 0));
    const [one, two] = statsd.source.status().listeners;
    assert.deepEqual([one!.packets, one!.lines, one!.bytes, one!.rejected], [1, 3, 21, 2]);
    assert.deepEqual([two!.packets, two!.lines, two!.bytes, two!.rejected], [1, 1, 8, 0]);
    await statsd.end();
  });

  test(`max_contexts counts the series of all of them together (${by})`, async (t) => {
    const statsd = await startStatsd(t, [FOUR, FOUR], { native }, { max_contexts: 10 });
    for (let i = 0; i < 40; i++) await statsd.send(`hits:1|c|#user:${i}`, i % 2);
    await statsd.received(40);
    const { contexts, overflowed } = statsd.source.status();
    const records = (await statsd.end()).map(({ record }) => record);
    assert.deepEqual([contexts, records.length], [11, 11]);
    assert.equal(statsd.source.status().overflowed, 30);
    assert.equal(overflowed, 0);
  });

  for (const unbound of ['warned', 'refused'] as const) {
    test(`one that cannot be bound holds up no other (${unbound}, ${by})`, async (t) => {
      const taken = createSocket('udp4');
      t.after(() => taken.close());
      taken.bind(0, '127.0.0.1');
      await once(taken, 'listening');
      const address = `udp://127.0.0.1:${taken.address().port}`;
      const statsd = await startStatsd(t, [address, FOUR], { native, unbound });
      const message = `cannot listen on ${address}: address already in use`;
      if (unbound === 'refused') await assert.rejects(statsd.source.ready, { message });
      else await statsd.source.ready;
      await statsd.send('hits:1|c', 1);
      await statsd.received(1);
      const errors = statsd.source.status().listeners.map(({ error }) => error);
      assert.deepEqual(errors, [message, null]);
      assert.equal((await statsd.end())[0]!.record.value, 1);
    });
  }
}

const native = { skip: datagramsAvailable() ? false : 'libc cannot be called here' };

test('a flood on one listener takes nothing from another', native, async (t) => {
  const statsd = await startStatsd(t, [FOUR, FOUR]);
  const flood = spawn(process.execPath, [
    new URL('../../bench/statsd-sender.ts', import.meta.url).pathname,
    ...[statsd.portOf(0), 10_000_000, 2, 100].map(String),
  ]);
  const ended = once(flood, 'exit');
  t.after(() => flood.kill());
  while (statsd.source.status().listeners[0]!.packets === 0) await sleep(1);
  let sent = 0;
  while (flood.exitCode === null) {
    for (let i = 0; i < 20; i++) await statsd.send('mine:1|c', 1);
    sent += 20;
    await sleep(10);
  }
  await ended;
  while (statsd.source.status().listeners[1]!.packets < sent) await sleep(5);
  const [flooded, quiet] = statsd.source.status().listeners;
  assert.ok(sent > 500 && flooded!.packets > 20 * sent, `${sent} beside ${flooded!.packets}`);
  assert.deepEqual([quiet!.packets, quiet!.kernel_drops], [sent, 0]);
  const mine = (await statsd.end()).filter(({ record }) => record.name === 'mine');
  assert.deepEqual(
    mine.map(({ record }) => record.value),
    [sent],
  );
});

test(
  'several are as quiet as one: one thread once something has come, and no wakes while nothing comes',
  native,
  async (t) => {
    const threads = () => new Set(readdirSync('/proc/self/task'));
    const idle = await startStatsd(t, [FOUR, SIX]);
    await idle.end();
    const before = threads();
    const statsd = await startStatsd(t, [FOUR, SIX, FOUR]);
    assert.deepEqual([...threads().difference(before)], []);
    for (const listener of [2, 0, 1]) await statsd.send('hits:1|c', listener);
    await statsd.received(3);
    const added = [...threads().difference(before)];
    assert.equal(added.length, 1);
    const wakes = () => {
      const status = readFileSync(`/proc/self/task/${added[0]}/status`, 'utf8');
      return Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)![1]);
    };
    await sleep(400);
    const woken = wakes();
    await sleep(1500);
    assert.ok(wakes() - woken < 8, `${wakes() - woken} wakes`);
    assert.equal((await statsd.end())[0]!.record.value, 3);
  },
);

test('what the kernel dropped is in the books, a datagram as one item', native, async (t) => {
  const statsd = await startStatsd(t, [FOUR, FOUR], {}, { receive_buffer: 65_536 });
  // More than is kept while the thread starts, and than the socket holds.
  const line = `hits:1|c|#${'x'.repeat(1000)}`;
  for (let i = 0; i < 500; i++) await statsd.send(line, 1);
  await statsd.end();
  const [quiet, full] = statsd.source.status().listeners;
  assert.ok(full!.kernel_drops > 0);
  assert.deepEqual([full!.packets + full!.kernel_drops, quiet!.kernel_drops], [500, 0]);
  assert.deepEqual(
    [statsd.account.losses.get('kernel_drop')!.records, statsd.account.received],
    [full!.kernel_drops, 500],
  );
});
