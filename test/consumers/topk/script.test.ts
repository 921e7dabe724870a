import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Redis } from 'ioredis';
import { CLAIM, FINISH, PREPARE } from '../../../src/consumers/topk/script.ts';
import { noRedis, type RedisServer, startRedis } from '../../support/redis.ts';

const POSITIONS = 'r:{g}:positions';
const KEY = 'r:{g}:top:60:1200';
const CUT = 'r:{g}:cut:top:60:1200';
const EXPIRES = Math.floor(Date.now() / 1000) + 3600;

let server: RedisServer;
let redis: Redis;
before(async () => {
  if (noRedis) return;
  // What was answered is in the file: else Redis may keep it back for two seconds while it syncs.
  server = await startRedis({ fsync: 'always' });
  redis = server.client();
});
after(() => server?.[Symbol.asyncDispose]());
beforeEach(async () => {
  if (!noRedis) await redis.flushall();
});

const claim = (topicId = 'id') => redis.eval(CLAIM, 1, POSITIONS, 't/0', topicId);

interface Call {
  from?: string;
  next: number;
  epoch?: number;
  topicId?: string;
  op?: string;
  cap?: number;
  entries?: Record<string, number | string>;
}
function prepare({ from = '', next, epoch = 1, topicId = 'id', op = 'sum', cap = 10_000, entries }: Call) {
  const values = Object.entries(entries ?? {});
  const keys = entries ? [KEY, CUT] : [];
  const args = entries ? [op, EXPIRES, cap, values.length, ...values.flat()] : [];
  return redis.eval(PREPARE, 1 + keys.length, POSITIONS, ...keys, 't/0', topicId, epoch, from, next, ...args);
}
const finish = () => redis.eval(FINISH, 3, POSITIONS, KEY, CUT);
/** Both, as the consumer does it; names cut are 0 where nothing is to be finished. */
async function apply(call: Call): Promise<unknown[]> {
  const prepared = (await prepare(call)) as unknown[];
  if (prepared[0] === 'prepared') return (await finish()) as unknown[];
  return [...prepared, 0];
}
const kept = async () => {
  const flat = await redis.zrevrange(KEY, 0, -1, 'WITHSCORES');
  return Object.fromEntries(Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i]!, Number(flat[2 * i + 1])]));
};

const redisTest = (name: string, run: () => Promise<void>) => test(name, { skip: noRedis }, run);

redisTest('a batch goes in once', async () => {
  assert.deepEqual(await claim(), [1, '', 0]);
  assert.deepEqual(await apply({ next: 10, entries: { a: 1, b: 2 } }), ['ok', '10', 0]);
  assert.deepEqual(await apply({ next: 10, entries: { a: 1, b: 2 } }), ['done', '10', 0]);
  assert.deepEqual(await apply({ from: '10', next: 12, entries: { a: 4 } }), ['ok', '12', 0]);
  assert.deepEqual(await kept(), { a: 5, b: 2 });
  assert.equal(await redis.expiretime(KEY), EXPIRES);
  assert.equal(await redis.ttl(POSITIONS), -1);
});

redisTest('a batch that does not go on from the position is told it', async () => {
  await claim();
  await apply({ next: 10 });
  const check = async (call: Call, expected: string) => assert.equal(String(await apply(call)), expected);
  await check({ from: '11', next: 20, entries: { a: 1 } }, 'at,10,0'); // a gap
  await check({ from: '5', next: 20, entries: { a: 1 } }, 'at,10,0'); // an overlap
  await check({ from: '5', next: 10, entries: { a: 1 } }, 'done,10,0');
  await check({ from: '', next: 20, entries: { a: 1 } }, 'at,10,0');
  await redis.flushall();
  await claim();
  await check({ from: '10', next: 20, entries: { a: 1 } }, 'at,,0'); // emptied
  assert.deepEqual(await kept(), {});
});

redisTest('who claimed before is refused', async () => {
  await claim();
  assert.deepEqual(await claim(), [2, '', 0]);
  assert.deepEqual(await apply({ next: 10, entries: { a: 1 } }), ['fenced', '', 0]);
  assert.deepEqual(await apply({ next: 10, epoch: 2, entries: { a: 1 } }), ['ok', '10', 0]);
  // A fail-over has lost the claim: the position decides.
  assert.deepEqual(await apply({ from: '10', next: 11, epoch: 3 }), ['ok', '11', 0]);
  assert.deepEqual(await apply({ from: '11', next: 12, epoch: 2 }), ['fenced', '11', 0]);
});

redisTest('of a topic that was made anew the position means nothing', async () => {
  await claim();
  await apply({ next: 10, entries: { a: 1 } });
  assert.deepEqual(await apply({ next: 5, topicId: 'other', entries: { a: 1 } }), ['claim', '10', 0]);
  assert.deepEqual(await claim('other'), [2, '', 1]);
  assert.deepEqual(await apply({ next: 5, epoch: 2, topicId: 'other', entries: { a: 1 } }), ['ok', '5', 0]);
  // A broker that tells no ids.
  assert.deepEqual(await claim(''), [3, '5', 0]);
  assert.deepEqual(await apply({ from: '5', next: 6, epoch: 3, topicId: '' }), ['ok', '6', 0]);
});

redisTest('what is prepared is finished by whoever finds it, once', async () => {
  await claim();
  await apply({ next: 10, entries: { a: 1, b: 2 } });
  assert.deepEqual(await prepare({ from: '10', next: 20, entries: { a: 5 } }), ['prepared', '10']);
  assert.deepEqual(await kept(), { a: 1, b: 2 });
  const pending = ['pending', '10', POSITIONS, KEY, CUT];
  assert.deepEqual(await prepare({ from: '10', next: 20, entries: { a: 5 } }), pending);
  assert.deepEqual(await prepare({ from: '10', next: 20 }), pending);
  assert.deepEqual(await claim('other'), pending);
  assert.deepEqual(await finish(), ['ok', '20', 0]);
  assert.deepEqual(await finish(), ['none']);
  assert.deepEqual(await kept(), { a: 6, b: 2 });
  assert.deepEqual(await prepare({ from: '10', next: 20, entries: { a: 5 } }), ['done', '20']);
});

redisTest('max and min keep the largest and the least', async () => {
  await claim();
  await apply({ next: 1, op: 'max', entries: { a: 5, b: -1 } });
  await apply({ from: '1', next: 2, op: 'max', entries: { a: 4, b: 0.5, c: -3 } });
  assert.deepEqual(await kept(), { a: 5, b: 0.5, c: -3 });
  await redis.del(KEY);
  await apply({ from: '2', next: 3, op: 'min', entries: { a: 5, b: -1 } });
  await apply({ from: '3', next: 4, op: 'min', entries: { a: 4, b: 0.5, c: -3 } });
  assert.deepEqual(await kept(), { a: 4, b: -1, c: -3 });
});

redisTest('with a quarter too many the least are cut, and counted', async () => {
  const entries = (from: number, to: number) =>
    Object.fromEntries(Array.from({ length: to - from }, (_, i) => [`n${from + i}`, from + i]));
  await claim();
  assert.deepEqual(await apply({ next: 1, cap: 100, entries: entries(0, 125) }), ['ok', '1', 0]);
  assert.deepEqual(await apply({ from: '1', next: 2, cap: 100, entries: entries(125, 126) }), ['ok', '2', 26]);
  assert.equal(await redis.get(CUT), '26');
  assert.ok((await redis.ttl(CUT)) > 3000);
  assert.deepEqual(
    Object.values(await kept()),
    Array.from({ length: 100 }, (_, i) => 125 - i),
  );
  // The lowest are what a ranking by min is about.
  await redis.flushall();
  await claim();
  await apply({ next: 1, op: 'min', cap: 100, entries: entries(0, 150) });
  assert.deepEqual(
    Object.values(await kept()),
    Array.from({ length: 100 }, (_, i) => 99 - i),
  );
});

redisTest('a key of somebody else stops the batch before anything of it is in', async () => {
  await claim();
  await redis.set(KEY, 'x');
  assert.deepEqual(await apply({ next: 1, entries: { a: 1 } }), ['type', KEY, 0]);
  await redis.del(KEY);
  await redis.zadd(CUT, 1, 'x');
  assert.deepEqual(await apply({ next: 1, entries: { a: 1 } }), ['type', CUT, 0]);
  assert.equal(await redis.exists(KEY), 0);
  await redis.del(CUT);
  assert.deepEqual(await apply({ next: 1, entries: { a: 1 } }), ['ok', '1', 0]);
});

redisTest('integers are exact to 2^53, others to 1e-9, also over a restart', async () => {
  await claim();
  const last = 2 ** 53 - 1;
  let [at, exact] = [0, 0n];
  const more = (entries: Record<string, number>) => apply({ from: at === 0 ? '' : String(at), next: ++at, entries });
  await more({ whole: last - 1000, negative: -(last - 1000) });
  for (let i = 0; i < 1000; i++) await more({ whole: 1, negative: -1, tenth: 0.1, odd: 1234567.891 * (i + 1) });
  for (let i = 0; i < 1000; i++) exact += BigInt(1_234_567_891) * BigInt(i + 1);
  const close = (a: number, b: number) => assert.ok(Math.abs(a - b) <= Math.abs(b) * 1e-9, `${a} is not ${b}`);
  const check = async () => {
    const { whole, negative, tenth, odd } = await kept();
    assert.equal(whole, last);
    assert.equal(negative, -last);
    close(tenth!, 100);
    close(odd!, Number(exact) / 1000);
  };
  await check();
  const before = await kept();
  await server.kill();
  await server.start();
  await check();
  assert.deepEqual(await kept(), before);
  // Through the file's preamble, too, and as a large set.
  await more(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`n${i}`, i / 3])));
  const large = await kept();
  await redis.bgrewriteaof();
  await until(async () =>
    /aof_rewrite_in_progress:0[\s\S]*aof_rewrite_scheduled:0/.test(await redis.info('persistence')),
  );
  await server.kill();
  await server.start();
  assert.deepEqual(await kept(), large);
  await check();
});

redisTest('the largest numbers do not break the script', async () => {
  await claim();
  const big = Number.MAX_VALUE;
  assert.equal(String(await apply({ next: 1, entries: { a: big, b: -big } })), 'ok,1,0');
  assert.equal(String(await apply({ from: '1', next: 2, entries: { a: big, b: -big } })), 'ok,2,0');
  assert.equal(String(await apply({ from: '2', next: 3, entries: { a: -big, b: big, c: 5e-324 } })), 'ok,3,0');
  assert.equal((await kept()).c, 5e-324);
});

redisTest('a file that was cut within a transaction, and Redis started twice: every sum is exact', async () => {
  // What Redis does then is told in script.ts: a script that adds is counted in part twice.
  const batch = (i: number): Call => {
    const entries = { [`n${i % 3}`]: i, all: 1, odd: 0.25 * i };
    return { from: i === 0 ? '' : String(i), next: i + 1, entries, cap: 10 };
  };
  await claim();
  for (let i = 0; i < 5; i++) await apply(batch(i));
  await server.kill();
  const file = appendedTo(server.dir);
  const whole = readFileSync(file);
  const begin = whole.lastIndexOf('MULTI');
  assert.ok(begin > whole.length / 2, 'the last batch was finished in a transaction');
  const expected = async () => {
    // Whoever comes goes on from the position that Redis has.
    for (let again = 0; again < 2; again++) {
      const at = Number((await redis.hget(POSITIONS, 't/0')) || 0);
      for (let i = at; i < 7 + again; i++) {
        const given = await apply(batch(i));
        if (given[0] === 'pending') {
          await finish();
          i = Number(await redis.hget(POSITIONS, 't/0')) - 1;
        } else assert.equal(given[0], 'ok', String(given));
      }
      await server.kill();
      await server.start();
    }
    assert.deepEqual(await kept(), { all: 8, odd: 7, n0: 9, n1: 12, n2: 7 });
  };
  for (let cut = begin - 9; cut < whole.length; cut += 29) {
    await server.kill();
    writeFileSync(file, whole.subarray(0, cut));
    await server.start();
    await expected();
  }
});

function appendedTo(dir: string): string {
  const folder = join(dir, 'appendonlydir');
  return join(folder, readdirSync(folder).find((name) => name.endsWith('.incr.aof'))!);
}

async function until(so: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 20_000; !(await so()); ) assert.ok(performance.now() < end, 'waited in vain');
}
