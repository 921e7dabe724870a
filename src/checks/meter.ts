/**
 * The meter of one check: collects the points of a run and remembers, for each counter, what it was in the run before.
 * A series that a run does not report is forgotten after it, so memory is bounded by what one run reports.
 */
import { saturated } from '../aggregate/saturated.ts';
import type { Attributes, Meter } from './check.ts';

export interface Point {
  name: string;
  type: 'sum' | 'gauge';
  value: number;
  unit: string;
  /** The inner part of a JSON object: `"cpu.mode":"user"`. */
  attributes: string;
}

/** A counter of 32 bits. */
export const WRAPS_AT = 2 ** 32;
/** An increase over the end of a counter is believed up to this part of its range; what is more was a new beginning. */
const BELIEVED = 1 / 8;
const NONE: Attributes = {};

/** What a call of a run had, as text. */
interface Written {
  name: string;
  attributes: Attributes;
  /** As in a point. */
  text: string;
  /** What a counter is known by. */
  series: string;
}

export class SeriesMeter implements Meter {
  #points: Point[] = [];
  #before = new Map<string, number>();
  #now = new Map<string, number>();
  #lacks: string[] = [];
  /** By the number of the call in its run: a check says the same things in the same order, so they are written once. */
  readonly #written: Written[] = [];
  #calls = 0;

  gauge(name: string, value: number, unit: string, attributes = NONE): void {
    if (!Number.isFinite(value)) return;
    this.#points.push({ name, type: 'gauge', value, unit, attributes: this.#write(name, attributes).text });
  }

  monotonic(name: string, total: number, unit: string, attributes = NONE, wraps?: number): number | undefined {
    if (!Number.isFinite(total)) return undefined;
    const { text, series } = this.#write(name, attributes);
    const before = this.#before.get(series);
    this.#now.set(series, total);
    if (before === undefined) return undefined;
    let difference = total - before;
    if (difference < 0) {
      if (wraps === undefined || before >= wraps) return undefined;
      difference += wraps;
      if (difference > wraps * BELIEVED) return undefined;
    }
    const value = exact(difference);
    this.#points.push({ name, type: 'sum', value, unit, attributes: text });
    return value;
  }

  increase(name: string, by: number, unit: string, attributes = NONE): void {
    if (!Number.isFinite(by) || by < 0) return;
    this.#points.push({ name, type: 'sum', value: exact(by), unit, attributes: this.#write(name, attributes).text });
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
    if (whole) this.#before = this.#now;
    else for (const [series, total] of this.#now) this.#before.set(series, total);
    this.#now = new Map();
    this.#written.length = Math.min(this.#written.length, this.#calls);
    this.#calls = 0;
    return points;
  }

  #write(name: string, attributes: Attributes): Written {
    const call = this.#calls++;
    const before = this.#written[call];
    if (before?.name === name && areSame(before.attributes, attributes)) return before;
    const text = inner(attributes);
    const written = { name, attributes, text, series: `${name} ${text}` };
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
