/** What is said of a `sink.topk` that is written wrongly, and what is made of one that is right. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ConfigError } from '../../../src/config/errors.ts';
import type { TopkOptions } from '../../../src/consumers/topk/options.ts';
import { wishOf } from '../../../src/consumers/topk/wish.ts';
import { loadConfig } from '../../../src/options.ts';
import { directory } from '../../support/directory.ts';

const load = async (t: TestContext, text: string) => {
  const path = join(directory(t), 'sink.yaml');
  await writeFile(path, `kafka: {brokers: k}\nsink:\n  topk:\n${text}`);
  return loadConfig(path);
};
const optionsOf = async (t: TestContext, text: string) =>
  (await load(t, text)).config.sink.topk!.map(({ options }) => options as TopkOptions);

const REDIS = '    redis: {url: "redis://r:6379"}\n';
const RANKING = '{name: a, metric: m, by: [attributes.path]}';
const RANKINGS = `    rankings: [${RANKING}]\n`;

test('what is needed is little, and the rest has its defaults', async (t) => {
  const [options] = await optionsOf(t, REDIS + RANKINGS);
  const { topics, group, windows, max_names, session_timeout, rankings, redis } = options!;
  assert.deepEqual([topics, group, max_names, session_timeout], [['runnel.metrics'], 'runnel-topk', 10_000, 10_000]);
  assert.equal(redis.prefix, 'runnel');
  assert.deepEqual(
    windows.map(({ name, keep, base }) => [name, keep / 3600, base]),
    [
      ['1m', 2, null],
      ['10m', 12, 60],
      ['1h', 72, null],
      ['1d', 2160, 3600],
    ],
  );
  assert.deepEqual(rankings, [{ name: 'a', metric: 'm', by: ['attributes.path'], value: 'sum', field: null }]);
});

test('the example of the documentation is right', async (t) => {
  const [options] = await optionsOf(
    t,
    `    redis: {url: redis://redis-1:6379, prefix: runnel}
    topics: [runnel.metrics]
    group: runnel-topk
    windows: [1m, 10m, 1h, 1d]
    keep: {1m: 2h, 10m: 12h, 1h: 3d, 1d: 90d}
    max_names: 10000
    rankings:
      - {name: requests-by-path, metric: http.requests, by: [attributes.path], value: sum}
      - {name: slowest, metric: "http.*.duration", by: [attributes.path, host.name], value: max, field: p95}
`,
  );
  assert.deepEqual(
    options!.windows.map(({ keep }) => keep / 3600),
    [2, 12, 72, 2160],
  );
  assert.equal(options!.rankings[1]!.field, 'p95');
});

test('all that is wrong is told, with its place and what would be right', async (t) => {
  const check = async (text: string, expected: RegExp) => {
    const error = await load(t, text).then(
      () => assert.fail(`it was not refused: ${text}`),
      (error: Error) => error,
    );
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, expected);
  };
  const ranked = (ranking: string) => `${REDIS}    rankings: [${ranking}]\n`;
  const of = (more: string) => `{name: a, metric: m, by: [attributes.path], ${more}}`;
  await check(RANKINGS, /:4:5: sink\.topk needs redis: where rankings are kept/);
  await check(`    redis: {url: "http://r"}\n${RANKINGS}`, /:4:18: .*redis\.url must be redis:\/\/host:6379/);
  await check(`    redis: {url: "redis://r/x"}\n${RANKINGS}`, /must end with the number of a database/);
  await check(
    `    redis: {url: "redis://r", tls: {cert_file: /c}}\n${RANKINGS}`,
    /tls needs both cert_file and key_file/,
  );
  await check(
    `    redis: {url: "redis://r", prefix: "a{b"}\n${RANKINGS}`,
    /prefix must be 1 to 200 characters without/,
  );
  await check(`${REDIS}    rankings: []\n`, /rankings must not be empty: there is nothing to rank/);
  await check(ranked(`${RANKING}, ${RANKING}`), /rankings\[1\]\.name is there twice: a/);
  await check(ranked('{name: "a:b", metric: m, by: [name]}'), /it is part of the keys in Redis/);
  await check(ranked('{name: a, metric: m, by: []}'), /by must not be empty/);
  await check(
    ranked(of('value: p95')),
    /value must be sum, count, max or min, not "p95": the percentiles of several records do not add up to one of all. The worst one is value: max with field: p95/,
  );
  await check(ranked(of('value: avg')), /take one ranking with sum and one with count/);
  await check(ranked(of('value: total')), /must be sum, count, max or min, not "total"/);
  for (const field of ['p95', 'p99_9']) {
    await check(
      ranked(of(`field: ${field}`)),
      new RegExp(`field ${field} cannot be summed: .* value: max with field: ${field}`),
    );
  }
  await check(`${REDIS}${RANKINGS}    windows: [1m, 60s]\n`, /windows\[1\] is there twice/);
  await check(`${REDIS}${RANKINGS}    windows: [1500ms]\n`, /windows\[0\] must be whole seconds/);
  await check(`${REDIS}${RANKINGS}    windows: []\n`, /windows must not be empty/);
  await check(`${REDIS}${RANKINGS}    keep: {5m: 1h}\n`, /keep\.5m is none of the windows: 1m, 10m, 1h, 1d/);
  await check(`${REDIS}${RANKINGS}    keep: {1m: soon}\n`, /keep\.1m must be a duration/);
  await check(`${REDIS}${RANKINGS}    max_names: 1000000\n`, /max_names must be from 10 to 100000/);
});

test('max and min of any field are right, and what means little is warned of', async (t) => {
  const of = (more: string) => `${REDIS}    rankings: [{name: a, metric: m, ${more}}]\n`;
  const warnings = async (more: string) => (await load(t, of(more))).warnings.join();
  assert.equal(await warnings('by: [name], value: max, field: p95'), '');
  assert.equal(await warnings('by: [name], value: min, field: p99_9'), '');
  assert.equal(await warnings('by: [name], field: count'), '');
  assert.match(
    await warnings('by: [name], field: avg'),
    /the sum of avg over records means nothing: did you mean field: sum/,
  );
  assert.match(await warnings('by: [path]'), /path is no field of a metric record: did you mean attributes\.path\?/);
});

test('which window is asked for', async (t) => {
  const [options] = await optionsOf(t, REDIS + RANKINGS);
  const now = Date.parse('2026-12-01T12:34:56Z');
  const wish = (asked: object) => {
    const wish = wishOf(asked, options!, now);
    return typeof wish === 'string' ? wish : `${wish.window.name} ${new Date(wish.at).toISOString()} ${wish.limit}`;
  };
  assert.equal(wish({}), '1h 2026-12-01T12:34:56.000Z 10');
  assert.equal(wish({ window: '60s', limit: '3' }), '1m 2026-12-01T12:34:56.000Z 3');
  assert.equal(wish({ at: '2h' }), '1h 2026-12-01T10:34:56.000Z 10');
  assert.equal(wish({ at: '2026-11-30T01:02:03+01:00' }), '1h 2026-11-30T00:02:03.000Z 10');
  assert.equal(wish({ at: '1780000000' }), '1h 2026-05-28T20:26:40.000Z 10');
  assert.equal(wish({ at: '1780000000000' }), '1h 2026-05-28T20:26:40.000Z 10');
  assert.match(wish({ at: 'noon' }), /^at noon is no time: write 2026-12-01T12:00:00Z/);
  assert.equal(wish({ window: '5m' }), 'there is no window 5m: use 1m, 10m, 1h, 1d');
  assert.match(wish({ limit: '0' }), /^limit must be from 1 to 100000/);
});
