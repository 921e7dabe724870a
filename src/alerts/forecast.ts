/**
 * When values get where they must not, as they went: a straight line through the last cells of many instances at once. The
 * sums that it is made of go on from cell to cell; what its errors could be seen in is summed anew, and all are in turn.
 *
 *   back    | 3 | 2 | 1 | 0 |      cells behind the open one, which is 0
 *   values  | y | y |NaN| y |      NaN: nothing was measured
 */

import { BLOCK, firstCell } from './blocks.ts';
import { widened } from './widened.ts';

/** Of a line through fewer nothing is concluded. Of at most 255 cells the sums below are whole numbers that fit. */
const LEAST_CELLS = 6;
/** A sum that is so much smaller than what it was made of is summed anew. */
const CANCELS = 1e-6;

export class Forecasts {
  readonly #size: number;
  /** Between cells, seconds. */
  readonly #apart: number;
  readonly #reaches: number;
  #room: number;
  /** Rows by cell; the open one has none yet in its place. */
  #values: Float64Array;
  #at: number;
  /** Of the closed cells that are known, by slot: how many, the sums of their `back` and of its squares. */
  #n: Uint8Array;
  #x: Uint16Array;
  #xx: Uint32Array;
  /** Side by side: the sums of values, and of `back` times value. */
  #sums: Float64Array;
  /** The greatest of the values that are in them, about. */
  #most: Float32Array;

  /** `apart`: milliseconds. */
  constructor(size: number, apart: number, reaches: number, room: number) {
    this.#size = size;
    this.#apart = apart / 1000;
    this.#reaches = reaches;
    this.#room = room;
    this.#at = firstCell(size);
    this.#values = new Float64Array(room * size).fill(Number.NaN);
    [this.#n, this.#x, this.#xx] = [new Uint8Array(room), new Uint16Array(room), new Uint32Array(room)];
    [this.#sums, this.#most] = [new Float64Array(2 * room), new Float32Array(room)];
  }

  grow(room: number): void {
    const values = new Float64Array(room * this.#size).fill(Number.NaN);
    for (let cell = 0; cell < this.#size; cell++) {
      values.set(this.#values.subarray(cell * this.#room, (cell + 1) * this.#room), cell * room);
    }
    this.#values = values;
    this.#room = room;
    [this.#n, this.#x, this.#xx] = [widened(this.#n, room), widened(this.#x, room), widened(this.#xx, room)];
    [this.#sums, this.#most] = [widened(this.#sums, 2 * room), widened(this.#most, room)];
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
    const [n, x, xx, sums] = [this.#n, this.#x, this.#xx, this.#sums];
    const [apart, reaches] = [this.#apart, this.#reaches];
    for (let slot = 0; slot < count; slot++) {
      const now = open[slot]!;
      let points = n[slot]!;
      let sum = sums[2 * slot]!;
      if (!Number.isNaN(now)) {
        points++;
        sum += now;
      }
      to[slot] = cellsUntil(reaches, points, x[slot]!, xx[slot]!, sum, sums[2 * slot + 1]!) * apart;
    }
  }

  /** Closes the open cell of the slots below `count`, in which these are the values. */
  next(values: Float64Array, count: number): void {
    const [size, room, past] = [this.#size, this.#room, this.#values];
    const [n, x, xx, sums, most] = [this.#n, this.#x, this.#xx, this.#sums, this.#most];
    const farthest = size - 1;
    const leaving = ((this.#at + 1) % size) * room;
    const row = this.#at * room;
    const cancelled: number[] = [];
    for (let slot = 0; slot < count; slot++) {
      const old = past[leaving + slot]!;
      let points = n[slot]!;
      let backs = x[slot]!;
      let squares = xx[slot]!;
      let y = sums[2 * slot]!;
      let xy = sums[2 * slot + 1]!;
      if (farthest > 0 && !Number.isNaN(old)) {
        points--;
        backs -= farthest;
        squares -= farthest * farthest;
        y -= old;
        xy -= farthest * old;
      }
      // All are one further back.
      squares += 2 * backs + points;
      backs += points;
      xy += y;
      const now = values[slot]!;
      past[row + slot] = now;
      if (farthest > 0 && !Number.isNaN(now)) {
        points++;
        backs++;
        squares++;
        y += now;
        xy += now;
        if (Math.abs(now) > most[slot]!) most[slot] = Math.abs(now);
      }
      n[slot] = points;
      x[slot] = backs;
      xx[slot] = squares;
      sums[2 * slot] = y;
      sums[2 * slot + 1] = xy;
      // Also where it is no number any more.
      if (!(most[slot]! * CANCELS <= Math.abs(y))) cancelled.push(slot);
    }
    this.#at = (this.#at + 1) % size;
    for (let from = this.#at * BLOCK; from < count; from += size * BLOCK) {
      this.#sum(from, Math.min(from + BLOCK, count));
    }
    for (const slot of cancelled) this.#sum(slot, slot + 1);
  }

  /** Anew, of the slots from `from` to before `to`. */
  #sum(from: number, to: number): void {
    const [size, room, at, past] = [this.#size, this.#room, this.#at, this.#values];
    const [n, x, xx, sums, most] = [this.#n, this.#x, this.#xx, this.#sums, this.#most];
    for (const column of [n, x, xx, most]) column.fill(0, from, to);
    sums.fill(0, 2 * from, 2 * to);
    for (let back = 1; back < size; back++) {
      const row = ((at - back + size) % size) * room;
      for (let slot = from; slot < to; slot++) {
        const value = past[row + slot]!;
        if (Number.isNaN(value)) continue;
        n[slot]!++;
        x[slot]! += back;
        xx[slot]! += back * back;
        sums[2 * slot]! += value;
        sums[2 * slot + 1]! += back * value;
        if (Math.abs(value) > most[slot]!) most[slot] = Math.abs(value);
      }
    }
  }
}

/**
 * Cells until a straight line through `n` values is there; `x` are how far back they are. What is divided by is one number:
 *
 *   slope = rise / spread     now = (y + slope * x) / n     cells = (reaches - now) / slope
 */
function cellsUntil(reaches: number, n: number, x: number, xx: number, y: number, xy: number): number {
  if (n < LEAST_CELLS) return Number.NaN;
  const rise = x * y - n * xy;
  const spread = n * xx - x * x;
  const missing = spread * (reaches * n - y) - rise * x;
  if (missing === 0 || (missing < 0 && rise > 0)) return 0;
  const cells = missing / (n * rise);
  return rise === 0 || cells < 0 ? Number.POSITIVE_INFINITY : cells;
}
