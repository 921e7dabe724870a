/**
 * Sends what a spool partition holds, oldest first, and goes on as more is written. What is acknowledged is trimmed.
 *
 * While all blocks have one key (one Kafka partition) they go out under an identity that the spool remembers: sequence =
 * (spool offset - first offset) mod 2^31, so after kill -9 the broker knows again what it has. A gap in the offsets (a
 * segment that was dropped or damaged) would be a gap in the sequence, which no broker takes: a new identity begins
 * there. With several keys the numbers cannot follow the offsets: each key has a sender with an identity of its own.
 *
 * With transactions there are no numbers to follow: a block says itself how far it brings the partition, and that is
 * committed with it (kafka/positions-topic.ts).
 */
import type { Block, Outlet } from '../core/block.ts';
import { decompress } from '../kafka/codecs.ts';
import { records } from '../kafka/record-batch.ts';
import { log } from '../log.ts';
import type { Entry, SpoolPartition } from './partition.ts';
import type { Weights } from './sidecar.ts';

/** What a sender is to know about its numbers. */
export interface SpoolIdentity {
  /** As which producer to go on, and with which sequence; missing: as a new one. */
  identity?: { producerId: bigint; epoch: number; sequence: number };
  /**
   * A new producer id, whose sequence 0 is the record after `before` others that this sender got acknowledged. Awaited
   * before anything is sent under it.
   */
  onIdentity: (producer: { producerId: bigint; epoch: number }, before: number) => Promise<void>;
}

export interface DrainOptions {
  signal: AbortSignal;
  /** Makes what carries blocks with this key to Kafka. */
  sender(key: string, identity: SpoolIdentity): Outlet | Promise<Outlet>;
  /** Input items that Kafka has acknowledged, less so many that it refused for good. */
  onForwarded(weights: Weights, refused: number): void;
  /** True: the blocks say how far they bring the partition, and who sends them sees to it that none goes twice. */
  exactly?: boolean;
  /** Called once, when what was there at the start is acknowledged or gone. */
  caughtUp?(): void;
}

const SEQUENCES = 2 ** 31;

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

class Drain {
  readonly #partition: SpoolPartition;
  readonly #o: DrainOptions;
  /** By key. One sender: its numbers follow the offsets. */
  readonly #senders = new Map<string, Outlet>();
  #several = false;
  /** Blocks in flight, in the order of their offsets. */
  #inFlight: { next: number; done: boolean }[] = [];

  constructor(partition: SpoolPartition, options: DrainOptions) {
    this.#partition = partition;
    this.#o = options;
  }

  async run(): Promise<void> {
    const { signal } = this.#o;
    let expected = this.#partition.acknowledged;
    for await (const entry of this.#partition.read(expected, { signal })) {
      const block = await this.#blockOf(entry);
      if (entry.baseOffset !== expected || this.#partition.identityIsUnsafe) await this.#startOver();
      const sender = this.#senders.get(block.key) ?? (await this.#newSender(block.key, entry.baseOffset));
      if (!this.#o.exactly) await this.#partition.mayBeSent(signal);
      signal.throwIfAborted();
      await unlessAborted(this.#put(sender, block, entry), signal);
      expected = entry.nextOffset;
    }
  }

  async #blockOf(entry: Entry): Promise<Block> {
    const { topic } = this.#partition;
    const block = await blockOf(topic, entry);
    if (!this.#o.exactly) return block;
    const value = { spool: await this.#partition.id(), acknowledged: entry.nextOffset };
    return { ...block, checkpoint: { key: `spool/${topic}`, value } };
  }

  async #put(sender: Outlet, block: Block, entry: Entry): Promise<void> {
    const item = { next: entry.nextOffset, done: false };
    this.#inFlight.push(item);
    await sender.put(block, (_, refused = 0) => {
      item.done = true;
      if (entry.note) this.#o.onForwarded(entry.note.weights, refused);
      let passed = 0;
      while (this.#inFlight[0]?.done) passed = this.#inFlight.shift()!.next;
      if (passed > 0) void this.#partition.acknowledge(passed);
    });
  }

  async #newSender(key: string, offset: number): Promise<Outlet> {
    if (this.#senders.size > 0 && !this.#several) {
      await this.#startOver();
      this.#several = true;
    }
    const sender = await this.#o.sender(key, this.#several ? this.#forgotten() : this.#remembered(offset));
    this.#senders.set(key, sender);
    return sender;
  }

  /** Waits for what is in flight; what comes next has no numbers in common with it. */
  async #startOver(): Promise<void> {
    for (const sender of this.#senders.values()) await sender.drained(this.#o.signal);
    this.#senders.clear();
    await this.#partition.setIdentity(null);
  }

  /** For a sender whose first record is the one at `offset`. */
  #remembered(offset: number): SpoolIdentity {
    const known = this.#partition.identity;
    // An identity can begin inside a block that was split; such a block cannot go out whole under it again.
    const good = known && known.firstOffset <= offset ? known : null;
    const sequence = good ? (offset - good.firstOffset) % SEQUENCES : 0;
    return {
      ...(good && { identity: { producerId: good.producerId, epoch: good.epoch, sequence } }),
      onIdentity: ({ producerId, epoch }, before) =>
        this.#partition.setIdentity(producerId < 0n ? null : { producerId, epoch, firstOffset: offset + before }),
    };
  }

  #forgotten(): SpoolIdentity {
    return { onIdentity: () => Promise.resolve() };
  }
}

async function blockOf(topic: string, entry: Entry): Promise<Block> {
  const { body, codec, count, time, note } = entry;
  const { key, rawBytes } = note ?? (await unpacked(topic, entry));
  return { topic, key, count, rawBytes, codec, body, time, marks: [] };
}

/** Where the sidecar is damaged, the records themselves say their key. */
async function unpacked(topic: string, { body, codec, baseOffset }: Entry): Promise<{ key: string; rawBytes: number }> {
  try {
    const raw = await decompress(codec, body);
    for (const record of records(raw)) return { key: record.key?.toString() ?? '', rawBytes: raw.length };
  } catch (error) {
    log.warn(`spool of ${topic}: cannot unpack the block at ${baseOffset}: ${(error as Error).message}`);
  }
  return { key: '', rawBytes: body.length };
}

function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
