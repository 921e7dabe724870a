/**
 * Datagrams in, metric documents out: one listener's series with what they hold of the open window, and of the window
 * before it while that is written out, a piece at a time, so that receiving never waits for a flush.
 *
 *   bytes -> kernel (known spellings) ----------------------> columns, entries -> sketches
 *              \-> parse.ts -> series table -> learn spelling -^
 *
 * Invariant: `samples` counts every sample once it is in a column; the weights of the documents add up to it.
 */
import { Arena } from '../../aggregate/arena.ts';
import { type MetricOrigin, MetricRecords, type Window } from '../../aggregate/record.ts';
import { saturated } from '../../aggregate/saturated.ts';
import { SeriesTable } from '../../aggregate/series.ts';
import {
  COUNTER,
  DONE,
  FULL,
  GAUGE,
  HISTOGRAM,
  MAX_ENTRIES,
  MEMBER,
  SET,
  StatsdKernel,
  TIMER,
  UNKNOWN,
} from '../../kernel/statsd.ts';
import { Content } from './content.ts';
import { Documents } from './documents.ts';
import { type Metric, parseLine, type WireType } from './parse.ts';

const KINDS: Record<WireType, number> = { c: COUNTER, g: GAUGE, h: HISTOGRAM, d: HISTOGRAM, ms: TIMER, s: SET };
/** A series that was not sent for this many windows is forgotten; when the table is nearly full, sooner. */
const IDLE_WINDOWS = 30;
const IDLE_WINDOWS_NEARLY_FULL = 2;
/** Characters of the documents of a piece, about: what is on its way to the main thread at once. */
const PIECE_CHARACTERS = 512 * 1024;

export interface AggregatorOptions {
  maxContexts: number;
  /** Bytes for sketches and sets, and for long keys. */
  memory: number;
  percentiles: readonly number[];
  origin: MetricOrigin;
  /** Bytes of kernel memory for datagrams, at `kernel.arenaAt`. */
  arenaBytes: number;
}

/** Documents of some series, and how many samples stand behind each. */
export interface Piece {
  documents: string[];
  weights: Float64Array;
  last: boolean;
}

export class Aggregator {
  readonly kernel: StatsdKernel;
  lines = 0;
  /** Accepted, of all windows. */
  samples = 0;
  rejected = 0;
  /** Fields of no known meaning, and names and tags that were not UTF-8. */
  unknownFields = 0;
  replaced = 0;
  /** Samples that went to an overflow series; sketches and sets that were kept coarser for want of memory. */
  overflowed = 0;
  coarser = 0;
  /** What was received and is not in `samples`, by reason. Whoever reports it empties it. */
  readonly losses = new Map<string, number>();
  readonly #arena: Arena;
  readonly #series: SeriesTable;
  readonly #documents: Documents;
  readonly #origin: MetricOrigin;
  #open: Content;
  #closed: Content;
  #records: MetricRecords | null = null;
  #cursor = 0;
  /** For sorting the kernel's entries. */
  readonly #places: Uint32Array;
  readonly #order = new Uint32Array(MAX_ENTRIES);

  constructor(options: AggregatorOptions) {
    this.#arena = new Arena(options.memory);
    this.#series = new SeriesTable(options.maxContexts, this.#arena);
    this.kernel = new StatsdKernel(this.#series.capacity, options.arenaBytes);
    this.#places = new Uint32Array(this.#series.capacity);
    this.#documents = new Documents(this.#series, options.percentiles);
    this.#origin = options.origin;
    this.#open = new Content(this.kernel.columns[0], this.#arena);
    this.#closed = new Content(this.kernel.columns[1], this.#arena);
  }

  get contexts(): number {
    return this.#series.live;
  }

  /** Counts the lines of one datagram, at [from, to) of the kernel's memory. */
  take(from: number, to: number): void {
    const { kernel } = this;
    const { result } = kernel;
    let at = from;
    while (at < to) {
      at = kernel.accumulate(at, to, this.#open.columns) >>> 0;
      const why = result[0]!;
      this.lines += result[2]!;
      this.samples += result[3]!;
      if (why === DONE) break;
      if (why === FULL) {
        this.#drain();
        continue;
      }
      const next = result[1]!;
      if (why === MEMBER) {
        this.#addMember(result[5]!, result[6]!, result[7]!);
        this.lines++;
      } else if (!this.#takeSlowly(at, next, why === UNKNOWN)) continue;
      at = next;
    }
  }

  /**
   * Closes the open window: what comes from now on belongs to the next. Only when the last one has been written out.
   * Returns false when there is nothing in it.
   */
  close(): boolean {
    if (this.#records) throw new Error('a window is closed before the one before it was written out');
    this.#drain();
    const closed = this.#open;
    this.#open = this.#closed;
    this.#closed = closed;
    this.#cursor = 0;
    this.coarser += closed.coarser;
    let any = false;
    for (let i = 0; i < this.#series.size; i++) {
      if (closed.columns.samples[i] === 0) continue;
      any = true;
      if (this.#series.isOverflow(i)) this.overflowed += closed.columns.samples[i]!;
    }
    if (!any) this.#endWindow();
    return any;
  }

  /** The closed window gets its name; `piece` gives its documents from now on. */
  begin(window: Window): void {
    this.#records = new MetricRecords(this.#origin, window);
  }

  /** Documents of the next `count` series at most, or of as many as can be made in `budget_ms`. */
  piece(count: number, budget_ms: number): Piece {
    const records = this.#records;
    if (!records) throw new Error('no window is being written out');
    const { samples } = this.#closed.columns;
    const documents: string[] = [];
    const weights = new Float64Array(count);
    const deadline = performance.now() + budget_ms;
    let characters = 0;
    for (; this.#cursor < this.#series.size && documents.length < count; this.#cursor++) {
      const number = this.#cursor;
      if (samples[number] === 0) continue;
      if (characters > PIECE_CHARACTERS) break;
      if (documents.length % 16 === 15 && performance.now() > deadline) break;
      const document = this.#documents.make(records, this.#closed, number);
      weights[documents.length] = samples[number]!;
      documents.push(document);
      characters += document.length;
    }
    const last = this.#cursor >= this.#series.size;
    if (last) {
      this.#endWindow();
      this.#records = null;
    }
    return { documents, weights: weights.slice(0, documents.length), last };
  }

  /** Empties the closed window's columns and forgets series that are no longer sent. */
  #endWindow(): void {
    const series = this.#series;
    const { samples } = this.#closed.columns;
    const open = this.#open.columns.samples;
    const nearlyFull = series.live > series.limit * 0.9 || this.#arena.nearlyFull;
    const windows = nearlyFull ? IDLE_WINDOWS_NEARLY_FULL : IDLE_WINDOWS;
    let idle = 0;
    for (let number = 0; number < series.size; number++) {
      if (samples[number] !== 0 || open[number] !== 0) series.used(number);
      else if (series.unused(number) >= windows) idle++;
    }
    this.#closed.clear(series.size);
    // Evicting costs every spelling its place in the cache, so not for a handful.
    if (idle > 0 && (nearlyFull || idle * 10 >= series.live) && series.evict(windows) > 0) this.kernel.forget();
  }

  /** One line through the grammar. True: it is done with. False: its spelling is known now, the kernel takes it. */
  #takeSlowly(from: number, next: number, learn: boolean): boolean {
    const { bytes } = this.kernel;
    const end = bytes[next - 1] === 10 ? next - 1 : next;
    const parsed = parseLine(bytes.subarray(from, end));
    if (parsed.kind === 'metric') {
      const tags = parsed.host ? [...parsed.tags, ['host', parsed.host] as const] : parsed.tags;
      const number = this.#series.number(KINDS[parsed.type], parsed.name, tags);
      if (learn && (parsed.name.includes('\ufffd') || tags.some((tag) => tag.join().includes('\ufffd'))))
        this.replaced++;
      if (number >= 0 && learn && this.kernel.learn(from, number)) return false;
      if (number >= 0) this.#add(number, parsed, bytes, from);
      else this.#lose('max_contexts', Math.max(1, parsed.values.length));
    } else if (parsed.kind === 'rejected') {
      this.rejected++;
      this.#lose(`malformed:${parsed.reason}`, 1);
    } else {
      this.#lose('unsupported', 1);
    }
    this.lines++;
    return true;
  }

  #add(number: number, metric: Metric, bytes: Buffer, from: number): void {
    this.unknownFields += metric.unknownFields;
    if (metric.type === 's') {
      // The bytes, as the kernel's path has them: one member is one member whatever fields follow it.
      const colon = bytes.indexOf(0x3a, from);
      this.#addMember(number, colon + 1, bytes.indexOf(0x7c, colon));
      return;
    }
    const { sums, samples } = this.#open.columns;
    const weight = saturated(1 / (metric.rate ?? 1));
    samples[number]! += metric.values.length;
    this.samples += metric.values.length;
    for (const value of metric.values) {
      if (metric.type === 'c') sums[number] = saturated(sums[number]! + saturated(value * weight));
      else if (metric.type === 'g') sums[number] = value;
      else this.#addValue(number, value, weight);
    }
  }

  /** A sample that is counted already. Without room for its sketch it goes to the overflow series of its name. */
  #addValue(number: number, value: number, weight: number): void {
    const { sketches } = this.#open;
    if (sketches.add(number, value, weight, this.#series.isOverflow(number))) return;
    const overflow = this.#series.overflow(number);
    const put = overflow >= 0 && overflow !== number && sketches.add(overflow, value, weight, true);
    this.#moved(number, put ? overflow : -1);
  }

  /** The member is at [from, to) of the kernel's memory. */
  #addMember(number: number, from: number, to: number): void {
    const { bytes } = this.kernel;
    const { sets, columns } = this.#open;
    columns.samples[number]!++;
    this.samples++;
    if (sets.add(number, bytes, from, to, this.#series.isOverflow(number))) return;
    const overflow = this.#series.overflow(number);
    const put = overflow >= 0 && overflow !== number && sets.add(overflow, bytes, from, to, true);
    this.#moved(number, put ? overflow : -1);
  }

  /** A sample that was counted for one series is another's, or (-1) nobody's. */
  #moved(number: number, to: number): void {
    const { samples } = this.#open.columns;
    samples[number]!--;
    if (to >= 0) {
      samples[to]!++;
      return;
    }
    this.samples--;
    this.#lose('memory', 1);
  }

  /**
   * The kernel's list of values into the sketches, sorted by series first (a counting sort): a sketch is some KB, and
   * going from one to the next for every value costs more than the arithmetic.
   */
  #drain(): void {
    const { entrySeries, entryValue, entryWeight, result } = this.kernel;
    const count = result[4]!;
    if (count === 0) return;
    const places = this.#places.fill(0, 0, this.#series.size);
    for (let i = 0; i < count; i++) places[entrySeries[i]!]!++;
    let place = 0;
    for (let number = 0; number < this.#series.size; number++) {
      const many = places[number]!;
      places[number] = place;
      place += many;
    }
    const order = this.#order;
    for (let i = 0; i < count; i++) order[places[entrySeries[i]!]!++] = i;
    for (let k = 0; k < count; k++) {
      const i = order[k]!;
      this.#addValue(entrySeries[i]!, entryValue[i]!, entryWeight[i]!);
    }
    this.kernel.clearEntries();
  }

  #lose(reason: string, samples: number): void {
    this.losses.set(reason, (this.losses.get(reason) ?? 0) + samples);
  }
}
