/** Reloads under load, with Kafka there and away: nothing is lost or twice, and none takes long. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, bodyOf } from '../../src/admin/client.ts';
import type { Reloaded } from '../../src/reload.ts';
import { type AgentConfig, makeHome } from '../support/agent.ts';
import { createTopic, type Kafka, noKafka, startKafka } from '../support/kafka.ts';
import { readValues } from '../support/kcat.ts';
import { assertValues, Writer } from '../support/lines.ts';
import { freePort } from '../support/ports.ts';

const skip = noKafka;
const NAMES = ['kept', 'tagged', 'now-and-then'];
const MOST_MS = 3000;
let kafka: Kafka;

before(async () => {
  if (!skip) kafka = await startKafka();
});
after(async () => {
  await kafka?.stop();
});

for (const delivery of ['at_least_once', 'exactly_once']) {
  test(`fifty reloads, Kafka away for some of them: every line and sample once (${delivery})`, { skip }, async (t) => {
    await using home = await makeHome();
    const prefix = delivery.replaceAll('_', '-');
    for (const name of [...NAMES, 'metrics']) await createTopic(kafka.brokers, `${prefix}.${name}`);
    const [admin, port] = [{ listen: `127.0.0.1:${await freePort()}` }, await freePort()];
    const log = (name: string, more: object = {}) => {
      return { name, include: home.path(`${name}.log`), topic: `${prefix}.${name}`, encoding: 'raw', ...more };
    };
    const configured = (n: number): AgentConfig => ({
      admin,
      // Now by one address of the broker, now by the other.
      kafka: {
        brokers: [n % 10 < 8 ? kafka.proxied : kafka.brokers],
        topic_prefix: prefix,
        delivery,
        linger: `${20 + (n % 3)}ms`,
        client_id: `agent-${n % 5}`,
      },
      statsd: { listen: [`udp://127.0.0.1:${port}`], flush_interval: '1s' },
      logs: [log('kept'), log('tagged', { tags: { n: `${n}` } }), ...(n % 2 === 0 ? [log('now-and-then')] : [])],
    });
    const agent = await home.start(configured(0));
    const writers = NAMES.map((name) => new Writer(home.path(`${name}.log`), name, 1000));
    const socket = createSocket('udp4');
    let sent = 0;
    const sender = setInterval(() => {
      for (let i = 0; i < 10; i++) socket.send('hits:1|c', port, '127.0.0.1');
      sent += 10;
    }, 20);
    let slowest = 0;
    try {
      for (let n = 1; n <= 50; n++) {
        if (n % 10 === 3) kafka.proxy.refuse();
        if (n % 10 === 6) kafka.proxy.heal();
        await home.configure(configured(n));
        const began = performance.now();
        const answer = await ask({ socketPath: `${home.dataDir}/runnel.sock` }, '/reload', 'POST');
        const told = JSON.parse(await bodyOf(answer)) as Reloaded;
        slowest = Math.max(slowest, performance.now() - began);
        assert.deepEqual([told.reloaded, told.errors], [true, []]);
        await sleep(100);
      }
    } finally {
      kafka.proxy.heal();
      clearInterval(sender);
      socket.close();
    }
    t.diagnostic(`the slowest reload took ${Math.round(slowest)} ms`);
    assert.ok(slowest < MOST_MS, `${slowest} ms`);
    const lines = await Promise.all(writers.map((writer) => writer.stop()));
    const { pid, statsd } = await agent.settled(lines.reduce((n, { length }) => n + length, sent));
    assert.deepEqual([pid, statsd.listeners[0]!.packets], [agent.pid, sent]);
    await agent.stop();
    for (const [i, name] of NAMES.entries()) await assertValues(kafka.brokers, `${prefix}.${name}`, lines[i]!);
    const hits = await readValues(kafka.brokers, `${prefix}.metrics`);
    const total = hits.reduce((sum, value) => sum + (JSON.parse(String(value)) as { value: number }).value, 0);
    assert.equal(total, sent);
  });
}
