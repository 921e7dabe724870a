/** The whole agent, without Kafka, whose disk takes nothing any more: it goes on, and its stop is a clean one. */
// Slow: starts agents.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { lockDataDir } from '../src/data-dir/lock.ts';
import type { FileStatus } from '../src/sources/tail/file/status.ts';
import { Spool } from '../src/spool/spool.ts';
import { makeHome, type RunningAgent } from './support/agent.ts';
import { failingDisk } from './support/failing-disk.ts';
import { numbered } from './support/lines.ts';
import { readAll } from './support/spool-blocks.ts';

const LINES = 60_000;

/** Sends samples until the test is over. */
async function statsd(t: TestContext, agent: RunningAgent): Promise<void> {
  const port = await agent.statsdPort();
  const socket = createSocket('udp4');
  const timer = setInterval(() => socket.send('hits:1|c', port, '127.0.0.1'), 5);
  t.after(() => {
    clearInterval(timer);
    socket.close();
  });
}

const CASES = [
  ['ENOSPC', 'no brokers'],
  ['ENOSPC', 'at_least_once'],
  ['ENOSPC', 'exactly_once'],
  ['EIO', 'no brokers'],
  ['EROFS', 'at_least_once'],
  ['EDQUOT', 'no brokers'],
] as const;

test('it stops with exit code 0, says what is lost, and lets go of data_dir', { concurrency: 3 }, async (t) => {
  for (const [code, delivery] of CASES) void t.test(`${code}, ${delivery}`, (t) => check(t, code, delivery));
});

async function check(t: TestContext, code: string, delivery: (typeof CASES)[number][1]): Promise<void> {
  await using home = await makeHome();
  const bad = home.path('bad');
  const config = {
    kafka: delivery === 'no brokers' ? { compression: 'none' } : { brokers: ['127.0.0.1:1'], delivery },
    logs: [{ name: 'app', include: home.path('app.log'), encoding: 'raw', topic: 'lines' }],
    statsd: { listen: ['udp://127.0.0.1:0'], flush_interval: '1s' },
    buffer_memory: '16MiB',
    shutdown_timeout: '2s',
  };
  const agent = await home.start(config, { preload: failingDisk(home.dataDir, bad) });
  await statsd(t, agent);
  await agent.until((s) => s.spool.records > 0, 'samples are in the local log');
  await writeFile(bad, code);
  // More than memory holds while none of it is written.
  const lines = numbered('app', 0, LINES);
  await writeFile(home.path('app.log'), `${lines.join('\n')}\n`);
  await agent.until((s) => s.reasons.some((r) => r.includes(`cannot write: ${code}`)), 'the disk takes nothing');
  await agent.stop();
  assert.doesNotMatch(agent.stderr, /node:internal|^\s+at /m);
  assert.match(agent.stderr, /error statsd: \d+ items were not stored before the stop and are lost/);
  lockDataDir(home.dataDir, 'flock').release();
  if (delivery !== 'no brokers') return;

  await rm(bad);
  const again = await home.start(config);
  const safe = (file: FileStatus | undefined) => file !== undefined && file.size > 0 && file.committed === file.size;
  await again.until((s) => safe(s.logs[0]?.files[0]), 'all lines are in the local log');
  await again.stop();
  const options = { max_size: 1 << 30, when_full: 'block', sync: 1000 } as const;
  const spool = await Spool.open(join(home.dataDir, 'spool'), options, assert.fail);
  assert.deepEqual((await readAll(spool.partition('lines'))).values, lines);
  await spool.close();
}
