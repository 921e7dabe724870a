/** Alerts of an agent that is killed at any moment, and of one that stands still. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentConfig, makeHome } from '../support/agent.ts';
import { killAlerts } from '../support/alert-kills.ts';
import { startHooks } from '../support/hooks.ts';
import { noKafka, sharedKafka } from '../support/kafka.ts';
import { freePort } from '../support/ports.ts';
import { until } from '../support/until.ts';

test('killed at any moment: each change is recorded and told, and what takes longer than a process lives fires', {
  skip: noKafka,
}, async () => {
  await using kafka = await sharedKafka();
  const killed = await killAlerts(kafka.brokers, `alerts-${randomBytes(4).toString('hex')}`, 5, () => 2500);
  assert.ok(killed.changes > 4, JSON.stringify(killed));
});

test('stopped for many intervals: nothing is concluded from it', async () => {
  await using home = await makeHome();
  await using hooks = await startHooks();
  const port = await freePort();
  const rules = [
    { name: 'hot', metric: 'temp', fire: '> 50', for: '5s' },
    { name: 'silent', metric: 'temp', absent: '5s' },
    { name: 'unknown', metric: 'temp', fire: '> 100', no_data: 'alert' },
  ];
  const agent = await home.start({
    metrics: { interval: '1s' },
    statsd: { listen: [`udp://127.0.0.1:${port}`], flush_interval: '1s' },
    alerts: { rules, builtin: false, receivers: [{ name: 'hook', webhook: { url: hooks.url } }] },
  } as unknown as AgentConfig);
  const socket = createSocket('udp4');
  const send = () => socket.send('temp:60|g', port, '127.0.0.1');
  let sending = setInterval(send, 100);
  try {
    await agent.until(({ alerts }) => alerts.pending === 1, 'it is about to fire');
    clearInterval(sending);
    process.kill(agent.pid, 'SIGSTOP');
    await sleep(8000);
    process.kill(agent.pid, 'SIGCONT');
    // At once, and when the window that comes next is closed.
    for (const wait of [0, 1500]) {
      await sleep(wait);
      const { alerts } = await agent.status();
      assert.deepEqual([alerts.pending, alerts.firing, alerts.no_data], [1, 0, 0], JSON.stringify(alerts.list));
    }
    assert.equal(hooks.taken.length, 0);
    sending = setInterval(send, 100);
    await until('it fires', () => hooks.taken.length > 0);
    assert.deepEqual(
      hooks.taken.map(({ body }) => (JSON.parse(body) as { groupLabels: object }).groupLabels),
      [{ alertname: 'hot' }],
    );
    await agent.stop();
  } finally {
    clearInterval(sending);
    socket.close();
  }
});
