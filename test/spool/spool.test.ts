import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { directory } from '../support/directory.ts';
import { block, HERE, openSpool, readAll, streamOf, TOPIC, valuesOf } from '../support/spool-blocks.ts';

const segments = async (dir: string) =>
  (await readdir(join(dir, `${TOPIC}-0`))).filter((name) => name.endsWith('.log')).sort();

/** Names and sizes of what is in quarantine. */
async function quarantined(dir: string): Promise<[string, number][]> {
  const names = (await readdir(join(dir, 'quarantine'))).sort();
  return Promise.all(names.map(async (name) => [name, (await stat(join(dir, 'quarantine', name))).size]));
}

const numbered = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `value ${from + i}`);

test('what was appended is read back in order, also after the spool was opened again', async (t) => {
  const dir = directory(t);
  let { spool } = await openSpool(dir);
  let partition = spool.partition(TOPIC);
  for (let i = 0; i < 50; i += 5) assert.equal(await partition.append(await block(numbered(i, i + 5))), i + 5);
  assert.deepEqual((await readAll(partition)).values, numbered(0, 50));
  await spool.close();

  ({ spool } = await openSpool(dir));
  partition = spool.partition(TOPIC);
  assert.equal(partition.nextOffset, 50);
  await partition.append(await block(numbered(50, 53)));
  assert.deepEqual((await readAll(partition)).values, numbered(0, 53));
  assert.deepEqual((await readAll(partition, 40)).values, numbered(40, 53));
  assert.deepEqual(await segments(dir), ['00000000000000000000.log']);
  await spool.close();
});

test('segments roll, and carry the offset of their first record in their names', async (t) => {
  const dir = directory(t);
  let { spool } = await openSpool(dir, { max_size: 80_000 });
  for (let i = 0; i < 40; i++) await spool.partition(TOPIC).append(await block([`${i} ${'x'.repeat(1000)}`]));
  const names = await segments(dir);
  assert.deepEqual(names.slice(0, 3), [
    '00000000000000000000.log',
    '00000000000000000009.log',
    '00000000000000000018.log',
  ]);
  const { values } = await readAll(spool.partition(TOPIC));
  assert.deepEqual(values.map(Number.parseFloat), [...Array(40).keys()]);
  await spool.close();
  ({ spool } = await openSpool(dir, { max_size: 80_000 }));
  assert.equal((await readAll(spool.partition(TOPIC), 17)).values.length, 23);
  await spool.close();
});

test('a clock that is set ages nothing that waits', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir);
  const partition = spool.partition(TOPIC);
  await partition.append(await block(['a']));
  const { now } = Date;
  for (const step of [3_600_000, -3_600_000]) {
    const set = t.mock.method(Date, 'now', () => now() + step);
    await partition.append(await block(['b']));
    const { oldest_seconds } = partition.waiting();
    assert.ok(oldest_seconds >= 0 && oldest_seconds < 60, `${oldest_seconds}`);
    set.mock.restore();
  }
  await spool.close();
  // What an earlier process left has no other clock.
  t.mock.method(Date, 'now', () => now() + 3_600_000);
  const opened = await openSpool(dir);
  const { oldest_seconds } = opened.spool.partition(TOPIC).waiting();
  assert.ok(oldest_seconds > 3599 && oldest_seconds < 3700, `${oldest_seconds}`);
  await opened.spool.close();
});

test('the weights of what waits survive a restart as recovered', async (t) => {
  const dir = directory(t);
  let { spool } = await openSpool(dir);
  const partition = spool.partition(TOPIC);
  await partition.append(await block(['a', 'b'], { weight: 10 }));
  await partition.append(await block(['c'], { weight: 7, stream: streamOf('host') }));
  await partition.append(await block(['d'], { weight: 5 }));
  assert.deepEqual(Object.fromEntries(partition.waiting().weights), { statsd: 25, host: 7 });
  const { entries } = await readAll(partition);
  assert.deepEqual(
    entries.map((e) => [...(e.note?.weights ?? [])]),
    [[['statsd', 20]], [['host', 7]], [['statsd', 5]]],
  );
  await partition.acknowledge(entries[0]!.nextOffset);
  assert.deepEqual(Object.fromEntries(partition.waiting().weights), { statsd: 5, host: 7 });
  assert.equal(partition.waiting().records, 2);
  await spool.close();

  ({ spool } = await openSpool(dir));
  assert.deepEqual(Object.fromEntries(spool.recovered()), { statsd: 5, host: 7 });
  assert.equal(spool.waiting().records, 2);
  assert.equal(spool.partition(TOPIC).acknowledged, 2);
  await spool.close();
});

test('a tail cut off at any byte of the last batch leaves the batches before it', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir);
  await spool.partition(TOPIC).append(await block(numbered(0, 3)));
  await spool.partition(TOPIC).append(await block(numbered(3, 5)));
  await spool.close();
  const file = join(dir, `${TOPIC}-0`, '00000000000000000000.log');
  const sidecar = file.replace('.log', '.weights');
  const whole = await readFile(file);
  const notes = await readFile(sidecar);
  const first = 12 + whole.readInt32BE(8);
  for (let cut = first + 1; cut < whole.length; cut++) {
    await rm(dir, { recursive: true });
    await mkdir(join(dir, `${TOPIC}-0`), { recursive: true });
    await writeFile(file, whole.subarray(0, cut));
    await writeFile(sidecar, notes);
    const { spool: opened, drops } = await openSpool(dir);
    const partition = opened.partition(TOPIC);
    assert.deepEqual(drops, [{ input: 'statsd', records: 2, bytes: whole.length - first, reason: 'spool_torn' }]);
    assert.deepEqual([...opened.recovered()], [['statsd', 5]]);
    assert.deepEqual(await quarantined(dir), [[`${TOPIC}-0.00000000000000000000.${first}.bad`, cut - first]]);
    // Not 3: the broker may have had the whole of it once, and would take other records for a repetition.
    assert.equal(partition.nextOffset, 5);
    await partition.append(await block(['again']));
    const { values, entries } = await readAll(partition);
    assert.deepEqual(values, [...numbered(0, 3), 'again']);
    assert.equal(entries[1]?.note?.records, 1);
    assert.deepEqual([...partition.waiting().weights], [['statsd', 4]]);
    await opened.close();
  }
});

test('a batch damaged at any byte is passed over, counted, and hides nothing else', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir);
  for (let i = 0; i < 4; i++)
    await spool.partition(TOPIC).append(await block(numbered(3 * i, 3 * i + 3), { weight: 2 }));
  await spool.close();
  const file = join(dir, `${TOPIC}-0`, '00000000000000000000.log');
  const whole = await readFile(file);
  const size = 12 + whole.readInt32BE(8);
  for (let at = size; at < 2 * size; at++) {
    const flipped = Buffer.from(whole);
    flipped[at]! ^= 0x55;
    await writeFile(file, flipped);
    const { spool: opened, drops } = await openSpool(dir);
    const { values } = await readAll(opened.partition(TOPIC));
    // The offset and the leader epoch are not covered by the checksum, and not needed.
    if (at < size + 8 || (at >= size + 12 && at < size + 16)) assert.deepEqual(values, numbered(0, 12));
    else {
      assert.deepEqual(values, [...numbered(0, 3), ...numbered(6, 12)], `byte ${at}`);
      assert.deepEqual(drops, [{ input: 'statsd', records: 6, bytes: size, reason: 'spool_damaged' }]);
      assert.equal(opened.partition(TOPIC).waiting().records, 9);
    }
    await opened.close();
  }
});

test('zeroed, emptied and missing segments cost what they held and nothing more', async (t) => {
  const dir = directory(t);
  const options = { max_size: 80_000 };
  const { spool } = await openSpool(dir, options);
  for (let i = 0; i < 40; i++) await spool.partition(TOPIC).append(await block([`${i} ${'x'.repeat(1000)}`]));
  await spool.close();
  const at = (base: number) => join(dir, `${TOPIC}-0`, `${String(base).padStart(20, '0')}.log`);
  await writeFile(at(0), Buffer.alloc((await stat(at(0))).size));
  await truncate(at(9), 0);
  await truncate(at(18), 1500);
  const { spool: opened, drops } = await openSpool(dir, options);
  const { values } = await readAll(opened.partition(TOPIC));
  assert.deepEqual(values.map(Number.parseFloat), [18, ...Array.from({ length: 13 }, (_, i) => 27 + i)]);
  assert.equal(
    drops.filter((d) => d.input === 'statsd').reduce((sum, d) => sum + d.records, 0),
    9 + 9 + 8,
  );
  assert.equal(opened.recovered().get('statsd'), 40);
  assert.equal(opened.waiting().weights.get('statsd'), 14);
  await opened.close();
  assert.deepEqual(await quarantined(dir), [
    [`${TOPIC}-0.00000000000000000000.0.bad`, 9693],
    [`${TOPIC}-0.00000000000000000018.1078.bad`, 422],
  ]);
});

test('a segment whose file is gone is counted by its sidecar, as far as it was not acknowledged', async (t) => {
  const dir = directory(t);
  const options = { max_size: 80_000 };
  const { spool } = await openSpool(dir, options);
  const partition = spool.partition(TOPIC);
  for (let i = 0; i < 30; i++) await partition.append(await block([`${i} ${'x'.repeat(1000)}`], { weight: 2 }));
  await readAll(partition);
  await partition.acknowledge(4);
  await spool.close();
  await rm(join(dir, `${TOPIC}-0`, '00000000000000000000.log'));
  const { spool: opened, drops } = await openSpool(dir, options);
  assert.deepEqual(
    drops.map((d) => [d.input, d.records, d.reason]),
    Array.from({ length: 5 }, () => ['statsd', 2, 'spool_damaged']),
  );
  assert.equal(opened.recovered().get('statsd'), 52);
  const { values } = await readAll(opened.partition(TOPIC), opened.partition(TOPIC).acknowledged);
  assert.equal(values.length, 21);
  await opened.close();
  const { spool: again, drops: none } = await openSpool(dir, options);
  assert.deepEqual(none, []);
  await again.close();
});

test('a full spool drops its oldest segment and counts it by input', async (t) => {
  const dir = directory(t);
  const { spool, drops } = await openSpool(dir, { max_size: 80_000 });
  const partition = spool.partition(TOPIC);
  for (let i = 0; i < 100; i++) await partition.append(await block([`${i} ${'x'.repeat(1000)}`], { weight: 3 }));
  const { values } = await readAll(partition);
  assert.equal(values.at(-1)?.startsWith('99 '), true);
  assert.ok(drops.every((drop) => drop.reason === 'spool_full' && drop.input === 'statsd'));
  const dropped = drops.reduce((sum, drop) => sum + drop.records, 0);
  assert.equal(dropped + 3 * values.length, 300);
  assert.equal(partition.waiting().records, values.length);
  assert.equal(partition.waiting().weights.get('statsd'), 3 * values.length);
  const { size } = spool.waiting();
  assert.ok(size <= 80_000 && size > 60_000, `${size} bytes`);
  await spool.close();
});

test('blocks in flight are not dropped', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir, { max_size: 80_000 });
  const partition = spool.partition(TOPIC);
  const append = async (i: number) => partition.append(await block([`${i} ${'x'.repeat(1000)}`]));
  for (let i = 0; i < 20; i++) await append(i);
  const reading = partition.read(0);
  for (let i = 0; i < 3; i++) await reading.next();
  for (let i = 20; i < 200; i++) await append(i);
  assert.equal((await segments(dir))[0], '00000000000000000000.log');
  await partition.acknowledge(3);
  const next = (await reading.next()).value;
  assert.equal(next?.baseOffset, 3);
  await reading.return();
  await spool.close();
});

test('with when_full: block an append waits until something is acknowledged', async (t) => {
  const dir = directory(t);
  const { spool, drops } = await openSpool(dir, { max_size: 20_000, when_full: 'block' });
  const partition = spool.partition(TOPIC);
  let appended = 0;
  const appending = (async () => {
    for (let i = 0; i < 60; i++) {
      await partition.append(await block([`${i} ${'x'.repeat(1000)}`]));
      appended++;
    }
  })();
  const seen: string[] = [];
  for await (const entry of partition.read(0)) {
    seen.push(...(await valuesOf(entry)));
    assert.ok(appended - seen.length <= 20);
    await partition.acknowledge(entry.nextOffset);
    if (seen.length === 60) break;
  }
  await appending;
  assert.deepEqual(seen.map(Number.parseFloat), [...Array(60).keys()]);
  assert.deepEqual(drops, []);
  await spool.close();
});

test('an append that waits for room is refused when the spool closes', async (t) => {
  const { spool } = await openSpool(directory(t), { max_size: 3000, when_full: 'block' });
  const partition = spool.partition(TOPIC);
  const appends = await Promise.all([1, 2, 3, 4].map(() => block(['x'.repeat(1000)])));
  const results = Promise.allSettled(appends.map((b) => partition.append(b)));
  await partition.synced(0);
  await spool.close();
  assert.deepEqual(
    (await results).map((r) => r.status),
    ['fulfilled', 'fulfilled', 'rejected', 'rejected'],
  );
});

test('an acknowledged position and the producers hold after a kill', async (t) => {
  const dir = directory(t);
  const { spool: killed } = await openSpool(dir);
  const before = killed.partition(TOPIC);
  for (let i = 0; i < 10; i++) await before.append(await block([`value ${i}`]));
  await before.beginProducers(HERE, 7);
  await before.setProducer(HERE, 5, { producerId: 4242n, epoch: 3, sequence: 2 });
  const reading = before.read(0);
  for (let i = 0; i < 6; i++) await reading.next();
  await before.acknowledge(4);
  // Not closed: what follows reads what a killed process leaves behind.
  const { spool } = await openSpool(dir);
  const partition = spool.partition(TOPIC);
  assert.equal(partition.acknowledged, 4);
  assert.ok(partition.producers.holdIn(HERE));
  assert.deepEqual(partition.producers.get(5), { producerId: 4242n, epoch: 3, sequence: 2 });
  assert.deepEqual((await readAll(partition, partition.acknowledged)).values, numbered(4, 10));
  await spool.close();
  await reading.return();
  await killed.close();
});

test('segments that are acknowledged go, and offsets are not given twice after all of them went', async (t) => {
  const dir = directory(t);
  const options = { max_size: 20_000, when_full: 'block' } as const;
  let { spool } = await openSpool(dir, options);
  let partition = spool.partition(TOPIC);
  for (let i = 0; i < 15; i++) await partition.append(await block(['x'.repeat(1000)]));
  await readAll(partition);
  await partition.acknowledge(15);
  assert.deepEqual(await segments(dir), ['00000000000000000014.log']);
  assert.equal(partition.waiting().records, 0);
  await partition.retire();
  assert.deepEqual(await segments(dir), []);
  assert.equal(spool.waiting().size, 0);
  await spool.close();
  ({ spool } = await openSpool(dir, options));
  partition = spool.partition(TOPIC);
  assert.equal(await partition.append(await block(['on'])), 16);
  assert.deepEqual((await readAll(partition, partition.acknowledged)).values, ['on']);
  await spool.close();
});

test('reading goes on while blocks are appended', async (t) => {
  const { spool } = await openSpool(directory(t), { max_size: 4_000_000 });
  const partition = spool.partition(TOPIC);
  const blocks = 500;
  const appending = (async () => {
    for (let i = 0; i < blocks; i++) {
      await partition.append(await block([`${2 * i} ${'x'.repeat(i % 3000)}`, `${2 * i + 1}`]));
    }
  })();
  const seen: number[] = [];
  for await (const entry of partition.read(0)) {
    seen.push(...(await valuesOf(entry)).map(Number.parseFloat));
    assert.ok(entry.note);
    await partition.acknowledge(entry.nextOffset);
    if (entry.nextOffset === 2 * blocks) break;
  }
  await appending;
  assert.deepEqual(seen, [...Array(2 * blocks).keys()]);
  assert.equal(partition.waiting().records, 0);
  await spool.close();
});

test('a reader that waits ends when its signal aborts', async (t) => {
  const { spool } = await openSpool(directory(t));
  const controller = new AbortController();
  const reading = spool.partition(TOPIC).read(0, { signal: controller.signal });
  const next = reading.next();
  controller.abort();
  assert.equal((await next).done, true);
  await spool.close();
});

for (const sync of ['always', 20, 'never'] as const) {
  test(`with sync: ${sync} an append resolves once it is as safe as that`, async (t) => {
    const dir = directory(t);
    const { spool } = await openSpool(dir, { sync });
    const partition = spool.partition(TOPIC);
    const blocks = await Promise.all(numbered(0, 30).map((value) => block([value])));
    const ends = await Promise.all(blocks.map((b) => partition.append(b)));
    assert.deepEqual(
      ends,
      [...Array(30).keys()].map((i) => i + 1),
    );
    assert.deepEqual((await readAll(partition)).values, numbered(0, 30));
    await spool.close();
  });
}

test('where a megabyte waits it is synced at once, whatever the clock says', { timeout: 20_000 }, async (t) => {
  const { spool } = await openSpool(directory(t), { sync: 600_000 });
  const partition = spool.partition(TOPIC);
  const blocks = await Promise.all(numbered(0, 5).map((value) => block([value.padEnd(300_000, '.')])));
  const appends = blocks.map((b) => partition.append(b));
  assert.deepEqual(await Promise.all(appends.slice(0, 4)), [1, 2, 3, 4]);
  await spool.close();
});

test('what is older than max_age goes, counted', async (t) => {
  const dir = directory(t);
  let { spool, drops } = await openSpool(dir);
  await spool.partition(TOPIC).append(await block(['old'], { time: Date.now() - 60_000, weight: 4 }));
  await spool.close();
  ({ spool, drops } = await openSpool(dir, { max_age: 30_000 }));
  await spool.partition(TOPIC).passed(0, AbortSignal.timeout(1000));
  while (drops.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(
    drops.map((d) => [d.input, d.records, d.reason]),
    [['statsd', 4, 'spool_expired']],
  );
  await spool.close();
});

test('a clock that jumps ages nothing that this process wrote; time that passes does', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const minute = 60_000;
  const { spool, drops } = await openSpool(directory(t), { max_age: 10 * minute });
  const partition = spool.partition(TOPIC);
  const { now } = Date;
  const clock = t.mock.method(Date, 'now', () => now() - 60 * minute);
  await partition.append(await block(['written while it was behind'], { weight: 2 }));
  clock.mock.mockImplementation(() => now() + 60 * minute);
  t.mock.timers.tick(minute);
  await partition.append(await block(['written while it was ahead']));
  clock.mock.mockImplementation(() => now());
  t.mock.timers.tick(minute);
  assert.equal(spool.waiting().records, 2);
  const passed = performance.now() + 11 * minute;
  t.mock.method(performance, 'now', () => passed);
  t.mock.timers.tick(minute);
  while (spool.waiting().records > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(
    drops.map((d) => [d.input, d.records, d.reason]),
    [
      ['statsd', 2, 'spool_expired'],
      ['statsd', 1, 'spool_expired'],
    ],
  );
  await spool.close();
});

test('a topic name that could leave the directory is refused', async (t) => {
  const { spool } = await openSpool(directory(t));
  assert.throws(() => spool.partition('../../etc'), /Kafka allows no such name/);
  await spool.close();
});

test('two topics that need room at the same time drop no more than it takes', async (t) => {
  const dir = directory(t);
  const { spool, drops } = await openSpool(dir, { max_size: 80_000 });
  const topics = ['a', 'b'].map((topic) => spool.partition(topic));
  const big = await block(['x'.repeat(4000)]);
  for (let i = 0; i < 19; i++) await topics[i % 2]!.append(big);
  assert.deepEqual(drops, []);
  // There is no room for either; one segment, which holds two blocks, makes room for both.
  await Promise.all(topics.map((partition) => partition.append(big)));
  assert.equal(
    drops.reduce((sum, { records }) => sum + records, 0),
    2,
  );
  await spool.close();
});
