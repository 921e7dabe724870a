/**
 * Sends what a spool partition holds, oldest first, and goes on as more is written. What is acknowledged is trimmed.
 *
 * Each block goes to the partition of its key in Kafka, under a producer for that partition which the spool remembers
 * together with the acknowledged position (producers.ts). So after kill -9 the same blocks go out under the same numbers,
 * and the brokers know again what they have. Five things end that, and all producers begin anew, with nothing in flight:
 *
 *   - what an earlier process has left is sent: where data_dir was put back from a backup, what was sent since has the
 *     numbers that come next, and a broker takes what is new there for what it has
 *   - a gap in the offsets (a segment that was dropped or damaged): what was in it may have been sent
 *   - more partitions: keys are spread in another way
 *   - at the start: another topic or cluster than they are of (later that is the sender's to notice)
 *   - from now on transactions: a block says itself how far it brings the spool, and that is committed with it
 *     (kafka/transactions/positions-topic.ts); what may be at a broker already is sent under its old numbers first
 */
import type { Block, Outlet } from '../core/block.ts';
import type { TopicIdentity } from '../core/topic-identity.ts';
import { log } from '../log.ts';
import { decompress } from '../records/codecs.ts';
import { partitionFor } from '../records/murmur2.ts';
import { type Codec, records, WINDOW } from '../records/record-batch.ts';
import { CutDrain } from './cut-drain.ts';
import type { SpoolPartition } from './partition.ts';
import type { StoredBatch } from './segment.ts';
import { Shipments } from './shipments.ts';
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
  /** What blocks are made of that are cut anew: those of many keys. */
  packing?(): { codec: Codec; level: number; blockBytes: number };
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
    await (partition.manyKeys ? new CutDrain(partition, options) : new Drain(partition, options)).run();
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

/** Each block goes to the partition of its key. */
class Drain {
  readonly #partition: SpoolPartition;
  readonly #o: DrainOptions;
  readonly #shipments: Shipments;
  /** So many of the next blocks may be at a broker already, sent by an earlier process. */
  #earlier: number;
  /** What is before this offset an earlier process has left: only that may go out under its numbers. */
  #left: number;

  constructor(partition: SpoolPartition, options: DrainOptions) {
    this.#partition = partition;
    this.#o = options;
    this.#shipments = new Shipments(partition, options);
    const { continues } = this.#shipments;
    this.#earlier = continues ? WINDOW : 0;
    this.#left = continues ? partition.nextOffset : Number.POSITIVE_INFINITY;
  }

  async run(): Promise<void> {
    const { signal } = this.#o;
    const shipments = this.#shipments;
    let expected = this.#partition.acknowledged;
    for await (const entry of this.#partition.read(expected, { signal })) {
      const block = await this.#blockOf(entry);
      const ends = entry.baseOffset !== expected || entry.baseOffset >= this.#left;
      if (ends || this.#partition.producersAreUnsafe || (this.#earlier <= 0 && shipments.outdated)) {
        await shipments.startOver();
        this.#earlier = 0;
        this.#left = Number.POSITIVE_INFINITY;
      }
      const partition = partitionFor(block.key ?? '', await shipments.spreadOver());
      if (!shipments.continues) this.#earlier = 0;
      if (!shipments.exactly) await this.#partition.mayBeSent(signal);
      await shipments.send([entry], [{ partition, block: { ...block, sentBefore: this.#earlier > 0 } }]);
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
