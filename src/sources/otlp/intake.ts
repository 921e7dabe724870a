/**
 * Takes a request: into the lane of its topic, and answers when it is on the medium.
 *
 *   read -> good? -> room in the local log? -> pack -> (the reader goes on) -> synced -> answered
 *                    none: it is held, read again when there is some, and refused after `hold`
 *
 * Invariant: what is answered is on the medium; what is refused is in no books, but where the disk failed after it was
 * written.
 */
import type { Account } from '../../core/account.ts';
import type { Stream } from '../../core/batch.ts';
import { type DurableLane, NotDurable } from '../../core/durable-lane.ts';
import type { RecordTap } from '../../core/input.ts';
import { Refusal } from '../../http/answer.ts';
import type { PartialSuccess } from './answers.ts';
import type { Signal } from './options.ts';
import type { OtlpReader, OtlpRequest, RequestContent } from './request/reader.ts';
import { shown } from './shown.ts';

/** When to come again, seconds. Most clients wait longer. */
const RETRY_AFTER = '1';
/** Requests that wait to be read; where there are more no others begin. */
const MOST_QUEUED = 32;
/** The same of all that wait for memory or the disk, but not for room. */
const MOST_WAITING = 128;

export interface SignalLane {
  readonly lane: DurableLane;
  readonly stream: Stream;
  readonly account: Account;
}

export interface OtlpIntakeOptions {
  reader: OtlpReader;
  lanes: ReadonlyMap<Signal, SignalLane>;
  /** Milliseconds. */
  hold: number;
  tap: RecordTap;
}

/** Who sent a request. */
interface Sender {
  /** How long it waits, milliseconds; null: it does not say. */
  timeout?: number | null;
  /** The request's body is not looked at any more. */
  discard?: () => void;
}

export class OtlpIntake {
  readonly #o: OtlpIntakeOptions;
  /** Items that were answered for, by signal. */
  readonly taken: Record<Signal, number> = { traces: 0, metrics: 0, logs: 0 };
  readonly sampled = new Map<string, number>();
  sampledAway = 0;
  invalid = 0;
  sanitized = 0;
  cut = 0;
  split = 0;
  /** Requests that wait for room now. */
  held = 0;
  /** Requests that are not answered. */
  #taking = 0;

  constructor(options: OtlpIntakeOptions) {
    this.#o = options;
  }

  /** More requests wait than should: others had better not begin. */
  get isBusy(): boolean {
    return this.#o.reader.queued >= MOST_QUEUED || this.#taking - this.held >= MOST_WAITING;
  }

  /** Whether this signal is taken. */
  has(signal: Signal): boolean {
    return this.#o.lanes.has(signal);
  }

  /**
   * Resolves when it is on the medium, with what of it was left out. Throws a Refusal: 400 it cannot be decoded, 413 it is too large, 503 there is no room for it in time.
   */
  async take(
    signal: Signal,
    content: RequestContent,
    body: readonly Uint8Array[],
    { timeout = null, discard }: Sender = {},
  ): Promise<PartialSuccess> {
    const { reader, lanes, hold } = this.#o;
    const to = lanes.get(signal)!;
    // Who has waited for half of its time may still try elsewhere.
    const deadline = performance.now() + Math.min(hold, timeout === null ? hold : timeout / 2);
    let release: (() => void) | null = null;
    this.#taking++;
    try {
      await to.lane.begin(deadline);
      let request = await reader.read(signal, content, body);
      let durable: Promise<void> | null = null;
      try {
        refuseBad(request);
        if (request.bytes > 0) {
          release = to.lane.reserveNow(request.bytes);
          if (!release) {
            // Others may be read meanwhile: another signal, or a smaller one.
            request.close();
            release = await this.#held(to.lane.reserve(request.bytes, deadline));
            await to.lane.begin(deadline);
            request = await reader.read(signal, content, body);
          }
        }
        // The reader has a copy.
        discard?.();
        if (request.bytes > 0) ({ durable } = await to.lane.add(to.stream, this.#tapped(to.stream, request), deadline));
        // What there was no memory for comes again, and is counted then.
        await request.accept();
        this.#count(signal, to.account, request);
      } finally {
        request.close();
      }
      const { counts, message } = request;
      await durable;
      this.taken[signal] += counts.received - counts.invalid - counts.filtered;
      return { items: counts.invalid, message };
    } catch (error) {
      if (!(error instanceof NotDurable)) throw error;
      const what = `${error.message}: try again`;
      throw new Refusal(503, 'no_room', what, { 'Retry-After': RETRY_AFTER });
    } finally {
      this.#taking--;
      discard?.();
      release?.();
    }
  }

  async #held<T>(waiting: Promise<T>): Promise<T> {
    this.held++;
    try {
      return await waiting;
    } finally {
      this.held--;
    }
  }

  /** What goes into the books beside what the lane counts: it is there whether the answer arrives or not. */
  #count(signal: Signal, account: Account, { counts }: OtlpRequest): void {
    const { invalid, filtered, filteredBy, sanitized, cut, split } = counts;
    account.received += invalid + filtered;
    account.filtered += filtered;
    if (invalid > 0) account.drop('invalid', invalid);
    this.invalid += invalid;
    this.sanitized += sanitized;
    this.cut += cut;
    this.split += split;
    if (signal !== 'traces') return;
    this.sampledAway += filtered;
    for (const [rule, spans] of filteredBy) this.sampled.set(rule, (this.sampled.get(rule) ?? 0) + spans);
  }

  /** The request as a parcel, whose records are shown to who looks at them. */
  #tapped(stream: Stream, request: OtlpRequest): Pick<OtlpRequest, 'pack'> {
    const { tap } = this.#o;
    if (!tap.active) return request;
    return {
      pack(delta, room) {
        const packed = request.pack(delta, room);
        if (packed && packed.count > 0) tap.show(stream, shown(packed.bytes));
        return packed;
      },
    };
  }
}

function refuseBad({ error, tooLarge }: OtlpRequest): void {
  if (error === null) return;
  throw tooLarge ? new Refusal(413, 'too_large', error) : new Refusal(400, 'malformed', error);
}
