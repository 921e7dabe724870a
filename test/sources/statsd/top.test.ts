/** Who sends most, as the thread counts it beside all else, and what Datadog's clients say of themselves. */
// Slow: waits for windows to end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { datagramsAvailable } from '../../../src/native/sockets.ts';
import { Aggregator } from '../../../src/sources/statsd/aggregator.ts';
import { lines } from '../../../src/sources/statsd/report.ts';
import { FOUR, NO_NAMING, seriesLimits, startStatsd } from '../../support/statsd.ts';
import { until } from '../../support/until.ts';

for (const native of datagramsAvailable() ? [true, false] : [false]) {
  test(`names, keys and containers come by what they cost (${native ? 'recvmmsg' : 'node:dgram'})`, async (t) => {
    const statsd = await startStatsd(t, [FOUR], { native });
    assert.deepEqual((await statsd.source.top()).by_samples, []);
    for (let i = 0; i < 300; i++) await statsd.send(`wide:1|c|#user:${i},env:prod`);
    for (let i = 0; i < 40; i++) await statsd.send('busy:1:2:3:4:5:6:7:8:9:10|ms|#env:prod,container.id:abc');
    await statsd.received(700);
    const [top, same] = await Promise.all([statsd.source.top(), statsd.source.top()]);
    assert.equal(top, same);
    assert.deepEqual([top.series, top.seen, top.samples], [301, 301, 700]);
    assert.deepEqual(top.by_samples, [
      { name: 'busy', samples: 400, series: 1 },
      { name: 'wide', samples: 300, series: 300 },
    ]);
    assert.deepEqual(
      top.by_series.map(({ name }) => name),
      ['wide', 'busy'],
    );
    assert.deepEqual(top.tags, [
      { key: 'user', values: 300, approximate: false, series: 300 },
      { key: 'env', values: 1, approximate: false, series: 301 },
      { key: 'container.id', values: 1, approximate: false, series: 1 },
    ]);
    assert.deepEqual(top.containers, [{ name: 'abc', samples: 400, series: 1 }]);
    await statsd.end();
    assert.deepEqual((await statsd.source.top()).by_samples, []);
  });
}

test('of more names than are kept those that send most are told, in bounded time and memory', () => {
  const a = new Aggregator({
    limits: seriesLimits(100_000),
    naming: NO_NAMING,
    memory: 16 << 20,
    percentiles: [],
    origin: { host: 'h', dataset: 'statsd', labels: {} },
    arenaBytes: 100_000,
  });
  const put = (text: string) =>
    a.take(a.kernel.arenaAt, a.kernel.arenaAt + a.kernel.bytes.write(text, a.kernel.arenaAt));
  for (let i = 0; i < 60_000; i++) put(`name.${i}:1|c`);
  for (let i = 0; i < 5000; i++) put(`wide:1|c|#k${i % 2000}:${i}`);
  put(`busy:${Array(500).fill(1).join(':')}|c`);
  const census = a.census(Number.POSITIVE_INFINITY);
  let steps = 0;
  for (; !census.done; steps++) census.step(1);
  const top = census.result(1);
  assert.ok(steps > 5, `${steps} steps`);
  assert.deepEqual([top.seen, top.samples], [65_001, 65_500]);
  assert.deepEqual(top.by_samples.slice(0, 2), [
    { name: 'wide', samples: 5000, series: 5000 },
    { name: 'busy', samples: 500, series: 1 },
  ]);
  assert.equal(top.by_samples.length, 50);
  const late = a.census(0);
  late.step(1000);
  assert.ok(late.done && late.result(1).seen < 65_001);
});

test('what clients had to drop is in the status when their window has ended', async (t) => {
  const statsd = await startStatsd(t, [FOUR], {}, { flush_interval: 200, prefix: 'app.' });
  for (let i = 0; i < 3; i++)
    await statsd.send(
      'datadog.dogstatsd.client.packets_dropped:2|c|#client:go\ndatadog.dogstatsd.client.packets_dropped:1|c|#client:py',
    );
  const clients = () => statsd.source.status().clients;
  await until('it is told', () => clients().packets_dropped === 9);
  await statsd.send('datadog.dogstatsd.client.packets_dropped_queue:4|c|#client:go');
  await until('it is told', () => clients().packets_dropped_queue === 4);
  assert.deepEqual(clients(), { packets_dropped: 9, packets_dropped_queue: 4 });
  const said = lines({ statsd: { ...statsd.source.status(), replaced: 0 } }).at(-1);
  assert.equal(said, '  its clients say what they could not send: packets_dropped 9, packets_dropped_queue 4');
});
