/**
 * Datagrams in, documents out: all series with what they hold of the open window, and of the window before it while that
 * is written out, a piece at a time, so that receiving never waits for a flush. Events wait in the window with them.
 *
 *   bytes -> kernel (known spellings) ----------------------> columns, entries -> sketches
 *              \-> parse.ts -> series table -> learn spelling -^
 *
 * Invariant: the weights of the documents add up to `samples`.
 */

import { Arena } from '../../aggregate/arena.ts';
import { type MetricOrigin, MetricRecords, type TimeWindow } from '../../aggregate/record.ts';
import { type SeriesLimits, SeriesTable } from '../../aggregate/series.ts';
import type { LossReason } from '../../core/losses.ts';
import {
  COUNTER,
  DONE,
  FULL,
  GAUGE,
  HISTOGRAM,
  MEMBER,
  SET,
  StatsdKernel,
  TIMED,
  TIMER,
  UNKNOWN,
} from '../../kernel/statsd.ts';
import { Census } from './census.ts';
import { ClientFigures } from './clients.ts';
import { Content } from './content.ts';
import { Documents } from './documents.ts';
import { Intake } from './intake.ts';
import { DOGSTATSD, MANNERS, type Manner, mannerNumber } from './manner.ts';
import { Naming } from './naming.ts';
import type { NamingConfig } from './naming-options.ts';
import { type Parsed, parseLine, type WireType } from './parse.ts';
import { statusNumber } from './parse-event.ts';
import type { SampleOrigin } from './receive/origins.ts';
import type { Tag } from './tags.ts';
import { isTimely, timestampFault } from './timestamp.ts';
import { CONTAINER } from './top-shape.ts';

const KINDS: Record<WireType, number> = { c: COUNTER, g: GAUGE, h: HISTOGRAM, d: HISTOGRAM, ms: TIMER, s: SET };
/**
 * A series that was not sent for this many windows is forgotten; when the table is nearly full, sooner, but not at the end
 * of the window before that in which something came for it with a time of its own: no column says so.
 */
const IDLE_WINDOWS = 30;
const IDLE_WINDOWS_NEARLY_FULL = 2;
/** Characters of the documents of a piece, about: what is on its way to the main thread at once. */
const PIECE_CHARACTERS = 512 * 1024;

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

/** Documents of some series, and how many samples stand behind each. */
export interface FlushPiece {
  documents: string[];
  weights: Float64Array;
  /** Behind each stands one item. */
  events: string[];
  last: boolean;
}

/** Blanks may be around what is at [from, to): in etsy's dialect they are no part of it. */
function isPadded(bytes: Uint8Array, from: number, to: number): boolean {
  const [first, last] = [bytes[from]!, bytes[to - 1]!];
  return first <= 32 || last <= 32 || first > 127 || last > 127;
}

export class Aggregator {
  readonly kernel: StatsdKernel;
  lines = 0;
  rejected = 0;
  /** Fields of no known meaning, and names and tags that were not UTF-8. */
  unknownFields = 0;
  replaced = 0;
  /** Sketches and sets that were kept coarser for want of memory. */
  coarser = 0;
  /** What the clients say of themselves. */
  readonly clients: ClientFigures;
  readonly #arena: Arena;
  readonly #series: SeriesTable;
  readonly #naming: Naming;
  /** Samples that were left out, by rule; counted when their window ends. They are among `samples`. */
  readonly filtered: Float64Array;
  readonly #documents: Documents;
  /** Samples of the window that ended last, for who asks who sends most. */
  readonly #before: Float32Array;
  readonly #origin: MetricOrigin;
  readonly #intake: Intake;
  #closed: Content;
  #records: MetricRecords | null = null;
  /** Of the datagram that is taken. */
  #from: SampleOrigin | null = null;
  #manner: Manner = DOGSTATSD;
  /** Series, then entries with a time of their own, then events that have been written out. */
  #cursor = 0;
  #timedCursor = 0;
  #eventCursor = 0;

  constructor(options: AggregatorOptions) {
    this.#arena = new Arena(options.memory);
    this.#series = new SeriesTable(options.limits, this.#arena);
    this.clients = new ClientFigures(this.#series);
    this.#naming = new Naming(options.naming);
    // What a rule leaves out is counted in a column of its own, behind those of series.
    const { rules } = this.#naming;
    this.filtered = new Float64Array(rules.length);
    this.kernel = new StatsdKernel(this.#series.capacity, rules.length, options.arenaBytes);
    this.#before = new Float32Array(this.#series.capacity);
    this.#documents = new Documents(this.#series, options.percentiles);
    this.#origin = options.origin;
    this.#intake = new Intake(
      this.kernel,
      this.#series,
      new Content(this.kernel.columns[0], this.#arena, options.memory),
    );
    this.#closed = new Content(this.kernel.columns[1], this.#arena, options.memory);
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
        const before = this.#records ? this.#closed.columns.samples[number]! : this.#before[number]!;
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
    if (origin !== this.#from || manner !== this.#manner) {
      this.#from = origin;
      this.#manner = manner;
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
        this.lines++;
      } else if (why === TIMED) {
        const { second, weight, values } = kernel;
        const count = result[6]!;
        if (isTimely(second, Date.now())) intake.addTimed(result[5]!, second, values, count, weight);
        else intake.lose('bad_timestamp', count);
        this.lines++;
      } else if (!this.#takeSlowly(at, next, why === UNKNOWN)) continue;
      at = next;
    }
  }

  /** A line, or more, was longer than is kept of one: its end is lost. */
  tooLong(): void {
    this.rejected++;
    this.#intake.lose('malformed:length', 1);
  }

  /**
   * Closes the open window: what comes from now on belongs to the next. Only when the last one has been written out.
   * Returns false when there is nothing in it.
   */
  close(): boolean {
    if (this.#records) throw new Error('a window is closed before the one before it was written out');
    this.#intake.drain();
    this.#intake.keepLevels();
    const closed = this.#intake.open;
    this.#intake.open = this.#closed;
    this.#closed = closed;
    this.#cursor = 0;
    this.#timedCursor = 0;
    this.#eventCursor = 0;
    this.coarser += closed.coarser;
    this.#countFiltered(closed);
    this.clients.add(closed.columns.sums);
    let any = closed.timed.size > 0 || closed.events.size > 0;
    for (let i = 0; i < this.#series.size; i++) {
      if (closed.columns.samples[i] === 0) continue;
      any = true;
      if (this.#series.isOverflow(i)) this.#intake.overflowed += closed.columns.samples[i]!;
    }
    if (!any) this.#endWindow();
    return any;
  }

  /** The closed window gets its name; `piece` gives its documents from now on. */
  begin(window: TimeWindow): void {
    this.#records = new MetricRecords(this.#origin, window);
  }

  /** The next `count` documents at most, or as many as can be made in `budget_ms`. */
  piece(count: number, budget_ms: number): FlushPiece {
    const records = this.#records;
    if (!records) throw new Error('no window is being written out');
    const closed = this.#closed;
    const { timed, columns, events } = closed;
    const documents: string[] = [];
    const eventDocuments: string[] = [];
    const weights = new Float64Array(count);
    const deadline = performance.now() + budget_ms;
    let characters = 0;
    const full = () =>
      documents.length + eventDocuments.length >= count ||
      characters > PIECE_CHARACTERS ||
      (documents.length % 16 === 15 && performance.now() > deadline);
    const put = (document: string, weight: number) => {
      weights[documents.length] = weight;
      documents.push(document);
      characters += document.length;
    };
    for (; this.#cursor < this.#series.size && !full(); this.#cursor++) {
      const weight = columns.samples[this.#cursor]!;
      if (weight !== 0) put(this.#documents.make(records, closed, this.#cursor), weight);
    }
    for (; this.#timedCursor < timed.size && !full(); this.#timedCursor++) {
      put(this.#documents.makeTimed(records, closed, this.#timedCursor), timed.samples(this.#timedCursor));
    }
    for (; this.#eventCursor < events.size && !full(); this.#eventCursor++) {
      const document = events.record(this.#eventCursor, records.nextId());
      eventDocuments.push(document);
      characters += document.length;
    }
    const written = this.#cursor >= this.#series.size && this.#timedCursor >= timed.size;
    const last = written && this.#eventCursor >= events.size;
    if (last) {
      this.#endWindow();
      this.#records = null;
    }
    return { documents, weights: weights.slice(0, documents.length), events: eventDocuments, last };
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

  /** One line through the grammar. True: it is done with. False: its spelling is known now, the kernel takes it. */
  #takeSlowly(from: number, next: number, learn: boolean): boolean {
    const { bytes } = this.kernel;
    const end = bytes[next - 1] === 10 ? next - 1 : next;
    const line = bytes.subarray(from, end);
    const all = parseLine(line, this.#manner);
    for (const parsed of all) if (!this.#takeParsed(parsed, line, from, learn && all.length === 1)) return false;
    this.lines++;
    return true;
  }

  #takeParsed(parsed: Parsed, line: Buffer, from: number, learn: boolean): boolean {
    const intake = this.#intake;
    const fault = parsed.kind === 'metric' ? timestampFault(parsed, Date.now()) : null;
    if (parsed.kind === 'metric' && fault !== null) intake.lose(fault, Math.max(1, parsed.values.length), line);
    else if (parsed.kind === 'metric') {
      const tags = this.#tagged(parsed.host ? [...parsed.tags, ['host', parsed.host] as const] : parsed.tags);
      const named = this.#naming.apply({ name: parsed.name, tags });
      const left = typeof named === 'number';
      const number = left
        ? this.#series.capacity + named
        : this.#series.number(KINDS[parsed.type], named.name, named.tags);
      if (learn && (parsed.name.includes('\ufffd') || tags.some((tag) => tag.join().includes('\ufffd'))))
        this.replaced++;
      if (number >= 0 && !left) this.clients.look(parsed.name, number);
      if (number >= 0 && learn && this.kernel.learn(from, number)) return false;
      this.unknownFields += parsed.unknownFields;
      if (left) intake.leaveOut(number, Math.max(1, parsed.values.length));
      else if (number >= 0) intake.add(number, parsed, from);
      else intake.lose('max_contexts', Math.max(1, parsed.values.length), line);
    } else if (parsed.kind === 'rejected') {
      this.rejected++;
      intake.lose(`malformed:${parsed.reason}`, 1, line);
    } else if (parsed.kind === 'event') {
      intake.addEvent({ ...parsed, tags: [...this.#tagged(parsed.tags)] }, this.#origin, line);
    } else {
      const { name, host } = parsed;
      const tags: (readonly [string, string])[] = [['check', name], ...parsed.tags];
      if (host) tags.push(['host', host]);
      const number = this.#series.number(GAUGE, 'check.status', this.#tagged(tags));
      if (number >= 0) intake.addCheck(number, statusNumber(parsed), parsed);
      else intake.lose('max_contexts', 1, line);
    }
    return true;
  }

  /** With the container that the datagram came from, whatever the sender says of it. */
  #tagged(tags: readonly Tag[]): readonly Tag[] {
    const from = this.#from;
    return from ? [...tags.filter(([key]) => key !== CONTAINER), [CONTAINER, from.container]] : tags;
  }
}
