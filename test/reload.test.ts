import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configFrom } from '../src/options.ts';
import { needsRestart, type Reloaded, Reloads, refused } from '../src/reload.ts';

const done: Reloaded = { reloaded: true, changed: [], waiting: [], warnings: [], errors: [] };

test('one reload is under way, one waits for all who asked meanwhile, and none begins once it is closed', async () => {
  const begun: PromiseWithResolvers<Reloaded>[] = [];
  const reloads = new Reloads(() => {
    const one = Promise.withResolvers<Reloaded>();
    begun.push(one);
    return one.promise;
  });
  const first = reloads.ask();
  const others = Array.from({ length: 100 }, () => reloads.ask());
  assert.equal(begun.length, 1);
  begun[0]!.resolve(done);
  assert.deepEqual(await first, done);
  // Where one fails the next one begins all the same.
  begun[1]!.reject(new Error('made to fail'));
  const failed = refused({ message: 'cannot reload: made to fail' });
  for (const other of others) assert.deepEqual(await other, failed);
  assert.equal(begun.length, 2);
  const last = reloads.ask();
  const late = reloads.ask();
  const closed = reloads.close();
  begun[2]!.resolve(done);
  await closed;
  assert.deepEqual([await last, await late], [done, refused({ message: 'the agent stops' })]);
  assert.deepEqual(await reloads.ask(), refused({ message: 'the agent stops' }));
  assert.equal(begun.length, 3);
});

test('what cannot change while the agent runs is named', async () => {
  const config = (values: Record<string, unknown> = {}) =>
    configFrom({ host: 'a', data_dir: '/nowhere', ...values }, {});
  const needs = async (before: object, now: object) => {
    const found = await needsRestart(config({ ...before }), config({ ...now }));
    return found.map(({ path }) => path.join('.'));
  };
  const away = { brokers: ['k:1'] };
  assert.deepEqual(await needs({}, {}), []);
  assert.deepEqual(await needs({}, { host: 'b', lock: 'pid', buffer_memory: '64MiB' }), [
    'host',
    'lock',
    'buffer_memory',
  ]);
  assert.deepEqual(await needs({}, { data_dir: '/elsewhere', spool: { max_age: '1h' } }), [
    'data_dir',
    'spool.max_age',
  ]);
  assert.deepEqual(await needs({ kafka: away }, {}), ['kafka.brokers']);
  assert.deepEqual(await needs({}, { kafka: away }), []);
  assert.deepEqual(await needs({ kafka: away }, { kafka: { brokers: ['k:2'], topic_prefix: 'x', linger: '1s' } }), []);
  const exactly = { delivery: 'exactly_once' };
  assert.deepEqual(await needs({ kafka: away }, { kafka: { ...away, ...exactly } }), ['kafka.delivery']);
  assert.deepEqual(await needs({ kafka: exactly }, { kafka: { ...away, ...exactly } }), ['kafka.brokers']);
  assert.deepEqual(
    await needs({ kafka: exactly }, { kafka: { ...exactly, topic_prefix: 'x', transaction_timeout: '20s' } }),
    ['kafka.topic_prefix', 'kafka.transaction_timeout'],
  );
});
