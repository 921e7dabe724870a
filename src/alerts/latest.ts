/** What came into the latest cell that had anything, of many instances: an average each. */
import { widened } from './widened.ts';

export class LatestCells {
  /** By slot, side by side: the sum, and of how many. */
  #sums: Float64Array;

  constructor(room: number) {
    this.#sums = new Float64Array(2 * room);
  }

  grow(room: number): void {
    this.#sums = widened(this.#sums, 2 * room);
  }

  clear(slot: number): void {
    this.#sums.fill(0, 2 * slot, 2 * slot + 2);
  }

  /** `isFirst`: of its cell. */
  put(slot: number, value: number, count: number, isFirst: boolean): void {
    const sums = this.#sums;
    const at = 2 * slot;
    sums[at] = isFirst ? value : sums[at]! + value;
    sums[at + 1] = isFirst ? count : sums[at + 1]! + count;
  }

  /** Into `to`, of the slots below `count` that had something in the window `from` or later; of others NaN. */
  all(to: Float64Array, count: number, pointAt: Int32Array, from: number): void {
    const sums = this.#sums;
    for (let slot = 0; slot < count; slot++) {
      // 0 / 0: nothing is known.
      to[slot] = pointAt[slot]! >= from ? sums[2 * slot]! / sums[2 * slot + 1]! : Number.NaN;
    }
  }
}
