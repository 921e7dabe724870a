/** An agent that may open no more files for a while, as its peers have taken them all: it lives, and goes on by itself. */
// Slow: starts agents
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { makeHome } from '../support/agent.ts';
import { freshTopic, noKafka, sharedKafka } from '../support/kafka.ts';
import { post, startOtlp } from '../support/otlp-agent.ts';
import { traceBatch } from '../support/otlp-batches.ts';
import { encodeRequest } from '../support/otlp-decoder.ts';
import { eventually } from '../support/until.ts';

const MOST = 90;

test('no more files can be opened for a while', { skip: noKafka }, async (t) => {
  await using kafka = await sharedKafka();
  await using home = await makeHome();
  const traces = await freshTopic(kafka.brokers, 'traces');
  const config = { kafka: { brokers: [kafka.brokers] }, traces: { topic: traces, metrics: { enabled: false } } };
  const { agent, http } = await startOtlp(home, config, {}, { through: ['prlimit', `--nofile=${MOST}:${MOST}`] });
  const open = () => readdirSync(`/proc/${agent.pid}/fd`).length;
  const body = encodeRequest('traces', traceBatch(5));
  assert.equal((await post(http, body)).code, 200);
  const [host, port] = http.split(':');
  const held: Socket[] = [];
  t.after(() => held.map((socket) => socket.destroy()));
  await eventually('all are taken, and it says how it is over a connection that it has', async () => {
    while (open() < MOST && held.length < 10 * MOST) {
      const socket = connect(Number(port), host).on('error', () => undefined);
      held.push(socket);
      await new Promise((resolve) => socket.once('close', resolve).once('connect', resolve));
    }
    await agent.status();
    return open() >= MOST;
  });
  for (const socket of held) socket.destroy();
  const taken = () =>
    post(http, body).then(
      ({ code }) => code === 200,
      () => false,
    );
  await eventually('it takes more', taken);
  await agent.until(({ conservation: { total } }) => total.forwarded >= 10 && total.in_flight === 0, 'all is in Kafka');
  await agent.stop();
});
