/**
 * kill -9 at random moments under load: files that are written and rotated all the time, the real agent, a real Kafka.
 * Nothing is lost; twice comes at most what was in flight at a kill; the first sights of each writer's numbers are in order.
 */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Status } from '../../src/report/shape.ts';
import { type AgentConfig, makeHome } from '../support/agent.ts';
import { freshTopic } from '../support/kafka.ts';
import { consume } from './consume.ts';
import { generator, Seen } from './sequence.ts';
import { RotatingWriter } from './writer.ts';

export interface FilesOptions {
  brokers: string;
  rounds: number;
  delivery: 'at_least_once' | 'exactly_once';
  seed?: number;
  /** Told of each round. */
  say?: (line: string) => void;
}

export interface FilesResult {
  lines: number;
  doubled: number;
}

/** Five blocks of at most half a megabyte in flight, and a batch of acknowledgements; a line is 20 bytes at least. */
const WINDOW_LINES = (6 * 500_000) / 20;
const WRITERS = 3;
/** A transaction has to be found out about and another one to be committed before anything is done. */
const LONGEST_LIFE_MS = { at_least_once: 1200, exactly_once: 3000 };

export async function killFiles({ brokers, rounds, delivery, seed = 1, say }: FilesOptions): Promise<FilesResult> {
  const random = generator(seed);
  await using home = await makeHome();
  await mkdir(home.path('logs'));
  const topic = await freshTopic(brokers, 'crash-files');
  const config: AgentConfig = {
    kafka: { brokers, delivery },
    logs: [{ name: 'app', include: home.path('logs', '*.log*'), topic, encoding: 'raw' }],
  };
  const writers = Array.from({ length: WRITERS }, (_, i) => new RotatingWriter(home.path('logs', `${i}.log`), i));
  try {
    let lives = 0;
    for (let round = 0; round < rounds; round++) {
      const agent = await home.start(config);
      // Some are killed before they get anywhere, most are not.
      const life = random(LONGEST_LIFE_MS[delivery]);
      await sleep(life);
      const { forwarded } = (await agent.status()).conservation.total;
      if (forwarded > 0) lives++;
      await agent.kill9();
      say?.(`round ${round + 1}: killed after ${life} ms, ${forwarded} lines were acknowledged`);
    }
    assert.ok(lives > rounds / 4, `only ${lives} of ${rounds} agents got anything done`);
  } finally {
    for (const writer of writers) await writer.stop();
  }
  const last = await home.start(config);
  await last.until(isReadToTheEnd, 'everything is read', 300_000);
  await last.settled(0);
  await last.stop();

  const result = await readBack(brokers, topic, writers);
  const most = delivery === 'exactly_once' ? 0 : rounds * WINDOW_LINES;
  assert.ok(result.doubled <= most, `${result.doubled} lines came twice`);
  return result;
}

/** Every line that was written is there; gives how many came more than once. */
export async function readBack(
  brokers: string,
  topic: string,
  writers: readonly RotatingWriter[],
): Promise<FilesResult> {
  const seen = writers.map(() => new Seen());
  await consume(brokers, topic, (value) => {
    const [writer, number] = value.toString('latin1', 0, 24).split(' ').map(Number);
    seen[writer!]!.see(number!);
  });
  const result = { lines: 0, doubled: 0 };
  for (const [i, writer] of writers.entries()) {
    seen[i]!.assertComplete(`writer ${i}`, writer.written);
    result.lines += writer.written;
    result.doubled += seen[i]!.doubled;
  }
  return result;
}

/** With exactly_once there are no files before it is known how far they are committed. */
function isReadToTheEnd({ logs }: Status): boolean {
  const { files } = logs[0]!;
  return files.length > 0 && files.every((file) => file.lag_bytes === 0);
}
