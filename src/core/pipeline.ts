/**
 * The pipeline stands between sources and lanes: it gives out batches, and brings them on their way when they are filled.
 *
 *   source -> take -> (fills) -> push -> steps of its stream -> observers -> lane.append -> ledger -> position
 *
 * A step edits the batch's tables: what it drops is counted as filtered, and shows in the next record as skipped. So
 * everything between two records of a stream is explained, whatever batches they are in (batch.ts has the picture).
 *
 * Invariants: batches of a stream are brought on their way in the order of the source. From when a batch has its weight
 * until it is packed it is counted as pending; its weight is what of it is neither filtered nor packed.
 */
import { abortable } from './abort.ts';
import type { Account } from './account.ts';
import { Batch, type Stream } from './batch.ts';
import type { Lane } from './lane.ts';
import type { Ledgers } from './ledger.ts';
import type { Pool, Slot } from './pool.ts';

/** What a source sees of the rest of the agent. */
export interface Output {
  /**
   * A free batch for this stream: waits for memory. Rejects with the signal's reason when that aborts first, and with
   * Stalled where the stream's lane is stalled: other streams may go on meanwhile.
   */
  take(stream: Stream, signal?: AbortSignal): Promise<Batch>;
  /**
   * Hands a filled batch over; it must not be touched afterwards. Resolves when its records are packed, so a source
   * that awaits this never has more than its own batches in memory; also when its lane is stalled, where it is packed
   * later. A batch with `count` 0 and `end` > `from` moves
   * the stream's position without a record.
   */
  push(batch: Batch): Promise<void>;
  /** Gives a batch back that holds nothing. */
  discard(batch: Batch): void;
}

/** The lane of a stream takes nothing for now. */
export class Stalled extends Error {
  /** Resolves when it goes on. */
  readonly over: Promise<void>;
  constructor(stream: Stream, over: Promise<void>) {
    super(`${stream.topic}: the partition of ${stream.key} does not take anything`);
    this.over = over;
  }
}

export interface Source {
  /** Resolves when it is open to what comes; rejects when it cannot be. Without it: it always is. */
  readonly ready?: Promise<void>;
  /** Brings data in until the signal aborts; resolves when all it took has been pushed. */
  run(output: Output, signal: AbortSignal): Promise<void>;
}

/** One step of what an input's records pass. An item weighs one. */
export interface Step {
  readonly verb: string;
  /** Records that came, and that were left. */
  in: number;
  out: number;
  /** Of them, those that it should have changed and could not. */
  readonly failed: number;
  /** Edits the batch's tables. */
  apply(batch: Batch): void;
}

/** Sees every batch before it is packed; must not keep it. */
export type Observer = (batch: Batch) => void;

export interface PipelineOptions {
  pool: Pool;
  ledgers: Ledgers;
  /** The lane that a stream's records take; may have to wait until the topic's partitions are known. */
  laneOf: (stream: Stream) => Lane | Promise<Lane>;
  /** False: the stream's records take another lane from now on, once those that are on their way have arrived. */
  keeps?: (stream: Stream, lane: Lane) => boolean;
  observers: readonly Observer[];
}

export class Pipeline implements Output {
  readonly #o: PipelineOptions;
  readonly #lanes = new WeakMap<Stream, Lane>();
  /** Batches that sources fill or lanes pack. */
  readonly #out = new Set<Batch>();
  /** By account: what went wrong with a batch that nobody waited for any more. */
  readonly #failed = new Map<Account, Error>();
  /** Who waits until a batch is packed. */
  #waiting: (() => void)[] = [];

  constructor(options: PipelineOptions) {
    this.#o = options;
  }

  async take(stream: Stream, signal?: AbortSignal): Promise<Batch> {
    signal?.throwIfAborted();
    const had = this.#lanes.get(stream);
    if (had?.stalled) throw new Stalled(stream, had.stalled);
    if (had && this.#o.keeps?.(stream, had) === false) await abortable(this.#leave(stream, had), signal);
    // It may be long in coming: no broker has been reached yet.
    const lane = this.#lanes.get(stream) ?? (await abortable(this.#o.laneOf(stream), signal));
    this.#lanes.set(stream, lane);
    const [slot, fields] = await this.#slots(stream, lane, signal);
    const batch = new Batch(slot!, lane.share, stream, fields);
    this.#out.add(batch);
    return batch;
  }

  /** One for the lines, and one for their fields if there are some. */
  async #slots(stream: Stream, lane: Lane, signal: AbortSignal | undefined): Promise<Slot[]> {
    const failed = this.#failed.get(stream.account);
    this.#failed.delete(stream.account);
    if (failed) throw failed;
    const { pool } = this.#o;
    const count = stream.fields ? 2 : 1;
    if (!lane.mayStall) return pool.takeAll(lane.share, 'batch', count, signal);
    if (lane.stalled) throw new Stalled(stream, lane.stalled);
    const cancel = new AbortController();
    const signals = signal ? [signal, cancel.signal] : [cancel.signal];
    const taking = pool.takeAll(lane.share, 'batch', count, AbortSignal.any(signals));
    const slots = await lane.unlessStalled(taking);
    if (slots) return slots;
    const stalled = new Stalled(stream, lane.stalled ?? Promise.resolve());
    // It may have come in the same moment.
    taking.then(
      (late) => {
        for (const slot of late) pool.give(lane.share, 'batch', slot);
      },
      () => undefined,
    );
    cancel.abort(stalled);
    throw stalled;
  }

  async push(batch: Batch): Promise<void> {
    const lane = this.#lanes.get(batch.stream)!;
    const packed = this.#pack(batch, lane);
    if (!lane.mayStall) return packed;
    let waited = true;
    packed.catch((error: Error) => {
      if (waited) return;
      // It is read again, as it is not received.
      batch.stream.account.received -= batch.weight;
      this.#failed.set(batch.stream.account, error);
    });
    await lane.unlessStalled(packed);
    waited = false;
  }

  async #pack(batch: Batch, lane: Lane): Promise<void> {
    try {
      if (batch.stream.steps) this.#process(batch, batch.stream.steps);
      if (batch.stream.skippedAt) this.#explain(batch);
      for (const observe of this.#o.observers) observe(batch);
      await lane.append(batch);
    } finally {
      this.discard(batch);
    }
  }

  discard(batch: Batch): void {
    this.#out.delete(batch);
    for (const resolve of this.#waiting.splice(0)) resolve();
    this.#o.pool.give(batch.share, 'batch', batch.slot);
    if (batch.fields) this.#o.pool.give(batch.share, 'batch', batch.fields);
  }

  #process(batch: Batch, steps: readonly Step[]): void {
    const before = batch.count;
    for (const step of steps) {
      if (batch.count === 0) break;
      step.in += batch.count;
      step.apply(batch);
      step.out += batch.count;
    }
    batch.stream.account.filtered += before - batch.count;
    batch.weight -= before - batch.count;
  }

  /** What was filtered before the batch, also by steps that are not configured any more, and what was at its end. */
  #explain({ stream, skipped, slot, count, from, end }: Batch): void {
    skipped.before = this.#o.ledgers.skippedAt(stream, from);
    const last = count - 1;
    const recorded = last < 0 ? from - skipped.before : from + slot.source[last]! + slot.length[last]!;
    skipped.behind = end - recorded;
  }

  /** All that the stream has in its lane arrives before anything takes another: so its order holds. */
  async #leave(stream: Stream, lane: Lane): Promise<void> {
    while ([...this.#out].some((batch) => batch.stream === stream)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    await lane.passed();
    this.#lanes.delete(stream);
  }

  /** Items that were received and are not packed yet, by input: from when a batch has its weight. */
  *pending(): Iterable<{ stream: Stream; weight: number }> {
    yield* this.#out;
  }
}
