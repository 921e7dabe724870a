/** docs/records.md: its records have the members that the agent's have. */
// Slow: starts an agent.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { makeHome, runnel } from '../support/agent.ts';
import { blocks, page } from '../support/docs-pages.ts';
import { freePort } from '../support/ports.ts';
import { eventually } from '../support/until.ts';

/** `log.file.path: string`, in the order in which they stand. */
function members(value: unknown, name = ''): string[] {
  if (typeof value !== 'object' || value === null) return [`${name}: ${typeof value}`];
  return Object.entries(value).flatMap(([key, inner]) => members(inner, name === '' ? key : `${name}.${key}`));
}

test('a line, a metric and an event are as they are shown', async () => {
  await using home = await makeHome();
  const port = await freePort();
  writeFileSync(home.path('a.log'), 'GET / 200\n');
  const agent = await home.start({
    tags: { env: 'prod' },
    logs: [{ name: 'nginx', include: home.path('*.log') }],
    statsd: { listen: [`udp://127.0.0.1:${port}`] },
  });
  const socket = createSocket('udp4');
  for (const text of ['hits:3|c|#code:200', '_e{6,11}:deploy|first\\nline|s:ci|t:warning|#team:a']) {
    await new Promise((resolve) => socket.send(text, port, '127.0.0.1', resolve));
  }
  socket.close();
  const received = async () => JSON.parse((await runnel('status', '--json', '-c', home.path('runnel.yaml'))).stdout);
  await eventually('all has come', async () => {
    const { conservation, statsd } = await received();
    return conservation.inputs['logs.nginx'].received === 1 && statsd.listeners[0].packets === 2;
  });
  await agent.stop();
  const shown = blocks(page('docs/records.md'), 'json').map((text) => JSON.parse(text));
  const topics = ['runnel.logs', 'runnel.metrics', 'runnel.events'];
  assert.equal(shown.length, topics.length);
  for (const [i, topic] of topics.entries()) {
    const { stdout } = await runnel('spool', 'cat', topic, '-c', home.path('runnel.yaml'));
    const made = JSON.parse(stdout.trim().split('\n')[0]!);
    assert.deepEqual(members(shown[i]), members(made), topic);
  }
});
