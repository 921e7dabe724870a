/** Kills a process that answers and drains, again and again; then all that was answered must be in Kafka, once. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { partitionFor } from '../../src/records/murmur2.ts';
import { readRecords } from './kcat.ts';

const WRITER = new URL('durable-writer.ts', import.meta.url).pathname;

export interface Killed {
  answered: number;
  records: number;
  partitions: number;
}

/** `pause`: how long each process runs after it was ready, milliseconds. */
export async function killDurable(
  { brokers, dir, topic, partitions }: { brokers: string; dir: string; topic: string; partitions: number },
  rounds: number,
  pause: (round: number) => number,
): Promise<Killed> {
  const answered: string[] = [];
  const run = async (round: string, total: number, ms: number | null): Promise<string> => {
    const child = spawn(process.execPath, [WRITER, dir, brokers, topic, round, String(total)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const closed = once(child, 'close');
    if (ms !== null) {
      await Promise.race([once(child.stdout, 'data'), closed]);
      await sleep(ms);
      child.kill('SIGKILL');
    }
    await closed;
    if (ms === null) assert.equal(child.exitCode, 0);
    // The last line may be cut.
    const whole = said.slice(0, said.lastIndexOf('\n') + 1).split('\n');
    for (const line of whole) if (line.startsWith('+')) answered.push(line.slice(1));
    return said;
  };
  for (let round = 0; round < rounds; round++) await run(`r${round}`, 1_000_000, pause(round));
  assert.match(await run('last', 0, null), /possible duplicates: 0/);
  const records = await readRecords(brokers, topic);
  const values = records.map(({ value }) => String(value));
  const stored = new Set(values);
  assert.equal(values.length, stored.size, 'something is there twice');
  assert.deepEqual(
    answered.filter((name) => !stored.has(name)),
    [],
    'something that was answered is not there',
  );
  for (const { key, partition } of records) assert.equal(partition, partitionFor(String(key), partitions));
  return {
    answered: answered.length,
    records: values.length,
    partitions: new Set(records.map((r) => r.partition)).size,
  };
}
