/**
 * `kafka.delivery: exactly_once`: one transactional sender a topic, the positions topic that they share, and what of it
 * data_dir reflects.
 *
 *   start   claim -> init of each topic -> read the positions topic from the snapshot's offset on -> restore -> ready
 *   run     commit -> settled, positions move in data_dir -> now and then: synced, then the snapshot's offset moves
 *
 * The transactional id is `runnel-<agent id>-<topic>`: a topic that is stuck stalls no other.
 */
import { randomBytes } from '../builtin.ts';
import { log } from '../log.ts';
import type { KafkaClient } from './client.ts';
import { readSnapshot, writeSnapshot } from './positions-snapshot.ts';
import { type Committed, PositionsTopic, type PositionsTopicOptions, type Superseded } from './positions-topic.ts';
import { TransactionalSender, type TransactionsStatus } from './transactional-sender.ts';

const SNAPSHOT_MS = 5000;

export interface ExactlyOnceOptions {
  /** Of this agent id, in data_dir. */
  agentId: string;
  dataDir: string;
  host: string;
  /** Of the positions topic. */
  topic: string;
  /** `transaction_timeout`, milliseconds. */
  timeout: number;
  /** What one transaction may hold. */
  room: { bytes: number; blocks: number };
  /** True: data_dir has lost positions, so all of the topic has to be read. */
  lost: boolean;
  /** Corrects what data_dir says; resolves when it is in force. */
  restore(committed: Committed): Promise<void>;
  /** Brings all positions in data_dir to the medium; false where that failed. */
  sync(): Promise<boolean>;
  /** Another process works under the agent id. */
  superseded(error: Superseded): void;
  longest_pause?: number;
}

export class ExactlyOnce {
  readonly #client: KafkaClient;
  readonly #o: ExactlyOnceOptions;
  readonly #positions: PositionsTopic;
  readonly #senders = new Map<string, TransactionalSender>();
  /** Transactions whose positions may be written and are not settled: their offsets are not before these. */
  readonly #unsettled = new Map<TransactionalSender, bigint>();
  /** Keys that are of no interest any more: the next transaction says so. */
  readonly #forgotten = new Set<string>();
  /** Everything before it that will be committed is. */
  #end = 0n;
  #stored: bigint | null = null;
  #storing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #superseded = false;

  private constructor(client: KafkaClient, options: ExactlyOnceOptions, from: PositionsTopicOptions['from']) {
    this.#client = client;
    this.#o = options;
    this.#positions = new PositionsTopic(client, {
      topic: options.topic,
      agentId: options.agentId,
      instance: randomBytes(8).toString('hex'),
      host: options.host,
      from,
    });
    this.#timer = setInterval(() => void this.#store(), SNAPSHOT_MS).unref();
  }

  static async open(client: KafkaClient, options: ExactlyOnceOptions): Promise<ExactlyOnce> {
    const snapshot = await readSnapshot(options.dataDir);
    const usable = snapshot !== null && !options.lost && snapshot.topic === options.topic;
    return new ExactlyOnce(client, options, usable ? snapshot : null);
  }

  /** The topic's sender; it has begun to find out what was committed. */
  sender(topic: string): TransactionalSender {
    let sender = this.#senders.get(topic);
    if (!sender) {
      sender = new TransactionalSender(this.#client, {
        topic,
        transactionalId: `runnel-${this.#o.agentId}-${topic}`,
        timeout: this.#o.timeout,
        positions: this.#positions,
        room: this.#o.room,
        restore: (committed) => this.#restore(committed),
        began: (sender) => this.#unsettled.set(sender, this.#end),
        ended: (sender, next) => {
          this.#unsettled.delete(sender);
          if (next !== null && next > this.#end) this.#end = next;
        },
        forgotten: this.#forgotten,
        superseded: (error) => this.#supersede(error),
        ...(this.#o.longest_pause !== undefined && { longest_pause: this.#o.longest_pause }),
      });
      this.#senders.set(topic, sender);
      sender.start();
    }
    return sender;
  }

  senders(): Iterable<[topic: string, sender: TransactionalSender]> {
    return this.#senders;
  }

  get status(): TransactionsStatus {
    const sum = { open_seconds: null as number | null, commits: 0, aborts: 0, fenced: 0 };
    for (const { transactions: t } of this.#senders.values()) {
      if (t.open_seconds !== null) sum.open_seconds = Math.max(sum.open_seconds ?? 0, t.open_seconds);
      sum.commits += t.commits;
      sum.aborts += t.aborts;
      sum.fenced += t.fenced;
    }
    return sum;
  }

  /** The key is not needed any more; without this the positions topic would keep it for ever. */
  forget(key: string): void {
    this.#forgotten.add(key);
  }

  /** Somebody waits for memory. */
  hurry(): void {
    for (const sender of this.#senders.values()) sender.hurry();
  }

  /** Nothing waits for more to come any more. */
  finish(): void {
    for (const sender of this.#senders.values()) sender.finish();
  }

  /** Ends all work; what is not committed is aborted. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#senders.values()].map((sender) => sender.stop()));
  }

  /** Notes what data_dir reflects; `sync` must still work. */
  async close(): Promise<void> {
    await this.#store();
  }

  async #restore(committed: Committed): Promise<void> {
    if (committed.size > 0) {
      log.info(`${this.#o.topic}: ${committed.size} positions were committed that data_dir does not have; they count`);
    }
    await this.#o.restore(committed);
    const readTo = this.#positions.readTo;
    // Only what was read at first: later there are transactions of our own in it.
    if (this.#end === 0n && readTo !== null) this.#end = readTo;
  }

  #supersede(error: Superseded): void {
    if (this.#superseded) return;
    this.#superseded = true;
    this.#o.superseded(error);
  }

  /** Writes the snapshot down, once what it says is true on the medium. */
  #store(): Promise<void> {
    this.#storing = this.#storing.then(async () => {
      let offset = this.#end;
      for (const begun of this.#unsettled.values()) if (begun < offset) offset = begun;
      if (offset === 0n || offset === this.#stored || this.#superseded) return;
      try {
        if (!(await this.#o.sync())) return;
        const partition = this.#positions.ownPartition;
        if (partition === null) return;
        const { dataDir, topic } = this.#o;
        await writeSnapshot(dataDir, { cluster: this.#client.clusterId, topic, partition, offset });
        this.#stored = offset;
      } catch (error) {
        const cost = 'a start reads more of the positions topic';
        log.warnOnce('positions snapshot', `cannot store what data_dir reflects: ${(error as Error).message}: ${cost}`);
      }
    });
    return this.#storing;
  }
}
