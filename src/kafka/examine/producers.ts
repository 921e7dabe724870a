/** Whether what a producer needs beside topics may be had: an id of its own, and with exactly_once transactional ids. */
import type { Link } from '../connect/connection.ts';
import type { Links } from '../connect/connections.ts';
import { coordinatorOf, initProducerId } from '../connect/requests.ts';
import { actionFor, BrokerError } from '../wire/errors.ts';
import { type Examined, type Objection, whoAsks } from './asked.ts';

export async function examineProducers(
  link: Link,
  links: Links,
  { kafka, agentId }: Examined,
  findings: Objection[],
  signal: AbortSignal,
): Promise<void> {
  const who = whoAsks(kafka);
  if (await isDenied(initProducerId(link))) {
    const message = `is without the right to write idempotently, so that records may come twice after failures: give ${who} IdempotentWrite on the cluster`;
    findings.push({ level: 'warning', about: ['kafka'], message });
  }
  if (kafka.delivery !== 'exactly_once') return;
  const refuse = (id: string, rights: string) =>
    findings.push({
      level: 'error',
      about: ['kafka', 'delivery'],
      message: `exactly_once: no right to the transactional id ${id}: give ${who} ${rights} on the ids that begin with runnel-`,
    });
  const own = `runnel-${agentId}-${kafka.topic_prefix}.positions`;
  if (await isDenied(coordinatorOf(link, own, 'transaction'))) return void refuse(own, 'Describe and Write');
  // Another id than any agent has: whoever asks for one ends the transactions under it.
  const nobodys = `runnel-${'0'.repeat(16)}-validate`;
  const asked = async () => {
    const coordinator = await links.to(await coordinatorOf(link, nobodys, 'transaction'), 'admin', signal);
    await initProducerId(coordinator, { id: nobodys, timeout: kafka.transaction_timeout });
  };
  if (await isDenied(asked())) refuse(nobodys, 'Describe and Write');
}

/** What passes by itself (a coordinator that is being chosen) says nothing of rights. */
async function isDenied(asked: Promise<unknown>): Promise<boolean> {
  try {
    await asked;
    return false;
  } catch (error) {
    if (error instanceof BrokerError) return actionFor(error.code) === 'denied';
    throw error;
  }
}
