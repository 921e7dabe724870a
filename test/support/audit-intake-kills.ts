/** An agent that is killed while it takes audit events; then what it answered must be in Kafka, once, in whole chains. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeHome } from './agent.ts';
import { audit, checkedStreams, eventOf, linesOf, NDJSON, startAudit } from './audit-agent.ts';
import { readCommitted } from './committed.ts';
import { createTopic } from './kafka.ts';

const CLIENTS = 8;
/** Of one client: its requests take several blocks of the local log. */
const LARGE = { batch: 900, more: { filling: 'x'.repeat(1000) } };

/** `pause`: how long each process answers before it is killed, milliseconds. */
export async function killIntake(
  brokers: string,
  prefix: string,
  rounds: number,
  pause: (round: number) => number,
): Promise<{ answered: number; stored: number; repeated: number }> {
  await createTopic(brokers, `${prefix}.audit`, { partitions: 3 });
  await using home = await makeHome();
  const config = { kafka: { brokers: [brokers], topic_prefix: prefix } };
  const options = { ids: 5000, seal: { every: 50, interval: '1s' } };
  const answered = new Map<string, number>();
  let next = 0;
  let repeated = 0;
  for (let round = 0; round < rounds; round++) {
    const { agent, socket } = await startAudit(home, config, options);
    let over = false;
    const clients = Array.from({ length: CLIENTS }, async (_, n) => {
      const stream = `stream-${n % 3}`;
      const large = n === CLIENTS - 1;
      const batch = large ? LARGE.batch : n % 2 === 0 ? 1 : 20;
      let ids: string[] = [];
      while (!over) {
        // Whoever gets no answer sends the same again, to the next process too.
        if (ids.length === 0) ids = Array.from({ length: batch }, () => `e-${next++}`);
        const body = batch === 1 ? eventOf(ids[0]!) : linesOf(ids, large ? LARGE.more : {});
        const type = batch === 1 ? 'application/json' : NDJSON;
        const answer = await audit(socket, body, { 'runnel-stream': stream, 'content-type': type }).catch(() => null);
        if (answer === null) continue;
        assert.equal(answer.code, 201, JSON.stringify(answer.body));
        if (answer.body.duplicate) repeated++;
        assert.equal(answer.body.last - answer.body.first, batch - 1);
        for (const [i, id] of ids.entries()) answered.set(`${stream} ${id}`, answer.body.first + i);
        // Now and then what was answered comes once more.
        if (Math.random() < 0.1) continue;
        ids = [];
      }
    });
    await sleep(pause(round));
    over = round % 2 === 0;
    await agent.kill9();
    over = true;
    await Promise.all(clients);
  }
  const { agent } = await startAudit(home, config, options);
  await agent.until(({ conservation }) => conservation.total.in_flight === 0, 'all is in Kafka');
  await agent.stop();
  const records = await readCommitted(brokers, `${prefix}.audit`);
  const values = records.map(({ value }) => ({ value: Buffer.from(value) }));
  const stored = new Map<string, number>();
  for (const { key, value } of records) {
    const { event, audit: link } = JSON.parse(value);
    if (link) stored.set(`${key} ${event.id}`, Number(link.sequence));
  }
  const chains = [...checkedStreams(values).values()];
  assert.equal(chains.length, 3, 'a chain a stream');
  const events = chains.reduce((sum, { events }) => sum + events.length, 0);
  assert.equal(stored.size, events, 'each id once');
  for (const [id, sequence] of answered) assert.equal(stored.get(id), sequence, `${id} is where it was said to be`);
  return { answered: answered.size, stored: stored.size, repeated };
}
