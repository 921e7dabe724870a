/** The values of one instance in the last hour, the latest of each minute. Of the time before it was made nothing is known. */

const MINUTE_MS = 60_000;
const MINUTES = 60;
const BLOCKS = '▁▂▃▄▅▆▇█';

export class ValueHistory {
  /** A ring by minute; NaN: no value. */
  readonly #values = new Float64Array(MINUTES).fill(Number.NaN);
  #minute = Number.NaN;

  /** `now`: on the monotonic clock, milliseconds, never less than before. */
  add(value: number | null, now: number): void {
    this.#turnTo(Math.floor(now / MINUTE_MS));
    if (value !== null && Number.isFinite(value)) this.#values[this.#minute % MINUTES] = value;
  }

  /** There is none of this minute yet. */
  isDue(now: number): boolean {
    return Math.floor(now / MINUTE_MS) !== this.#minute;
  }

  /** Oldest first, the last of this minute; null where there was none. None before the first value. */
  get values(): (number | null)[] {
    if (Number.isNaN(this.#minute)) return [];
    const all = Array.from({ length: MINUTES }, (_, i) => this.#values[(this.#minute + 1 + i) % MINUTES]!);
    const first = all.findIndex((value) => !Number.isNaN(value));
    return first < 0 ? [] : all.slice(first).map((value) => (Number.isNaN(value) ? null : value));
  }

  #turnTo(minute: number): void {
    const passed = Number.isNaN(this.#minute) ? 0 : minute - this.#minute;
    for (let i = 1; i <= Math.min(passed, MINUTES); i++) this.#values[(this.#minute + i) % MINUTES] = Number.NaN;
    this.#minute = minute;
  }
}

/** A line of blocks, from the least to the greatest of the values and `threshold`; a space where there is none. */
export function sparkline(values: readonly (number | null)[], threshold: number | null): string {
  const all = [...values, threshold].filter((value) => value !== null && Number.isFinite(value)) as number[];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const step = (value: number) => (high > low ? Math.round(((value - low) / (high - low)) * (BLOCKS.length - 1)) : 0);
  return values.map((value) => (value === null ? ' ' : (BLOCKS[step(value)] ?? ' '))).join('');
}
