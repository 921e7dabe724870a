/**
 * What inputs measure, for who looks at it before it leaves the host: the metric records of each window as they are made,
 * and how many lines of an input held something.
 */

/** Metric records of a window: JSON documents, or the same as bytes, one after the other, the end of each in `ends`. */
export type MetricDocuments =
  | readonly string[]
  | { readonly bytes: Uint8Array; readonly ends: Uint32Array; readonly count: number };

export interface MeasuredObserver {
  /** `source`: an input. `interval`: of its windows, milliseconds. `last` false: more of the same window comes. */
  window(source: string, interval: number, documents: MetricDocuments, last: boolean): void;
}

export class Measured {
  /** Null: nobody looks. */
  observer: MeasuredObserver | null = null;
  #lines = new Map<string, number>();

  window(source: string, interval: number, documents: MetricDocuments, last = true): void {
    this.observer?.window(source, interval, documents, last);
  }

  /** So many more lines are counted under this name. */
  countLines(name: string, lines: number): void {
    this.#lines.set(name, (this.#lines.get(name) ?? 0) + lines);
  }

  /** What was counted since the last call. */
  takeLines(): ReadonlyMap<string, number> {
    const lines = this.#lines;
    this.#lines = new Map();
    return lines;
  }
}
