/**
 * Delivery: which lane a stream's records take, and what carries them to Kafka.
 *
 *   replayable stream, brokers     lane <topic>/<partition> -> Sender -> Kafka
 *   other stream, brokers          lane spool/<topic> -> spool partition -> drain -> Sender -> Kafka
 *   who sends is answered          durable lane -> spool partition of a budget of its own -> drain, as above
 *   files of an audit stream       lane chained/<topic> -> the input that chains it -> spool partition -> drain, as above
 *   no brokers                     lane spool/<topic> -> spool partition (the local log)
 *
 * With `kafka.delivery: exactly_once` the Sender is the topic's transactional one, for all of its partitions and for the
 * drain, and nothing is sent or read before it is known what was committed.
 *
 * What was in flight when the agent was stopped goes first, then what the spool holds of a topic, then its fresh lines:
 * so a file's order holds over restarts, and when brokers are configured after a time without.
 */
import type { CommonConfig } from '../config/config.ts';
import { abortable } from '../core/abort.ts';
import type { Accounts } from '../core/account.ts';
import type { Stream } from '../core/batch.ts';
import type { Mark, Outlet } from '../core/block.ts';
import { ChainedOutlet, type Chaining } from '../core/chained.ts';
import { DurableLane } from '../core/durable-lane.ts';
import type { DurableLog } from '../core/durable-log.ts';
import type { InputTopic } from '../core/input.ts';
import { Lane, type LaneOptions } from '../core/lane.ts';
import type { Ledgers } from '../core/ledger.ts';
import { MAX_BLOCK_BYTES, type Pool, type Share } from '../core/pool.ts';
import type { KafkaClient } from '../kafka/connect/client.ts';
import { DeadLetters } from '../kafka/send/dead-letter.ts';
import type { SavedWindows } from '../kafka/send/saved-windows.ts';
import { NOTHING_SENT } from '../kafka/send/status.ts';
import type { ExactlyOnce } from '../kafka/transactions/exactly-once.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { compress } from '../records/codecs.ts';
import { partitionFor } from '../records/murmur2.ts';
import type { Codec } from '../records/record-batch.ts';
import { durableLog } from '../spool/durable-log.ts';
import { durableOutlet } from '../spool/durable-outlet.ts';
import { SpoolOutlet } from '../spool/outlet.ts';
import type { Spools } from '../spool/spools.ts';
import { Behind } from './behind.ts';
import { Drains } from './drains.ts';
import { Senders, type TopicSent } from './senders.ts';

/** Packed bytes at which a block is sealed, by codec: measured, in CPU a line of the whole agent, not of the codec alone. */
const BLOCK_BYTES = { none: 900_000, gzip: 500_000, snappy: 300_000, lz4: 600_000, zstd: 900_000 } as const;

export interface DeliveryParts {
  config: CommonConfig;
  /** All that inputs may write to. */
  topics: readonly InputTopic[];
  pool: Pool;
  kernel: Kernel;
  ledgers: Ledgers;
  accounts: Accounts;
  spool: Spools;
  windows: SavedWindows;
  /** Null: no brokers are configured. */
  client: KafkaClient | null;
  /** Null: at least once is enough. */
  exactlyOnce: ExactlyOnce | null;
  /** Transactions of what is chained, whatever the rest goes by. */
  chained: (client: KafkaClient) => Promise<ExactlyOnce>;
  /** Resolves when it is known what transactions had committed before; null: there were none. */
  left: Promise<void> | null;
}

/** Acknowledged is what a transaction held when that ends: a lane is stalled after as long as several take. */
const TRANSACTION_STALL_MS = 5000;

/** The lane of a topic's records that go to the spool, and its share of the pool: stuck files do not starve it. */
function spooledName(topic: string): string {
  return `spool/${topic}`;
}

function laneName(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

export class Delivery {
  #p: DeliveryParts;
  readonly #lanes = new Map<string, Lane>();
  /** By topic: those who sent what is in it are answered. */
  readonly #durable = new Map<string, DurableLane>();
  /** By topic: of streams that are chained. */
  readonly #chainedLanes = new Map<string, { lane: Lane; outlet: ChainedOutlet }>();
  /** The partitions of files' lanes. */
  readonly #partitions = new Map<Lane, number>();
  /** Topics that were asked for: one that is not there has no sender yet, and a problem to tell. */
  readonly #asked = new Set<string>();
  readonly #senders: Senders;
  readonly #drains: Drains;
  /** Of what is chained, from the first use on. */
  #chained: { opened: Promise<ExactlyOnce>; transactions: ExactlyOnce | null } | null = null;
  readonly #stop = new AbortController();

  constructor(parts: DeliveryParts) {
    this.#p = parts;
    this.#reserve();
    this.#senders = new Senders(parts.windows, new DeadLetters(parts.config.data_dir), this.#stop.signal);
    this.#drains = new Drains({
      signal: this.#stop.signal,
      senders: this.#senders,
      packing: () => {
        const { compression: codec, compression_level: level } = this.#p.config.kafka;
        return { codec, level, blockBytes: BLOCK_BYTES[codec] };
      },
      count: (client, topic) => this.#count(client, topic),
      ready: (topic) => this.known(topic, this.#stop.signal),
      exactlyOnce: parts.exactlyOnce,
      chained: (client) => this.#chainedBy(client),
      onForwarded: (weights, refused) => this.#p.accounts.forward(weights, refused),
    });
    this.#senders.resend(parts.client);
    for (const [input, items] of parts.spool.recovered()) parts.accounts.of(input).recovered += items;
    if (parts.client) for (const partition of parts.spool.partitions()) this.#drains.begin(parts.client, partition);
  }

  /** From now on this holds; what is on its way goes on. `client`: there were no brokers until now. */
  change({ config, topics, client }: Pick<DeliveryParts, 'config' | 'topics' | 'client'>): void {
    const before = this.#p;
    this.#p = { ...before, config, topics, client };
    this.#reserve();
    for (const { durable } of topics) if (durable) void this.#p.spool.durable(durable.group, durable.max_size);
    if (before.client !== null || client === null) return;
    this.#senders.resend(client);
    for (const partition of before.spool.partitions()) this.#drains.begin(client, partition);
  }

  /** Every lane's minimum is set aside before its first record comes. */
  #reserve(): void {
    const { topics, pool, client } = this.#p;
    pool.reserve(
      topics.map(({ topic, replayable, within, fields = false }) => {
        return { name: replayable && client ? topic : spooledName(within ?? topic), fields };
      }),
    );
  }

  /** Resolves when it is known how far the files of this topic are committed. Rejects when the signal aborts. */
  async known(topic: string, signal: AbortSignal): Promise<void> {
    const { exactlyOnce, left } = this.#p;
    await exactlyOnce?.sender(topic).ready(signal);
    if (left) await abortable(left, signal);
  }

  laneOf(stream: Stream): Lane | Promise<Lane> {
    const { client } = this.#p;
    if (stream.chained) return this.#chainedLane(stream.topic).lane;
    if (!client || !stream.replayable) return this.#spooled(stream.topic);
    const known = client.topics.known(stream.topic);
    const lane = known > 0 && this.#lanes.get(laneName(stream.topic, partitionFor(stream.key, known)));
    return lane || this.#straight(client, stream);
  }

  /** Whether the lane still is the stream's: the topic may have got more partitions, or there were no brokers before. */
  keeps(stream: Stream, lane: Lane): boolean {
    const { client } = this.#p;
    if (stream.chained) return true;
    const partition = this.#partitions.get(lane);
    if (partition === undefined) return !client || !stream.replayable;
    const count = client?.topics.known(stream.topic) ?? 0;
    return count === 0 || partitionFor(stream.key, count) === partition;
  }

  /** How many partitions the topic has, once it is there. */
  #count(client: KafkaClient, topic: string): Promise<number> {
    this.#asked.add(topic);
    return client.partitions(topic, this.#stop.signal);
  }

  async #straight(client: KafkaClient, stream: Stream): Promise<Lane> {
    const partition = partitionFor(stream.key, await this.#count(client, stream.topic));
    const name = laneName(stream.topic, partition);
    let lane = this.#lanes.get(name);
    if (!lane) {
      const exactly = this.#p.exactlyOnce?.sender(stream.topic).outlet(partition);
      const sender = exactly ?? this.#senders.direct(client, stream.topic, partition);
      const before = this.#before(stream.topic, partition);
      // In a transaction all partitions of a topic wait for each other, and one key is one lane.
      const several = this.#p.topics.some((one) => one.topic === stream.topic && one.several);
      const byFile = this.#p.config.kafka.partition_by === 'file' && !exactly;
      const stallAfter = exactly ? TRANSACTION_STALL_MS : undefined;
      const share = this.#p.pool.share(stream.topic);
      lane = this.#lane(byFile ? share.part(name) : share, stream.topic, before ? new Behind(before, sender) : sender, {
        final: true,
        mayStall: byFile || several,
        stallAfter,
      });
      this.#lanes.set(name, lane);
      this.#partitions.set(lane, partition);
    }
    return lane;
  }

  /** The topic whose share is its too: its own, where anything asks for that. */
  #withinOf(topic: string): string {
    const same = this.#p.topics.filter((one) => one.topic === topic);
    return (same.every(({ within }) => within !== undefined) && same[0]?.within) || topic;
  }

  #spooled(topic: string): Lane {
    const name = spooledName(topic);
    let lane = this.#lanes.get(name);
    if (!lane) {
      const partition = this.#p.spool.common.partition(topic);
      const outlet = new SpoolOutlet(partition);
      const share = this.#p.pool.share(spooledName(this.#withinOf(topic)));
      lane = this.#lane(share, topic, outlet, { final: false, mayStall: false });
      this.#lanes.set(name, lane);
      if (this.#p.client) this.#drains.begin(this.#p.client, partition);
    }
    return lane;
  }

  /** Blocks of streams that are chained, of this topic, go there; null: they wait. */
  chaining(topic: string, to: Chaining | null): void {
    this.#chainedLane(topic).outlet.chaining = to;
  }

  #chainedLane(topic: string): { lane: Lane; outlet: ChainedOutlet } {
    let chained = this.#chainedLanes.get(topic);
    if (!chained) {
      const outlet = new ChainedOutlet();
      const share = this.#p.pool.share(spooledName(this.#withinOf(topic)));
      const lane = this.#lane(share, topic, outlet, { final: false, mayStall: false, codec: 'none' });
      chained = { lane, outlet };
      this.#chainedLanes.set(topic, chained);
      this.#lanes.set(`chained/${topic}`, lane);
    }
    return chained;
  }

  /** The lane of a topic that is durable. Rejects where its spool cannot be opened. */
  async durable(topic: string): Promise<DurableLane> {
    const { topics, spool: spools, pool } = this.#p;
    const { durable } = topics.find((one) => one.topic === topic && one.durable)!;
    const spool = await spools.durable(durable!.group, durable!.max_size);
    const found = this.#durable.get(topic);
    if (found) return found;
    const partition = spool.partition(topic);
    const kafka = () => this.#p.config.kafka;
    const lane = new DurableLane({
      topic,
      share: pool.share(spooledName(this.#withinOf(topic))),
      pool,
      outlet: durableOutlet(spool, partition),
      compress,
      get codec() {
        return kafka().compression;
      },
      get level() {
        return kafka().compression_level;
      },
      get blockBytes() {
        return Math.min(MAX_BLOCK_BYTES, BLOCK_BYTES[kafka().compression]);
      },
    });
    this.#durable.set(topic, lane);
    if (this.#p.client) this.#drains.begin(this.#p.client, partition);
    return lane;
  }

  /** The log of a topic that is chained. Rejects where its spool cannot be opened. */
  async durableLog(topic: string): Promise<DurableLog> {
    const { durable } = this.#p.topics.find((one) => one.topic === topic && one.durable)!;
    const spool = await this.#p.spool.durable(durable!.group, durable!.max_size);
    const partition = spool.partition(topic);
    if (this.#p.client) this.#drains.begin(this.#p.client, partition);
    const packing = () => {
      const { compression: codec, compression_level: level } = this.#p.config.kafka;
      return { codec, level };
    };
    return durableLog(spool, partition, { packing, hurry: () => this.#chained?.transactions?.hurry() });
  }

  /** Transactions of what is chained. */
  #chainedBy(client: KafkaClient): Promise<ExactlyOnce> {
    if (!this.#chained) {
      const chained = { opened: this.#p.chained(client), transactions: null as ExactlyOnce | null };
      this.#chained = chained;
      chained.opened.then(
        (transactions) => {
          chained.transactions = transactions;
        },
        () => {
          // Whoever waits for it says so; the next one tries again.
          this.#chained = null;
        },
      );
    }
    return this.#chained.opened;
  }

  /** All transactions that are in use. */
  get #transactions(): ExactlyOnce[] {
    return [this.#p.exactlyOnce, this.#chained?.transactions ?? null].filter((one) => one !== null);
  }

  #lane(
    share: Share,
    topic: string,
    outlet: Outlet,
    how: Pick<LaneOptions, 'final' | 'mayStall' | 'stallAfter'> & { codec?: Codec },
  ): Lane {
    const { pool, kernel, ledgers } = this.#p;
    const kafka = () => this.#p.config.kafka;
    return new Lane({
      ledgers,
      topic,
      share,
      pool,
      kernel,
      outlet,
      compress,
      // What may change while the lane is in use.
      get codec() {
        return kafka().compression;
      },
      get level() {
        return kafka().compression_level;
      },
      get linger() {
        return kafka().linger;
      },
      get blockBytes() {
        return Math.min(MAX_BLOCK_BYTES, BLOCK_BYTES[kafka().compression]);
      },
      singleKey: !how.final,
      ...how,
    });
  }

  /** What goes before a partition's fresh lines. */
  #before(topic: string, partition: number): Promise<unknown> | null {
    const before = this.#senders.earlier(topic, partition, this.#p.client?.topics.known(topic) ?? 0);
    const backlog = this.#drains.backlog(topic);
    if (backlog) before.push(backlog);
    return before.length > 0 ? Promise.all(before) : null;
  }

  /** What is wrong until a restart. */
  problems(): string[] {
    return this.#drains.problems();
  }

  /** Resolves when all that was pushed to the topic until now is safe, so that nothing of it is read again. */
  async passed(topic: string): Promise<void> {
    await Promise.all([...this.#lanes.values()].filter((lane) => lane.topic === topic).map((lane) => lane.passed()));
  }

  /** What is packed and neither acknowledged nor in the spool. */
  *packed(): Iterable<Mark> {
    for (const lane of [...this.#lanes.values(), ...this.#durable.values()]) yield* lane.pending();
  }

  /** What is packed and not safe yet, and what the last process left on its way, by input. */
  *pending(): Iterable<{ input: string; weight: number }> {
    for (const { stream, weight } of this.packed()) yield { input: stream.account.input, weight };
    yield* this.#p.windows.pending();
  }

  /** What the spool holds, by input. */
  spooled(): ReadonlyMap<string, number> {
    return this.#p.spool.waiting().weights;
  }

  /** What was sent, by topic and partition: a spool's drain may have had several senders one after the other. */
  topics(): TopicSent[] {
    const sent = this.#senders.sent();
    for (const [topic, sender] of this.#transactions.flatMap((one) => [...one.senders()])) {
      for (const status of sender.status()) sent.set(`${topic}/${status.partition}`, { topic, ...status });
    }
    for (const topic of this.#asked) {
      const problem = this.#p.client?.topics.error(topic);
      if (!problem || this.#senders.has(topic)) continue;
      // A sender of transactions says so itself once it has something to send.
      const said = [...sent].find(([, one]) => one.topic === topic);
      if (said?.[1].error) continue;
      const [name, status] = said ?? [topic, { ...NOTHING_SENT, topic, partition: 0 }];
      sent.set(name, { ...status, error: `${problem.problem}: ${problem.detail}` });
    }
    return [...sent.values()];
  }

  /**
   * Seals every block and waits until all is safe, and what the spool holds sent, as long as the signal lets it. What
   * is on its way then is kept, so that it is not sent twice; all else stays where it can be read again.
   */
  async close(deadline: AbortSignal): Promise<void> {
    for (const transactions of this.#transactions) transactions.finish();
    const lanes = [...this.#lanes.values(), ...this.#durable.values()].map((lane) => lane.drain(deadline));
    await Promise.allSettled(lanes);
    await Promise.allSettled([...this.#chainedLanes.values()].map(({ outlet }) => outlet.finish()));
    // With Kafka away it is safe where it is, and nobody has to wait.
    if (this.#p.client?.state === 'connected') {
      const spool = [...this.#p.spool.partitions()].map((partition) => partition.emptied(deadline));
      await Promise.allSettled([...spool, this.#senders.resent(deadline)]);
    }
    this.#stop.abort();
    await Promise.allSettled([this.#senders.stop(), ...this.#transactions.map((one) => one.stop())]);
    await this.#senders.keep();
    await this.#drains.ended();
    await this.#chained?.transactions?.close();
  }
}
