/**
 * Datagrams in, documents out: all series with what they hold of the open window, and of the window before it while that
 * is written out, a piece at a time, so that receiving never waits for a flush. Events wait in the window with them.
 *
 *   bytes -> kernel (known spellings) ----------------------> columns, entries -> sketches
 *              \-> unknown-lines.ts -> series table -> learn spelling -^
 *
 * Invariant: the weights of the documents add up to `samples`.
 */

import { Arena } from '../../aggregate/arena.ts';
import type { MetricOrigin, TimeWindow } from '../../aggregate/record.ts';
import { type SeriesLimits, SeriesTable } from '../../aggregate/series.ts';
import type { LossReason } from '../../core/losses.ts';
import { DONE, FULL, MEMBER, StatsdKernel, TIMED, UNKNOWN } from '../../kernel/statsd.ts';
import { Census } from './census.ts';
import { ClientFigures } from './clients.ts';
import { Content } from './content.ts';
import { Flush, type FlushPiece } from './flush.ts';
import { Intake } from './intake.ts';
import { DOGSTATSD, MANNERS, type Manner, mannerNumber } from './manner.ts';
import { Naming } from './naming.ts';
import type { NamingConfig } from './naming-options.ts';
import type { SampleOrigin } from './receive/origins.ts';
import { isTimely } from './timestamp.ts';
import { UnknownLines } from './unknown-lines.ts';

/**
 * A series that was not sent for this many windows is forgotten; when the table is nearly full, sooner, but not at the end
 * of the window before that in which something came for it with a time of its own: no column says so.
 */
const IDLE_WINDOWS = 30;
const IDLE_WINDOWS_NEARLY_FULL = 2;

export interface AggregatorOptions {
  limits: SeriesLimits;
  naming: NamingConfig;
  /** Bytes for sketches and sets, and for long keys. */
  memory: number;
  percentiles: readonly number[];
  origin: MetricOrigin;
  /** Bytes of kernel memory for datagrams, at `kernel.arenaAt`. */
  arenaBytes: number;
}

/** Samples that were received and are lost. */
export interface SampleLoss {
  reason: LossReason;
  samples: number;
  example: string | undefined;
}

/** Blanks may be around what is at [from, to): in etsy's dialect they are no part of it. */
function isPadded(bytes: Uint8Array, from: number, to: number): boolean {
  const [first, last] = [bytes[from]!, bytes[to - 1]!];
  return first <= 32 || last <= 32 || first > 127 || last > 127;
}

export class Aggregator {
  readonly kernel: StatsdKernel;
  lines = 0;
  /** Sketches and sets that were kept coarser for want of memory. */
  coarser = 0;
  /** What the clients say of themselves. */
  readonly clients: ClientFigures;
  readonly #arena: Arena;
  readonly #series: SeriesTable;
  /** Samples that were left out, by rule; counted when their window ends. They are among `samples`. */
  readonly filtered: Float64Array;
  readonly #flush: Flush;
  /** Samples of the window that ended last, for who asks who sends most. */
  readonly #before: Float32Array;
  readonly #intake: Intake;
  readonly #unknown: UnknownLines;
  #closed: Content;
  /** It has to be written out. */
  #toWrite = false;

  constructor(options: AggregatorOptions) {
    this.#arena = new Arena(options.memory);
    this.#series = new SeriesTable(options.limits, this.#arena);
    this.clients = new ClientFigures(this.#series);
    const naming = new Naming(options.naming);
    // What a rule leaves out is counted in a column of its own, behind those of series.
    const { rules } = naming;
    this.filtered = new Float64Array(rules.length);
    this.kernel = new StatsdKernel(this.#series.capacity, rules.length, options.arenaBytes);
    this.#before = new Float32Array(this.#series.capacity);
    this.#flush = new Flush(this.#series, options.percentiles, options.origin);
    this.#intake = new Intake(
      this.kernel,
      this.#series,
      new Content(this.kernel.columns[0], this.#arena, options.memory),
    );
    this.#closed = new Content(this.kernel.columns[1], this.#arena, options.memory);
    const { kernel, clients } = this;
    const [series, intake] = [this.#series, this.#intake];
    this.#unknown = new UnknownLines({ kernel, series, naming, intake, clients, origin: options.origin });
  }

  get rejected(): number {
    return this.#unknown.rejected;
  }

  /** Fields of no known meaning. */
  get unknownFields(): number {
    return this.#unknown.unknownFields;
  }

  /** Names and tags that were not UTF-8. */
  get replaced(): number {
    return this.#unknown.replaced;
  }

  get contexts(): number {
    return this.#series.live;
  }

  /** Something is to be done when the open window ends. */
  get waits(): boolean {
    return this.contexts > 0 || this.#intake.open.events.size > 0 || this.#intake.leftOut;
  }

  /** Accepted, of all windows. */
  get samples(): number {
    return this.#intake.samples;
  }

  /** Samples that went to an overflow series. */
  get overflowed(): number {
    return this.#intake.overflowed;
  }

  /** Who sends most; `until` as Census has it. */
  census(until: number): Census {
    return new Census(
      this.#series,
      (number) => {
        const before = this.#flush.begun ? this.#closed.columns.samples[number]! : this.#before[number]!;
        return this.#intake.open.columns.samples[number]! + before;
      },
      until,
    );
  }

  /** What was received and is not in `samples`, by reason. */
  get losses(): ReadonlyMap<LossReason, number> {
    return this.#intake.losses;
  }

  /** The losses since this was called last, and a line of each reason that has one. */
  takeLosses(): SampleLoss[] {
    const { losses, examples } = this.#intake;
    const taken = [...losses].map(
      ([reason, samples]): SampleLoss => ({ reason, samples, example: examples.get(reason) }),
    );
    losses.clear();
    examples.clear();
    return taken;
  }

  /** Counts the lines of one datagram, at [from, to) of the kernel's memory, which came from `origin`. */
  take(from: number, to: number, manner: Manner = DOGSTATSD, origin: SampleOrigin | null = null): void {
    const { kernel } = this;
    const unknown = this.#unknown;
    if (origin !== unknown.from || manner !== unknown.manner) {
      unknown.from = origin;
      unknown.manner = manner;
      const number = (origin?.number ?? 0) * MANNERS + mannerNumber(manner);
      kernel.comesFrom(number, manner.dialect === 'statsd');
      if (manner.dialect === 'statsd') this.#intake.expectSteps();
    }
    const { result } = kernel;
    const intake = this.#intake;
    const etsy = manner.dialect === 'statsd';
    let at = from;
    while (at < to) {
      at = kernel.accumulate(at, to, intake.open.columns) >>> 0;
      const why = result[0]!;
      this.lines += result[2]!;
      intake.samples += result[3]!;
      if (why === DONE) break;
      if (why === FULL) {
        intake.drain();
        continue;
      }
      const next = result[1]!;
      if (why === MEMBER && !(etsy && isPadded(kernel.bytes, result[6]!, result[7]!))) {
        intake.addMember(result[5]!, kernel.bytes, result[6]!, result[7]!);
      } else if (why === TIMED) {
        const { second, weight, values } = kernel;
        const count = result[6]!;
        if (isTimely(second, Date.now())) intake.addTimed(result[5]!, second, values, count, weight);
        else intake.lose('bad_timestamp', count);
      } else if (!unknown.take(at, next, why === UNKNOWN)) continue;
      this.lines++;
      at = next;
    }
  }

  /** A line, or more, was longer than is kept of one: its end is lost. */
  tooLong(): void {
    this.#unknown.rejected++;
    this.#intake.lose('malformed:length', 1);
  }

  /**
   * Closes the open window: what comes from now on belongs to the next. Only when the last one has been written out.
   * Returns false when there is nothing in it.
   */
  close(): boolean {
    if (this.#toWrite) throw new Error('a window is closed before the one before it was written out');
    this.#intake.drain();
    this.#intake.keepLevels();
    const closed = this.#intake.open;
    this.#intake.open = this.#closed;
    this.#closed = closed;
    this.coarser += closed.coarser;
    this.#countFiltered(closed);
    this.clients.add(closed.columns.sums);
    let any = closed.timed.size > 0 || closed.events.size > 0;
    for (let i = 0; i < this.#series.size; i++) {
      if (closed.columns.samples[i] === 0) continue;
      any = true;
      if (this.#series.isOverflow(i)) this.#intake.overflowed += closed.columns.samples[i]!;
    }
    this.#toWrite = any;
    if (!any) this.#endWindow();
    return any;
  }

  /** The closed window gets its name; `piece` gives its documents from now on. */
  begin(window: TimeWindow): void {
    this.#flush.begin(this.#closed, window);
  }

  /** The next `count` documents at most, or as many as can be made in `budget_ms`; they stay until the next are asked for. */
  piece(count: number, budget_ms: number): FlushPiece {
    const piece = this.#flush.piece(count, budget_ms);
    if (piece.last) {
      this.#toWrite = false;
      this.#endWindow();
    }
    return piece;
  }

  #countFiltered({ columns }: Content): void {
    for (let rule = 0; rule < this.filtered.length; rule++) {
      const number = this.#series.capacity + rule;
      this.filtered[rule]! += columns.samples[number]!;
      columns.samples[number] = 0;
    }
  }

  /** Empties the closed window's columns and forgets series that are no longer sent. */
  #endWindow(): void {
    const series = this.#series;
    const { samples } = this.#closed.columns;
    const open = this.#intake.open.columns.samples;
    const nearlyFull = series.live > series.limit * 0.9 || this.#arena.nearlyFull;
    const windows = nearlyFull ? IDLE_WINDOWS_NEARLY_FULL : IDLE_WINDOWS;
    let idle = 0;
    for (let number = 0; number < series.size; number++) {
      if (samples[number] !== 0 || open[number] !== 0) series.used(number);
      else if (series.unused(number) >= windows) idle++;
    }
    this.#before.set(samples.subarray(0, series.size));
    this.#closed.clear(series.size);
    // Evicting costs every spelling its place in the cache, so not for a handful.
    if (idle > 0 && (nearlyFull || idle * 10 >= series.live) && series.evict(windows) > 0) this.kernel.forget();
  }
}
