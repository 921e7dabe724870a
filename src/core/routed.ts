/**
 * Streams whose records go to several topics (divide.ts): each part has a lane of its own, and one that takes nothing
 * holds up only the streams that have records for it.
 *
 *   take   memory of the first topic that goes on
 *   push   steps -> parts -> does any of their lanes take nothing?  -- yes: refused, and read again when that goes on
 *                                                                   -- no: each lane packs its part
 *
 * Invariant: a batch is taken wholly or not at all, but where a lane stalls while it packs: of what is read again then,
 * each part leaves out what it has.
 */
import { abortable, pause } from './abort.ts';
import type { Account } from './account.ts';
import { Batch, type Stream, type StreamPart, type StreamParts } from './batch.ts';
import { type Divided, divide, skippedIn } from './divide.ts';
import type { Lane } from './lane.ts';
import type { PipelineOptions } from './pipeline.ts';
import { type Passed, runSteps } from './run.ts';
import { STALL_MS } from './stall.ts';
import { NotTaken, Stalled } from './stalled.ts';

/** What lanes a topic has is not known yet. By `performance.now()`, since when. */
interface Awaited {
  readonly since: number;
  readonly over: Promise<unknown>;
}

export class Routed {
  readonly #o: PipelineOptions;
  readonly #lanes = new WeakMap<Stream, Lane>();
  /** By topic. */
  readonly #awaited = new Map<string, Awaited>();
  /** Batches on their way, and what gives one back. */
  readonly #out: Set<Batch>;
  readonly #discard: (batch: Batch) => void;
  /** Streams of which a batch is packed as soon as that goes. */
  readonly #late = new WeakMap<Stream, Stalled>();
  /** By account: what went wrong with one of those. */
  readonly #failed = new Map<Account, Error>();

  constructor(options: PipelineOptions, out: Set<Batch>, discard: (batch: Batch) => void) {
    this.#o = options;
    this.#out = out;
    this.#discard = discard;
  }

  async take(stream: Stream, parts: readonly StreamPart[], signal: AbortSignal | undefined): Promise<Batch> {
    const failed = this.#failed.get(stream.account);
    this.#failed.delete(stream.account);
    if (failed) throw failed;
    for (;;) {
      const late = this.#late.get(stream);
      if (late) throw late;
      const stalls: Stalled[] = [];
      const coming: Promise<unknown>[] = [];
      for (const part of parts) {
        const lane = this.#laneOf(part);
        if (lane instanceof Promise) coming.push(lane);
        else if (lane.stall.over) stalls.push(new Stalled(part, lane.stall.over));
        else {
          const slots = await lane.slotsUnlessStalled('batch', stream.fields ? 2 : 1, signal);
          if (!slots) break;
          const batch = new Batch(slots[0]!, lane.share, stream, slots[1]);
          this.#out.add(batch);
          return batch;
        }
      }
      const over = stalls.map((stalled) => stalled.over);
      if (stalls.length === parts.length) throw new Stalled(parts[0]!, Promise.race(over));
      if (coming.length + stalls.length === parts.length) await abortable(Promise.race([...coming, ...over]), signal);
    }
  }

  async push(batch: Batch, parts: StreamParts): Promise<void> {
    const { stream } = batch;
    const { account } = stream;
    let passed: Passed | null = null;
    let held = false;
    try {
      passed = stream.steps ? await runSteps(batch, stream.steps) : null;
      const all = divide(batch, parts.all);
      const lanes = await this.#lanesOf(all.batches, batch.also !== null);
      const isNew = batch.end > parts.counted;
      const filtered = passed?.filtered ?? 0;
      passed?.count(isNew);
      passed = null;
      if (isNew) account.filtered += filtered;
      account.received -= all.known + (isNew ? 0 : filtered);
      parts.counted = Math.max(parts.counted, batch.end);
      batch.weight = 0;
      const packed = this.#pack(batch, parts.all, all, lanes);
      if (!batch.also) return await packed;
      // It ends in another file, and cannot be read again as it is.
      held = true;
      await this.#packLate(batch, packed, lanes);
    } catch (error) {
      passed?.count(false);
      account.received -= batch.weight;
      batch.weight = 0;
      throw error;
    } finally {
      if (!held) this.#discard(batch);
    }
  }

  /** The lanes that these take. Rejects with NotTaken where one takes nothing; `wait`: it is waited for. */
  async #lanesOf(batches: readonly Batch[], wait: boolean): Promise<Lane[]> {
    const lanes: Lane[] = [];
    for (const { stream } of batches) {
      const part = stream as StreamPart;
      let lane = this.#laneOf(part);
      if (lane instanceof Promise) {
        if (!wait) await this.#soon(part, lane);
        lane = await lane;
      }
      if (lane.stall.over && !wait) throw new NotTaken(part, lane.stall.over);
      lanes.push(lane);
    }
    return lanes;
  }

  /** The part's lane, or what it is waited for. What it has on its way in one arrives before it takes another. */
  #laneOf(part: StreamPart): Lane | Promise<Lane> {
    const had = this.#lanes.get(part);
    const { keeps, laneOf } = this.#o;
    if (had && keeps?.(part, had) !== false) return had;
    const lane = had ? had.passed().then(() => laneOf(part)) : laneOf(part);
    if (!(lane instanceof Promise)) {
      this.#lanes.set(part, lane);
      return lane;
    }
    const coming = lane.then((found) => {
      this.#lanes.set(part, found);
      return found;
    });
    // Whoever takes another topic's memory meanwhile does not wait for it.
    coming.catch(() => undefined);
    return coming;
  }

  /** Resolves when it is there. Rejects with NotTaken when that takes some time, also because others of the topic wait. */
  async #soon(part: StreamPart, lane: Promise<Lane>): Promise<void> {
    const { topic } = part;
    let awaited = this.#awaited.get(topic);
    if (!awaited) {
      awaited = { since: performance.now(), over: lane };
      this.#awaited.set(topic, awaited);
      const forget = () => this.#awaited.delete(topic);
      lane.then(forget, forget);
    }
    const left = awaited.since + STALL_MS - performance.now();
    const cancel = new AbortController();
    const late = left <= 0 ? Promise.resolve(null) : pause(left, cancel.signal).then(() => null);
    const found = await Promise.race([lane, late]);
    cancel.abort();
    if (!found) throw new NotTaken(part, awaited.over);
  }

  /** Each lane packs its part. Rejects with NotTaken where one stalls meanwhile. */
  async #pack(batch: Batch, parts: readonly StreamPart[], all: Divided, lanes: readonly Lane[]): Promise<void> {
    const { ledgers, observers } = this.#o;
    const { from, end, also } = batch;
    for (const part of all.without) {
      const start = Math.max(from, part.taken);
      const before = ledgers.skippedAt(part, start);
      part.taken = end;
      ledgers.pass(part, start, end, { before, behind: before + end - start });
    }
    for (const part of also?.stream.parts?.all ?? []) {
      part.taken = Math.max(part.taken, also!.end);
      if (!all.last) ledgers.pass(part, 0, also!.end, { before: 0, behind: also!.end });
    }
    if (all.last) all.last.also = also;
    const appended = all.batches.map(async (one, i) => {
      Object.assign(one.skipped, skippedIn(one, ledgers));
      for (const observe of observers) observe(one);
      const part = parts.find((part) => part === one.stream)!;
      part.taken = end;
      this.#out.add(one);
      try {
        if (also) await lanes[i]!.append(one);
        else part.taken = await lanes[i]!.appendUnlessStalled(one);
        return part.taken < end ? new NotTaken(part, lanes[i]!.stall.over ?? Promise.resolve()) : null;
      } finally {
        // What was not packed is read again, and received then.
        part.account.received -= one.weight;
        this.#out.delete(one);
      }
    });
    const outcomes = await Promise.allSettled(appended);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    for (const outcome of outcomes) if (outcome.status === 'fulfilled' && outcome.value) throw outcome.value;
  }

  /** Resolves when it is packed, or as soon as one of its lanes is stalled: then the stream is read on when it is. */
  async #packLate(batch: Batch, packing: Promise<void>, lanes: readonly Lane[]): Promise<void> {
    const { stream } = batch;
    let isPacked = false;
    const packed = packing.finally(() => {
      isPacked = true;
      this.#late.delete(stream);
      this.#discard(batch);
    });
    await Promise.race([packed, ...lanes.map((lane) => lane.stall.unless(packed))]);
    if (isPacked) return;
    this.#late.set(stream, new Stalled(stream, packed));
    packed.catch((error: Error) => this.#failed.set(stream.account, error));
  }
}
