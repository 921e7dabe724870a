/** Ten kills of the consumer and ten of Redis, with each way in which Redis may sync its file: every window's sum is exact. */
import { noKafka, startKafka } from '../support/kafka.ts';
import { noRedis } from '../support/redis.ts';
import { topkKills } from '../support/topk-kills.ts';

export async function proveTopk(kills: number, records: number): Promise<string> {
  if (noKafka || noRedis) throw new Error(noKafka || String(noRedis));
  const kafka = await startKafka();
  try {
    const lines: string[] = [];
    for (const fsync of ['everysec', 'always'] as const) {
      const {
        windows,
        names,
        sum,
        seconds,
        records: all,
      } = await topkKills({
        ...{ brokers: kafka.brokers, kills, records, fsync },
      });
      lines.push(
        `topk, appendfsync ${fsync}: ${kills} kills of the consumer and ${kills} of Redis in ${all} records (${seconds.toFixed(0)} s): ` +
          `${windows} windows and ${names} names exact, the hours' sum ${sum}`,
      );
    }
    return lines.join('\n');
  } finally {
    await kafka.stop();
  }
}
