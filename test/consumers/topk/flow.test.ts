import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, beforeEach, type TestContext, test } from 'node:test';
import type { Redis } from 'ioredis';
import { MOST_ENTRIES } from '../../../src/consumers/topk/batch.ts';
import type { RedisChoice } from '../../../src/consumers/topk/redis.ts';
import { Store, UnfitRedis } from '../../../src/consumers/topk/store.ts';
import { directory } from '../../support/directory.ts';
import { makeCertificates } from '../../support/kafka-tls.ts';
import { freePort } from '../../support/ports.ts';
import { noRedis, type RedisServer, startRedis } from '../../support/redis.ts';
import { hit, hits, MINUTE, NOW, TopkReader as Reader, sumOf, sumsIn } from '../../support/topk.ts';
import { until } from '../../support/until.ts';

let server: RedisServer;
let redis: Redis;
before(async () => {
  if (noRedis) return;
  server = await startRedis();
  redis = server.client();
});
after(() => server?.[Symbol.asyncDispose]());
beforeEach(async () => {
  if (noRedis) return;
  await redis.config('SET', 'maxmemory', '0');
  await redis.config('SET', 'maxmemory-policy', 'noeviction');
  await redis.flushall();
});
/** As docs/topk.md has them, without `+info`. */
const RIGHTS = ['-@all', '+@read', '+@write', '+@scripting', '+@connection'];
const redisTest = (name: string, run: (t: TestContext) => Promise<void>) => test(name, { skip: noRedis }, run);

async function open(
  t: TestContext,
  at = server,
  more: Partial<RedisChoice> = {},
): Promise<{ store: Store; ended: Promise<void>; stop: AbortSignal }> {
  const stop = new AbortController();
  const { url } = at;
  const store = new Store({ url, nodes: [], ...more });
  const ended = store.run(stop.signal);
  ended.catch(() => undefined);
  t.after(() => {
    stop.abort();
    store.close();
  });
  return { store, ended, stop: stop.signal };
}

redisTest('every record is counted once, in batches that Redis bears', async (t) => {
  const { store, stop } = await open(t);
  const values = hits(10_000, 3000);
  const reader = new Reader(store, values);
  void reader.run(stop);
  await reader.done();
  assert.deepEqual(await sumsIn(redis), { 60: sumOf(values), 3600: sumOf(values) });
  assert.equal(reader.account.written, 10_000);
  const calls = /cmdstat_zadd:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1];
  assert.ok(Number(calls) >= (2 * 3000 * 3) / MOST_ENTRIES, 'it was more than one batch');
});

redisTest('what is counted nowhere has its reason', async (t) => {
  const { store, stop } = await open(t);
  const day = 86_400_000;
  const none = hit('/', 1).replace('"value":1', '"value":null');
  const values = [hit('/', 1), hit('/', 2, NOW - 40 * day), hit('/', 3, NOW + 2 * day), 'x', none];
  values.push(hit('/', 4).replace('hits', 'others'), hit('/', 5).replace('@timestamp', 'time'));
  // In the hour still, in the minute no more.
  values.push(hit('/', 6, NOW - 2 * day));
  const reader = new Reader(store, values);
  void reader.run(stop);
  await reader.done();
  const skipped = { too_old: 1, ahead: 1, not_json: 1, no_value: 1, unwanted: 1, no_time: 1 };
  assert.deepEqual(Object.fromEntries(reader.account.skipped), skipped);
  assert.equal(reader.account.written, 2);
  assert.equal(reader.totals.late, 1);
  assert.deepEqual(await sumsIn(redis), { 60: 1, 3600: 7 });
});

redisTest('records that nobody wants move the position, too', async (t) => {
  const { store, stop } = await open(t);
  const reader = new Reader(store, Array(200_000).fill('{}'), { size: 5000 });
  void reader.run(stop);
  await reader.done();
  assert.deepEqual([...reader.account.skipped], [['unwanted', 200_000]]);
  assert.equal(await redis.hget('r:{g}:positions', 't/0'), '200000');
});

redisTest('Redis is killed again and again: every sum is exact', async (t) => {
  await using server = await startRedis({ fsync: 'always' });
  const { store, stop } = await open(t, server);
  const values = hits(60_000, 500);
  const reader = new Reader(store, values, { lingerMs: 1, size: 50 });
  void reader.run(stop);
  for (let i = 1; i <= 3; i++) {
    await until('it has got on', () => (reader.flow.position ?? 0) > (values.length / 5) * i);
    await server.kill();
    await server.start();
  }
  await reader.done();
  assert.deepEqual(await sumsIn(server.client()), { 60: sumOf(values), 3600: sumOf(values) });
  assert.deepEqual(store.problems(), []);
});

redisTest('a Redis that was emptied is filled again, also where nothing new comes', async (t) => {
  const { store, stop } = await open(t);
  const values = hits(1000, 10);
  const reader = new Reader(store, values);
  store.onLook = async () => {
    const since = reader.flow.look();
    const [position] = await redis.hmget('r:{g}:positions', 't/0');
    if (since !== null) reader.flow.compare(position ?? '', since);
  };
  void reader.run(stop);
  await reader.done();
  await redis.flushall();
  // As after a fail-over: the connection is made anew, and Redis is asked.
  await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await until('it begins again', () => reader.totals.rewinds === 1);
  await reader.done();
  assert.deepEqual(await sumsIn(redis), { 60: sumOf(values), 3600: sumOf(values) });
  assert.deepEqual(reader.seeks, ['first', 'first']);
});

redisTest('two that count the same partition count it once', async (t) => {
  const { store, stop } = await open(t);
  const values = hits(20_000, 100);
  const [a, b] = [new Reader(store, values, { size: 37 }), new Reader(store, values, { size: 53 })];
  void a.run(stop);
  await until('it has got on', () => (a.flow.position ?? 0) > 2000);
  void b.run(stop);
  await b.done();
  a.lost.abort();
  a.flow.drop();
  assert.deepEqual(await sumsIn(redis), { 60: sumOf(values), 3600: sumOf(values) });
  // What the second one found to be in was not counted again.
  assert.ok(a.account.written + b.account.written <= values.length);
});

redisTest('a topic that was made anew is counted from its beginning', async (t) => {
  const { store, stop } = await open(t);
  const first = new Reader(store, hits(500, 10));
  void first.run(stop);
  await first.done();
  first.lost.abort();
  first.flow.drop();
  const second = new Reader(store, hits(300, 10), { topicId: 'other' });
  void second.run(stop);
  await second.done();
  assert.deepEqual(second.seeks, ['first']);
  assert.equal((await sumsIn(redis))[60], sumOf(hits(500, 10)) + sumOf(hits(300, 10)));
});

redisTest('a frozen Redis is given up, and what was sent is sent again', async (t) => {
  const { store, stop } = await open(t, server, { silence_ms: 500 });
  const values = hits(20_000, 100);
  const reader = new Reader(store, values, { size: 20 });
  void reader.run(stop);
  await until('it has got on', () => (reader.flow.position ?? 0) > 100);
  server.freeze();
  await until('it is said', () => store.problems().length > 0);
  assert.match(store.problems()[0]!, /^cannot use Redis at 127\.0\.0\.1:\d+: it does not answer$/);
  server.thaw();
  await reader.done();
  assert.deepEqual(await sumsIn(redis), { 60: sumOf(values), 3600: sumOf(values) });
});

redisTest('a Redis without memory is waited for', async (t) => {
  const { store, stop } = await open(t);
  const values = hits(3000, 3000);
  await redis.config('SET', 'maxmemory', '1');
  const reader = new Reader(store, values);
  // The claim itself needs memory.
  void reader.run(stop);
  await until('it is said', () => /out of memory \(maxmemory\)/.test(store.problems()[0] ?? ''));
  await redis.config('SET', 'maxmemory', '0');
  await reader.done();
  assert.deepEqual(await sumsIn(redis), { 60: sumOf(values), 3600: sumOf(values) });
  assert.deepEqual(store.problems(), []);
});

redisTest('a replica that takes no writes is waited for', async (t) => {
  await using replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(server.port)] });
  const { store, stop } = await open(t, replica);
  const values = hits(100, 10);
  const reader = new Reader(store, values);
  void reader.run(stop);
  await until('it is said', () => /it is a replica, which takes no writes/.test(store.problems()[0] ?? ''));
  await replica.client().replicaof('NO', 'ONE');
  await reader.done();
});

redisTest('a Redis that evicts is refused; one that begins to is waited for', async (t) => {
  await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
  const { ended } = await open(t);
  await assert.rejects(ended, (error) => {
    assert.ok(error instanceof UnfitRedis);
    assert.match(error.message, /may evict keys \(maxmemory-policy allkeys-lru\).*: set maxmemory-policy noeviction$/);
    return true;
  });
});

redisTest('one whose INFO and CONFIG are denied is used, with a warning', async (t) => {
  await redis.call('ACL', 'SETUSER', 'some', 'on', '>secret', '~r:*', ...RIGHTS);
  const stop = new AbortController();
  const store = new Store({ url: server.url, nodes: [], username: 'some', password: 'secret' });
  void store.run(stop.signal);
  t.after(() => {
    stop.abort();
    store.close();
  });
  const reader = new Reader(store, hits(10, 10));
  void reader.run(stop.signal);
  await reader.done();
  assert.match(store.warnings[0]!, /does not tell its maxmemory-policy: it must be noeviction/);
  assert.deepEqual(store.problems(), []);
});

redisTest('a wrong password is said, and never shown', async (t) => {
  await redis.call('ACL', 'SETUSER', 'some', 'on', '>secret', '~r:*', '+@all');
  const stop = new AbortController();
  const store = new Store({ url: `redis://some:wrong@127.0.0.1:${server.port}`, nodes: [] });
  void store.run(stop.signal);
  t.after(() => {
    stop.abort();
    store.close();
  });
  await until('it is said', () => /it refuses the login/.test(store.problems()[0] ?? ''));
  assert.doesNotMatch(store.problems().join(), /wrong/);
  await redis.call('ACL', 'SETUSER', 'some', 'on', '>wrong', '~r:*', '+@all');
  const reader = new Reader(store, hits(10, 10));
  void reader.run(stop.signal);
  await reader.done();
});

redisTest('a script that Redis forgot, or that was killed, is sent again', async (t) => {
  const { store, stop } = await open(t);
  const values = hits(2000, 10);
  const reader = new Reader(store, values, { size: 10, lingerMs: 1 });
  void reader.run(stop);
  await until('it has got on', () => (reader.flow.position ?? 0) > 100);
  await redis.script('FLUSH');
  await reader.done();
  assert.deepEqual(await sumsIn(redis), { 60: sumOf(values), 3600: sumOf(values) });
});

redisTest('the key of somebody else is named, and waited for', async (t) => {
  const { store, stop } = await open(t);
  const key = `r:{g}:top:60:${(NOW - MINUTE) / 1000}`;
  await redis.set(key, 'x');
  const reader = new Reader(store, [hit('/', 1)]);
  void reader.run(stop);
  await until('it is said', () => reader.flow.error !== null);
  assert.equal(
    reader.flow.error,
    `the key ${key} in Redis holds something of somebody else: delete it, or set redis.prefix`,
  );
  await redis.del(key);
  await reader.done();
  assert.equal(reader.flow.error, null);
});

redisTest('with TLS, its certificates checked', async (t) => {
  const dir = directory(t);
  await makeCertificates(dir);
  const [chain, ca] = [join(dir, 'server-chain.pem'), join(dir, 'ca.pem')];
  const port = await freePort();
  const args = ['--tls-port', `${port}`, '--tls-cert-file', chain, '--tls-key-file', chain, '--tls-ca-cert-file', ca];
  await using server = await startRedis({ args });
  const url = `rediss://localhost:${port}`;
  const untrusted = await open(t, server, { url });
  await until('it is said', () =>
    /certificate is not trusted: look at redis\.tls/.test(untrusted.store.problems().join()),
  );
  const own = { ca_file: ca, cert_file: join(dir, 'client.pem'), key_file: join(dir, 'client.key'), insecure: false };
  const { store, stop } = await open(t, server, { url, tls: own });
  const reader = new Reader(store, hits(10, 10));
  void reader.run(stop);
  await reader.done();
});
