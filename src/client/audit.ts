/**
 * `@runnel/audit`: audit events of an application, to the agent beside it. What this file exports is the package.
 *
 *   await emit(event, {socket, stream})     one event, when nothing else has to be true at the same time
 *   await inTransaction(client, event)      a row in `audit_outbox`, in the transaction of the business
 *   await relay(pool, {socket, stream})     moves such rows to the agent, until its signal aborts
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type AuditEvent, checkStream, writeEvent } from './event.ts';
import { type AgentAddress, type AgentAnswer, AgentConnection, AuditError, describe, pauseBefore } from './post.ts';

export type { AuditEvent } from './event.ts';
export { type InsertOptions, inTransaction, ring, type SqlClient, type SqlPool, schema } from './outbox.ts';
export { type AgentAddress, AuditError } from './post.ts';
export { type Relayed, type RelayOptions, relay } from './relay.ts';

const PATIENCE_MS = 60_000;
/** Addresses whose connections are kept for the next event. */
const ADDRESSES = 16;
const connections = new Map<string, AgentConnection>();

export interface EmitOptions extends AgentAddress {
  /** Default: the agent's, by the peer's name. */
  stream?: string;
  /** How long it is tried to reach the agent, milliseconds. Default 60,000. */
  timeout_ms?: number;
  signal?: AbortSignal;
}

/** What the agent answered when it had the event on its disk. */
export interface Receipt {
  /** `event.id`. */
  id: string;
  stream: string;
  /** The event's number in the stream. */
  first: number;
  last: number;
  /** Of the record in the chain, hex. */
  hash: string;
  durable: 'spool' | 'kafka';
  /** The agent had it already: by an earlier attempt whose answer was lost. */
  duplicate: boolean;
}

/**
 * Resolves when the agent has the event for good (201). While it cannot be reached or has no room, the same event is sent
 * again, under the same id. Rejects with a TypeError for what is no event, with an AuditError for what the agent refuses
 * (`status`), or when the time is up (`status` null): then the agent may have it or not, and the same `event.id` may be
 * emitted again.
 *
 * It is no part of a transaction: before the commit it tells of what may be rolled back, after it, it may be lost with the
 * process. Where that matters use `inTransaction`.
 */
export async function emit(event: AuditEvent, options: EmitOptions): Promise<Receipt> {
  const { id, text } = writeEvent(event);
  const { stream, signal, timeout_ms = PATIENCE_MS, ...address } = options;
  if (stream !== undefined) checkStream(stream);
  const connection = connectionTo(address);
  const headers = { 'content-type': 'application/json', ...(stream === undefined ? {} : { 'runnel-stream': stream }) };
  const until = performance.now() + timeout_ms;
  const limit = AbortSignal.any([AbortSignal.timeout(timeout_ms), ...(signal ? [signal] : [])]);
  let why: unknown = 'it does not answer';
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    let pause = pauseBefore(attempt);
    try {
      const answer = await connection.post(text, headers, limit);
      if (answer.status === 201) return { id, ...answer.body } as unknown as Receipt;
      if (isFinal(answer)) throw new AuditError(`the agent refuses event ${id}: ${describe(answer)}`, answer);
      why = describe(answer);
      pause = Math.max(pause, answer.retryAfter_ms);
    } catch (error) {
      if (error instanceof AuditError) throw error;
      if (!limit.aborted) why = (error as Error).message;
    }
    if (performance.now() + pause < until) await sleep(pause, undefined, signal ? { signal } : {});
    else if (!signal?.aborted) {
      const where = address.socket ?? address.url;
      throw new AuditError(`no agent at ${where} has taken event ${id} within ${timeout_ms} ms: ${why}`, null);
    }
  }
}

/** Whether the same request would be answered so again. */
function isFinal({ status }: AgentAnswer): boolean {
  return status < 500 && status !== 408 && status !== 429;
}

function connectionTo(address: AgentAddress): AgentConnection {
  const { socket, url, token, ca, cert, key } = address;
  const name = JSON.stringify([socket, url, token, ca, cert, key]);
  const known = connections.get(name);
  // The last used is the last in it.
  connections.delete(name);
  const connection = known ?? new AgentConnection(address);
  connections.set(name, connection);
  if (connections.size > ADDRESSES) {
    const [oldest] = connections.keys();
    // Its requests go on: their connections are closed when they end.
    connections.delete(oldest!);
  }
  return connection;
}
