/**
 * The pool: all memory for data in flight, one shared WebAssembly.Memory of fixed size.
 *
 *   page 0..1   | arenas   | slot 0             | slot 1             | ...
 *   scratch     | programs | tables | bytes | slack                  |
 *
 * Node reads files into it, the kernel works in it, sockets and codecs take views of it: nothing is copied.
 * It never grows, so addresses and views stay good. Slots are reused last in, first out: untouched pages cost nothing.
 *
 * Who may hold a slot: a batch that a source fills, and a lane's open block (until it is compressed; without
 * compression until it is acknowledged). Both count into the share of their topic. A batch of an input whose `process`
 * has fields holds a second one for them; it gets both at once, so no two wait for each other's. A share holds at most
 * `limit` slots, and batches leave the last two of them to blocks, and two of its minimum: so a share that is full, or has
 * its minimum and no more, always can finish a block. A slot is given only while what remains covers the unfilled minimums
 * of all other shares: a topic that is stuck starves nobody. Where a reload has brought topics whose minimums are more than
 * there is, batches leave two slots to the blocks of all.
 *
 * An input with fields has an arena besides, for its program (kernel/arena.ts): they lie before the slots, and are none.
 *
 * A share may have parts, one a lane. What a part holds that is stalled (its partition has no leader) is set aside: it
 * does not count against what the others of its share may have, so they go on beside it.
 *
 * Compressed bytes in flight count into the same shares, against a budget of their own (`admit` / `release`).
 */
import assert from 'node:assert';

/** Records a batch's tables can name. */
export const MAX_RECORDS = 8192;
/** A Kafka block, packed and not compressed, is at most this many bytes (Kafka's default limit is 1,048,588). */
export const MAX_BLOCK_BYTES = 1_000_000;
/** Four tables of u32 and one of u8 a record. */
const TABLE_BYTES = MAX_RECORDS * 17;
/** The kernel may write up to this many bytes past the end of what it was asked to write. */
const SLACK = 4096;
/** Of it, what stays free where a slot has no tables. */
const OVERRUN = 64;
/** Bytes that a slot holds, tables and slack apart. */
export const SLOT_CAPACITY = 1 << 20;
/** Of it, what a source may keep before the lines: for a file, the bytes before its position. */
export const BEFORE_LINES = 64;
export const SLOT_BYTES = TABLE_BYTES + SLOT_CAPACITY + SLACK;
const PAGE = 65536;
/** The kernel's own: parameters, templates, constants. */
export const SCRATCH_BYTES = 2 * PAGE;
/** At the memory's end, not of `buffer_memory`: what regular expressions try, and their programs (kernel/process/regex.ts). */
export const WORK_BYTES = 8 * PAGE;
/** Before them, and as little of it: secrets that were found in a batch, and what takes their place (kernel/process/mask.ts). */
export const MASK_BYTES = 6 * PAGE;
/** Slots that every share can count on: one batch, one block being packed, one block being compressed. */
export const SHARE_MINIMUM = 3;
/** The same where a batch may have fields. */
export const FIELDS_MINIMUM = 4;
/** With a slot for fields, less than the 2 MiB that an input with `process` may need more than another. */
export const PROGRAM_BYTES = 768 * 1024;
/** Arenas of inputs that come with a reload; pages that are not used cost nothing. */
const SPARE_ARENAS = 32;

/** Where the arenas are. */
export interface ArenaSpace {
  readonly at: number;
  readonly count: number;
}

/** What a pool must have room for: shares without and with fields, and inputs with fields. */
export interface Demand {
  plain: number;
  fields: number;
  arenas: number;
}

/** A stretch of the pool. `at` and the other addresses are byte offsets into `pool.memory`. */
export class Slot {
  readonly at: number;
  /** Where it ends; the kernel may write a little behind what it was asked to, so that is kept free. */
  readonly limit: number;
  readonly startsAt: number;
  readonly endsAt: number;
  readonly sourceAt: number;
  readonly lengthAt: number;
  readonly flagsAt: number;
  readonly bytesAt: number;
  /** SLOT_CAPACITY bytes. */
  readonly bytes: Buffer;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  readonly source: Uint32Array;
  readonly length: Uint32Array;
  readonly flags: Uint8Array;

  /** `first`: the record that its tables begin with. `bytes`: of one that has them. */
  constructor(memory: ArrayBufferLike, at: number, first = 0, bytes?: Buffer) {
    const table = MAX_RECORDS * 4;
    const records = MAX_RECORDS - first;
    this.at = at;
    this.limit = at + SLOT_BYTES - OVERRUN;
    this.startsAt = at + first * 4;
    this.endsAt = at + table + first * 4;
    this.sourceAt = at + 2 * table + first * 4;
    this.lengthAt = at + 3 * table + first * 4;
    this.flagsAt = at + 4 * table + first;
    this.bytesAt = at + TABLE_BYTES;
    this.bytes = bytes ?? Buffer.from(memory, this.bytesAt, SLOT_CAPACITY);
    this.starts = new Uint32Array(memory, this.startsAt, records);
    this.ends = new Uint32Array(memory, this.endsAt, records);
    this.source = new Uint32Array(memory, this.sourceAt, records);
    this.length = new Uint32Array(memory, this.lengthAt, records);
    this.flags = new Uint8Array(memory, this.flagsAt, records);
  }

  /** The same bytes, whose first record is that with this number; of a slot that begins with its first one. */
  behind(first: number): Slot {
    assert(this.startsAt === this.at, 'tables behind others');
    return new Slot(this.bytes.buffer, this.at, first, this.bytes);
  }
}

type Use = 'batch' | 'block';
interface Waiter {
  share: Share;
  use: Use;
  /** Slots that it wants at once. */
  count: number;
  resolve: (slots: Slot[]) => void;
  reject: (reason: unknown) => void;
}

/** What is held: slots, of them those held by batches, and compressed bytes in flight. */
interface Held {
  slots: number;
  batches: number;
  bytes: number;
}

/** A topic's part of the pool, or a lane's part of that. */
export class Share implements Held {
  readonly name: string;
  readonly #of: Share | null;
  /** Slots that it can count on. */
  minimum = SHARE_MINIMUM;
  /** Its minimum is set aside. */
  reserved = true;
  slots = 0;
  batches = 0;
  bytes = 0;
  /** What stalled parts hold of it. */
  readonly aside: Held = { slots: 0, batches: 0, bytes: 0 };
  #stalled = false;

  constructor(name: string, of: Share | null = null) {
    this.name = name;
    this.#of = of;
  }

  part(name: string): Share {
    return new Share(name, this);
  }

  /** The topic's. */
  get whole(): Share {
    return this.#of ?? this;
  }

  get stalled(): boolean {
    return this.#stalled;
  }

  set stalled(stalled: boolean) {
    if (stalled === this.#stalled) return;
    this.#stalled = stalled;
    const sign = stalled ? 1 : -1;
    add(this.whole.aside, { slots: sign * this.slots, batches: sign * this.batches, bytes: sign * this.bytes });
  }

  /** More is held, or less. */
  count(more: Held): void {
    add(this, more);
    if (this.#of) add(this.#of, more);
    if (this.#stalled) add(this.whole.aside, more);
  }

  /** What counts against the share's limits when this part of it wants more. */
  against(): Held {
    const { slots, batches, bytes, aside } = this.whole;
    if (this.#stalled) return { slots, batches, bytes };
    return { slots: slots - aside.slots, batches: batches - aside.batches, bytes: bytes - aside.bytes };
  }
}

function add(held: Held, { slots, batches, bytes }: Held): void {
  held.slots += slots;
  held.batches += batches;
  held.bytes += bytes;
}

export class Pool {
  readonly memory: WebAssembly.Memory;
  readonly arenas: ArenaSpace;
  readonly slotCount: number;
  /** Slots that one share may hold at most. */
  readonly limit: number;
  /** Compressed bytes in flight, of all shares, at most. */
  readonly byteBudget: number;
  readonly #byteLimit: number;
  readonly #free: Slot[] = [];
  readonly #shares = new Map<string, Share>();
  #waiters: Waiter[] = [];
  #admissions: { share: Share; bytes: number; resolve: () => void }[] = [];
  #bytes = 0;
  /** Called when compressed bytes have to wait: whoever holds some may let go of them. */
  onPressure: (() => void) | null = null;

  /**
   * `bufferMemory` in bytes: three quarters become slots and `arenas` arenas, one quarter is the budget of compressed
   * bytes.
   */
  constructor(bufferMemory: number, arenas = 0) {
    const forSlots = bufferMemory * 0.75 - SCRATCH_BYTES - arenas * PROGRAM_BYTES;
    this.slotCount = Math.max(SHARE_MINIMUM * 2, Math.floor(forSlots / SLOT_BYTES));
    this.byteBudget = Math.max(4 * MAX_BLOCK_BYTES, Math.floor(bufferMemory / 4));
    this.arenas = { at: SCRATCH_BYTES, count: arenas + SPARE_ARENAS };
    const slotsAt = SCRATCH_BYTES + this.arenas.count * PROGRAM_BYTES;
    const pages = Math.ceil((slotsAt + this.slotCount * SLOT_BYTES + MASK_BYTES + WORK_BYTES) / PAGE);
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    for (let i = this.slotCount - 1; i >= 0; i--) {
      this.#free.push(new Slot(this.memory.buffer, slotsAt + i * SLOT_BYTES));
    }
    this.limit = Math.max(SHARE_MINIMUM + 1, Math.floor(this.slotCount / 3));
    this.#byteLimit = Math.max(2 * MAX_BLOCK_BYTES, Math.floor(this.byteBudget / 3));
  }

  /** What of its blocks a share may hold back, so that as much again can be packed and sent behind it meanwhile. */
  get holdable(): { bytes: number; blocks: number } {
    return { bytes: Math.floor(this.#byteLimit / 2), blocks: Math.max(1, Math.floor((this.limit - 2) / 2)) };
  }

  /** The smallest `buffer_memory` that gives every share its minimum, in bytes. */
  static minimumFor({ plain, fields, arenas }: Demand): number {
    const slots = Math.max(2 * SHARE_MINIMUM, SHARE_MINIMUM * plain + FIELDS_MINIMUM * fields);
    return Math.ceil((SCRATCH_BYTES + SLOT_BYTES * slots + PROGRAM_BYTES * arenas) / 0.75);
  }

  share(name: string): Share {
    let share = this.#shares.get(name);
    if (!share) {
      share = new Share(name);
      this.#shares.set(name, share);
    }
    return share;
  }

  /** From now on the minimums of these shares are set aside, and of no others. `fields`: their batches may have some. */
  reserve(shares: Iterable<{ name: string; fields: boolean }>): void {
    for (const share of this.#shares.values()) {
      share.reserved = false;
      share.minimum = SHARE_MINIMUM;
    }
    for (const { name, fields } of shares) {
      const share = this.share(name);
      share.reserved = true;
      if (fields) share.minimum = FIELDS_MINIMUM;
    }
    this.#wake();
  }

  get free(): number {
    return this.#free.length;
  }

  /** A slot, as soon as the share may have one. Rejects with the signal's reason when that aborts first. */
  async take(share: Share, use: Use, signal?: AbortSignal): Promise<Slot> {
    const [slot] = await this.takeAll(share, use, 1, signal);
    return slot!;
  }

  /** As `take`, so many at once. */
  takeAll(share: Share, use: Use, count: number, signal?: AbortSignal): Promise<Slot[]> {
    signal?.throwIfAborted();
    const now = this.takeNow(share, use, count);
    if (now) return Promise.resolve(now);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { share, use, count, resolve, reject };
      const abort = () => {
        this.#waiters = this.#waiters.filter((w) => w !== waiter);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      waiter.resolve = (slots) => {
        signal?.removeEventListener('abort', abort);
        resolve(slots);
      };
      this.#waiters.push(waiter);
    });
  }

  /** Null: they have to be waited for. */
  takeNow(share: Share, use: Use, count: number): Slot[] | null {
    // Who wants two would never have them if others, who want one, went before.
    const waits = this.#waiters.some((waiter) => waiter.use === use && waiter.count > 1 && rivals(waiter.share, share));
    return !waits && this.#mayTake(share, use, count) ? this.#give(share, use, count) : null;
  }

  give(share: Share, use: Use, slot: Slot): void {
    share.count({ slots: -1, batches: use === 'batch' ? -1 : 0, bytes: 0 });
    assert(share.slots >= 0 && share.batches >= 0, `slot of ${share.name} given back twice`);
    this.#free.push(slot);
    this.#wake();
  }

  /** Waits until `bytes` of compressed data fit into the share's part of the budget, and counts them. */
  admit(share: Share, bytes: number): Promise<void> {
    if (this.#mayAdmit(share, bytes)) {
      this.#count(share, bytes);
      return Promise.resolve();
    }
    const admitted = new Promise<void>((resolve) => this.#admissions.push({ share, bytes, resolve }));
    this.onPressure?.();
    return admitted;
  }

  release(share: Share, bytes: number): void {
    this.#count(share, -bytes);
    assert(share.bytes >= 0, `bytes of ${share.name} released twice`);
    this.#admit();
  }

  /** A part of a share was set aside, or is not any more: others may have more. */
  stall(share: Share, stalled: boolean): void {
    share.stalled = stalled;
    this.#admit();
    this.#wake();
  }

  #admit(): void {
    const waiting = this.#admissions;
    this.#admissions = [];
    for (const a of waiting) {
      if (this.#mayAdmit(a.share, a.bytes)) {
        this.#count(a.share, a.bytes);
        a.resolve();
      } else this.#admissions.push(a);
    }
  }

  #count(share: Share, bytes: number): void {
    share.count({ slots: 0, batches: 0, bytes });
    this.#bytes += bytes;
  }

  #mayAdmit(share: Share, bytes: number): boolean {
    // An empty share always may have one block: progress does not depend on the others.
    const held = share.against().bytes;
    return held === 0 || (held + bytes <= this.#byteLimit && this.#bytes + bytes <= this.byteBudget);
  }

  #mayTake(share: Share, use: Use, count: number): boolean {
    const { slots, batches } = share.against();
    if (slots + count > this.limit) return false;
    if (use === 'batch' && batches + count > this.limit - 2) return false;
    // A reload may have made the minimums more than there is.
    if (use === 'batch' && this.#free.length < count + 2) return false;
    const { whole } = share;
    const more = { slots: whole.slots + count, batches: whole.batches + (use === 'batch' ? count : 0) };
    let reserved = unfilled(whole.minimum, more);
    if (reserved === unfilled(whole.minimum, whole) - count && this.#free.length >= count) return true;
    for (const other of this.#shares.values()) {
      if (other !== whole && other.reserved) reserved += unfilled(other.minimum, other);
    }
    return this.#free.length >= reserved + count;
  }

  #give(share: Share, use: Use, count: number): Slot[] {
    const slots = this.#free.splice(this.#free.length - count).reverse();
    assert(slots.length === count, 'the pool is empty although a slot may be taken');
    share.count({ slots: count, batches: use === 'batch' ? count : 0, bytes: 0 });
    return slots;
  }

  #wake(): void {
    const waiting = this.#waiters;
    this.#waiters = [];
    // Blocks first: they free slots.
    for (const use of ['block', 'batch'] as const) {
      const pairs: Share[] = [];
      for (const w of waiting) {
        if (w.use !== use) continue;
        const free = !pairs.some((share) => rivals(share, w.share));
        if (free && this.#mayTake(w.share, use, w.count)) w.resolve(this.#give(w.share, use, w.count));
        else {
          this.#waiters.push(w);
          if (w.count > 1) pairs.push(w.share);
        }
      }
    }
  }
}

/** Slots of its minimum that a share has not: batches that have more than leaves two of those to blocks count for none. */
function unfilled(minimum: number, { slots, batches }: Pick<Held, 'slots' | 'batches'>): number {
  return Math.max(0, minimum - (slots - batches) - Math.min(batches, minimum - 2));
}

/** Whether what one has the other has not: of a stalled part others take nothing away. */
function rivals(one: Share, other: Share): boolean {
  return one === other || (one.whole === other.whole && !one.stalled && !other.stalled);
}
