/** Rules of alerts on log lines while Kafka is away: they fire, and each line counts once, whatever Kafka does. */
import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { ask } from '../../src/admin/client.ts';
import { type AgentConfig, makeHome, type RunningAgent } from '../support/agent.ts';
import { startHooks } from '../support/hooks.ts';
import { noJournald, startJournald } from '../support/journald.ts';
import {
  createTopic,
  endOffsets,
  noKafka,
  type ProxiedKafka,
  sharedKafkaBehindProxy,
  untilStored,
} from '../support/kafka.ts';
import { freePort } from '../support/ports.ts';
import { eventually, until } from '../support/until.ts';

const skip = noKafka;
let kafka: ProxiedKafka;

before(async () => {
  if (!skip) kafka = await sharedKafkaBehindProxy();
});
after(async () => {
  await kafka?.[Symbol.asyncDispose]();
});

/** More than the memory of an agent holds. */
const MANY = 400_000;
const PAD = 'p'.repeat(90);
const OTHER = 'ahead-errors';
const VARIANTS: [name: string, kafka: Record<string, unknown>, input: Record<string, unknown>, topics: string[]][] = [
  ['at least once', {}, {}, []],
  ['exactly once', { delivery: 'exactly_once' }, {}, []],
  ['with steps', {}, { mask: [{ pattern: 'key=(\\w+)' }], process: [{ drop: { line: { contains: 'noise' } } }] }, []],
  ['to several topics', {}, { process: [{ route: OTHER, when: { line: { contains: 'error' } } }] }, [OTHER]],
  ['by file', { partition_by: 'file' }, {}, []],
];

for (const [name, how, more, others] of VARIANTS) {
  test(`Kafka is not there at the start, comes, goes, and comes back: ${name}`, { skip }, async () => {
    await using home = await makeHome();
    await using hooks = await startHooks();
    const topic = `ahead-${name.replaceAll(' ', '-')}`;
    for (const one of [topic, ...others]) await createTopic(kafka.brokers, one, { partitions: 2 });
    const path = home.path('app.log');
    const rules = [
      { name: 'seen', log: { input: 'app', match: 'failed' }, value: 'count over 100s', fire: '> 0' },
      { name: 'leak', log: { input: 'app', match: 'hunter2' }, fire: '> 0' },
    ];
    const isMasked = 'mask' in more;
    const config = {
      kafka: { brokers: kafka.proxied, topic_prefix: topic, linger: '5ms', ...how },
      logs: [{ name: 'app', include: home.path('*.log'), topic, ...more }],
      metrics: { interval: '1s' },
      alerts: {
        rules: isMasked ? rules : rules.slice(0, 1),
        builtin: false,
        receivers: [{ name: 'hook', webhook: { url: hooks.url } }],
      },
    } as AgentConfig;
    const value = async (agent: RunningAgent) => {
      const { list } = (await agent.status()).alerts;
      return list.find(({ rule }) => rule === 'seen')?.value ?? 0;
    };
    let failures = 0;
    const write = (count: number) => {
      const lines = Array.from({ length: count }, (_, i) => `${i} noise error failed key=hunter2 ${PAD}\n`);
      appendFileSync(path, lines.join(''));
      failures += count;
    };
    const counted = (agent: RunningAgent) =>
      eventually(`${failures} lines count`, async () => (await value(agent)) === failures, 30_000).catch(async () =>
        assert.equal(await value(agent), failures),
      );
    const settled = (agent: RunningAgent) =>
      agent.until((s) => s.logs[0]!.lag_bytes === 0 && s.conservation.total.in_flight === 0, 'all is sent', 60_000);

    writeFileSync(path, '');
    kafka.proxy.refuse();
    write(3);
    const agent = await home.start(config);
    await until('it is told', () => hooks.taken.length > 0);
    assert.equal((await agent.status()).conservation.inputs['logs.app']?.received ?? 0, 0);
    write(2);
    await counted(agent);
    kafka.proxy.heal();
    await settled(agent);
    write(4);
    await settled(agent);
    await counted(agent);
    kafka.proxy.refuse();
    write(MANY);
    await counted(agent);
    write(5);
    await counted(agent);
    kafka.proxy.heal();
    await settled(agent);
    write(1);
    await settled(agent);
    await counted(agent);
    // Nothing comes late.
    await sleep(2000);
    await counted(agent);
    const { conservation, logs, alerts } = await agent.status();
    assert.equal(conservation.inputs['logs.app']!.received, failures);
    assert.equal(logs[0]!.lines, failures);
    assert.equal(logs[0]!.ahead!.skipped_bytes, 0);
    assert.deepEqual(
      alerts.list.map(({ rule }) => rule),
      ['seen'],
    );
    await agent.stop();
    const sent = (await Promise.all([topic, ...others].map((one) => endOffsets(kafka.brokers, one)))).flat();
    if (!isMasked && !('delivery' in how))
      assert.equal(
        sent.reduce((sum, at) => sum + at),
        failures,
      );
  });
}

test('a rule that comes while Kafka is away: what was counted does not count again, nor for the new one', {
  skip,
}, async () => {
  await using home = await makeHome();
  const topic = 'ahead-reload';
  await createTopic(kafka.brokers, topic);
  const path = home.path('app.log');
  const listen = `127.0.0.1:${await freePort()}`;
  const rule = (name: string) => ({ name, log: { input: 'app', match: 'x' }, value: 'count over 100s', fire: '> 0' });
  const config = (...rules: string[]): AgentConfig => ({
    kafka: { brokers: kafka.proxied, topic_prefix: topic, linger: '5ms' },
    logs: [{ name: 'app', include: home.path('*.log'), topic }],
    metrics: { interval: '1s' },
    admin: { listen },
    alerts: { rules: rules.map(rule), builtin: false },
  });
  const values = async () => {
    const { list } = (await agent.status()).alerts;
    return Object.fromEntries(list.map(({ rule, value }) => [rule, value]));
  };
  const counted = (what: Record<string, number>) =>
    eventually(JSON.stringify(what), async () => isDeepStrictEqual(await values(), what));
  writeFileSync(path, '');
  const agent = await home.start(config('a'));
  kafka.proxy.refuse();
  // The first ones are on their way, and those behind them beyond the memory.
  appendFileSync(path, `x${PAD}\n`.repeat(MANY));
  await counted({ a: MANY });
  await home.configure(config('a', 'b'));
  await ask({ socketPath: `${home.dataDir}/runnel.sock` }, '/reload', 'POST');
  appendFileSync(path, 'x\n'.repeat(3));
  kafka.proxy.heal();
  await agent.until((s) => s.logs[0]!.lag_bytes === 0, 'all is sent', 60_000);
  // Windows begin anew with the rules.
  await counted({ a: 3, b: 3 });
  await sleep(2000);
  assert.deepEqual(await values(), { a: 3, b: 3 });
  await agent.stop();
  assert.deepEqual(await endOffsets(kafka.brokers, topic), [MANY + 3]);
});

test('the same of the journal of systemd', { skip: skip || noJournald }, async () => {
  await using home = await makeHome();
  await using journald = await startJournald();
  const topic = 'ahead-journal';
  await createTopic(kafka.brokers, topic);
  const [message, many] = [`failed ${PAD.repeat(100)}`, 8000];
  const rule = { name: 'seen', log: { input: 'kernel', match: 'failed' }, value: 'count over 100s', fire: '> 0' };
  let sent = 0;
  const send = async (count: number) => {
    await journald.send(Array.from({ length: count }, () => ({ MESSAGE: message })));
    sent += count;
  };
  const counted = () =>
    eventually(`${sent} are counted`, async () => (await agent.status()).alerts.list[0]?.value === sent, 30_000);
  kafka.proxy.refuse();
  const agent = await home.start({
    kafka: { brokers: kafka.proxied, topic_prefix: topic, linger: '5ms' },
    logs: [{ name: 'kernel', journald: { directory: journald.directory }, topic }],
    metrics: { interval: '1s' },
    alerts: { rules: [rule], builtin: false },
  });
  await send(3);
  await counted();
  await send(2);
  await counted();
  kafka.proxy.heal();
  await untilStored(kafka.brokers, topic, sent);
  await send(1);
  await counted();
  kafka.proxy.refuse();
  await send(many);
  await counted();
  kafka.proxy.heal();
  await untilStored(kafka.brokers, topic, sent);
  await send(1);
  await counted();
  await sleep(2000);
  await counted();
  await agent.stop();
});
