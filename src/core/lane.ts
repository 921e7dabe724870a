/**
 * A lane is one topic and partition. It packs batches, of one stream or many, into an open block, and seals the block
 * when it is full or has lingered: a hundred quiet files make one block, not a hundred.
 *
 *   append(batch) -> open block -> seal -> compress (off the main thread) -> outlet.put -> settled -> positions move
 *
 * Invariants: blocks are put in the order they were sealed, and settle in that order; a stream's position moves over
 * its settled prefix only (ledger.ts). A block has one slot of the pool until it is compressed and admitted.
 */
import assert from 'node:assert';
import type { Kernel, PackJob } from '../kernel/kernel.ts';
import { log } from '../log.ts';
import type { Codec } from '../records/record-batch.ts';
import { abortable } from './abort.ts';
import { type Batch, HELD, type Stream } from './batch.ts';
import type { Block, Mark, Outlet } from './block.ts';
import { free } from './free.ts';
import type { Ledgers, Ticket } from './ledger.ts';
import { MAX_BLOCK_BYTES, type Pool, type Share, type Slot } from './pool.ts';
import { STALL_MS, Stall } from './stall.ts';

export type Compress = (codec: Codec, level: number, data: Uint8Array) => Promise<Buffer>;

export interface LaneOptions {
  topic: string;
  share: Share;
  pool: Pool;
  kernel: Kernel;
  /** Shared by all lanes. */
  ledgers: Ledgers;
  outlet: Outlet;
  compress: Compress;
  codec: Codec;
  level: number;
  /** How long a block may stay open, milliseconds. */
  linger: number;
  /** Size at which a block is sealed, packed and not compressed; at most MAX_BLOCK_BYTES. */
  blockBytes: number;
  /** True: a block holds records of one key only (the spool applies the partition when it is drained). */
  singleKey: boolean;
  /** True: when its outlet takes nothing for some time it is stalled, and others go on beside it. */
  mayStall: boolean;
  /** For how long, milliseconds; default: a second. */
  stallAfter?: number | undefined;
  /** True: settled means acknowledged by Kafka. False: settled means safe in the spool, which counts on from there. */
  final: boolean;
}

interface OpenBlock {
  slot: Slot;
  key: string;
  /** Address of the next record. */
  at: number;
  count: number;
  time: number;
  marks: Mark[];
  continues: boolean;
}

/** A sealed block until it and all before it are safe. */
interface Unsettled {
  readonly marks: readonly Mark[];
  /** Who waits until it is settled. */
  readonly waiting: (() => void)[];
  /** The spool has it, and counts its items from there. */
  counted: boolean;
  done: boolean;
  /** Another process brings it to where it belongs. */
  kept: boolean;
  /** Records that were not taken, and never will be. */
  refused: number;
}

/** Of a batch: its own stream's, and that of the other which it carries. */
interface Tickets {
  own: Ticket | null;
  also: readonly { stream: Stream; end: number; skipped: number; ticket: Ticket }[];
  /** Up to where its own stream's is packed. */
  packed: number;
}

export class Lane {
  readonly topic: string;
  readonly outlet: Outlet;
  readonly share: Share;
  readonly stall: Stall;
  readonly #o: LaneOptions;
  #open: OpenBlock | null = null;
  #timer: NodeJS.Timeout | undefined;
  #unsettled: Unsettled[] = [];
  /** Appends run one after the other: each may wait for a slot. */
  #appending: Promise<void> = Promise.resolve();
  #putting: Promise<void> = Promise.resolve();

  constructor(options: LaneOptions) {
    assert(options.blockBytes <= MAX_BLOCK_BYTES, 'a block would be larger than Kafka takes');
    this.topic = options.topic;
    this.outlet = options.outlet;
    this.share = options.share;
    this.#o = options;
    const { mayStall, stallAfter = STALL_MS, pool, share } = options;
    this.stall = new Stall(mayStall, stallAfter, (stalled) => pool.stall(share, stalled));
  }

  /** So many slots of its share; null as soon as the lane is stalled. */
  async slotsUnlessStalled(use: 'batch' | 'block', count: number, signal?: AbortSignal): Promise<Slot[] | null> {
    const { pool, share } = this.#o;
    if (!this.stall.possible) return pool.takeAll(share, use, count, signal);
    if (this.stall.over) return null;
    signal?.throwIfAborted();
    // A signal of two others costs more than all else here.
    const now = pool.takeNow(share, use, count);
    if (now) return now;
    const cancel = new AbortController();
    const taking = pool.takeAll(share, use, count, signal ? AbortSignal.any([signal, cancel.signal]) : cancel.signal);
    const slots = await this.stall.unless(taking);
    if (slots) return slots;
    // It may have come in the same moment.
    taking.then(
      (late) => {
        for (const slot of late) pool.give(share, use, slot);
      },
      () => undefined,
    );
    cancel.abort();
    return null;
  }

  /** Packs the batch's records. Resolves when all are packed; `batch.weight` falls to 0 meanwhile. */
  async append(batch: Batch): Promise<void> {
    await this.#queue(batch, false);
  }

  /** The same as far as it goes while the lane is not stalled: gives up to where the stream is packed. */
  appendUnlessStalled(batch: Batch): Promise<number> {
    return this.#queue(batch, this.stall.possible);
  }

  #queue(batch: Batch, mayLeave: boolean): Promise<number> {
    const { stream, from, end, skipped } = batch;
    const tickets: Tickets = {
      own: stream.settled ? this.#o.ledgers.give(stream, this, from, end, skipped) : null,
      also: [...alsoIn(batch)].map((one) => {
        const ticket = this.#o.ledgers.give(one.stream, this, 0, one.end, { before: 0, behind: one.skipped });
        return { ...one, ticket };
      }),
      packed: from,
    };
    const before = this.#appending;
    // It may be that what is before it waits, and may not leave.
    const turn = mayLeave ? this.stall.unless(before.then(() => true)) : before;
    const appended = turn.then(async (comes) => {
      if (comes !== null && (await this.#append(batch, tickets, mayLeave))) return end;
      const { own, packed } = tickets;
      if (own) this.#o.ledgers.cut(stream, own, packed, packed === from ? skipped.before : 0);
      return packed;
    });
    // A failure belongs to the caller; the lane goes on.
    const over = appended.then(
      () => undefined,
      () => this.#lose(batch, tickets),
    );
    this.#appending = mayLeave ? before.then(() => over) : over;
    return appended;
  }

  /** False: the lane is stalled, and the rest was left. */
  async #append(batch: Batch, tickets: Tickets, mayLeave: boolean): Promise<boolean> {
    if (batch.count === 0) {
      this.#markEnd(batch, tickets, 0);
      return true;
    }
    let first = 0;
    while (first < batch.count) {
      if (this.#open && this.#o.singleKey && this.#open.key !== batch.stream.key) this.#seal();
      // What only counts together with the next record is not parted from it.
      const leaves = mayLeave && (first === 0 || (batch.slot.flags[first - 1]! & HELD) === 0);
      const open = this.#open ?? (await this.#openBlock(batch, leaves));
      if (!open) return false;
      const packed = this.#pack(open, batch, first);
      if (packed === 0) {
        assert(open.count > 0, 'the kernel refused a record that has a block of its own');
        this.#seal();
        continue;
      }
      first += packed;
      // Metrics weigh more than one item a record: what does not divide goes with the last part.
      const weight =
        first === batch.count ? batch.weight : Math.floor((batch.weight * packed) / (batch.count - first + packed));
      batch.weight -= weight;
      open.continues = first < batch.count && (batch.slot.flags[first - 1]! & HELD) !== 0;
      if (first === batch.count) this.#markEnd(batch, tickets, weight);
      else {
        const end = safeEnd(batch, first - 1);
        const skipped = end === batch.from ? batch.skipped.before : 0;
        this.#mark({ stream: batch.stream, end, skipped, weight, ticket: tickets.own });
        tickets.packed = end;
      }
      if (first < batch.count || open.at - open.slot.bytesAt >= this.#o.blockBytes) this.#seal();
    }
    return true;
  }

  /** Packs as many records as the block takes; a record larger than a usual block gets one of its own. */
  #pack(open: OpenBlock, batch: Batch, first: number): number {
    const packed = this.#packUpTo(open, batch, first, batch.count - first, this.#o.blockBytes, false);
    if (packed > 0 || open.count > 0) return packed;
    return this.#packUpTo(open, batch, first, 1, MAX_BLOCK_BYTES, true);
  }

  #packUpTo(open: OpenBlock, batch: Batch, first: number, count: number, limit: number, empty: boolean): number {
    const job: PackJob = {
      envelope: batch.stream.envelope(),
      time: batch.time,
      position: batch.from,
      skipped: batch.skipped.before,
      delta: open.count,
      outAt: open.at,
      limitAt: open.slot.bytesAt + limit,
      empty,
    };
    const { account, fields } = batch.stream;
    const { kernel } = this.#o;
    const packed = fields ? fields.pack(batch, first, count, job) : kernel.pack(batch.slot, first, count, job);
    const { endAt, replaced, cut } = fields ?? kernel;
    open.at = endAt;
    open.count += packed;
    account.replaced += replaced;
    account.truncated += cut;
    return packed;
  }

  /** Null: it is stalled, and so has to be left. */
  async #openBlock(batch: Batch, mayLeave: boolean): Promise<OpenBlock | null> {
    const { pool, share } = this.#o;
    const slots = await (mayLeave ? this.slotsUnlessStalled('block', 1) : pool.takeAll(share, 'block', 1));
    if (!slots) return null;
    const slot = slots[0]!;
    const time = Date.now();
    const open: OpenBlock = {
      slot,
      key: batch.stream.key,
      at: slot.bytesAt,
      count: 0,
      time,
      marks: [],
      continues: false,
    };
    this.#open = open;
    this.#timer = setTimeout(() => {
      if (this.#open === open && open.count > 0) this.#seal();
    }, this.#o.linger);
    return open;
  }

  /** All of the batch is packed. */
  #markEnd({ stream, end, skipped }: Batch, tickets: Tickets, weight: number): void {
    this.#mark({ stream, end, skipped: skipped.behind, weight, ticket: tickets.own });
    for (const also of tickets.also) this.#mark({ ...also, weight: 0 });
  }

  /** Notes how far a stream is packed; without an open block the position waits for what is on its way. */
  #mark(mark: Mark): void {
    const open = this.#open;
    if (!open) {
      this.#unsettled.push({ ...unsettled([mark]), done: true });
      this.#settle();
      return;
    }
    const last = open.marks.at(-1);
    if (last && last.stream === mark.stream && last.ticket === mark.ticket) {
      last.end = mark.end;
      last.skipped = mark.skipped;
      last.weight += mark.weight;
    } else open.marks.push(mark);
  }

  /** Not all of the batch got in: what did not is read again. */
  #lose({ stream }: Batch, tickets: Tickets): void {
    if (tickets.own) this.#o.ledgers.lose(stream, tickets.own, tickets.packed);
    for (const also of tickets.also) this.#o.ledgers.lose(also.stream, also.ticket, 0);
  }

  #seal(): void {
    const open = this.#open;
    if (!open) return;
    clearTimeout(this.#timer);
    this.#open = null;
    const { pool, share, codec, level } = this.#o;
    const records = Buffer.from(pool.memory.buffer, open.slot.bytesAt, open.at - open.slot.bytesAt);
    const entry = unsettled(open.marks);
    this.#unsettled.push(entry);
    if (this.#unsettled.length === 1) this.stall.moved(true);
    // Without compression the slot itself goes out, and is held until it is safe.
    const packed: Promise<{ codec: Codec; body: Buffer }> =
      codec === 'none'
        ? Promise.resolve({ codec, body: records })
        : this.#o.compress(codec, level, records).then(
            (body) => ({ codec, body }),
            (error: Error) => {
              log.warnOnce(`compress ${codec}`, `cannot compress with ${codec}: ${error.message}; sent uncompressed`);
              return { codec: 'none', body: records };
            },
          );
    this.#putting = this.#putting.then(async () => {
      const { codec, body } = await packed;
      const cost = body === records ? 0 : body.length;
      if (cost > 0) {
        await pool.admit(share, cost);
        pool.give(share, 'block', open.slot);
      }
      const block: Block = {
        topic: this.topic,
        key: open.key,
        count: open.count,
        rawBytes: records.length,
        codec,
        body,
        time: open.time,
        marks: open.marks,
        continues: open.continues,
      };
      const letGo = () => {
        if (cost === 0) return pool.give(share, 'block', open.slot);
        pool.release(share, cost);
        if (this.#o.final) free(body);
      };
      await this.#o.outlet.put(block, (where, refused = 0) => {
        entry.done = true;
        entry.kept = where === 'kept';
        // What is kept is so because the process ends; a socket may still be sending it.
        if (!entry.kept) letGo();
        entry.refused = refused;
        this.#settle();
      });
      entry.counted = !this.#o.final;
    });
    // Who drains hears of it, but at a stop that may wait for the appends until it is over.
    this.#putting.catch((error: Error) => {
      const what = `${this.topic}: a block could not be handed on: ${error.message}`;
      log.warnOnce(`put ${this.topic}`, `${what}; nothing behind it is before the next start`);
    });
  }

  #settle(): void {
    while (this.#unsettled[0]?.done) {
      const { marks, kept, refused, waiting } = this.#unsettled.shift()!;
      let left = refused;
      for (const { stream, end, skipped, weight, ticket } of marks) {
        const lost = Math.min(left, weight);
        left -= lost;
        if (lost > 0) stream.account.drop('refused', lost);
        if (this.#o.final && !kept) stream.account.forwarded += weight - lost;
        if (ticket) this.#o.ledgers.settle(stream, ticket, end, skipped);
      }
      for (const resolve of waiting) resolve();
      this.stall.moved(this.#unsettled.length > 0);
    }
  }

  /** Items that this lane answers for: packed, not acknowledged, and not in the spool. */
  *pending(): Iterable<Mark> {
    for (const entry of this.#unsettled) if (!entry.counted) yield* entry.marks;
    if (this.#open) yield* this.#open.marks;
  }

  /** Seals what is open and resolves when all that was appended until now is safe; more may come meanwhile. */
  async passed(): Promise<void> {
    await this.#appending;
    this.#seal();
    const last = this.#unsettled.at(-1);
    if (last) await new Promise<void>((resolve) => last.waiting.push(resolve));
  }

  /** Seals what is open and waits until all of it is safe. Rejects with the signal's reason when that comes first. */
  async drain(signal: AbortSignal): Promise<void> {
    await abortable(this.#drained(signal), signal);
  }

  async #drained(signal: AbortSignal): Promise<void> {
    // With the outlet away these wait for memory that is not given back: the signal ends the wait for them too.
    await this.#appending;
    this.#seal();
    await this.#putting;
    await this.outlet.drained(signal);
  }
}

function unsettled(marks: readonly Mark[]): Unsettled {
  return { marks, waiting: [], counted: false, done: false, kept: false, refused: 0 };
}

/** What the batch's last record has of other streams: of each topic's part, where they have several. */
function* alsoIn({ also }: Batch): Iterable<{ stream: Stream; end: number; skipped: number }> {
  if (!also) return;
  const { stream, end } = also;
  if (stream.parts) for (const part of stream.parts.all) yield { stream: part, end, skipped: end };
  else if (stream.settled) yield { stream, end, skipped: 0 };
}

/** Up to where the batch's stream is safe when records up to `last` are: not within records that only count together. */
function safeEnd({ from, slot }: Batch, last: number): number {
  while (last >= 0 && slot.flags[last]! & HELD) last--;
  return last < 0 ? from : from + slot.source[last]! + slot.length[last]!;
}
