/** What the tests kill some times, many times. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killDurable } from '../support/durable-kills.ts';
import { freshTopic, noKafka, sharedKafka } from '../support/kafka.ts';
import { killOtlp } from '../support/otlp-kills.ts';

const PARTITIONS = 12;

export async function proveDurable(rounds: number): Promise<string> {
  if (noKafka) throw new Error(noKafka);
  await using kafka = await sharedKafka();
  const dir = mkdtempSync(join(tmpdir(), 'runnel-durable-'));
  try {
    const topic = await freshTopic(kafka.brokers, 'durable-proof', { partitions: PARTITIONS });
    const at = { brokers: kafka.brokers, dir, topic, partitions: PARTITIONS };
    const killed = await killDurable(at, rounds, () => 10 + Math.random() * 1500);
    return `durable lane: ${rounds} kills, ${JSON.stringify(killed)}: nothing lost, nothing twice`;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

export async function proveOtlp(rounds: number): Promise<string> {
  if (noKafka) throw new Error(noKafka);
  await using kafka = await sharedKafka();
  const killed = await killOtlp(kafka.brokers, `otlp-proof-${Date.now()}`, rounds, () => 100 + Math.random() * 3000);
  return `otlp: ${rounds} kills, ${JSON.stringify(killed)}: nothing lost, nothing twice`;
}
