import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Agent } from '../src/agent.ts';
import { locateConfig } from '../src/cli/locate.ts';
import { lockDataDir } from '../src/data-dir/lock.ts';
import { KafkaClient } from '../src/kafka/connect/client.ts';
import { Spool } from '../src/spool/spool.ts';
import { directory } from './support/directory.ts';

test('a stop ends all parts also where one of them fails', async (t) => {
  const dir = directory(t);
  const path = join(dir, 'runnel.yaml');
  const [kafka, rest] = ['kafka: {brokers: [127.0.0.1:1]}', 'statsd: {listen: []}\nadmin: {listen: 127.0.0.1:0}'];
  await writeFile(path, `data_dir: ${dir}/data\n${kafka}\n${rest}\nmetrics: {host: false}\n`);
  const located = await locateConfig({ config: path, defaultPath: path });
  const agent = await Agent.start({ ...located, version: 'test' });
  const { close } = Spool.prototype;
  t.mock.method(Spool.prototype, 'close', async function (this: Spool) {
    await close.call(this);
    throw new Error('EIO: i/o error, close');
  });
  const closed = t.mock.method(KafkaClient.prototype, 'close');
  await agent.stop();
  assert.equal(closed.mock.callCount(), 1);
  lockDataDir(located.config.data_dir, 'flock').release();
});
