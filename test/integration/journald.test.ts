/** The journal of a real journald into a real Kafka: over kill -9, rotation, and an outage. */
// Slow: starts journald, agents, and kills them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentConfig, makeHome, runnel } from '../support/agent.ts';
import { committedValues } from '../support/committed.ts';
import { type Journald, noJournald, startJournald } from '../support/journald.ts';
import { createTopic, noKafka, type ProxiedKafka, sharedKafkaBehindProxy } from '../support/kafka.ts';
import { until } from '../support/until.ts';

const skip = noKafka || (noJournald ?? false);
const KILLS = Number(process.env.RUNNEL_KILLS ?? 4);
let kafka: ProxiedKafka;

before(async () => {
  if (!skip) kafka = await sharedKafkaBehindProxy();
});
after(async () => {
  await kafka?.[Symbol.asyncDispose]();
});

/** Sends entries until it is told to end: `{"n": 17, "kind": "info"}`; every third one is an error. */
class Writer {
  count = 0;
  #on = true;
  readonly #ended: Promise<void>;

  constructor(journald: Journald) {
    this.#ended = this.#run(journald);
  }

  async end(): Promise<number> {
    this.#on = false;
    await this.#ended;
    return this.count;
  }

  async #run(journald: Journald): Promise<void> {
    for (let turn = 0; this.#on; turn++) {
      const entries = Array.from({ length: 200 }, (_, i) => {
        const n = this.count + i;
        return {
          TEST: '1',
          PRIORITY: n % 3 === 0 ? '3' : '6',
          MESSAGE: JSON.stringify({ n, pad: 'x'.repeat(n % 90) }),
        };
      });
      await journald.send(entries);
      this.count += entries.length;
      if (turn % 5 === 4) await journald.rotate();
    }
  }
}

function numbersIn(values: readonly string[]): number[] {
  return values.map((value) => (JSON.parse(value) as { n: number }).n);
}

for (const delivery of ['at_least_once', 'exactly_once'] as const) {
  test(`kill -9, and entries that go to two topics: ${delivery}`, { skip }, async () => {
    await using journald = await startJournald();
    await using home = await makeHome();
    const prefix = `journald-${delivery}-${process.pid}-${Date.now()}`;
    const [main, errors] = [`${prefix}.logs`, `${prefix}.errors`];
    for (const topic of [main, errors]) await createTopic(kafka.brokers, topic, { partitions: 1 });
    const config: AgentConfig = {
      kafka: { brokers: kafka.brokers, delivery, linger: '5ms', topic_prefix: prefix },
      logs: [
        {
          name: 'journal',
          journald: { directory: journald.directory, match: 'TEST=1' },
          topic: main,
          process: [{ parse: 'json' }, { route: errors, when: { 'log.level': 'error' } }],
        },
      ],
    };
    const writer = new Writer(journald);
    for (let kill = 0; kill < KILLS; kill++) {
      const agent = await home.start(config);
      const { lines } = (await agent.status()).logs[0]!;
      await agent.until((s) => s.logs[0]!.lines > lines + 100, 'some more is read');
      await sleep(kill * 30);
      await agent.kill9();
    }
    // A stop, in the middle of it, too.
    const stopped = await home.start(config);
    await stopped.until((s) => s.logs[0]!.lines > 0, 'some more is read');
    await stopped.stop();
    const count = await writer.end();
    const agent = await home.start(config);
    await agent.until((s) => s.logs[0]!.lag_bytes === 0 && s.logs[0]!.lag_seconds === 0, 'all is sent');
    const { lost } = await agent.until(() => true, '');
    assert.deepEqual(lost, []);
    // What is there after a while of silence is all.
    for (let before = -1, now = 0; before !== now; before = now, now = (await agent.status()).logs[0]!.lines) {
      await sleep(300);
    }
    await agent.stop();
    for (const [topic, isError] of [
      [main, false],
      [errors, true],
    ] as const) {
      const numbers = numbersIn(await committedValues(kafka.brokers, topic));
      const expected = Array.from({ length: count }, (_, n) => n).filter((n) => (n % 3 === 0) === isError);
      if (delivery === 'exactly_once') assert.deepEqual(numbers, expected, topic);
      else assert.deepEqual([...new Set(numbers)], expected, topic);
    }
    const proof = await runnel('verify', '--topic', main, '-c', home.path('runnel.yaml'));
    assert.equal(proof.code, 0, proof.stdout + proof.stderr);
  });
}

test('while Kafka is away no journalctl is kept, and what came meanwhile follows', { skip }, async () => {
  await using journald = await startJournald();
  await using home = await makeHome();
  const topic = `journald-away-${process.pid}-${Date.now()}`;
  await createTopic(kafka.brokers, topic, { partitions: 1 });
  const where = { directory: journald.directory, match: 'TEST=1' };
  const config: AgentConfig = {
    kafka: { brokers: kafka.proxied, linger: '5ms' },
    buffer_memory: '16MiB',
    logs: [{ name: 'journal', journald: where, topic, process: [{ parse: 'json' }] }],
  };
  const entries = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => {
      return { TEST: '1', MESSAGE: JSON.stringify({ n: from + i, pad: 'x'.repeat(20_000) }) };
    });
  const followers = () => spawnSync('pgrep', ['-f', `journalctl.*${journald.directory}`]).stdout.toString();
  await journald.send(entries(0, 10));
  const agent = await home.start(config);
  await agent.settled(10);
  kafka.proxy.refuse();
  kafka.proxy.cut();
  await journald.send(entries(10, 1500));
  await until('journalctl runs and waits', () => followers() !== '');
  await until('nobody holds the journal', () => followers() === '', 40_000);
  const away = await agent.status();
  assert.equal(away.logs[0]!.files[0]!.waiting?.reason, 'output');
  await journald.rotate();
  await journald.send(entries(1500, 1510));
  kafka.proxy.heal();
  const { lost } = await agent.until((s) => s.logs[0]!.lines === 1510 && s.logs[0]!.lag_bytes === 0, 'all is sent');
  assert.deepEqual(lost, []);
  await agent.stop();
  const numbers = numbersIn(await committedValues(kafka.brokers, topic));
  assert.deepEqual(
    numbers,
    Array.from({ length: 1510 }, (_, n) => n),
  );
});
