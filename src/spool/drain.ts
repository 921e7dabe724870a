/**
 * Sends what a spool partition holds, oldest first, and goes on as more is written. What is acknowledged is trimmed.
 *
 * Each block goes to the partition of its key in Kafka, under a producer for that partition which the spool remembers
 * together with the acknowledged position (producers.ts). So after kill -9 the same blocks go out under the same numbers,
 * and the brokers know again what they have. Four things end that, and all producers begin anew, with nothing in flight:
 *
 *   - a gap in the offsets (a segment that was dropped or damaged): what was in it may have been sent
 *   - more partitions: keys are spread in another way
 *   - at the start: another topic or cluster than they are of (later that is the sender's to notice)
 *   - from now on transactions: a block says itself how far it brings the spool, and that is committed with it
 *     (kafka/transactions/positions-topic.ts); what may be at a broker already is sent under its old numbers first
 */
import { abortable } from '../core/abort.ts';
import type { Block, Outlet } from '../core/block.ts';
import type { TopicIdentity } from '../core/topic-identity.ts';
import { log } from '../log.ts';
import { decompress } from '../records/codecs.ts';
import { partitionFor } from '../records/murmur2.ts';
import { records, WINDOW } from '../records/record-batch.ts';
import type { SpoolPartition } from './partition.ts';
import type { StoredBatch } from './segment.ts';
import type { Weights } from './sidecar.ts';

/** What a sender is to know about its numbers. */
export interface SpoolIdentity {
  /** As which producer to go on, and with which sequence; missing: as a new one. */
  identity?: { producerId: bigint; epoch: number; sequence: number } & TopicIdentity;
  /**
   * A new producer id, whose sequence 0 is the record after `before` others that this sender got acknowledged. Awaited
   * before anything is sent under it.
   */
  onIdentity: (identity: { producerId: bigint; epoch: number } & TopicIdentity, before: number) => Promise<void>;
}

/** The topic in Kafka. */
export interface Target {
  topic: TopicIdentity;
  partitions: number;
}

export interface DrainOptions {
  signal: AbortSignal;
  /** The topic in Kafka; waits until it is there. */
  target(): Promise<Target>;
  /** How many partitions it has, as far as is known now; 0: not at all. */
  partitions(): number;
  /** Makes what carries blocks to one of its partitions. */
  sender(partition: number, identity: SpoolIdentity): Outlet | Promise<Outlet>;
  /** With transactions: what carries them there then, each once. */
  exactly?: ((partition: number) => Outlet | Promise<Outlet>) | null;
  /** Input items that Kafka has acknowledged, less so many that it refused for good. */
  onForwarded(weights: Weights, refused: number): void;
  /** Called once, when what was there at the start is acknowledged or gone. */
  caughtUp?(): void;
}

/** Resolves when the signal has aborted; rejects when a sender fails for good. */
export async function drain(partition: SpoolPartition, options: DrainOptions): Promise<void> {
  const { signal } = options;
  void announce(partition, options);
  try {
    await new Drain(partition, options).run();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function announce(partition: SpoolPartition, { signal, caughtUp }: DrainOptions): Promise<void> {
  try {
    await partition.passed(partition.nextOffset, signal);
    caughtUp?.();
  } catch {
    // Aborted: nobody waits for it any more.
  }
}

/** What carries blocks to a partition, and how many records of its own the acknowledged position has passed. */
interface Lane {
  readonly partition: number;
  readonly sender: Outlet;
  passed: number;
}

class Drain {
  readonly #partition: SpoolPartition;
  readonly #o: DrainOptions;
  /** By partition in Kafka. */
  readonly #lanes = new Map<number, Lane>();
  /** Over so many partitions the keys are spread now; 0: that is not known. */
  #partitions: number;
  /** That they are partitions of. */
  #topic: TopicIdentity = { cluster: undefined, topicId: null };
  /** False: under the spool's own producers. */
  #exactly: boolean;
  /** So many of the next blocks may be at a broker already, sent by an earlier process. */
  #earlier: number;
  /** Blocks in flight, in the order of their offsets. */
  #inFlight: { entry: StoredBatch; lane: Lane; done: boolean; refused: number }[] = [];
  /** Who waits until the position has moved. */
  #waiting: (() => void)[] = [];

  constructor(partition: SpoolPartition, options: DrainOptions) {
    this.#partition = partition;
    this.#o = options;
    this.#partitions = partition.producers.partitions;
    this.#earlier = this.#partitions > 0 ? WINDOW : 0;
    this.#exactly = Boolean(options.exactly) && this.#partitions === 0;
  }

  async run(): Promise<void> {
    const { signal } = this.#o;
    let expected = this.#partition.acknowledged;
    for await (const entry of this.#partition.read(expected, { signal })) {
      const block = await this.#blockOf(entry);
      const gap = entry.baseOffset !== expected;
      if (gap || this.#partition.producersAreUnsafe || this.#outdated) await this.#startOver();
      const target = await this.#targetOf(block.key);
      const lane = this.#lanes.get(target) ?? (await this.#newLane(target));
      if (!this.#exactly) await this.#partition.mayBeSent(signal);
      signal.throwIfAborted();
      await abortable(this.#put(lane, block, entry), signal);
      expected = entry.nextOffset;
      this.#earlier--;
    }
  }

  async #blockOf(entry: StoredBatch): Promise<Block> {
    const { topic } = this.#partition;
    const block = await blockOf(topic, entry);
    if (!this.#o.exactly) return block;
    const value = { spool: await this.#partition.id(), acknowledged: entry.nextOffset };
    return { ...block, checkpoint: { key: `spool/${topic}`, value } };
  }

  async #put(lane: Lane, block: Block, entry: StoredBatch): Promise<void> {
    const item = { entry, lane, done: false, refused: 0 };
    this.#inFlight.push(item);
    await lane.sender.put({ ...block, sentBefore: this.#earlier > 0 }, (_, refused = 0) => {
      item.done = true;
      item.refused = refused;
      let passed = 0;
      while (this.#inFlight[0]?.done) {
        const { entry, lane, refused } = this.#inFlight.shift()!;
        // Not before: until the position moves past it, it counts as waiting.
        if (entry.note) this.#o.onForwarded(entry.note.weights, refused);
        lane.passed += entry.count;
        this.#partition.producers.pass(lane.partition, entry.count);
        passed = entry.nextOffset;
      }
      if (passed === 0) return;
      void this.#partition.acknowledge(passed);
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  /** What an earlier process may have sent is behind us, and what comes next is to go another way. */
  get #outdated(): boolean {
    if (this.#earlier > 0) return false;
    const now = this.#o.partitions();
    return (
      (Boolean(this.#o.exactly) && !this.#exactly) || (now > 0 && this.#partitions > 0 && now !== this.#partitions)
    );
  }

  /** Waits for what is in flight; what comes next has no numbers in common with it. */
  async #startOver(): Promise<void> {
    for (const { sender } of this.#lanes.values()) await sender.drained(this.#o.signal);
    this.#lanes.clear();
    this.#partitions = 0;
    this.#earlier = 0;
    this.#exactly = Boolean(this.#o.exactly);
    await this.#partition.forgetProducers();
  }

  async #targetOf(key: string): Promise<number> {
    if (this.#lanes.size === 0) {
      const { topic, partitions } = await this.#o.target();
      const { producers } = this.#partition;
      this.#topic = topic;
      // Another topic than the producers are of: one with fewer partitions is.
      if (this.#partitions > 0 && !(producers.holdIn(topic) && this.#partitions <= partitions)) await this.#startOver();
      if (this.#partitions === 0) {
        this.#partitions = partitions;
        if (!this.#exactly) await this.#partition.beginProducers(topic, partitions);
      }
    }
    return partitionFor(key, this.#partitions);
  }

  async #newLane(partition: number): Promise<Lane> {
    const sender = this.#exactly
      ? await this.#o.exactly!(partition)
      : await this.#o.sender(partition, this.#identityFor(partition));
    const lane = { partition, sender, passed: 0 };
    this.#lanes.set(partition, lane);
    return lane;
  }

  #identityFor(partition: number): SpoolIdentity {
    const known = this.#partition.producers.get(partition);
    return {
      ...(known && { identity: { ...known, ...this.#topic } }),
      onIdentity: async ({ producerId, epoch, ...topic }, before) => {
        if (producerId >= 0n) await this.#allPassed(partition);
        const sequence = (this.#lanes.get(partition)?.passed ?? 0) - before;
        return this.#partition.setProducer(topic, partition, producerId < 0n ? null : { producerId, epoch, sequence });
      },
    };
  }

  /**
   * Resolves when the position has moved past all blocks that this partition has. Under a producer that began behind the
   * position nothing could be sent again after a kill. It is a wait for other partitions only, and the one that holds the
   * position back has no such blocks.
   */
  async #allPassed(partition: number): Promise<void> {
    while (this.#inFlight.some(({ lane, done }) => done && lane.partition === partition)) {
      await abortable(new Promise<void>((resolve) => this.#waiting.push(resolve)), this.#o.signal);
    }
  }
}

async function blockOf(topic: string, entry: StoredBatch): Promise<Block> {
  const { body, codec, count, time, note } = entry;
  const { key, rawBytes } = note ?? (await unpacked(topic, entry));
  return { topic, key, count, rawBytes, codec, body, time, marks: [] };
}

/** Where the sidecar is damaged, the records themselves say their key. */
async function unpacked(
  topic: string,
  { body, codec, baseOffset }: StoredBatch,
): Promise<{ key: string; rawBytes: number }> {
  try {
    const raw = await decompress(codec, body);
    for (const record of records(raw)) return { key: record.key?.toString() ?? '', rawBytes: raw.length };
  } catch (error) {
    log.warn(`spool of ${topic}: cannot unpack the block at ${baseOffset}: ${(error as Error).message}`);
  }
  return { key: '', rawBytes: body.length };
}
