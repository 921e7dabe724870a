import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TopicSettings } from '../../../src/core/input.ts';
import type { AuditConfig } from '../../../src/sources/audit/options.ts';
import { TopicCheck, weaknesses } from '../../../src/sources/audit/topic-check.ts';
import { auditTopicCreation } from '../../../src/sources/audit/topic-settings.ts';
import { until } from '../../support/until.ts';

const DAY = 86_400_000;
const SETTINGS = {
  'min.insync.replicas': '2',
  'unclean.leader.election.enable': 'false',
  'cleanup.policy': 'delete',
  'retention.ms': String(400 * DAY),
  'retention.bytes': '-1',
  'max.message.bytes': '1048588',
};
const GOOD: TopicSettings = { replicas: 3, settings: SETTINGS };

test('what is weak about a topic is said with a remedy, each by itself', () => {
  const check = (facts: TopicSettings, ...expected: RegExp[]) => {
    const found = weaknesses('t', facts, 400 * DAY);
    assert.equal(found.length, expected.length, found.join('\n'));
    for (const [i, one] of expected.entries()) assert.match(found[i]!, one);
  };
  const but = (name: string, value: string): TopicSettings => ({
    replicas: 3,
    settings: { ...SETTINGS, [name]: value },
  });
  check(GOOD);
  check(but('retention.ms', '-1'));
  check({ ...GOOD, replicas: 2 }, /2 replicas: give it 3/, /min.insync.replicas=2/);
  check({ replicas: 1, settings: null }, /1 replica: give it 3/, /DescribeConfigs/);
  check(but('min.insync.replicas', '1'), /min.insync.replicas=1: set it to 2/);
  check(but('min.insync.replicas', '3'), /min.insync.replicas=3/);
  check(but('unclean.leader.election.enable', 'true'), /unclean/);
  check(but('cleanup.policy', 'compact,delete'), /cleanup.policy=compact,delete: set it to delete/);
  check(but('retention.ms', String(7 * DAY)), /retention.ms=604800000/);
  check(but('retention.bytes', '1000'), /retention.bytes=1000: set it to -1/);
  check(but('max.message.bytes', '100000'), /max.message.bytes/);
});

test('a topic is created so that nothing is weak about it', () => {
  const { settings, replicas } = auditTopicCreation({ require: 'warn', retention: 400 * DAY } as AuditConfig);
  const created = { replicas: replicas!, settings: { 'max.message.bytes': '1048588', ...settings } };
  assert.deepEqual(weaknesses('t', created, 400 * DAY), []);
});

test('strict takes nothing until the topic is right; warn takes all and says it', async (t) => {
  const abort = new AbortController();
  t.after(() => abort.abort());
  const said: (TopicSettings | Error | null)[] = [];
  const host = {
    topicFacts: async () => {
      const next = said[0]!;
      if (next instanceof Error) throw next;
      return next;
    },
  };
  const config = { topic: 't', retention: 400 * DAY, require: 'strict' } as AuditConfig;
  const strict = new TopicCheck(config, host, 5);
  const warn = new TopicCheck({ ...config, require: 'warn' }, host, 5);
  assert.match(strict.closed!, /not known yet/);
  assert.equal(warn.closed, null);
  said[0] = new Error('not now');
  const running = [strict.run(abort.signal), warn.run(abort.signal)];
  await until('it is said', () => strict.errors[0]?.includes('not now') ?? false);
  assert.match(strict.closed!, /not known yet/);
  said[0] = { ...GOOD, replicas: 1 };
  await until('warn says it', () => warn.errors.some((error) => error.includes('1 replica')));
  await until('strict says it', () => strict.closed?.includes('1 replica') ?? false);
  assert.equal(warn.closed, null);
  // What was found holds while Kafka does not say something else.
  said[0] = new Error('away');
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.match(strict.closed!, /1 replica/);
  said[0] = GOOD;
  await until('both are content', () => strict.closed === null && warn.errors.length === 0);
  abort.abort();
  await Promise.all(running);
});
