/** Work in steps: after a few milliseconds of it other things get their turn. */
import { setImmediate } from 'node:timers/promises';

const STEP_MS = 5;

export class Pace {
  #since = performance.now();
  #before = 0;

  /** True: it is time to rest. */
  get due(): boolean {
    return performance.now() - this.#since > STEP_MS;
  }

  /** Milliseconds of work so far, without the rests. */
  get worked(): number {
    return this.#before + performance.now() - this.#since;
  }

  async rest(): Promise<void> {
    this.#before = this.worked;
    await setImmediate();
    this.#since = performance.now();
  }
}

/** Sorted and merged at once. */
const RUN = 1024;

/** Sorts as `Array.sort` does, in steps. */
export async function sortInSteps<T>(items: readonly T[], compare: (a: T, b: T) => number, pace: Pace): Promise<T[]> {
  let runs: T[][] = [];
  for (let i = 0; i < items.length; i += RUN) {
    runs.push(items.slice(i, i + RUN).sort(compare));
    if (pace.due) await pace.rest();
  }
  for (; runs.length > 1; runs = await mergePairs(runs, compare, pace));
  return runs[0] ?? [];
}

async function mergePairs<T>(runs: T[][], compare: (a: T, b: T) => number, pace: Pace): Promise<T[][]> {
  const merged: T[][] = [];
  for (let i = 0; i < runs.length; i += 2) {
    const [a, b = []] = [runs[i]!, runs[i + 1]];
    const both: T[] = [];
    for (let [x, y] = [0, 0]; x < a.length || y < b.length; ) {
      const first = y === b.length || (x < a.length && compare(a[x]!, b[y]!) <= 0);
      both.push(first ? a[x++]! : b[y++]!);
      if (both.length % RUN === 0 && pace.due) await pace.rest();
    }
    merged.push(both);
  }
  return merged;
}
