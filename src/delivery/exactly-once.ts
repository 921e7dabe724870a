/**
 * Transactions and the rest of the agent: what they had committed comes into data_dir before anything is read or sent,
 * also at the first start without them.
 */
import { join } from 'node:path';
import type { CommonConfig } from '../config/config.ts';
import type { Accounts } from '../core/account.ts';
import { makeDirectory } from '../core/files.ts';
import type { InputPositions } from '../core/input.ts';
import type { Pool } from '../core/pool.ts';
import type { KafkaClient } from '../kafka/connect/client.ts';
import { ExactlyOnce } from '../kafka/transactions/exactly-once.ts';
import { ownInSnapshot, transactionsBefore } from '../kafka/transactions/positions-snapshot.ts';
import type { Committed } from '../kafka/transactions/positions-topic.ts';
import { log } from '../log.ts';
import type { Spools } from '../spool/spools.ts';

/** A transaction holds at most this many bytes, compressed. */
const TRANSACTION_BYTES = 8_000_000;
/** The same of what is chained: it is read back from disk for it. */
const CHAINED_BYTES = 2_000_000;
/** How long it is waited for what transactions had committed, beyond their timeout, when there are to be none any more. */
const LEAVE_MS = 20_000;

interface Parts {
  config: CommonConfig;
  pool: Pool;
  client: KafkaClient;
  accounts: Accounts;
  positions: readonly InputPositions[];
  spool: Spools;
}

export function positionsTopic({ kafka }: CommonConfig): string {
  return `${kafka.topic_prefix}.positions`;
}

/** Who sends what is chained: an agent of its own to the positions topic. */
export function chainedId(agentId: string): string {
  return `${agentId}-chained`;
}

interface Identity {
  agentId: string;
  /** Another process works under the agent id. */
  superseded: (error: Error) => void;
}

/** Those that are configured, or what is still to be learned of those before. `signal`: the agent stops. */
export async function openTransactions(
  parts: Omit<Parts, 'client'> & Identity & { client: KafkaClient | null },
  signal: AbortSignal,
): Promise<{ exactlyOnce: ExactlyOnce | null; leaving: TransactionsBefore | null }> {
  const { config, client, positions, pool } = parts;
  const none = { exactlyOnce: null, leaving: null };
  if (!client) {
    if (await transactionsBefore(config.data_dir)) await ownInSnapshot(config.data_dir, { set: 'all' });
    return none;
  }
  if (config.kafka.delivery !== 'exactly_once') {
    if (!(await transactionsBefore(config.data_dir))) return none;
    return {
      ...none,
      leaving: new TransactionsBefore(await openExactlyOnce({ ...parts, client }), { config, client }, signal),
    };
  }
  const exactlyOnce = await openExactlyOnce({ ...parts, client });
  for (const one of positions) one.onForget = (key) => exactlyOnce.forget(key);
  pool.onPressure = () => exactlyOnce.hurry();
  return { ...none, exactlyOnce };
}

function openExactlyOnce(parts: Parts & Identity): Promise<ExactlyOnce> {
  const { config, pool, client, positions, spool, agentId, superseded } = parts;
  const { bytes, blocks } = pool.holdable;
  // Without compression a block holds a slot until it is settled, else only its compressed bytes.
  const packed = config.kafka.compression === 'none';
  return ExactlyOnce.open(client, {
    agentId,
    dataDir: config.data_dir,
    host: config.host,
    topic: positionsTopic(config),
    timeout: config.kafka.transaction_timeout,
    room: packed
      ? { bytes: TRANSACTION_BYTES, blocks }
      : { bytes: Math.min(TRANSACTION_BYTES, bytes), blocks: Number.POSITIVE_INFINITY },
    lost: positions.some(({ lost }) => lost),
    restore: (committed) => restoreCommitted(committed, parts),
    async sync() {
      for (const one of positions) if (!(await one.sync())) return false;
      return spool.syncStates();
    },
    superseded,
  });
}

/**
 * Those of what is chained, which goes in transactions whatever the rest goes by: an agent of its own to the positions topic,
 * so that neither knows of the other's positions.
 */
export async function openChained(parts: Omit<Parts, 'positions'> & Identity): Promise<ExactlyOnce> {
  const { config, client, spool, agentId, superseded } = parts;
  const dataDir = join(config.data_dir, 'audit');
  await makeDirectory(dataDir);
  return ExactlyOnce.open(client, {
    agentId: chainedId(agentId),
    dataDir,
    host: config.host,
    topic: positionsTopic(config),
    timeout: config.kafka.transaction_timeout,
    room: { bytes: CHAINED_BYTES, blocks: Number.POSITIVE_INFINITY },
    lost: false,
    restore: (committed) => restoreCommitted(committed, { ...parts, positions: [] }, true),
    sync: () => spool.syncStates(),
    superseded,
    whole: true,
  });
}

/** The last process worked with transactions: what it had committed counts, and from then on data_dir alone. */
export class TransactionsBefore {
  /** Resolves when that is so, or cannot be known. Rejects when the signal aborts. */
  readonly done: Promise<void>;
  readonly #exactlyOnce: ExactlyOnce;
  readonly #config: CommonConfig;
  readonly #client: KafkaClient;
  /** When it is not waited for any longer; null: Kafka was not reached yet. */
  #until: Date | null = null;
  #over = false;

  constructor(exactlyOnce: ExactlyOnce, { config, client }: Pick<Parts, 'config' | 'client'>, signal: AbortSignal) {
    this.#exactlyOnce = exactlyOnce;
    this.#config = config;
    this.#client = client;
    this.done = this.#leave(signal).finally(() => {
      this.#over = true;
    });
    this.done.catch(() => undefined); // stopped
  }

  /** What is waited for, and until when, for people; null: nothing any more. */
  get reason(): string | null {
    if (this.#over) return null;
    const what = 'not known yet what was committed with transactions: files are not read, the local log is not sent';
    if (!this.#until) return `${what}, until Kafka is reached and says it`;
    const why = this.#client.topics.error(positionsTopic(this.#config))?.detail ?? this.#client.error;
    return `${what}, until Kafka says it, ${this.#until.toISOString()} at most${why ? `: ${why}` : ''}`;
  }

  async #leave(signal: AbortSignal): Promise<void> {
    const { kafka, data_dir } = this.#config;
    try {
      await this.#client.connect(signal);
      const limit = kafka.transaction_timeout + LEAVE_MS;
      this.#until = new Date(Date.now() + limit);
      await this.#exactlyOnce.leave(AbortSignal.any([signal, AbortSignal.timeout(limit)]));
    } catch (error) {
      signal.throwIfAborted();
      const why = this.#client.topics.error(positionsTopic(this.#config))?.detail ?? (error as Error).message;
      log.warn(`cannot learn what was committed with transactions: ${why}; what the last one held may come twice`);
      await ownInSnapshot(data_dir, { set: 'all' }).catch((error: Error) => {
        // Thrown, it would end every input until the next start.
        log.warn(`cannot note that data_dir counts from now on: ${error.message}; the next start asks Kafka once more`);
      });
    }
  }
}

/** What another process of this agent had committed, and data_dir does not have, counts from now on. */
async function restoreCommitted(
  committed: Committed,
  { positions, spool, accounts }: Pick<Parts, 'positions' | 'spool' | 'accounts'>,
  chained = false,
): Promise<void> {
  for (const one of positions) await one.restore(committed);
  for (const partition of spool.partitions()) {
    const value = committed.get(`spool/${partition.topic}`);
    if (!value || partition.manyKeys || partition.chained !== chained) continue;
    await partition.forward(String(value.spool), Number(value.acknowledged), (passed) => {
      // The other process has counted them as forwarded.
      for (const [input, items] of passed) accounts.of(input).recovered -= items;
    });
  }
}
