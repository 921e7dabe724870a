/**
 * A sum, least or greatest over the last cells of many instances at once, a column of numbers each: nothing is taken off
 * again, so nothing is left of a large number that has gone, and an evaluation is two numbers an instance.
 *
 *   cells   | 3 | 5 | 2 | 4 |      of one instance; it turns when the cell of its block's number closes:
 *   turned  |14 |11 | 6 | 4 |      each is joined with those behind it up to there
 *
 *   of all = turned[oldest] + what came since it turned
 *
 * A cell is a row with a place for each slot. Slots turn in blocks, which lie together, and each block in its turn: no evaluation
 * has much more to do than another.
 */
import { BLOCK, firstCell } from './blocks.ts';
import { widened } from './widened.ts';

export type Joining = 'sum' | 'min' | 'max';

const NOTHING: Record<Joining, number> = {
  sum: 0,
  min: Number.POSITIVE_INFINITY,
  max: Number.NEGATIVE_INFINITY,
};

export class SlidingColumn {
  readonly #joining: Joining;
  readonly #nothing: number;
  readonly #size: number;
  #room: number;
  /** What came since it turned, by slot: into the open cell, too. */
  #since: Float64Array;
  /** Rows by cell; none where there is but the open one. */
  #cells: Float64Array;
  /** The open cell, and how many were closed. */
  #at: number;
  #closed = 0;
  /** By block: how many were closed when something came last. */
  #touched: Int32Array<ArrayBuffer>;

  constructor(joining: Joining, size: number, room: number) {
    this.#joining = joining;
    this.#nothing = NOTHING[joining];
    this.#size = size;
    this.#room = room;
    this.#since = new Float64Array(room).fill(this.#nothing);
    this.#at = firstCell(size);
    this.#touched = new Int32Array(Math.ceil(room / BLOCK)).fill(-size);
    this.#cells = new Float64Array(size === 1 ? 0 : room * size).fill(this.#nothing);
  }

  grow(room: number): void {
    const since = new Float64Array(room).fill(this.#nothing);
    since.set(this.#since);
    const cells = new Float64Array(this.#size === 1 ? 0 : room * this.#size).fill(this.#nothing);
    for (let from = 0, to = 0; from < this.#cells.length; from += this.#room, to += room) {
      cells.set(this.#cells.subarray(from, from + this.#room), to);
    }
    const { length } = this.#touched;
    this.#touched = widened(this.#touched, Math.ceil(room / BLOCK)).fill(-this.#size, length);
    this.#since = since;
    this.#cells = cells;
    this.#room = room;
  }

  /** Nothing is in it of this slot. */
  clear(slot: number): void {
    this.#since[slot] = this.#nothing;
    for (let at = slot; at < this.#cells.length; at += this.#room) this.#cells[at] = this.#nothing;
  }

  /** Into the open cell. */
  put(slot: number, value: number): void {
    const [joining, since] = [this.#joining, this.#since];
    if (value === this.#nothing) return;
    since[slot] = joined(joining, since[slot]!, value);
    if (this.#size === 1) return;
    const at = this.#at * this.#room + slot;
    this.#touched[Math.floor(slot / BLOCK)] = this.#closed;
    this.#cells[at] = joined(joining, this.#cells[at]!, value);
  }

  /** Of all cells, the open one included: into `to`, for the slots below `count`. */
  all(to: Float64Array, count: number): void {
    const [size, at, room, since, cells] = [this.#size, this.#at, this.#room, this.#since, this.#cells];
    if (size === 1) {
      to.set(since.subarray(0, count));
      return;
    }
    const oldest = ((at + 1) % size) * room;
    // A loop each, so that each is of one kind.
    if (this.#joining === 'sum') for (let i = 0; i < count; i++) to[i] = cells[oldest + i]! + since[i]!;
    else if (this.#joining === 'min') for (let i = 0; i < count; i++) to[i] = Math.min(cells[oldest + i]!, since[i]!);
    else for (let i = 0; i < count; i++) to[i] = Math.max(cells[oldest + i]!, since[i]!);
    // Of those that turn when this cell closes, all cells came since.
    for (let from = at * BLOCK; from < count; from += size * BLOCK) {
      for (let i = from; i < Math.min(from + BLOCK, count); i++) to[i] = since[i]!;
    }
  }

  /** The same of one slot. */
  of(slot: number): number {
    const [size, at, since] = [this.#size, this.#at, this.#since[slot]!];
    if (size === 1 || Math.floor(slot / BLOCK) % size === at) return since;
    return joined(this.#joining, this.#cells[((at + 1) % size) * this.#room + slot]!, since);
  }

  /** Closes the open cell of the slots below `count`. */
  next(count: number): void {
    const [size, at, room] = [this.#size, this.#at, this.#room];
    if (size === 1) {
      this.#since.fill(this.#nothing, 0, count);
      return;
    }
    for (let block = at; block * BLOCK < count; block += size) {
      // Where nothing came there is nothing to turn.
      if (this.#closed - this.#touched[block]! >= size) continue;
      this.#turn(block * BLOCK, Math.min((block + 1) * BLOCK, count));
    }
    this.#at = (at + 1) % size;
    this.#closed++;
    const open = this.#at * room;
    this.#cells.fill(this.#nothing, open, open + count);
  }

  #turn(from: number, to: number): void {
    const [size, room, joining, cells] = [this.#size, this.#room, this.#joining, this.#cells];
    let behind = this.#at * room;
    for (let back = 1; back < size - 1; back++) {
      const own = ((this.#at - back + size) % size) * room;
      if (joining === 'sum') for (let i = from; i < to; i++) cells[own + i]! += cells[behind + i]!;
      else for (let i = from; i < to; i++) cells[own + i] = joined(joining, cells[own + i]!, cells[behind + i]!);
      behind = own;
    }
    this.#since.fill(this.#nothing, from, to);
  }
}

function joined(joining: Joining, a: number, b: number): number {
  return joining === 'sum' ? a + b : joining === 'min' ? Math.min(a, b) : Math.max(a, b);
}
