/** A consumer group through many rounds of what may happen to it: `npm run proof -- group`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import { feed, Group } from '../support/group.ts';
import { startKafka } from '../support/kafka.ts';
import { until } from '../support/until.ts';

const PARTITIONS = 12;
const MEMBERS = 3;
const LIMIT_MS = 120_000;

/**
 * In turn a member is killed and comes back, one leaves and another one comes, one is frozen beyond its session, the broker
 * is killed and started anew; records come all the while. Throws where one is not processed, or twice though the first time
 * was committed.
 */
export async function proveGroup(rounds: number): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-group-'));
  const kafka = await startKafka({ properties: { 'group.min.session.timeout.ms': 1000 } });
  const own = { client_id: 'proof', create_topics: false, quiet: true, longest_pause: 500 };
  const client = new KafkaClient({ brokers: [kafka.brokers], ...own });
  try {
    const group = await Group.make(kafka.brokers, dir, PARTITIONS);
    const stop = feed(client, kafka.brokers, group.topic, PARTITIONS);
    const start = (i: number) =>
      group.start({ session_ms: 3000, delay_ms: 5, instance: i % 2 === 0 ? `m-${i}` : null });
    const members = Array.from({ length: MEMBERS }, (_, i) => start(i));
    const broken: number[] = [];
    const all = async () => {
      const shared = () => members.reduce((sum, n) => sum + group.has(n), 0) === PARTITIONS;
      await until('all partitions are read', () => members.every((n) => group.has(n) > 0) && shared(), LIMIT_MS);
    };
    await all();
    for (let round = 0; round < rounds; round++) {
      const i = round % MEMBERS;
      const member = members[i]!;
      const joins = group.joins(member).length;
      if (round % 4 === 0) {
        broken.push(member);
        await group.end(member, 'SIGKILL');
        members[i] = start(i);
      } else if (round % 4 === 1) {
        if ((await group.end(member, 'SIGTERM')) !== 0)
          throw new Error(`a member ended: ${group.lines(member).at(-1)}`);
        members[i] = start(i);
      } else if (round % 4 === 2) {
        broken.push(member);
        const other = members[(i + 1) % MEMBERS]!;
        const before = group.joins(other).length;
        group.freeze(member);
        await until('the others go on without it', () => group.joins(other).length > before, LIMIT_MS);
        group.thaw(member);
        await until('it comes back', () => group.joins(member).length > joins, LIMIT_MS);
      } else await kafka.restart();
      await all();
    }
    const sent = await stop();
    await until('all is processed', () => group.tally().processed >= sent, LIMIT_MS);
    const { processed, twice, unexplained } = group.tally(broken);
    if (processed !== sent || unexplained.length > 0) {
      throw new Error(
        `${sent - processed} of ${sent} not processed, ${unexplained.length} twice: ${unexplained.slice(0, 5)}`,
      );
    }
    return `group: ${rounds} rounds, ${sent} records: 0 not processed, 0 twice that were committed (${twice.length} were not)`;
  } finally {
    Group.killAll();
    client.close();
    await kafka.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}
