/**
 * What steps count of lines, by series, until their window ends: sums and sketches as StatsD's.
 *
 *   add, any number of times -> close: the next window begins -> documents, one at a time
 *
 * Past the limit of its series a name goes on in one with the attribute `runnel.overflow`.
 */
import { Arena, Region } from './arena.ts';
import { type MetricFields, type MetricOrigin, MetricRecords, type TimeWindow } from './record.ts';
import { saturated } from './saturated.ts';
import { SeriesTable } from './series.ts';
import { Sketches } from './sketch.ts';

export type TallyKind = 'sum' | 'histogram';
/** By number, as the table of series has them. */
const KINDS: readonly TallyKind[] = ['sum', 'histogram'];

/** A series that had nothing for so many windows is forgotten; when there is hardly room for others, sooner. */
const IDLE_WINDOWS = 30;
const IDLE_WINDOWS_NEARLY_FULL = 2;
/** Labels of a series, and characters of each. */
const MOST_LABELS = 16;
const LONGEST_LABEL = 1024;

/** What one window holds. */
interface Held {
  readonly sums: Float64Array;
  /** Lines. */
  readonly lines: Float64Array;
  readonly region: Region;
  readonly sketches: Sketches;
}

export type Labels = readonly (readonly [string, string])[];

export interface TallyOptions {
  name: string;
  /** Series at once. */
  series: number;
  /** Bytes for sketches, and long names. */
  memory: number;
  unit: string;
}

export class Tally {
  /** Lines that went to an overflow series, and those for which there was none, or no room. */
  overflowed = 0;
  lost = 0;
  readonly #series: SeriesTable;
  /** Numbers of series by key. */
  readonly #known = new Map<string, number>();
  readonly #name: string;
  readonly #unit: string;
  readonly #arena: Arena;
  #open: Held;
  #closed: Held;

  constructor({ name, series, memory, unit }: TallyOptions) {
    this.#name = name;
    this.#arena = new Arena(memory);
    this.#unit = unit;
    this.#series = new SeriesTable({ series, perName: series, tags: MOST_LABELS, length: LONGEST_LABEL }, this.#arena);
    this.#open = this.#held();
    this.#closed = this.#held();
  }

  /** `key` stands for the labels, which are asked for when the series is new. */
  add(kind: TallyKind, key: string, labels: () => Labels, value: number, lines: number): void {
    let number = this.#known.get(key);
    if (number === undefined) {
      number = this.#series.number(KINDS.indexOf(kind), this.#name, labels());
      // What goes to the overflow series may be anything.
      if (number >= 0 && !this.#series.isOverflow(number)) this.#known.set(key, number);
    }
    if (number < 0) this.lost += lines;
    else if (kind === 'sum') this.#count(number, value, lines);
    else this.#sketch(number, value);
  }

  #count(number: number, value: number, lines: number): void {
    const { sums } = this.#open;
    sums[number] = saturated(sums[number]! + value);
    this.#note(number, lines);
  }

  /** Where there is no room for another sketch it goes to the overflow series. */
  #sketch(number: number, value: number): void {
    const { sketches } = this.#open;
    let to = number;
    if (!sketches.add(to, value, 1, this.#series.isOverflow(to))) {
      to = this.#series.overflow(number);
      if (to < 0 || !sketches.add(to, value, 1, true)) {
        this.lost++;
        return;
      }
    }
    this.#note(to, 1);
  }

  #note(number: number, lines: number): void {
    this.#open.lines[number]! += lines;
    if (this.#series.isOverflow(number)) this.overflowed += lines;
  }

  /** The window ends; what is added from now on is of the next. Only when all of the last one was given out. */
  close(): void {
    [this.#open, this.#closed] = [this.#closed, this.#open];
  }

  /** The documents of the window that was closed, with the lines behind each. */
  *documents(
    origin: MetricOrigin,
    window: TimeWindow,
    percentiles: readonly (readonly [label: string, quantile: number])[],
  ): Generator<{ document: string; lines: number }> {
    const records = new MetricRecords(origin, window);
    const { sums, lines, sketches } = this.#closed;
    for (let number = 0; number < this.#series.size; number++) {
      if (lines[number] === 0) continue;
      const [name, attributes] = [this.#series.name(number), this.#series.attributes(number)];
      let document: string;
      if (KINDS[this.#series.kind(number)] === 'sum') {
        document = records.make(name, 'sum', { value: sums[number]! }, this.#unit, attributes);
      } else {
        const sketch = sketches.look(number)!;
        const { count, sum, min, max } = sketch;
        const fields: MetricFields = { count, sum, min, max, avg: sum / count };
        for (const [label, quantile] of percentiles) fields[label] = sketch.quantile(quantile);
        fields.sketch = sketch.encode().toString('base64');
        document = records.make(name, 'histogram', fields, this.#unit, attributes);
      }
      yield { document, lines: lines[number]! };
    }
    this.#end();
  }

  #end(): void {
    const { sums, lines, sketches, region } = this.#closed;
    const open = this.#open.lines;
    const nearlyFull = this.#series.live > this.#series.limit * 0.9 || this.#arena.nearlyFull;
    for (let number = 0; number < this.#series.size; number++) {
      if (lines[number] !== 0 || open[number] !== 0) this.#series.used(number);
      else this.#series.unused(number);
    }
    sums.fill(0);
    lines.fill(0);
    sketches.clear(this.#series.size);
    region.clear();
    if (this.#series.evict(nearlyFull ? IDLE_WINDOWS_NEARLY_FULL : IDLE_WINDOWS) > 0) this.#known.clear();
  }

  #held(): Held {
    const { capacity } = this.#series;
    const region = new Region(this.#arena);
    const columns = { sums: new Float64Array(capacity), lines: new Float64Array(capacity) };
    return { ...columns, region, sketches: new Sketches(region, capacity) };
  }
}
