import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Redis } from 'ioredis';
import { drawRanking } from '../../../src/cli/bars.ts';
import { answerTopk } from '../../../src/consumers/topk/answer.ts';
import { RankingKeys } from '../../../src/consumers/topk/keys.ts';
import type { TopkOptions } from '../../../src/consumers/topk/options.ts';
import type { RankingOptions } from '../../../src/consumers/topk/ranking.ts';
import type { Ranked } from '../../../src/consumers/topk/report.ts';
import { Store } from '../../../src/consumers/topk/store.ts';
import { loadConfig } from '../../../src/options.ts';
import { type Ended, runnel } from '../../support/agent.ts';
import { directory } from '../../support/directory.ts';
import { noRedis, type RedisServer, startRedis } from '../../support/redis.ts';

const DAY = 86_400;
/** The middle of a day that is not over for long. */
const TODAY = Math.floor(Date.now() / 1000 / DAY) * DAY;
const SINK = (url: string) => `kafka: {brokers: k}
sink:
  topk:
    redis: {url: "${url}", prefix: r}
    group: g
    rankings:
      - {name: paths, metric: hits, by: [attributes.path, host.name]}
      - {name: peak, metric: hits, by: [attributes.path], value: max}
      - {name: least, metric: hits, by: [attributes.path], value: min}
`;

let server: RedisServer;
let redis: Redis;
let store: Store;
let options: TopkOptions;
let path: string;
before(async (t) => {
  if (noRedis) return;
  server = await startRedis();
  redis = server.client();
  path = join(directory(t as never), 'sink.yaml');
  await writeFile(path, SINK(server.url));
  options = (await loadConfig(path)).config.sink.topk![0]!.options as TopkOptions;
  store = new Store(options.redis);
  await store.connect({ fit: true });
});
after(async () => {
  store?.close();
  await server?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  if (!noRedis) await redis.flushall();
});
const redisTest = (name: string, run: () => Promise<void>) => test(name, { skip: noRedis }, run);

const put = (ranking: string, window: number, start: number, names: Record<string, number>) =>
  redis.zadd(`r:{g}:${ranking}:${window}:${start}`, ...Object.entries(names).flatMap(([name, n]) => [n, name]));

async function ask(query: string, listen = '127.0.0.1:8688'): Promise<{ code: number; body: string }> {
  const { pathname, searchParams } = new URL(`http://x${query}`);
  const request = { path: pathname, query: searchParams };
  const source = { keys: new RankingKeys('r', 'g'), ask: store.once.bind(store), listen };
  const answer = await answerTopk(request, options, source);
  return answer === null ? { code: 404, body: '' } : { code: answer.code, body: String(answer.body) };
}
const ranked = async (query: string) => JSON.parse((await ask(query)).body) as Ranked;
const values = ({ names }: Ranked) =>
  names.map(({ name, value }) => `${name.replaceAll('\x1f', '|')} ${value}`).join(', ');

redisTest('a window that is written is read as it is', async () => {
  await put('paths', 3600, TODAY, { '/a\x1fh': 3, '/b\x1fh': 1.5, '\x1fh': 7 });
  const found = await ranked(`/topk/paths?window=1h&at=${TODAY + 5}`);
  assert.deepEqual(found, {
    ranking: 'paths',
    window: '1h',
    start: new Date(TODAY * 1000).toISOString(),
    end: new Date((TODAY + 3600) * 1000).toISOString(),
    complete: TODAY + 3600 <= Date.now() / 1000,
    cut: 0,
    names: [
      { name: '\x1fh', labels: { 'attributes.path': '', 'host.name': 'h' }, value: 7 },
      { name: '/a\x1fh', labels: { 'attributes.path': '/a', 'host.name': 'h' }, value: 3 },
      { name: '/b\x1fh', labels: { 'attributes.path': '/b', 'host.name': 'h' }, value: 1.5 },
    ],
  });
});

redisTest('a window that is a union is added up of its parts', async () => {
  await put('paths', 60, TODAY, { a: 1, b: 2 });
  await put('paths', 60, TODAY + 540, { a: 4, c: 3 });
  await put('paths', 60, TODAY + 600, { a: 100 });
  assert.equal(values(await ranked(`/topk/paths?window=10m&at=${TODAY + 599}`)), 'a 5, c 3, b 2');
  for (let hour = 0; hour < 24; hour++) await put('peak', 3600, TODAY + hour * 3600, { a: hour, b: -hour });
  assert.equal(values(await ranked(`/topk/peak?window=1d&at=${TODAY}`)), 'a 23, b 0');
  for (let hour = 0; hour < 24; hour++) await put('least', 3600, TODAY + hour * 3600, { a: hour, b: -hour });
  assert.equal(values(await ranked(`/topk/least?window=1d&at=${TODAY}`)), 'a 0, b -23');
  assert.equal(values(await ranked(`/topk/least?window=1d&at=${TODAY}&lowest`)), 'b -23, a 0');
  // What was written before the window became a union.
  await put('paths', 600, TODAY, { a: 10 });
  assert.equal(values(await ranked(`/topk/paths?window=10m&at=${TODAY}`)), 'a 15, c 3, b 2');
});

redisTest('the last window that is over, and how many names', async () => {
  const minute = Math.floor(Date.now() / 60_000) * 60;
  for (const start of [minute - 120, minute - 60, minute, minute + 60]) {
    await put('paths', 60, start, Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`n${i}`, i + start])));
  }
  const last = await ranked('/topk/paths?window=1m&last&limit=2');
  const start = Date.parse(last.start) / 1000;
  assert.ok(start === minute - 60 || start === minute, 'it may be another minute by now');
  assert.ok(last.complete);
  assert.equal(values(last), `n29 ${29 + start}, n28 ${28 + start}`);
  assert.equal((await ranked('/topk/paths?window=1m&limit=100')).names.length, 30);
});

redisTest('names that were cut are told', async () => {
  await redis.set(`r:{g}:cut:paths:60:${TODAY}`, 5);
  await redis.set(`r:{g}:cut:paths:60:${TODAY + 60}`, 7);
  assert.equal((await ranked(`/topk/paths?window=10m&at=${TODAY}`)).cut, 12);
});

redisTest('what cannot be answered is said', async () => {
  assert.equal((await ask('/topk/others')).code, 404);
  assert.equal((await ask('/topk')).code, 404);
  const check = async (query: string, code: number, expected: RegExp, listen?: string) => {
    const answer = await ask(query, listen);
    assert.equal(answer.code, code);
    assert.match(answer.body, expected);
  };
  await check('/topk/paths?window=5m', 400, /there is no window 5m: use 1m, 10m, 1h, 1d/);
  await check('/topk/paths', 403, /loopback only/, '0.0.0.0:8688');
  await check('/topk/paths', 403, /loopback only/, '10.1.2.3:8688');
  await check('/topk/paths', 200, /"ranking":"paths"/, '[::1]:8688');
});

const topk = (...args: string[]): Promise<Ended> => runnel('topk', ...args, '-c', path);

redisTest('runnel topk prints a ranking, and what is wrong', async () => {
  await put('paths', 3600, TODAY, { '/a\x1fh': 3, '/b\x1b[31m\x1fh': 12345678 });
  const json = await topk('paths', '--at', String(TODAY), '--json');
  assert.equal(json.code, 0, json.stderr);
  assert.equal(values(JSON.parse(json.stdout)), '/b\x1b[31m|h 12345678, /a|h 3');
  const text = await topk('paths', '--at', String(TODAY), '--window', '1d', '--limit', '1');
  assert.equal(text.code, 0, text.stderr);
  assert.match(
    text.stdout,
    /^paths: sum of value of hits by attributes\.path, host\.name\n1d from .*\n1 {2}\/b\\x1b\[31m {2}h {2}12345678\n$/,
  );
  const check = async (args: string[], code: number, expected: RegExp) => {
    const ended = await topk(...args);
    assert.match(ended.stderr + ended.stdout, expected);
    assert.equal(ended.code, code);
  };
  await check(['other'], 2, /there is no ranking other: use paths, peak, least/);
  await check(['paths', '--window', '2h'], 2, /there is no window 2h/);
  await check(
    [],
    0,
    /^RANKING +METRIC +BY +VALUE +FIELD +WINDOWS\npaths +hits +attributes\.path, host\.name +sum +value +1m, 10m, 1h, 1d/,
  );
});

redisTest('runnel topk says that Redis is not there', async () => {
  const other = join(path, '..', 'other.yaml');
  await writeFile(other, SINK('redis://127.0.0.1:1'));
  const ended = await runnel('topk', 'paths', '-c', other);
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /^runnel: cannot use Redis at 127\.0\.0\.1:1: connection refused\n$/);
});

const RANKED: Ranked = {
  ...{ ranking: 'r', window: '1h', start: 'a', end: 'b', complete: false, cut: 1 },
  names: [
    { name: '/a', labels: { p: '/a' }, value: 100 },
    { name: '', labels: { p: '' }, value: 33.3 },
    { name: 'x\n', labels: { p: 'x\n' }, value: -1 },
  ],
};
const RANKING: RankingOptions = { name: 'r', metric: 'm', by: ['p'], value: 'max', field: 'p95' };

test('bars are drawn at a terminal only, in colour where that is wanted', () => {
  const piped = drawRanking(RANKED, RANKING, {}, {});
  assert.equal(
    piped,
    'r: max of p95 of m by p\n1h from a to b, which is not over\n1  /a      100\n2  -      33.3\n3  x\\x0a    -1\n1 name with less were cut: see max_names\n',
  );
  const plain = drawRanking(RANKED, RANKING, { isTTY: true, columns: 30 }, { NO_COLOR: '1' });
  assert.deepEqual(plain.split('\n').slice(2, 5), [
    '1  /a      100  ██████████████',
    '2  -      33.3  ████▋',
    '3  x\\x0a    -1',
  ]);
  assert.ok(!plain.includes('\x1b'));
  assert.match(drawRanking(RANKED, RANKING, { isTTY: true }, {}), /\x1b\[36m█+\x1b\[0m/u);
});
