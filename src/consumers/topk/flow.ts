/**
 * The records of one partition on their way into Redis, in order.
 *
 *   record sets ──> batch that is gathered ──> batch on its way ──> Redis: position, counts
 *                   1 s or 50,000 records      one at a time
 *
 * Redis's position is the truth. Each batch says from which one it goes on; where Redis has another one (a second owner, a
 * fail-over to a replica that was behind, a Redis that was emptied), nothing is counted and reading goes on from that.
 * So a batch whose outcome is not known is just sent again.
 */
import { aborted, Backoff, pause } from '../../core/abort.ts';
import { log } from '../../log.ts';
import type { ConsumerAccount } from '../account.ts';
import { type Plan, TopkBatch } from './batch.ts';
import { RecordReader } from './record.ts';
import type { Store } from './store.ts';

const LINGER_MS = 1000;
/** Who claimed the partition later is believed for so long; then it is claimed again if Kafka says that it is still ours. */
const FENCED_MS = 3000;

/** The rows of a record set: `VALUE` and `VALUE_END` are columns of its table. */
export interface FlowRows {
  readonly bytes: Buffer;
  readonly count: number;
  offset(row: number): number;
  /** Where the value is; -1: it is null. */
  from(row: number): number;
  to(row: number): number;
}

export interface FlowOptions {
  plan: Plan;
  store: Store;
  account: ConsumerAccount;
  topic: string;
  partition: number;
  /** '' when it is not known. */
  topicId: string;
  /** Aborts when the partition is lost; `drop` is called then. */
  signal: AbortSignal;
  seek(where: number | 'first'): void;
  totals: Totals;
  lingerMs?: number;
}

/** Of all flows of a consumer, also of those that are gone. */
export interface Totals {
  /** Names that were cut of their windows. */
  cut: number;
  /** Values that were left out of a window that is not kept any more, of records that are in others. */
  late: number;
  /** How often reading went on somewhere else, because Redis had another position. */
  rewinds: number;
  calls: number;
  entries: number;
}

export function newTotals(): Totals {
  return { cut: 0, late: 0, rewinds: 0, calls: 0, entries: 0 };
}

export class Flow {
  readonly field: string;
  readonly #o: FlowOptions;
  readonly #reader: RecordReader;
  #batch: TopkBatch;
  #sending: Promise<void> | null = null;
  #linger: NodeJS.Timeout | undefined;
  #claim = 0;
  /** The position in Redis when all that was handed over is in: what the next batch goes on from. '' for none. */
  #from = '';
  /** Behind the last record that was gathered. */
  #next = 0;
  /** Rises when reading begins again somewhere else: what was gathered before means nothing then. */
  #life = 0;
  /** Read, and not in Redis. */
  open = 0;
  /** As Redis has it; null: none. */
  position: number | null = null;
  error: string | null = null;

  constructor(options: FlowOptions) {
    this.#o = options;
    this.field = `${options.topic}/${options.partition}`;
    this.#reader = new RecordReader(options.plan.rankings);
    this.#batch = new TopkBatch(options.plan);
  }

  /** True when everything that was read is in Redis. */
  get settled(): boolean {
    return this.open === 0;
  }

  /** Makes the partition this one's, and begins to read. Rejects when it is lost. */
  async begin(): Promise<void> {
    const { store, plan, topicId, signal } = this.#o;
    const ask = () => store.persist((redis) => redis.claim(plan.keys.positions, this.field, topicId), signal);
    let given = (await ask()) as unknown[];
    for (; given[0] === 'pending'; given = (await ask()) as unknown[]) await this.#finish(given as string[]);
    const [claim, position, anew] = given as [number, string, number];
    this.#claim = claim;
    if (anew === 1) {
      log.warn(
        `topic ${this.#o.topic} was made anew: its partition ${this.#o.partition} is counted from its beginning; what the old one had is counted still`,
      );
    }
    this.#goOnFrom(position);
  }

  /** Resolves when the set's bytes are not looked at any more. */
  async take(set: FlowRows): Promise<void> {
    // It is read again from where Redis will say.
    if (this.#claim === 0) return;
    const life = this.#life;
    const now = Date.now();
    this.#o.account.read += set.count;
    this.open += set.count;
    for (let row = 0; row < set.count; row++) {
      if (this.#batch.full) await this.#hand();
      if (life !== this.#life) return;
      this.#batch.add(this.#reader, set.bytes, set.from(row), set.to(row), now);
      this.#next = set.offset(row) + 1;
    }
    this.#linger ??= setTimeout(() => this.#hand(), this.#o.lingerMs ?? LINGER_MS);
  }

  /** Sends what is gathered and waits for it, or for the signal. */
  async flush(signal: AbortSignal): Promise<void> {
    const done = (async () => {
      await this.#hand();
      while (this.#sending) await this.#sending;
    })();
    await Promise.race([done, aborted(signal)]);
  }

  /** `position`: as Redis has it now, '' for none. `since` is what `look` gave before Redis was asked. */
  compare(position: string, since: unknown): void {
    if (since !== this.look() || position === this.#from) return;
    void this.#moved(position);
  }

  /** Null while it cannot be said which position Redis should have; else what is the same as long as that is. */
  look(): string | null {
    return this.#sending || this.#claim === 0 ? null : `${this.#life} ${this.#from}`;
  }

  /** Hands the batch over when the one before is in. */
  async #hand(): Promise<void> {
    while (this.#sending) await this.#sending;
    clearTimeout(this.#linger);
    this.#linger = undefined;
    const batch = this.#batch;
    if (batch.records === 0) return;
    this.#batch = new TopkBatch(this.#o.plan);
    const from = this.#from;
    this.#from = String(this.#next);
    this.#sending = this.#deliver(batch, from, this.#from).finally(() => {
      this.#sending = null;
    });
  }

  /** Never rejects. */
  async #deliver(batch: TopkBatch, from: string, next: string): Promise<void> {
    const { store, plan, topicId, signal } = this.#o;
    const { keys, args } = batch.script();
    keys.unshift(plan.keys.positions);
    const backoff = new Backoff(10_000);
    const life = this.#life;
    while (life === this.#life && !signal.aborted) {
      const head = [this.field, topicId, String(this.#claim), from, next];
      const given = await store.persist((redis) => redis.count(keys, head.concat(args)), signal).catch(() => null);
      if (given === null || life !== this.#life) return;
      const [what, position, cut = 0] = given as [string, string, number?];
      if (what !== 'type') this.error = null;
      // Who finds it finished had others do it.
      if (what === 'none') return this.#settle(batch, 'ok', Number(next), 0);
      if (what === 'ok' || what === 'done') return this.#settle(batch, what, Number(next), cut);
      if (what === 'pending') {
        await this.#finish(given as string[]).catch(() => undefined);
        continue;
      }
      if (what === 'at') return await this.#moved(position);
      if (what === 'type') {
        this.error = `the key ${position} in Redis holds something of somebody else: delete it, or set redis.prefix`;
        await backoff.wait(signal).catch(() => undefined);
        continue;
      }
      if (what === 'fenced') {
        this.error = `another process counts ${this.field} into the same keys; with another Kafka, give it another redis.prefix or group`;
        await pause(FENCED_MS, signal);
      }
      this.#o.totals.rewinds++;
      return await this.#claimAgain();
    }
  }

  /** A batch that somebody has prepared, and may not be there any more to finish. */
  async #finish([, , ...keys]: readonly string[]): Promise<void> {
    await this.#o.store.persist((redis) => redis.finish(keys), this.#o.signal);
  }

  #settle(batch: TopkBatch, what: 'ok' | 'done', next: number, cut: number): void {
    const { account, totals } = this.#o;
    if (what === 'ok') account.written += batch.counted;
    else account.present += batch.counted;
    for (const [reason, count] of batch.skipped) account.skip(reason, count);
    this.open -= batch.records;
    this.position = next;
    totals.cut += cut;
    totals.late += batch.late;
    totals.calls++;
    totals.entries += batch.entries;
  }

  /** Redis has another position. */
  async #moved(position: string): Promise<void> {
    const here = position || 'no position';
    log.info(`${this.field}: Redis has ${here}, not ${this.#from || 'none'}: reading goes on from there`);
    this.#o.totals.rewinds++;
    // Where nothing is, no claim is either.
    if (position === '') return await this.#claimAgain();
    this.drop();
    this.#goOnFrom(position);
  }

  /** Until that is done, nothing is taken. */
  async #claimAgain(): Promise<void> {
    this.drop();
    this.#claim = 0;
    this.position = null;
    // Lost meanwhile: then nothing is to be done.
    await this.begin().catch(() => undefined);
  }

  #goOnFrom(position: string): void {
    this.#from = position;
    this.position = position === '' ? null : Number(position);
    this.#next = this.position ?? 0;
    this.#o.seek(this.position ?? 'first');
  }

  /** The partition is lost: what is not in Redis leaves the books. */
  drop(): void {
    this.#life++;
    clearTimeout(this.#linger);
    this.#linger = undefined;
    this.#batch = new TopkBatch(this.#o.plan);
    this.#o.account.giveBack(this.open);
    this.open = 0;
  }
}
