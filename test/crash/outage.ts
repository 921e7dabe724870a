/** Kafka away, and then the agent is stopped, or killed, or the files that it has not sent yet are rotated away. */
import assert from 'node:assert/strict';
import { mkdir, readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentConfig, makeHome } from '../support/agent.ts';
import { freshTopic, type ProxiedKafka } from '../support/kafka.ts';
import { type FilesResult, readBack } from './files.ts';
import { RotatingWriter } from './writer.ts';

/** Five blocks of at most half a megabyte in flight; a line is 30 bytes at least. */
const WINDOW_LINES = (6 * 500_000) / 30;

/** The agent gets `signal` while nothing can be sent and lines go on being written; then Kafka is back, and it starts again. */
export async function outage(kafka: ProxiedKafka, signal: 'SIGTERM' | 'SIGKILL', awayMs = 3000): Promise<FilesResult> {
  await using home = await makeHome();
  await mkdir(home.path('logs'));
  const topic = await freshTopic(kafka.brokers, 'crash-outage');
  const config: AgentConfig = {
    kafka: { brokers: kafka.proxied },
    shutdown_timeout: '2s',
    logs: [{ name: 'app', include: home.path('logs', '*.log*'), topic, encoding: 'raw' }],
  };
  const writers = [0, 1].map((i) => new RotatingWriter(home.path('logs', `${i}.log`), i));
  try {
    const agent = await home.start(config);
    await agent.until((s) => s.conservation.total.forwarded > 2000, 'lines flow');
    kafka.proxy.refuse();
    await agent.until((s) => s.kafka.state === 'connecting', 'Kafka is missed', 30_000);
    await sleep(awayMs);
    if (signal === 'SIGTERM') await agent.stop();
    else await agent.kill9();
    await sleep(500);
  } finally {
    kafka.proxy.heal();
    for (const writer of writers) await writer.stop();
  }
  const last = await home.start(config);
  await last.until((s) => s.logs[0]!.files.every((file) => file.lag_bytes === 0), 'everything is read', 120_000);
  await last.settled(0);
  await last.stop();
  const result = await readBack(kafka.brokers, topic, writers);
  const most = signal === 'SIGTERM' ? 0 : WINDOW_LINES;
  assert.ok(result.doubled <= most, `${result.doubled} lines came twice`);
  return result;
}

/** Acknowledgements are held back for so long; files are renamed and deleted meanwhile. All their lines arrive. */
export async function rotatedAway(kafka: ProxiedKafka, pressureMs = 20_000): Promise<FilesResult> {
  await using home = await makeHome();
  await mkdir(home.path('logs'));
  const topic = await freshTopic(kafka.brokers, 'crash-rotated');
  const config: AgentConfig = {
    kafka: { brokers: kafka.proxied, compression: 'none' },
    buffer_memory: '16MiB',
    logs: [{ name: 'app', include: home.path('logs', '*.log'), topic, encoding: 'raw' }],
  };
  const rotation = { turns: 50, keep: 1 };
  // The agent first: what is rotated away before it looks is nobody's.
  const agent = await home.start(config);
  const writers = [0, 1, 2].map((i) => new RotatingWriter(home.path('logs', `${i}.log`), i, rotation));
  try {
    await agent.until((s) => s.conservation.total.forwarded > 1000, 'lines flow');
    kafka.proxy.hold('replies');
    await sleep(pressureMs);
    const files = (await readdir(home.path('logs'))).length;
    assert.ok(files <= 6, `${files} files are there: the others were deleted`);
    kafka.proxy.heal();
    for (const writer of writers) await writer.stop();
    await agent.until((s) => s.logs[0]!.files.every((file) => file.lag_bytes === 0), 'everything is read', 120_000);
    const status = await agent.settled(0, 120_000);
    assert.deepEqual(status.lost, []);
    await agent.stop();
  } finally {
    kafka.proxy.heal();
    for (const writer of writers) await writer.stop();
  }
  const result = await readBack(kafka.brokers, topic, writers);
  assert.equal(result.doubled, 0, `${result.doubled} lines came twice`);
  return result;
}
