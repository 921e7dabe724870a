/** Why a consumer does not get on, for people: a sentence each, the widest first. */
import type { KafkaClient } from '../connect/client.ts';
import type { GroupPartition } from './partition.ts';

/** Partitions have the same troubles: so many are named. */
const MOST_PARTITIONS = 5;

export function problemsOf(o: {
  client: KafkaClient;
  topics: readonly string[];
  partitions: readonly GroupPartition[];
  /** Of the group. */
  group: readonly (string | null)[];
  /** How old the last heartbeat is, milliseconds, where it is too old. */
  silent: number | null;
}): string[] {
  const { client, topics, silent } = o;
  const found = [client.state === 'connected' ? null : client.error, ...o.group];
  if (silent !== null) {
    found.push(`no heartbeat reaches the group's coordinator for ${Math.round(silent / 1000)} s: nothing is read on`);
  }
  for (const topic of topics) {
    const error = client.topics.error(topic);
    if (error) found.push(error.detail);
  }
  const own = o.partitions.flatMap(({ topic, partition, problem }) => {
    const topicsOwn = client.topics.error(topic);
    if (problem === null || topicsOwn) return [];
    const where = `${topic}/${partition}`;
    return [problem.includes(where) ? problem : `${where}: ${problem}`];
  });
  found.push(...own.slice(0, MOST_PARTITIONS));
  if (own.length > MOST_PARTITIONS) found.push(`and ${own.length - MOST_PARTITIONS} partitions more`);
  const said = [...new Set(found.filter((problem) => problem !== null))];
  // The client says since when, too.
  return said.filter((one) => !said.some((other) => other !== one && other.startsWith(one)));
}
