/**
 * What an open transaction takes of a topic's queue: blocks until it is full, old, or somebody waits for its end; then what
 * they bring of the positions. After failures the next one takes fewer blocks, so that it gets through between two.
 */
import { Bell } from '../../core/bell.ts';
import type { Repair } from '../send/repair.ts';
import type { Open, OpenPacket } from './open.ts';
import type { TransactionQueue } from './queue.ts';
import type { TransactionWriter } from './writer.ts';

/** How long a transaction takes blocks, milliseconds; at most a quarter of its timeout. */
const AGE = 1000;
/** The same of the first one; each takes twice as long as the one before. So a start shows soon that it works. */
const FIRST_AGE = 100;

export interface FillingOptions {
  topic: string;
  /** `transaction_timeout`, milliseconds. */
  timeout: number;
  /** What a transaction may hold at most: compressed bytes, and blocks. */
  room: { bytes: number; blocks: number };
  /** Keys whose positions are to be deleted: taken out when that is committed. */
  forgotten: Set<string>;
}

export class Filling {
  readonly #o: FillingOptions;
  readonly #queue: TransactionQueue;
  readonly #repair: Repair<OpenPacket>;
  readonly #writer: TransactionWriter;
  /** Rings when there is more, or it is to end. */
  readonly bell = new Bell();
  /** Milliseconds. */
  #age = FIRST_AGE;
  /** The most blocks of the next transaction. */
  #most = Number.POSITIVE_INFINITY;
  /** Keys that the open transaction deletes. */
  #forgetting: string[] = [];
  /** Commit as soon as what is queued is sent: somebody waits for that, or for memory. */
  #hurried = false;
  #waiting = 0;
  #finishing = false;

  constructor(queue: TransactionQueue, repair: Repair<OpenPacket>, writer: TransactionWriter, options: FillingOptions) {
    this.#queue = queue;
    this.#repair = repair;
    this.#writer = writer;
    this.#o = options;
  }

  /** Somebody waits for memory: the open transaction is committed as soon as what is queued is sent. */
  hurry(): void {
    if (this.#queue.length === 0 || this.#hurried) return;
    this.#hurried = true;
    this.bell.ring();
  }

  /** From now on nothing waits for more to come. */
  finish(): void {
    this.#finishing = true;
    this.bell.ring();
  }

  /** Resolves when all that was put is committed, and has nothing wait for more meanwhile. */
  async drained(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#queue.length === 0) return;
    this.#waiting++;
    this.bell.ring();
    try {
      await this.#queue.drained(signal);
      signal.throwIfAborted();
    } finally {
      this.#waiting--;
    }
  }

  /** Takes blocks and sends them until the transaction is full or old. */
  async fill(open: Open): Promise<void> {
    const { room, timeout } = this.#o;
    const until = open.began + Math.min(this.#age, timeout / 4);
    const most = Math.min(room.blocks, this.#most);
    for (;;) {
      if (open.failure) throw open.failure;
      const entry = this.#queue.next;
      const left = until - performance.now();
      if (!entry) {
        if (left <= 0 || this.#hurried || this.#finishing || this.#waiting > 0) return;
        await this.bell.heard(open.signal, left);
        open.signal.throwIfAborted();
        continue;
      }
      const bytes = entry.packets.reduce((sum, { body }) => sum + body.length, 0);
      if (open.blocks > 0 && (open.blocks >= most || open.bytes + bytes > room.bytes || left <= 0)) return;
      this.#queue.taken++;
      open.blocks++;
      open.bytes += bytes;
      for (const packet of [...entry.packets]) {
        if (this.#repair.tooLarge(packet)) await this.#repair.shrink(packet, this.#queue);
      }
      await this.#writer.sendBlock(open, entry);
    }
  }

  /** Sends what the blocks bring; resolves with where that lies when it and all blocks are acknowledged. */
  writePositions(open: Open): Promise<{ base: bigint; next: bigint }> {
    const { topic, forgotten } = this.#o;
    const latest = this.#queue.checkpoints();
    for (const key of forgotten) if (!latest.has(key)) latest.set(key, { key, value: null });
    this.#forgetting = [...latest.values()].filter(({ value }) => value === null).map(({ key }) => key);
    // Without any the transaction's fate could not be read.
    if (latest.size === this.#forgetting.length) latest.set(topic, { key: `topic/${topic}`, value: {} });
    return this.#writer.sendPositions(open, latest.values());
  }

  /** What it took is committed. */
  settle(): void {
    this.#age = Math.min(AGE, this.#age * 2);
    this.#most *= 2;
    for (const key of this.#forgetting.splice(0)) this.#o.forgotten.delete(key);
    this.#queue.settle();
    if (this.#queue.length === 0) this.#hurried = false;
  }

  /** Nothing of it is there, nor ever will be: its blocks are first in the next one. Gives how many it took. */
  abort(): number {
    const { taken } = this.#queue;
    this.#most = Math.max(1, Math.ceil(taken / 2));
    this.#queue.taken = 0;
    return taken;
  }
}
