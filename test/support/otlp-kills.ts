/** An agent that is killed while it answers and drains; then what it answered must be in Kafka, once. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeHome } from './agent.ts';
import { createTopic } from './kafka.ts';
import { readRecords } from './kcat.ts';
import { otlpOptions, post } from './otlp-agent.ts';
import { spansIn, spansOf, traceRequest } from './otlp-spans.ts';

const CLIENTS = 8;
const SPANS = 20;

export interface OtlpKilled {
  answered: number;
  stored: number;
}

/** `pause`: how long each process answers before it is killed, milliseconds. */
export async function killOtlp(
  brokers: string,
  prefix: string,
  rounds: number,
  pause: (round: number) => number,
): Promise<OtlpKilled> {
  await createTopic(brokers, `${prefix}.traces`, { partitions: 5 });
  await using home = await makeHome();
  const otlp = (await otlpOptions()) as { http: string[] };
  const config = { kafka: { brokers: [brokers], topic_prefix: prefix }, otlp };
  const answered: string[] = [];
  let next = 0;
  let said = '';
  for (let round = 0; round < rounds; round++) {
    const agent = await home.start(config);
    let over = false;
    const clients = Array.from({ length: CLIENTS }, async () => {
      while (!over) {
        const spans = spansOf(next, SPANS);
        next += SPANS;
        // Whoever gets no answer does not know, and here does not try again.
        const answer = await post(otlp.http[0]!, traceRequest(spans)).catch(() => null);
        if (answer?.code === 200) answered.push(...spans.map(({ spanId }) => spanId));
      }
    });
    await sleep(pause(round));
    over = round % 2 === 0;
    await agent.kill9();
    said += agent.stderr;
    over = true;
    await Promise.all(clients);
  }
  const agent = await home.start(config);
  const { topics } = await agent.until(({ conservation }) => conservation.total.in_flight === 0, 'all is in Kafka');
  const duplicates = topics.reduce((sum, { possible_duplicates }) => sum + possible_duplicates, 0);
  assert.equal(duplicates, 0, 'possible duplicates');
  await agent.stop();
  const records = await readRecords(brokers, `${prefix}.traces`);
  const stored: string[] = [];
  const at = new Map<string, string>();
  const twice: string[] = [];
  for (const { value, partition, offset } of records) {
    for (const { spanId } of spansIn(value!)) {
      const before = at.get(spanId);
      if (before !== undefined) twice.push(`${spanId} at ${before} and ${partition}/${offset}`);
      at.set(spanId, `${partition}/${offset}`);
      stored.push(spanId);
    }
  }
  assert.deepEqual(twice, [], `spans that are there twice\n${said}`);
  const known = new Set(stored);
  assert.deepEqual(
    answered.filter((spanId) => !known.has(spanId)),
    [],
    'spans that were answered and are not there',
  );
  return { answered: answered.length, stored: stored.length };
}
