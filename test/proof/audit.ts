/** Each part on an event's way killed, many times: business and audit are the same, each event once. */
import { killAudit } from '../support/audit-kills.ts';
import { noKafka } from '../support/kafka.ts';
import { noPostgres } from '../support/postgres.ts';

export async function proveAudit(rounds: number): Promise<string> {
  if (noKafka || noPostgres) throw new Error(noKafka || String(noPostgres));
  const { kills, committed, epochs, seconds } = await killAudit(rounds, () => 100 + Math.random() * 1200);
  const killed = Object.entries(kills).map(([victim, times]) => `${victim} ${times}`);
  return (
    `audit: ${rounds} rounds of kills (${killed.join(', ')}) in ${seconds} s: ` +
    `${committed} transactions, ${committed} events, each once; ${epochs} epochs of relays`
  );
}
