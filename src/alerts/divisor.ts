/** What a ratio is divided by: the same of its metric, over the same time. */
import type { OneWindow } from './one-window.ts';
import type { MetricPoint } from './point.ts';
import type { Rule } from './rule.ts';
import { type Windows, windowsFor } from './window.ts';

export class Divisor {
  readonly #rule: Rule;
  readonly #interval: number;
  readonly #windows: Windows | OneWindow;
  #isSum = false;
  #fresh = false;

  constructor(rule: Rule, interval: number) {
    this.#rule = rule;
    this.#interval = interval;
    this.#windows = windowsFor(rule, interval);
  }

  add(point: MetricPoint): void {
    this.#isSum = point.type === 'sum';
    this.#fresh = true;
    this.#windows.add(point, this.#rule.value.reduction === 'quantile');
  }

  /** It counts, and did so in the open window: then what is divided and was not counted is none. */
  get counts(): boolean {
    return this.#fresh && this.#isSum;
  }

  /** Null: it is not known, or too small to say anything. */
  get value(): number | null {
    const { value, min } = this.#rule;
    const is = this.#windows.value(value, this.#isSum, this.#interval);
    return is === null || is < min || is === 0 ? null : is;
  }

  /** Closes the window; whether nothing is known of it any more. */
  next(): boolean {
    this.#windows.next();
    this.#fresh = false;
    return this.#windows.isEmpty;
  }
}
