/**
 * What of a spool partition is on its way to Kafka: a lane for each partition there, and shipments in the order of their
 * offsets. A shipment is one block of the spool as it is, or a cut (cut.ts): a block for each of several partitions. The
 * acknowledged position moves over whole shipments.
 */
import { abortable } from '../core/abort.ts';
import type { Block, Outlet } from '../core/block.ts';
import type { TopicIdentity } from '../core/topic-identity.ts';
import type { DrainOptions, SpoolIdentity } from './drain.ts';
import type { SpoolPartition } from './partition.ts';
import type { StoredBatch } from './segment.ts';

/** What carries blocks to a partition, and how many records of its own the acknowledged position has passed. */
interface Lane {
  readonly partition: number;
  readonly sender: Outlet;
  passed: number;
}

interface Part {
  lane: Lane;
  count: number;
  done: boolean;
}

/** What is to be known of a block of the spool when it is acknowledged. */
type Carried = Pick<StoredBatch, 'nextOffset' | 'note'>;

interface Shipment {
  entries: readonly Carried[];
  parts: Part[];
  /** Records that were refused for good. */
  refused: number;
}

export class Shipments {
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
  /** In the order of their offsets. */
  #inFlight: Shipment[] = [];
  /** Who waits until the position has moved. */
  #waiting: (() => void)[] = [];

  constructor(partition: SpoolPartition, options: DrainOptions) {
    this.#partition = partition;
    this.#o = options;
    this.#partitions = partition.producers.partitions;
    this.#exactly = Boolean(options.exactly) && this.#partitions === 0;
  }

  /** Producers are known under which an earlier process may have sent something. */
  get continues(): boolean {
    return this.#partitions > 0;
  }

  get exactly(): boolean {
    return this.#exactly;
  }

  /** What comes next is to go another way than what was sent until now. */
  get outdated(): boolean {
    const now = this.#o.partitions();
    return (
      (Boolean(this.#o.exactly) && !this.#exactly) || (now > 0 && this.#partitions > 0 && now !== this.#partitions)
    );
  }

  /** Waits for what is in flight; what comes next has no numbers in common with it. */
  async startOver(): Promise<void> {
    for (const { sender } of this.#lanes.values()) await sender.drained(this.#o.signal);
    this.#lanes.clear();
    this.#partitions = 0;
    this.#exactly = Boolean(this.#o.exactly);
    await this.#partition.forgetProducers();
  }

  /** Over how many partitions the keys are spread; waits until the topic is there. */
  async spreadOver(): Promise<number> {
    if (this.#lanes.size > 0) return this.#partitions;
    const { topic, partitions } = await this.#o.target();
    const { producers } = this.#partition;
    this.#topic = topic;
    // Another topic than the producers are of: one with fewer partitions is.
    if (this.#partitions > 0 && !(producers.holdIn(topic) && this.#partitions <= partitions)) await this.startOver();
    if (this.#partitions === 0) {
      this.#partitions = partitions;
      if (!this.#exactly) await this.#partition.beginProducers(topic, partitions);
    }
    return this.#partitions;
  }

  /** Blocks for these partitions, which carry these entries, are put; resolves when all are accepted. */
  async send(entries: readonly Carried[], blocks: readonly { partition: number; block: Block }[]): Promise<void> {
    const lanes: Lane[] = [];
    for (const { partition } of blocks) lanes.push(this.#lanes.get(partition) ?? (await this.#newLane(partition)));
    this.#o.signal.throwIfAborted();
    const shipment: Shipment = { entries, parts: [], refused: 0 };
    this.#inFlight.push(shipment);
    shipment.parts = blocks.map(({ block }, i) => ({ lane: lanes[i]!, count: block.count, done: false }));
    const puts = blocks.map(({ block }, i) =>
      lanes[i]!.sender.put(block, (_, refused = 0) => {
        shipment.parts[i]!.done = true;
        shipment.refused += refused;
        this.#settle();
      }),
    );
    await abortable(Promise.all(puts), this.#o.signal);
  }

  #settle(): void {
    let passed = 0;
    while (this.#inFlight[0]?.parts.every(({ done }) => done)) {
      const { entries, parts, refused } = this.#inFlight.shift()!;
      let left = refused;
      for (const { note } of entries) {
        if (!note) continue;
        const items = note.weights.values().reduce((sum, weight) => sum + weight, 0);
        const lost = Math.min(left, items);
        left -= lost;
        // Not before: until the position moves past it, it counts as waiting.
        this.#o.onForwarded(note.weights, lost);
      }
      for (const { lane, count } of parts) {
        lane.passed += count;
        this.#partition.producers.pass(lane.partition, count);
      }
      passed = entries.at(-1)!.nextOffset;
    }
    if (passed === 0) return;
    void this.#partition.acknowledge(passed);
    for (const wake of this.#waiting.splice(0)) wake();
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
    const has = ({ parts }: Shipment) => parts.some(({ lane, done }) => done && lane.partition === partition);
    while (this.#inFlight.some(has)) {
      await abortable(new Promise<void>((resolve) => this.#waiting.push(resolve)), this.#o.signal);
    }
  }
}
