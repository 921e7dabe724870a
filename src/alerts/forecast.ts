/**
 * When values get where they must not, as they went: a straight line through the last cells of many instances at once. The
 * sums that it is made of go on from cell to cell; what its errors could be seen in is summed anew, and all are in turn.
 *
 *   back    | 3 | 2 | 1 | 0 |      cells behind the open one, which is 0
 *   values  | y | y |NaN| y |      NaN: nothing was measured
 */

import { widened } from './widened.ts';

/** Of a line through fewer nothing is concluded. */
const LEAST_CELLS = 6;
/** A sum that is so much smaller than what it was made of is summed anew. */
const CANCELS = 1e-6;
/** Slots that are summed anew together. */
const BLOCK = 32;

export class Forecasts {
  readonly #size: number;
  /** Between cells, seconds. */
  readonly #apart: number;
  readonly #reaches: number;
  #room: number;
  /** Rows by cell; the open one has none yet in its place. */
  #values: Float64Array;
  #at = 0;
  /** Of the closed cells that are known, by slot: how many, their `back`, its square, values, `back` times value, the greatest. */
  #n: Float64Array;
  #x: Float64Array;
  #xx: Float64Array;
  #y: Float64Array;
  #xy: Float64Array;
  #most: Float64Array;

  /** `apart`: milliseconds. */
  constructor(size: number, apart: number, reaches: number, room: number) {
    this.#size = size;
    this.#apart = apart / 1000;
    this.#reaches = reaches;
    this.#room = room;
    this.#values = new Float64Array(room * size).fill(Number.NaN);
    [this.#n, this.#x, this.#xx] = [new Float64Array(room), new Float64Array(room), new Float64Array(room)];
    [this.#y, this.#xy, this.#most] = [new Float64Array(room), new Float64Array(room), new Float64Array(room)];
  }

  grow(room: number): void {
    const values = new Float64Array(room * this.#size).fill(Number.NaN);
    for (let cell = 0; cell < this.#size; cell++) {
      values.set(this.#values.subarray(cell * this.#room, (cell + 1) * this.#room), cell * room);
    }
    this.#values = values;
    this.#room = room;
    const longer = (old: Float64Array) => widened(old, room);
    [this.#n, this.#x, this.#xx] = [longer(this.#n), longer(this.#x), longer(this.#xx)];
    [this.#y, this.#xy, this.#most] = [longer(this.#y), longer(this.#xy), longer(this.#most)];
  }

  clear(slot: number): void {
    for (let at = slot; at < this.#values.length; at += this.#room) this.#values[at] = Number.NaN;
    this.#sum(slot, slot + 1);
  }

  /**
   * Seconds until the value is there, into `to`, for the slots below `count`; `open` is what it is now. 0: it is there;
   * infinite: not as it goes; NaN: there is not enough to tell.
   */
  all(open: Float64Array, to: Float64Array, count: number): void {
    const [n, x, xx, y, xy, most] = [this.#n, this.#x, this.#xx, this.#y, this.#xy, this.#most];
    const [apart, reaches] = [this.#apart, this.#reaches];
    for (let slot = 0; slot < count; slot++) {
      // Also where it is no number any more.
      if (!(most[slot]! * CANCELS <= Math.abs(y[slot]!))) this.#sum(slot, slot + 1);
      const now = open[slot]!;
      const isKnown = !Number.isNaN(now);
      const points = isKnown ? n[slot]! + 1 : n[slot]!;
      const sum = isKnown ? y[slot]! + now : y[slot]!;
      to[slot] = cellsUntil(reaches, points, x[slot]!, xx[slot]!, sum, xy[slot]!) * apart;
    }
  }

  /** Closes the open cell of the slots below `count`, in which these are the values. */
  next(values: Float64Array, count: number): void {
    const [size, room, past] = [this.#size, this.#room, this.#values];
    const [n, x, xx, y, xy, most] = [this.#n, this.#x, this.#xx, this.#y, this.#xy, this.#most];
    const farthest = size - 1;
    const leaving = ((this.#at + 1) % size) * room;
    const row = this.#at * room;
    for (let slot = 0; slot < count; slot++) {
      const old = past[leaving + slot]!;
      if (farthest > 0 && !Number.isNaN(old)) {
        n[slot]!--;
        x[slot]! -= farthest;
        xx[slot]! -= farthest * farthest;
        y[slot]! -= old;
        xy[slot]! -= farthest * old;
      }
      // All are one further back.
      xx[slot]! += 2 * x[slot]! + n[slot]!;
      x[slot]! += n[slot]!;
      xy[slot]! += y[slot]!;
      const now = values[slot]!;
      past[row + slot] = now;
      if (farthest === 0 || Number.isNaN(now)) continue;
      n[slot]!++;
      x[slot]!++;
      xx[slot]!++;
      y[slot]! += now;
      xy[slot]! += now;
      if (Math.abs(now) > most[slot]!) most[slot] = Math.abs(now);
    }
    this.#at = (this.#at + 1) % size;
    for (let from = this.#at * BLOCK; from < count; from += size * BLOCK) {
      this.#sum(from, Math.min(from + BLOCK, count));
    }
  }

  /** Anew, of the slots from `from` to before `to`. */
  #sum(from: number, to: number): void {
    const [size, room, at, past] = [this.#size, this.#room, this.#at, this.#values];
    for (const sums of [this.#n, this.#x, this.#xx, this.#y, this.#xy, this.#most]) sums.fill(0, from, to);
    const [n, x, xx, y, xy, most] = [this.#n, this.#x, this.#xx, this.#y, this.#xy, this.#most];
    for (let back = 1; back < size; back++) {
      const row = ((at - back + size) % size) * room;
      for (let slot = from; slot < to; slot++) {
        const value = past[row + slot]!;
        if (Number.isNaN(value)) continue;
        n[slot]!++;
        x[slot]! += back;
        xx[slot]! += back * back;
        y[slot]! += value;
        xy[slot]! += back * value;
        if (Math.abs(value) > most[slot]!) most[slot] = Math.abs(value);
      }
    }
  }
}

/** Cells until a straight line through `n` values is there; `x` are how far back they are. */
function cellsUntil(reaches: number, n: number, x: number, xx: number, y: number, xy: number): number {
  if (n < LEAST_CELLS) return Number.NaN;
  const slope = (x * y - n * xy) / (n * xx - x * x);
  const now = (y + slope * x) / n;
  if (now === reaches || (now > reaches && slope > 0)) return 0;
  return slope === 0 || (reaches - now) / slope < 0 ? Number.POSITIVE_INFINITY : (reaches - now) / slope;
}
