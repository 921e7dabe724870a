/** Whether what a producer needs beside topics may be had: an id of its own, and where there are transactions their ids. */
import type { Link } from '../connect/connection.ts';
import type { Links } from '../connect/connections.ts';
import { coordinatorOf, initProducerId } from '../connect/requests.ts';
import { actionFor, BrokerError } from '../wire/errors.ts';
import { type Examined, type ExaminedTransactions, type Objection, whoAsks } from './asked.ts';

export async function examineProducers(
  link: Link,
  links: Links,
  { kafka, transactions }: Examined,
  findings: Objection[],
  signal: AbortSignal,
): Promise<void> {
  const who = whoAsks(kafka);
  if (await isDenied(initProducerId(link))) {
    const message = `is without the right to write idempotently, so that records may come twice after failures: give ${who} IdempotentWrite on the cluster`;
    findings.push({ level: 'warning', about: ['kafka'], message });
  }
  const refuse = ({ path, reason }: ExaminedTransactions, id: string) =>
    findings.push({
      level: 'error',
      about: path,
      message: `${reason}: no right to the transactional id ${id}: give ${who} Describe and Write on the ids that begin with runnel-`,
    });
  const described: ExaminedTransactions[] = [];
  for (const one of transactions) {
    if (await isDenied(coordinatorOf(link, one.id, 'transaction'))) refuse(one, one.id);
    else described.push(one);
  }
  if (described.length === 0) return;
  // Another id than any agent has: whoever asks for one ends the transactions under it.
  const nobodys = `runnel-${'0'.repeat(16)}-validate`;
  const asked = async () => {
    const coordinator = await links.to(await coordinatorOf(link, nobodys, 'transaction'), 'admin', signal);
    await initProducerId(coordinator, { id: nobodys, timeout: kafka.transaction_timeout });
  };
  if (await isDenied(asked())) refuse(described[0]!, nobodys);
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
