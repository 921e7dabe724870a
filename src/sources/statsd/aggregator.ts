/**
 * Datagrams in, metric documents out: one listener's series with what they hold of the open window, and of the window
 * before it while that is written out, a piece at a time, so that receiving never waits for a flush.
 *
 *   bytes -> kernel (known spellings) ----------------------> columns, entries -> sketches
 *              \-> parse.ts -> series table -> learn spelling -^
 *
 * Invariant: `samples` counts every sample once it is in a column; the weights of the documents add up to it.
 */
import { type MetricFields, type MetricOrigin, MetricRecords, type Window } from '../../aggregate/record.ts';
import { SeriesTable } from '../../aggregate/series.ts';
import { Sketch } from '../../aggregate/sketch.ts';
import { Unique } from '../../aggregate/unique.ts';
import {
  COUNTER,
  type Columns,
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
import { type Metric, parseLine, type WireType } from './parse.ts';

const KINDS: Record<WireType, number> = { c: COUNTER, g: GAUGE, h: HISTOGRAM, d: HISTOGRAM, ms: TIMER, s: SET };
/** A series that was not sent for this many windows is forgotten; when the table is nearly full, sooner. */
const IDLE_WINDOWS = 30;
const IDLE_WINDOWS_NEARLY_FULL = 2;

export interface AggregatorOptions {
  maxContexts: number;
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

interface Content {
  columns: Columns;
  sketches: (Sketch | undefined)[];
  sets: (Unique | undefined)[];
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
  /** What was received and is not in `samples`, by reason. Whoever reports it empties it. */
  readonly losses = new Map<string, number>();
  readonly #series: SeriesTable;
  readonly #percentiles: [label: string, quantile: number][];
  readonly #origin: MetricOrigin;
  #open: Content;
  #closed: Content;
  #records: MetricRecords | null = null;
  #cursor = 0;
  /** For sorting the kernel's entries. */
  readonly #places: Uint32Array;
  readonly #order = new Uint32Array(MAX_ENTRIES);

  constructor(options: AggregatorOptions) {
    this.#series = new SeriesTable(options.maxContexts);
    this.kernel = new StatsdKernel(this.#series.capacity, options.arenaBytes);
    this.#places = new Uint32Array(this.#series.capacity);
    this.#percentiles = options.percentiles.map((q) => [percentileLabel(q), q]);
    this.#origin = options.origin;
    this.#open = { columns: this.kernel.columns[0], sketches: [], sets: [] };
    this.#closed = { columns: this.kernel.columns[1], sketches: [], sets: [] };
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
        this.#addMember(result[5]!, kernel.bytes.toString('latin1', result[6]!, result[7]!));
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
    this.#open = { ...this.#closed, sketches: [], sets: [] };
    this.#closed = closed;
    this.#cursor = 0;
    for (let i = 0; i < this.#series.size; i++) if (closed.columns.samples[i] !== 0) return true;
    this.#endWindow();
    return false;
  }

  /** The closed window gets its name; `piece` gives its documents from now on. */
  begin(window: Window): void {
    this.#records = new MetricRecords(this.#origin, window);
  }

  /** Documents of the next `count` series at most, or of as many as can be made in `budget_ms`. */
  piece(count: number, budget_ms: number): Piece {
    const records = this.#records;
    if (!records) throw new Error('no window is being written out');
    const { sums, samples } = this.#closed.columns;
    const documents: string[] = [];
    const weights = new Float64Array(count);
    const deadline = performance.now() + budget_ms;
    for (; this.#cursor < this.#series.size && documents.length < count; this.#cursor++) {
      const number = this.#cursor;
      if (samples[number] === 0) continue;
      if (documents.length % 16 === 15 && performance.now() > deadline) break;
      weights[documents.length] = samples[number]!;
      documents.push(this.#document(records, number, sums[number]!));
    }
    const last = this.#cursor >= this.#series.size;
    if (last) {
      this.#endWindow();
      this.#records = null;
    }
    return { documents, weights: weights.slice(0, documents.length), last };
  }

  #document(records: MetricRecords, number: number, sum: number): string {
    const series = this.#series;
    const name = series.name(number);
    const attributes = series.attributes(number);
    const kind = series.kind(number);
    if (kind === COUNTER) return records.make(name, 'sum', { value: sum }, '1', attributes);
    if (kind === GAUGE) return records.make(name, 'gauge', { value: sum }, '1', attributes);
    if (kind === SET) {
      const set = this.#closed.sets[number]!;
      const fields: MetricFields = { value: set.size };
      if (set.approximate) fields.approximate = 'true';
      return records.make(name, 'set', fields, '1', attributes);
    }
    const sketch = this.#closed.sketches[number]!;
    const { count, min, max } = sketch;
    const fields: MetricFields = { count, sum: sketch.sum, min, max, avg: sketch.sum / count };
    for (const [label, quantile] of this.#percentiles) fields[label] = sketch.quantile(quantile);
    fields.sketch = sketch.encode().toString('base64');
    return records.make(name, 'histogram', fields, kind === TIMER ? 'ms' : '1', attributes);
  }

  /** Empties the closed window's columns and forgets series that are no longer sent. */
  #endWindow(): void {
    const series = this.#series;
    const { sums, samples } = this.#closed.columns;
    const open = this.#open.columns.samples;
    const nearlyFull = series.live > series.limit * 0.9;
    const windows = nearlyFull ? IDLE_WINDOWS_NEARLY_FULL : IDLE_WINDOWS;
    let idle = 0;
    for (let number = 0; number < series.size; number++) {
      if (samples[number] !== 0 || open[number] !== 0) series.used(number);
      else if (series.unused(number) >= windows) idle++;
    }
    sums.fill(0, 0, series.size);
    samples.fill(0, 0, series.size);
    this.#closed.sketches = [];
    this.#closed.sets = [];
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
      if (number >= 0 && learn) {
        this.kernel.learn(from, number);
        if (parsed.name.includes('\ufffd') || tags.some((tag) => tag.join().includes('\ufffd'))) this.replaced++;
        return false;
      }
      if (number >= 0) this.#add(number, parsed, bytes, from, end);
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

  #add(number: number, metric: Metric, bytes: Buffer, from: number, end: number): void {
    this.unknownFields += metric.unknownFields;
    if (metric.type === 's') {
      // The bytes, as the kernel's path has them: one member is one member whatever fields follow it.
      const line = bytes.toString('latin1', from, end);
      const colon = line.indexOf(':');
      this.#addMember(number, line.slice(colon + 1, line.indexOf('|')));
      return;
    }
    const { sums, samples } = this.#open.columns;
    const weight = 1 / (metric.rate ?? 1);
    for (const value of metric.values) {
      if (metric.type === 'c') sums[number]! += value * weight;
      else if (metric.type === 'g') sums[number] = value;
      else this.#sketch(number).add(value, weight);
    }
    samples[number]! += metric.values.length;
    this.samples += metric.values.length;
  }

  #addMember(number: number, member: string): void {
    const { sets, columns } = this.#open;
    let set = sets[number];
    if (!set) {
      while (sets.length < number) sets.push(undefined);
      set = new Unique();
      sets[number] = set;
    }
    set.add(member);
    columns.samples[number]!++;
    this.samples++;
  }

  #sketch(number: number): Sketch {
    const { sketches } = this.#open;
    let sketch = sketches[number];
    if (!sketch) {
      // Without holes: an array with holes far apart becomes a hash table.
      while (sketches.length < number) sketches.push(undefined);
      sketch = new Sketch();
      sketches[number] = sketch;
    }
    return sketch;
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
      this.#sketch(entrySeries[i]!).add(entryValue[i]!, entryWeight[i]!);
    }
    this.kernel.clearEntries();
  }

  #lose(reason: string, samples: number): void {
    this.losses.set(reason, (this.losses.get(reason) ?? 0) + samples);
  }
}

/** 0.5 is p50, 0.999 is p99_9. */
export function percentileLabel(quantile: number): string {
  return `p${String(Number((quantile * 100).toPrecision(12))).replace('.', '_')}`;
}
