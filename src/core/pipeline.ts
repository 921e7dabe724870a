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
import { skippedIn } from './divide.ts';
import type { Lane } from './lane.ts';
import type { Ledgers } from './ledger.ts';
import type { Pool, Slot } from './pool.ts';
import { Routed } from './routed.ts';
import { runSteps } from './run.ts';
import { Stalled } from './stalled.ts';

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
   * later. A batch with `count` 0 and `end` > `from` moves the stream's position without a record.
   * Rejects with NotTaken where the stream has parts, and that of a topic that takes nothing is in the batch.
   */
  push(batch: Batch): Promise<void>;
  /** Gives a batch back that holds nothing. */
  discard(batch: Batch): void;
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
  failed: number;
  /** Those that took the slow way: JavaScript had to see to them. */
  slow: number;
  /** Times that a pattern would have taken too many steps for one, and counted as not matching. */
  gaveUp: number;
  /** Edits the batch's tables. */
  apply(batch: Batch): void;
  /** What it counted since it was asked last, if it did: is told whether that holds, or was counted before, or comes again. */
  counted?(): ((on: boolean) => void) | null;
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

  readonly #routed: Routed;

  constructor(options: PipelineOptions) {
    this.#o = options;
    this.#routed = new Routed(options, this.#out, (batch) => this.discard(batch));
  }

  async take(stream: Stream, signal?: AbortSignal): Promise<Batch> {
    signal?.throwIfAborted();
    if (stream.parts) return this.#routed.take(stream, stream.parts.all, signal);
    const had = this.#lanes.get(stream);
    if (had?.stall.over) throw new Stalled(stream, had.stall.over);
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
    if (!lane.stall.possible) return pool.takeAll(lane.share, 'batch', count, signal);
    const slots = await lane.slotsUnlessStalled('batch', count, signal);
    if (slots) return slots;
    throw new Stalled(stream, lane.stall.over ?? Promise.resolve());
  }

  async push(batch: Batch): Promise<void> {
    if (batch.stream.parts) return this.#routed.push(batch, batch.stream.parts);
    const lane = this.#lanes.get(batch.stream)!;
    const packed = this.#pack(batch, lane);
    if (!lane.stall.possible) return packed;
    let waited = true;
    packed.catch((error: Error) => {
      if (waited) return;
      // It is read again, as it is not received.
      batch.stream.account.received -= batch.weight;
      this.#failed.set(batch.stream.account, error);
    });
    await lane.stall.unless(packed);
    waited = false;
  }

  async #pack(batch: Batch, lane: Lane): Promise<void> {
    try {
      if (batch.stream.steps) await this.#process(batch, batch.stream.steps);
      // Also by steps that are not configured any more.
      if (batch.stream.skippedAt) Object.assign(batch.skipped, skippedIn(batch, this.#o.ledgers));
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

  async #process(batch: Batch, steps: readonly Step[]): Promise<void> {
    const { filtered, count } = await runSteps(batch, steps);
    count(true);
    batch.stream.account.filtered += filtered;
    batch.weight -= filtered;
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
