/**
 * A lane whose records somebody waits for: each `add` is answered when its records are on the medium, and only then.
 *
 *   reserve -> room in the spool is set aside     (none: whoever asks is held until its deadline, then refused)
 *   add     -> open block -> seal -> compress -> written -> synced -> everybody who waits for the block is answered
 *                      ^ when it is full, or as soon as no other block is on its way: one sync for all that came meanwhile
 *
 * Its records have many keys, each its own (`key: null`). Nothing lingers: there is no timer but the one that looks for
 * those whose deadline has passed.
 *
 * Invariants: blocks are written in the order in which they were sealed. An `add` resolves only when all of its records
 * are synced. What nobody waits for any more, and is not written, is thrown away: it is not received. A block has one
 * slot of the pool until it is compressed.
 */
import { log } from '../log.ts';
import type { Codec } from '../records/record-batch.ts';
import { abortable } from './abort.ts';
import type { Stream } from './batch.ts';
import type { Block, Mark } from './block.ts';
import { copyInto } from './copy.ts';
import { free } from './free.ts';
import type { Compress } from './lane.ts';
import { MAX_BLOCK_BYTES, type Pool, type Share, type Slot } from './pool.ts';

/** Records that are framed as they come: of one request, for example. */
export interface Parcel {
  /**
   * The next of its records, framed, with offset deltas from `delta` on, in at most `room` bytes; they are good until the
   * next call. `count` 0: the next one needs more room than that, but never more than MAX_BLOCK_BYTES. `items`: their
   * weight in the books. Null: that was all.
   */
  pack(delta: number, room: number): { count: number; items: number; bytes: Uint8Array } | null;
}

/** The disk behind it. */
export interface DurableOutlet {
  /** Why it does not take the block at hand; null where it does. */
  readonly error: string | null;
  /** Sets so many bytes aside; resolves with what gives them back. Rejects with the signal's reason when that aborts first. */
  reserve(bytes: number, signal: AbortSignal): Promise<() => void>;
  /** The same where there is room now; null: there is none. */
  reserveNow(bytes: number): (() => void) | null;
  /** Resolves when it is written; `synced` resolves when it is on the medium, and rejects where that failed. */
  put(block: Block, signal: AbortSignal): Promise<{ synced: Promise<void> }>;
}

export interface DurableLaneOptions {
  topic: string;
  share: Share;
  pool: Pool;
  outlet: DurableOutlet;
  compress: Compress;
  codec: Codec;
  level: number;
  /** Size at which a block is sealed, packed and not compressed; at most MAX_BLOCK_BYTES. */
  blockBytes: number;
}

/** It was not taken: there is no room for it in time. */
export class NotDurable extends Error {}

/** Somebody who waits, for one block or several. */
interface Waiter {
  readonly deadline: number;
  /** Blocks with records of it that are not synced; one more while it is packed. */
  left: number;
  over: boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface OpenBlock {
  readonly slot: Slot;
  at: number;
  count: number;
  time: number;
  readonly marks: Mark[];
  readonly waiters: Waiter[];
  /** The spool has it, and counts its items from there. */
  counted: boolean;
  /** Nobody waits for it any more. */
  readonly abandoned: AbortController;
}

/** Smaller ones are not worth it: what sends them makes larger ones of them. */
const COMPRESS_FROM = 4096;
const LOOK_MS = 200;
/** After a longer time without a look the process stood still (a suspend, SIGSTOP). */
const STOOD_MS = 1000;

export class DurableLane {
  readonly topic: string;
  readonly #o: DurableLaneOptions;
  #open: OpenBlock | null = null;
  readonly #sealed = new Set<OpenBlock>();
  /** Adds that take more than one block go one after the other. */
  #packing: Promise<unknown> | null = null;
  #putting: Promise<void> = Promise.resolve();
  #looking: NodeJS.Timeout | undefined;
  #looked = 0;
  #idle: (() => void)[] = [];
  #closed = false;

  constructor(options: DurableLaneOptions) {
    this.topic = options.topic;
    this.#o = options;
  }

  /** Room for so many bytes, framed. Rejects with NotDurable when there is none before the deadline, by `performance.now()`. */
  async reserve(bytes: number, deadline: number): Promise<() => void> {
    const now = this.#o.outlet.reserveNow(bytes);
    if (now) return now;
    const signal = AbortSignal.timeout(Math.max(0, Math.ceil(deadline - performance.now())));
    try {
      return await this.#o.outlet.reserve(bytes, signal);
    } catch {
      throw new NotDurable(`the local log of ${this.topic} is full`);
    }
  }

  /** The same where there is some now; null: there is none. */
  reserveNow(bytes: number): (() => void) | null {
    return this.#o.outlet.reserveNow(bytes);
  }

  /**
   * Resolves when there is memory for what is added next, so that who waits for it has nothing else that others need.
   * Rejects with NotDurable at the deadline.
   */
  async begin(deadline: number): Promise<void> {
    if (this.#closed) throw new NotDurable('the agent stops');
    if (this.#open) return;
    const { pool, share } = this.#o;
    const signal = AbortSignal.timeout(Math.max(0, Math.ceil(deadline - performance.now())));
    const slot = await pool.take(share, 'block', signal).catch(() => {
      throw new NotDurable('there is no memory for it now: the disk does not keep up');
    });
    this.#lookAgain();
    if (this.#open) {
      pool.give(share, 'block', slot);
      return;
    }
    const abandoned = new AbortController();
    const { bytesAt: at } = slot;
    this.#open = { slot, at, count: 0, time: Date.now(), marks: [], waiters: [], counted: false, abandoned };
  }

  /**
   * Resolves when all of the parcel is packed, so that it is needed no longer; `durable` resolves when it is on the medium.
   * Either rejects with NotDurable at the deadline, or when the disk fails.
   */
  async add(stream: Stream, parcel: Parcel, deadline: number): Promise<{ durable: Promise<void> }> {
    while (this.#packing) await this.#packing;
    if (this.#closed) throw new NotDurable('the agent stops');
    const { promise: durable, resolve, reject } = Promise.withResolvers<void>();
    // Whoever packs hears of it, too.
    durable.catch(() => undefined);
    const waiter: Waiter = { deadline, left: 1, over: false, resolve, reject };
    const packing = this.#pack(stream, parcel, waiter);
    if (packing) {
      const over = packing.finally(() => {
        this.#packing = null;
      });
      this.#packing = over.catch(() => undefined);
      await over;
    }
    this.#done(waiter);
    if (this.#sealed.size === 0) this.#seal();
    this.#lookAgain();
    return { durable };
  }

  #lookAgain(): void {
    if (this.#looking) return;
    this.#looked = performance.now();
    this.#looking = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  /** Null: it is done. */
  #pack(stream: Stream, parcel: Parcel, waiter: Waiter): Promise<void> | null {
    if (this.#open && this.#fill(this.#open, stream, parcel, waiter)) return null;
    return this.#packMore(stream, parcel, waiter);
  }

  async #packMore(stream: Stream, parcel: Parcel, waiter: Waiter): Promise<void> {
    for (;;) {
      if (this.#open) this.#seal();
      try {
        await this.begin(waiter.deadline);
      } catch (error) {
        this.#fail(waiter, error as Error);
        throw error;
      }
      if (this.#fill(this.#open!, stream, parcel, waiter)) return;
    }
  }

  /** True: all of the parcel is packed. */
  #fill(open: OpenBlock, stream: Stream, parcel: Parcel, waiter: Waiter): boolean {
    for (;;) {
      const used = open.at - open.slot.bytesAt;
      const packed = parcel.pack(open.count, Math.max(0, this.#o.blockBytes - used));
      if (packed === null) return true;
      // One that is larger than a usual block gets one of its own.
      const { count, items, bytes } = packed.count > 0 || open.count > 0 ? packed : parcel.pack(0, MAX_BLOCK_BYTES)!;
      if (count === 0) return false;
      if (open.count === 0) open.time = Date.now();
      copyInto(open.slot.bytes, used, bytes);
      open.at += bytes.length;
      open.count += count;
      stream.account.received += items;
      const last = open.marks.at(-1);
      if (last?.stream === stream) last.weight += items;
      else open.marks.push({ stream, end: 0, skipped: 0, weight: items, ticket: null });
      if (open.waiters.at(-1) !== waiter) {
        open.waiters.push(waiter);
        waiter.left++;
      }
    }
  }

  #seal(): void {
    const open = this.#open;
    if (!open) return;
    this.#open = null;
    const { pool, share } = this.#o;
    if (open.count === 0) {
      pool.give(share, 'block', open.slot);
      return;
    }
    this.#sealed.add(open);
    const records = Buffer.from(pool.memory.buffer, open.slot.bytesAt, open.at - open.slot.bytesAt);
    const packed = this.#compressed(records);
    // In the order of the seals, each after the one before is written.
    this.#putting = this.#putting.then(() => this.#put(open, records, packed));
  }

  #compressed(records: Buffer): Promise<{ codec: Codec; body: Buffer }> {
    const { codec, level } = this.#o;
    if (codec === 'none' || records.length < COMPRESS_FROM) return Promise.resolve({ codec: 'none', body: records });
    return this.#o.compress(codec, level, records).then(
      (body) => ({ codec, body }),
      (error: Error) => {
        log.warnOnce(`compress ${codec}`, `cannot compress with ${codec}: ${error.message}; kept uncompressed`);
        return { codec: 'none', body: records };
      },
    );
  }

  /** Never rejects. */
  async #put(open: OpenBlock, records: Buffer, packed: Promise<{ codec: Codec; body: Buffer }>): Promise<void> {
    const { pool, share, outlet } = this.#o;
    const { codec, body } = await packed;
    const cost = body === records ? 0 : body.length;
    if (cost > 0) {
      await pool.admit(share, cost);
      pool.give(share, 'block', open.slot);
    }
    const { count, time, marks, abandoned } = open;
    const block: Block = { topic: this.topic, key: null, count, rawBytes: records.length, codec, body, time, marks };
    try {
      const { synced } = await outlet.put(block, abandoned.signal);
      open.counted = true;
      synced.then(
        () => this.#settle(open, null),
        (error: Error) => this.#settle(open, error),
      );
    } catch (error) {
      this.#unreceive(open);
      this.#settle(open, error as Error);
    } finally {
      if (cost > 0) {
        pool.release(share, cost);
        free(body);
      } else pool.give(share, 'block', open.slot);
    }
  }

  #settle(block: OpenBlock, error: Error | null): void {
    this.#sealed.delete(block);
    for (const waiter of block.waiters) {
      if (error) this.#fail(waiter, new NotDurable(refusedBy(error.message)));
      else this.#done(waiter);
    }
    if (this.#sealed.size > 0) return;
    this.#seal();
    if (this.#sealed.size > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #done(waiter: Waiter): void {
    if (--waiter.left > 0 || waiter.over) return;
    waiter.over = true;
    waiter.resolve();
  }

  #fail(waiter: Waiter, error: Error): void {
    if (waiter.over) return;
    waiter.over = true;
    waiter.reject(error);
  }

  /** It was thrown away, and whoever sent it has been told. */
  #unreceive(block: OpenBlock): void {
    for (const mark of block.marks) mark.stream.account.received -= mark.weight;
    block.marks.length = 0;
  }

  /** Those who have waited for long enough are told so. */
  #look(): void {
    const now = performance.now();
    const stood = now - this.#looked > STOOD_MS;
    this.#looked = now;
    // What the disk said meanwhile is heard first: what is there must not be refused, and come again.
    if (stood) return;
    const blocks = this.#open ? [...this.#sealed, this.#open] : [...this.#sealed];
    const { error } = this.#o.outlet;
    const why = error === null ? 'the disk takes too long' : refusedBy(error);
    for (const { waiters } of blocks) {
      for (const waiter of waiters) {
        if (waiter.deadline <= now) this.#fail(waiter, new NotDurable(why));
      }
    }
    for (const block of this.#sealed) {
      if (!block.counted && block.waiters.every(({ over }) => over)) {
        block.abandoned.abort(new NotDurable('nobody waits for it any more'));
      }
    }
    const open = this.#open;
    const idle = open?.count === 0 && Date.now() - open.time >= LOOK_MS && !this.#packing;
    if (open && (idle || (open.count > 0 && open.waiters.every(({ over }) => over)))) {
      this.#open = null;
      this.#unreceive(open);
      this.#o.pool.give(this.#o.share, 'block', open.slot);
    }
    if (this.#open || this.#sealed.size > 0) return;
    clearInterval(this.#looking);
    this.#looking = undefined;
  }

  /** Items that this lane answers for: packed, and not in the spool. */
  *pending(): Iterable<Mark> {
    for (const block of this.#sealed) if (!block.counted) yield* block.marks;
    if (this.#open) yield* this.#open.marks;
  }

  /** Resolves when all that was added is on the medium or was refused. From now on nothing is taken. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#closed = true;
    await this.#packing;
    if (this.#sealed.size === 0) this.#seal();
    if (this.#sealed.size === 0) return;
    await abortable(new Promise<void>((resolve) => this.#idle.push(resolve)), signal);
  }
}

function refusedBy(error: string): string {
  return `the disk does not take it: ${error}`;
}
