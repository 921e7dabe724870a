/**
 * A set of offsets as runs [from, to) that lie in a row: streams hold a partition's records in turns of a thousand, so of
 * what is in an index there is a run a turn, not a number a record.
 */
export type OffsetRun = readonly [from: number, to: number];

export class OffsetRuns {
  #runs: [number, number][] = [];
  #ordered = true;

  /** In whatever order; one that is there already changes nothing. */
  add(offset: number): void {
    const last = this.#runs.at(-1);
    if (last && offset === last[1]) last[1]++;
    else if (!last || offset > last[1]) this.#runs.push([offset, offset + 1]);
    else {
      this.#runs.push([offset, offset + 1]);
      this.#ordered = false;
    }
  }

  addAll(others: OffsetRuns): void {
    for (const [from, to] of others.runs) this.#runs.push([from, to]);
    this.#ordered = false;
  }

  /** Ascending, and apart from each other. */
  get runs(): readonly OffsetRun[] {
    if (!this.#ordered) this.#merge();
    return this.#runs;
  }

  #merge(): void {
    const merged: [number, number][] = [];
    for (const run of this.#runs.sort((a, b) => a[0] - b[0])) {
      const last = merged.at(-1);
      if (last && run[0] <= last[1]) last[1] = Math.max(last[1], run[1]);
      else merged.push(run);
    }
    this.#runs = merged;
    this.#ordered = true;
  }

  /** What is in both. */
  shared(others: OffsetRuns): OffsetRun[] {
    const [a, b] = [this.runs, others.runs];
    const both: OffsetRun[] = [];
    for (let i = 0, j = 0; i < a.length && j < b.length; ) {
      const from = Math.max(a[i]![0], b[j]![0]);
      const to = Math.min(a[i]![1], b[j]![1]);
      if (from < to) both.push([from, to]);
      if (a[i]![1] < b[j]![1]) i++;
      else j++;
    }
    return both;
  }

  /** What of [from, to) is not in it. */
  gaps(from: number, to: number): OffsetRun[] {
    const gaps: OffsetRun[] = [];
    let at = from;
    for (const [start, end] of this.runs) {
      if (end <= at) continue;
      if (start >= to) break;
      if (start > at) gaps.push([at, start]);
      at = end;
    }
    if (at < to) gaps.push([at, to]);
    return gaps;
  }
}

export function countOf(runs: readonly OffsetRun[]): number {
  return runs.reduce((sum, [from, to]) => sum + to - from, 0);
}
