/**
 * `kafka.delivery: exactly_once`: one transactional sender a topic, the positions topic that they share, and what of it
 * data_dir reflects.
 *
 *   start   claim -> init of each topic -> read the positions topic from the snapshot's offset on -> restore -> ready
 *   run     commit -> settled, positions move in data_dir -> now and then: synced, then the snapshot's offset moves
 *   leave   the first start without transactions: read the positions topic -> restore -> from now on data_dir counts
 *
 * The transactional id is `runnel-<agent id>-<topic>`: a topic that is stuck stalls no other.
 */
import { randomBytes } from '../../builtin.ts';
import { log } from '../../log.ts';
import type { KafkaClient } from '../connect/client.ts';
import { DeadLetters } from '../send/dead-letter.ts';
import { readSnapshot, type Snapshot, writeSnapshot } from './positions-snapshot.ts';
import { type Committed, PositionsTopic, type PositionsTopicOptions, type Superseded } from './positions-topic.ts';
import { TransactionalSender, type TransactionsStatus } from './sender.ts';

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
  /** Records are proven by their bytes: none is cut, or set aside; what Kafka does not take waits. */
  whole?: boolean;
  longest_pause?: number;
}

export function transactionalId(agentId: string, topic: string): string {
  return `runnel-${agentId}-${topic}`;
}

export class ExactlyOnce {
  readonly #client: KafkaClient;
  readonly #o: ExactlyOnceOptions;
  readonly #positions: PositionsTopic;
  readonly #deadLetters: DeadLetters;
  readonly #senders = new Map<string, TransactionalSender>();
  /** Transactions whose positions may be written and are not settled: their offsets are not before these. */
  readonly #unsettled = new Map<TransactionalSender, bigint>();
  /** Keys that are of no interest any more: the next transaction says so. */
  readonly #forgotten = new Set<string>();
  /** Everything before it that will be committed is. */
  #end = 0n;
  #stored: bigint | null = null;
  #storing: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #superseded = false;
  /** The positions topic is another one than before: data_dir counts. */
  #renewed = false;
  /** What data_dir knows better; null: that is settled. */
  #own: Snapshot['own'] | null;

  private constructor(
    client: KafkaClient,
    options: ExactlyOnceOptions,
    from: PositionsTopicOptions['from'],
    { own, forgotten }: Pick<Snapshot, 'own' | 'forgotten'>,
  ) {
    this.#client = client;
    this.#o = options;
    this.#own = own;
    this.#deadLetters = new DeadLetters(options.dataDir);
    for (const key of forgotten) this.#forgotten.add(key);
    this.#positions = new PositionsTopic(client, {
      topic: options.topic,
      agentId: options.agentId,
      instance: randomBytes(8).toString('hex'),
      host: options.host,
      from,
      renewed: () => {
        this.#renewed = true;
        this.#end = 0n;
        this.#stored = null;
        this.#unsettled.clear();
      },
    });
    this.#timer = setInterval(() => void this.#store(), SNAPSHOT_MS).unref();
  }

  static async open(client: KafkaClient, options: ExactlyOnceOptions): Promise<ExactlyOnce> {
    const snapshot = await readSnapshot(options.dataDir);
    const usable = snapshot !== null && !options.lost && snapshot.topic === options.topic;
    // What data_dir has lost it does not know better.
    const better = snapshot !== null && !options.lost ? snapshot : { own: [], forgotten: [] };
    return new ExactlyOnce(client, options, usable ? snapshot : null, better);
  }

  /** The topic's sender; it has begun to find out what was committed. */
  sender(topic: string): TransactionalSender {
    let sender = this.#senders.get(topic);
    if (!sender) {
      sender = new TransactionalSender(this.#client, {
        topic,
        transactionalId: transactionalId(this.#o.agentId, topic),
        timeout: this.#o.timeout,
        positions: this.#positions,
        room: this.#o.room,
        ...(this.#o.whole ? { whole: true } : { deadLetters: this.#deadLetters }),
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

  /**
   * At a start without transactions: learns what the last process had committed with them, and notes that from now on
   * data_dir knows better. Rejects when Kafka does not say it in time; that is reported and nothing to wait for.
   */
  async leave(signal: AbortSignal): Promise<void> {
    clearInterval(this.#timer);
    await this.#client.attempt(async (signal) => {
      await this.#positions.recognize(signal);
      await this.#positions.claim(signal);
      await this.#positions.catchUp((committed) => this.#restore(committed), signal);
    }, signal);
    this.#own = 'all';
    this.#stored = null;
    if (!(await this.#store())) throw new Error('data_dir does not take it');
  }

  /** Notes what data_dir reflects; `sync` must still work. */
  async close(): Promise<void> {
    await this.#store();
  }

  async #restore(committed: Committed): Promise<void> {
    const own = this.#own;
    const renewed = this.#renewed;
    const isBetter = (key: string) => own?.includes(key) || this.#forgotten.has(key);
    // What is known of a file is so in all of its topics.
    const better = (key: string) => renewed || own === 'all' || isBetter(key) || isBetter(wholeOf(key));
    const theirs = new Map([...committed].filter(([key]) => !better(key)));
    if (theirs.size > 0) {
      log.info(`${this.#o.topic}: ${theirs.size} positions were committed that data_dir does not have; they count`);
    }
    await this.#o.restore(theirs);
    if (own === null && !renewed) return;
    this.#renewed = false;
    // Only what was read at first: later there are transactions of our own in it.
    if (this.#end === 0n) this.#end = this.#positions.readTo ?? 0n;
    if (own === null) return;
    // So that a process without transactions sees that there were some, and after a kill none of them is taken for older
    // than what data_dir knows better.
    this.#own = null;
    this.#stored = null;
    if ((await this.#store()) || own.length === 0) return;
    this.#own = own;
    throw new Error(`${this.#o.topic}: nothing is sent before data_dir takes what counts there`);
  }

  #supersede(error: Superseded): void {
    if (this.#superseded) return;
    this.#superseded = true;
    this.#o.superseded(error);
  }

  /** Writes the snapshot down, once what it says is true on the medium; false: that failed. */
  #store(): Promise<boolean> {
    const stored = this.#storing.then(() => this.#storeNow());
    this.#storing = stored;
    return stored;
  }

  async #storeNow(): Promise<boolean> {
    let offset = this.#end;
    for (const begun of this.#unsettled.values()) if (begun < offset) offset = begun;
    if (offset === 0n || offset === this.#stored || this.#superseded) return true;
    try {
      const { ownPartition: partition, identity } = this.#positions;
      if (partition === null || identity === null || !(await this.#o.sync())) return false;
      const { dataDir, topic } = this.#o;
      const better = { own: this.#own ?? [], forgotten: [...this.#forgotten] };
      await writeSnapshot(dataDir, { ...identity, topic, partition, offset, ...better });
      this.#stored = offset;
      return true;
    } catch (error) {
      const cost = 'a start reads more of the positions topic';
      log.warnOnce('positions snapshot', `cannot store what data_dir reflects: ${(error as Error).message}: ${cost}`);
      return false;
    }
  }
}

/** `file/<id>` of `file/<id>/<topic>`; any other key is whole. */
function wholeOf(key: string): string {
  return key.split('/', 2).join('/');
}
