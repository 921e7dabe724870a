/** A partition without a leader holds up its own files and no others, however much there is to send. */
// Slow: an agent that gets no answer for a second.
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { partitionFor } from '../src/records/murmur2.ts';
import { makeHome } from './support/agent.ts';
import { type Batch, FakeBroker } from './support/fake-broker.ts';

const NOT_LEADER = 6;
const PARTITIONS = 3;
const LINES = 60_000;

function linesOf(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${name} ${i} ${'x'.repeat(180)}`);
}

test('files of other partitions go on, and the others when theirs does', async () => {
  let away = true;
  const arrived = new Map<number, number>();
  const script = ({ partition, count }: Batch) => {
    if (partition === 0 && away) return NOT_LEADER;
    arrived.set(partition, (arrived.get(partition) ?? 0) + count);
    return null;
  };
  await using broker = await FakeBroker.start(script);
  broker.partitions = PARTITIONS;
  await using home = await makeHome();
  mkdirSync(home.path('logs'));
  // One of the partition that is away, and one of each other, whatever their order.
  const paths = new Map<number, string>();
  for (let i = 0; paths.size < PARTITIONS; i++) {
    const path = home.path('logs', `${i}.log`);
    const partition = partitionFor(`web-1:${path}`, PARTITIONS);
    if (!paths.has(partition)) paths.set(partition, path);
  }
  for (const [partition, path] of paths) {
    appendFileSync(path, `${linesOf(`p${partition}`, LINES).join('\n')}\n`);
  }
  const kafka = { brokers: broker.address, partition_by: 'file', create_topics: false, compression: 'none' };
  // Without compression a block on its way holds memory that lines could be read into.
  const agent = await home.start({ kafka, logs: [{ name: 'app', include: home.path('logs', '*.log'), topic: 't' }] });
  const others = async (count: number, what: string) => {
    const deadline = Date.now() + 60_000;
    while ([1, 2].some((partition) => (arrived.get(partition) ?? 0) < count)) {
      assert.ok(Date.now() < deadline, `${what}: ${JSON.stringify([...arrived])}`);
      await sleep(20);
    }
  };
  await others(LINES, 'the other files are sent');
  const { logs } = await agent.until(
    (s) => s.logs[0]!.files.some(({ waiting }) => waiting?.reason === 'partition'),
    'the file says what it waits for',
  );
  assert.deepEqual(
    logs[0]!.files.filter(({ waiting }) => waiting?.reason === 'partition').map(({ path }) => path),
    [paths.get(0)],
  );
  // It is written on meanwhile, as the others are.
  for (let round = 1; round <= 5; round++) {
    for (const [partition, path] of paths) {
      appendFileSync(path, `${linesOf(`p${partition}`, 100).join('\n')}\n`);
    }
    await others(LINES + round * 100, 'what comes is sent');
  }
  assert.equal(arrived.get(0) ?? 0, 0);
  away = false;
  await agent.settled(PARTITIONS * (LINES + 500));
  assert.equal(arrived.get(0), LINES + 500);
  await agent.stop();
});
