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

const NONE: Attributes = {};

export class SeriesMeter implements Meter {
  #points: Point[] = [];
  #before = new Map<string, number>();
  #now = new Map<string, number>();

  gauge(name: string, value: number, unit: string, attributes = NONE): void {
    if (!Number.isFinite(value)) return;
    this.#points.push({ name, type: 'gauge', value, unit, attributes: inner(attributes) });
  }

  monotonic(name: string, total: number, unit: string, attributes = NONE): number | undefined {
    if (!Number.isFinite(total)) return undefined;
    const text = inner(attributes);
    const series = `${name} ${text}`;
    const before = this.#before.get(series);
    this.#now.set(series, total);
    if (before === undefined || total < before) return undefined;
    const value = exact(total - before);
    this.#points.push({ name, type: 'sum', value, unit, attributes: text });
    return value;
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
    return points;
  }
}

function inner(attributes: Attributes): string {
  return JSON.stringify(attributes).slice(1, -1);
}

/** 57.38 - 57.37 is 0.01, not 0.010000000000005116: counters of seconds have at most nanoseconds. */
function exact(increase: number): number {
  const difference = saturated(increase);
  return Number.isInteger(difference) ? difference : Math.round(difference * 1e9) / 1e9;
}
