/** One window of an instance, which most rules look at: the same as Windows of one, in less room. */
import type { MetricPoint } from './point.ts';
import type { ValueOf } from './value.ts';

export class OneWindow {
  #points = 0;
  #count = 0;
  #sum = 0;
  #min = 0;
  #max = 0;
  /** What a counter counted, the samples of a histogram, the points of a gauge. */
  #counted = 0;

  add({ type, value, count, min, max }: MetricPoint): void {
    this.#min = this.#points === 0 ? min : Math.min(this.#min, min);
    this.#max = this.#points === 0 ? max : Math.max(this.#max, max);
    this.#points++;
    this.#count += type === 'histogram' ? count : 1;
    this.#sum += value;
    this.#counted += type === 'sum' ? value : type === 'histogram' ? count : 1;
  }

  /** Closes the window. */
  next(): void {
    this.#points = this.#count = this.#sum = this.#counted = 0;
  }

  get isEmpty(): boolean {
    return this.#points === 0;
  }

  /** Null: there is none. Of the reductions that more windows do not change. */
  value({ reduction }: ValueOf, isSum: boolean, windowMs: number): number | null {
    if (reduction === 'sum') return this.#sum;
    if (reduction === 'count') return this.#counted;
    if (reduction === 'rate') return this.#counted / (windowMs / 1000);
    if (this.#points === 0) return null;
    if (reduction === 'min') return this.#min;
    if (reduction === 'max') return this.#max;
    return isSum ? this.#sum : this.#sum / this.#count;
  }
}
