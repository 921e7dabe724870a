/** Lines that go to several topics of a real Kafka: over kill -9 and rotations, with a topic that is not there, and what is counted of them. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentConfig, makeHome, runnel } from '../support/agent.ts';
import { committedValues } from '../support/committed.ts';
import { type Kafka, noKafka, startKafka, withAdmin } from '../support/kafka.ts';

const skip = noKafka;
const KILLS = Number(process.env.RUNNEL_KILLS ?? 2);
let kafka: Kafka;

before(async () => {
  if (!skip) kafka = await startKafka();
});
after(async () => {
  await kafka?.stop();
});

const KINDS = ['info', 'info', 'debug', 'error', 'info', 'audit'] as const;
type Kind = (typeof KINDS)[number];

/** Numbered lines, in runs of one kind: whole batches go elsewhere, or nowhere. */
function linesFrom(first: number, count: number): { kind: Kind; text: string }[] {
  return Array.from({ length: count }, (_, i) => {
    const n = first + i;
    const kind = KINDS[Math.floor(n / [3, 700][Math.floor(n / 4000) % 2]!) % KINDS.length]!;
    return { kind, text: JSON.stringify({ n, kind, pad: 'x'.repeat((n * 37) % 120) }) };
  });
}

for (const delivery of ['at_least_once', 'exactly_once'] as const) {
  test(`kill -9 between lines that go to several topics: ${delivery}`, { skip }, async () => {
    await using home = await makeHome();
    mkdirSync(home.path('logs'));
    const prefix = `routes-${delivery}-${process.pid}-${Date.now()}`;
    const topicOf = { info: `${prefix}-main`, error: `${prefix}-errors`, audit: `${prefix}-audit` };
    const topics = Object.values(topicOf);
    await withAdmin(kafka.brokers, (admin) => {
      return admin.createTopics({ topics: topics.map((topic, i) => ({ topic, numPartitions: 1 + (i % 2) })) });
    });
    const process_ = [
      { parse: 'json' },
      { metric: { name: 'app.lines', count: true, by: ['kind'] } },
      { drop: { kind: 'debug' } },
      { route: topicOf.error, when: { kind: 'error' } },
      { route: { by: 'kind', topics: { audit: topicOf.audit } } },
    ];
    const config: AgentConfig = {
      kafka: { brokers: kafka.brokers, delivery, partition_by: 'file', linger: '5ms', topic_prefix: prefix },
      logs: [{ name: 'app', include: home.path('logs', '*.log*'), topic: topicOf.info, process: process_ }],
      statsd: { listen: [], flush_interval: '1s' },
      metrics: { host: false },
    };
    const paths = Array.from({ length: 4 }, (_, i) => home.path('logs', `${i}.log`));
    const written: { kind: Kind; text: string }[] = [];
    const write = (count: number) => {
      for (const path of paths) {
        const lines = linesFrom(written.length, count);
        appendFileSync(path, lines.map(({ text }) => `${text}\n`).join(''));
        written.push(...lines);
      }
    };
    write(1000);
    for (let round = 0; round < KILLS; round++) {
      const agent = await home.start(config);
      for (let i = 0; i < 10; i++) {
        write(150);
        await sleep((round * 37 + i * 11) % 90);
      }
      if (round === 0) renameSync(paths[0]!, `${paths[0]}.1`);
      await agent.kill9();
    }
    write(150);
    const last = await home.start(config);
    await last.until(
      ({ logs }) => logs[0]!.files.length >= paths.length && logs[0]!.files.every((file) => file.lag_bytes === 0),
      'all is read and safe',
      90_000,
    );
    const { logs, conservation } = await last.settled(0);
    const filtered = logs[0]!.steps.reduce((sum, step) => sum + step.in - step.out, 0);
    assert.equal(conservation.inputs['logs.app']!.filtered, filtered);
    await last.stop();

    for (const [kind, topic] of Object.entries(topicOf)) {
      const numbers = (await committedValues(kafka.brokers, topic)).map((value) => JSON.parse(value).n as number);
      const expected = written.filter((line) => line.kind === kind).map(({ text }) => JSON.parse(text).n as number);
      assert.deepEqual(
        [...new Set(numbers)].sort((a, b) => a - b),
        expected,
        `${topic} has its own, and nothing else`,
      );
      if (delivery === 'exactly_once') assert.equal(numbers.length, expected.length, `nothing of ${topic} twice`);
      const { code, stdout } = await runnel('verify', '--topic', topic, '-c', home.path('runnel.yaml'), '--json');
      assert.equal(code, 0, stdout);
      for (const path of paths.slice(-1)) {
        const args = ['--topic', topic, '--file', path, '-c', home.path('runnel.yaml'), '--json'];
        const whole = await runnel('verify', ...args);
        assert.equal(whole.code, 0, whole.stdout);
        const [file] = JSON.parse(whole.stdout).files;
        assert.equal(file.to, statSync(path).size, 'to its end, whatever that is');
        assert.equal(file.compared.by_range, file.records);
      }
    }
    const metrics = (await committedValues(kafka.brokers, `${prefix}.metrics`)).map((value) => JSON.parse(value));
    assert.ok(metrics.length > 0);
    for (const one of metrics) {
      assert.deepEqual([one.name, one.type, one.event.dataset], ['app.lines', 'sum', 'app']);
    }
    const counted = metrics.filter(({ attributes }) => attributes.kind === 'debug');
    assert.ok(counted.length > 0, 'what is dropped later was counted');
  });
}

test('with so many topics that each has just its minimum of memory, files go on beside each other', {
  skip,
}, async () => {
  await using home = await makeHome();
  mkdirSync(home.path('logs'));
  const prefix = `routes-minimum-${process.pid}-${Date.now()}`;
  const topicOf = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`${i}`, `${prefix}-${i}`]));
  const topics = [`${prefix}-main`, ...Object.values(topicOf)];
  await withAdmin(kafka.brokers, (admin) =>
    admin.createTopics({ topics: topics.map((topic) => ({ topic, numPartitions: 1 })) }),
  );
  const [files, lines] = [4, 6000];
  const text = Array.from({ length: lines }, (_, n) => `{"n":${n},"to":"${n % 50}","pad":"${'x'.repeat(n % 120)}"}\n`);
  for (let i = 0; i < files; i++) writeFileSync(home.path('logs', `${i}.log`), text.join(''));
  const agent = await home.start({
    kafka: { brokers: kafka.brokers, linger: '5ms', topic_prefix: prefix },
    logs: [
      {
        name: 'app',
        include: home.path('logs', '*.log'),
        topic: topics[0]!,
        process: [{ parse: 'json' }, { route: { by: 'to', topics: topicOf } }],
      },
    ],
  });
  await agent.settled(files * lines);
  await agent.stop();
  for (const [i, topic] of topics.entries()) {
    const count = (await committedValues(kafka.brokers, topic)).length;
    assert.equal(count, files * lines * (i === 0 ? 38 / 50 : 1 / 50), topic);
  }
});

for (const delivery of ['at_least_once', 'exactly_once'] as const) {
  test(`a topic that is not there holds up the files that have lines for it, until it is: ${delivery}`, {
    skip,
  }, async () => {
    await using home = await makeHome();
    mkdirSync(home.path('logs'));
    const prefix = `routes-missing-${delivery}-${process.pid}-${Date.now()}`;
    const [main, missing] = [`${prefix}-main`, `${prefix}-missing`];
    await withAdmin(kafka.brokers, (admin) =>
      admin.createTopics({ topics: [main, `${prefix}.positions`].map((topic) => ({ topic, numPartitions: 1 })) }),
    );
    const [mixed, plain] = [home.path('logs', 'mixed.log'), home.path('logs', 'plain.log')];
    writeFileSync(mixed, 'one\ntwo ERROR\nthree\n');
    writeFileSync(plain, 'a\nb\n');
    const process_ = [{ route: missing, when: { line: { contains: 'ERROR' } } }];
    const config: AgentConfig = {
      kafka: { brokers: kafka.brokers, delivery, create_topics: false, linger: '5ms', topic_prefix: prefix },
      logs: [{ name: 'app', include: home.path('logs', '*.log'), topic: main, process: process_ }],
    };
    const agent = await home.start(config);
    const fileOf = (logs: { files: { path: string; waits_for: string | null; committed: number }[] }[], path: string) =>
      logs[0]!.files.find((file) => file.path === path);
    await agent.until(
      ({ logs, topics }) =>
        fileOf(logs, mixed)?.waits_for === missing && topics.some((one) => one.topic === missing && one.error !== null),
      'it is said what is waited for',
    );
    appendFileSync(plain, 'c\n');
    const before = await agent.until(
      ({ logs }) => fileOf(logs, plain)?.committed === statSync(plain).size,
      'the other file goes on',
    );
    assert.equal(fileOf(before.logs, plain)!.waits_for, null);
    assert.equal(fileOf(before.logs, mixed)!.committed, 0);
    await withAdmin(kafka.brokers, (admin) => admin.createTopics({ topics: [{ topic: missing, numPartitions: 1 }] }));
    // Nothing of what the others have had by then comes twice, also where the next process sends what waited.
    await agent.stop();
    const again = await home.start(config);
    await again.until(
      ({ logs }) => [mixed, plain].every((path) => fileOf(logs, path)?.committed === statSync(path).size),
      'it goes on',
      60_000,
    );
    await again.settled(0);
    await again.stop();
    const values = async (topic: string) => {
      return (await committedValues(kafka.brokers, topic)).map((value) => JSON.parse(value).message).sort();
    };
    assert.deepEqual(await values(main), ['a', 'b', 'c', 'one', 'three']);
    assert.deepEqual(await values(missing), ['two ERROR']);
    for (const topic of [main, missing]) {
      const { code, stdout } = await runnel('verify', '--topic', topic, '-c', home.path('runnel.yaml'), '--json');
      assert.equal(code, 0, stdout);
    }
  });
}
