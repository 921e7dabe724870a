/** What the tests kill some times, many times. */
import { killAlerts } from '../support/alert-kills.ts';
import { noKafka, sharedKafka } from '../support/kafka.ts';

export async function proveAlerts(rounds: number): Promise<string> {
  if (noKafka) throw new Error(noKafka);
  await using kafka = await sharedKafka();
  const pause = () => 100 + Math.random() * 2400;
  const killed = await killAlerts(kafka.brokers, `alerts-proof-${Date.now()}`, rounds, pause);
  return `alerts: ${JSON.stringify(killed)}: every change recorded and told`;
}
