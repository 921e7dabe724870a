/**
 * The meter of one check: collects the points of a run and remembers, for each counter, what it was in the run before.
 * A series that a run does not report is forgotten after it, so memory is bounded by what one run reports.
 */
import { type SeriesText, seriesText } from '../aggregate/record.ts';
import { saturated } from '../aggregate/saturated.ts';
import type { Attributes, Meter } from './check.ts';

export interface Point {
  name: string;
  type: 'sum' | 'gauge';
  value: number;
  unit: string;
  /** The inner part of a JSON object: `"cpu.mode":"user"`. */
  attributes: string;
  /** The same as in a record. */
  text: SeriesText;
}

/** A counter of 32 bits. */
export const WRAPS_AT = 2 ** 32;
/** An increase over the end of a counter is believed up to this part of its range; what is more was a new beginning. */
const BELIEVED = 1 / 8;
const NONE: Attributes = {};

interface Counter {
  total: number;
  /** The last of the runs that came to their ends, when it was reported. */
  run: number;
}

/** What a call of a run had, as text. */
interface Written {
  name: string;
  attributes: Attributes;
  /** As in a point. */
  inner: string;
  text: SeriesText;
  counter: Counter | null;
}

export class SeriesMeter implements Meter {
  #points: Point[] = [];
  /** By name and attributes. */
  readonly #counters = new Map<string, Counter>();
  /** Of these, those that this run has reported. */
  #reported = 0;
  #run = 1;
  #lacks: string[] = [];
  /** By the number of the call in its run: a check says the same things in the same order, so they are written once. */
  readonly #written: Written[] = [];
  #calls = 0;

  gauge(name: string, value: number, unit: string, attributes = NONE): void {
    if (!Number.isFinite(value)) return;
    this.#add('gauge', value, unit, this.#write(name, 'gauge', unit, attributes));
  }

  monotonic(name: string, total: number, unit: string, attributes = NONE, wraps?: number): number | undefined {
    if (!Number.isFinite(total)) return undefined;
    const written = this.#write(name, 'sum', unit, attributes);
    written.counter ??= this.#counterOf(`${name} ${written.inner}`);
    const difference = this.#increase(written.counter, total, wraps);
    if (difference === undefined) return undefined;
    const value = exact(difference);
    this.#add('sum', value, unit, written);
    return value;
  }

  increase(name: string, by: number, unit: string, attributes = NONE): void {
    if (!Number.isFinite(by) || by < 0) return;
    this.#add('sum', exact(by), unit, this.#write(name, 'sum', unit, attributes));
  }

  lack(what: string): void {
    this.#lacks.push(what);
  }

  /** What the run could not measure, said since the last call; null: nothing. */
  lacked(): string | null {
    const all = this.#lacks;
    if (all.length === 0) return null;
    this.#lacks = [];
    return all.join('; ');
  }

  /**
   * The points since the last call. A run that did not come to its end (`whole` false) keeps the counters that it did
   * not reach: their next increase covers both runs.
   */
  take(whole: boolean): Point[] {
    const points = this.#points;
    this.#points = [];
    if (whole) this.#endRun();
    this.#calls = 0;
    return points;
  }

  #endRun(): void {
    if (this.#reported < this.#counters.size) {
      for (const [series, { run }] of this.#counters) if (run < this.#run) this.#counters.delete(series);
    }
    this.#written.length = Math.min(this.#written.length, this.#calls);
    this.#run++;
    this.#reported = 0;
  }

  /** Undefined: there is nothing to compare with, or it went down. */
  #increase(counter: Counter, total: number, wraps: number | undefined): number | undefined {
    const before = counter.run === 0 ? undefined : counter.total;
    if (counter.run < this.#run) this.#reported++;
    counter.run = this.#run;
    counter.total = total;
    if (before === undefined) return undefined;
    const difference = total - before;
    if (difference >= 0) return difference;
    if (wraps === undefined || before >= wraps) return undefined;
    const over = difference + wraps;
    return over > wraps * BELIEVED ? undefined : over;
  }

  #counterOf(series: string): Counter {
    const counter = this.#counters.get(series) ?? { total: 0, run: 0 };
    this.#counters.set(series, counter);
    return counter;
  }

  #add(type: Point['type'], value: number, unit: string, { name, inner, text }: Written): void {
    this.#points.push({ name, type, value, unit, attributes: inner, text });
  }

  #write(name: string, type: Point['type'], unit: string, attributes: Attributes): Written {
    const call = this.#calls++;
    const before = this.#written[call];
    if (before?.name === name && areSame(before.attributes, attributes)) return before;
    const text = inner(attributes);
    const written = { name, attributes, inner: text, text: seriesText(name, type, unit, text), counter: null };
    this.#written[call] = written;
    return written;
  }
}

function areSame(a: Attributes, b: Attributes): boolean {
  if (a === b) return true;
  let more = 0;
  for (const key in a) {
    if (a[key] !== b[key]) return false;
    more++;
  }
  for (const _ in b) more--;
  return more === 0;
}

function inner(attributes: Attributes): string {
  return attributes === NONE ? '' : JSON.stringify(attributes).slice(1, -1);
}

/** 57.38 - 57.37 is 0.01, not 0.010000000000005116: counters of seconds have at most nanoseconds. */
function exact(increase: number): number {
  const difference = saturated(increase);
  return Number.isInteger(difference) ? difference : Math.round(difference * 1e9) / 1e9;
}
