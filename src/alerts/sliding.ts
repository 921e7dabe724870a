/**
 * A sum, least or greatest over the last cells of many instances at once, a column of numbers each: nothing is taken off
 * again, so nothing is left of a large number that has gone, and an evaluation is three numbers an instance.
 *
 *   cells   | 3 | 5 | 2 | 4 |      of one instance; it turns when the cell of its block's number closes:
 *   turned  |14 |11 | 6 | 4 |      each is joined with those behind it up to there
 *
 *   of all = turned[oldest] + those closed since it turned + the open one
 *
 * A cell is a row with a place for each slot. Slots turn in blocks, which lie together, and each block in its turn: no evaluation
 * has much more to do than another.
 */
export type Joining = 'sum' | 'min' | 'max';

const NOTHING: Record<Joining, number> = {
  sum: 0,
  min: Number.POSITIVE_INFINITY,
  max: Number.NEGATIVE_INFINITY,
};

/** Slots of a block. */
const BLOCK = 32;

export class SlidingColumn {
  readonly #joining: Joining;
  readonly #nothing: number;
  readonly #size: number;
  #room: number;
  /** What came since the last cell was closed, by slot. */
  open: Float64Array;
  /** The cells that were closed since it turned, joined. */
  #closed: Float64Array;
  #cells: Float64Array;
  /** The open cell. */
  #at = 0;

  constructor(joining: Joining, size: number, room: number) {
    this.#joining = joining;
    this.#nothing = NOTHING[joining];
    this.#size = size;
    this.#room = room;
    this.open = new Float64Array(room).fill(this.#nothing);
    // Of one cell there is but the open one.
    this.#closed = new Float64Array(size === 1 ? 0 : room).fill(this.#nothing);
    this.#cells = new Float64Array(size === 1 ? 0 : room * size).fill(this.#nothing);
  }

  grow(room: number): void {
    const { open, at } = { open: this.open, at: this.#at };
    const grown = new SlidingColumn(this.#joining, this.#size, room);
    grown.open.set(open);
    if (this.#size > 1) {
      grown.#closed.set(this.#closed);
      for (let cell = 0; cell < this.#size; cell++) {
        grown.#cells.set(this.#cells.subarray(cell * this.#room, (cell + 1) * this.#room), cell * room);
      }
    }
    this.open = grown.open;
    this.#closed = grown.#closed;
    this.#cells = grown.#cells;
    this.#room = room;
    this.#at = at;
  }

  /** Nothing is in it of this slot. */
  clear(slot: number): void {
    this.open[slot] = this.#nothing;
    if (this.#size === 1) return;
    this.#closed[slot] = this.#nothing;
    for (let at = slot; at < this.#cells.length; at += this.#room) this.#cells[at] = this.#nothing;
  }

  /** Of all cells, the open one included: into `to`, for the slots below `count`. */
  all(to: Float64Array, count: number): void {
    const size = this.#size;
    if (size === 1) {
      to.set(this.open.subarray(0, count));
      return;
    }
    const [at, closed, joining] = [this.#at, this.#closed, this.#joining];
    join(joining, to, this.#cells, ((at + 1) % size) * this.#room, closed, count);
    // Of those that turn now all are closed since.
    for (let from = at * BLOCK; from < count; from += size * BLOCK) {
      to.set(closed.subarray(from, Math.min(from + BLOCK, count)), from);
    }
    join(joining, to, to, 0, this.open, count);
  }

  /** The same of one slot. */
  of(slot: number): number {
    const open = this.open[slot]!;
    if (this.#size === 1) return open;
    const [at, size, joining] = [this.#at, this.#size, this.#joining];
    const since = joinedOf(joining, this.#closed[slot]!, open);
    return Math.floor(slot / BLOCK) % size === at
      ? since
      : joinedOf(joining, this.#cells[((at + 1) % size) * this.#room + slot]!, since);
  }

  /** Closes the open cell of the slots below `count`. */
  next(count: number): void {
    const [size, at, room, open, cells, closed] = [
      this.#size,
      this.#at,
      this.#room,
      this.open,
      this.#cells,
      this.#closed,
    ];
    if (size > 1) {
      cells.set(open.subarray(0, count), at * room);
      join(this.#joining, closed, closed, 0, open, count);
      for (let from = at * BLOCK; from < count; from += size * BLOCK) this.#turn(from, Math.min(from + BLOCK, count));
      this.#at = (at + 1) % size;
    }
    open.fill(this.#nothing, 0, count);
  }

  #turn(from: number, to: number): void {
    const [size, room, cells] = [this.#size, this.#room, this.#cells];
    const cell = (back: number) => {
      const row = ((this.#at - back + size) % size) * room;
      return cells.subarray(row + from, row + to);
    };
    for (let back = 1, behind = cell(0); back < size - 1; back++) {
      const own = cell(back);
      join(this.#joining, own, own, 0, behind, to - from);
      behind = own;
    }
    this.#closed.fill(this.#nothing, from, to);
  }
}

function joinedOf(joining: Joining, a: number, b: number): number {
  return joining === 'sum' ? a + b : joining === 'min' ? Math.min(a, b) : Math.max(a, b);
}

/** to[i] = a[from + i] and b[i]. A loop each, so that each is of one kind. */
function join(joining: Joining, to: Float64Array, a: Float64Array, from: number, b: Float64Array, count: number): void {
  if (joining === 'sum') for (let i = 0; i < count; i++) to[i] = a[from + i]! + b[i]!;
  else if (joining === 'min') for (let i = 0; i < count; i++) to[i] = Math.min(a[from + i]!, b[i]!);
  else for (let i = 0; i < count; i++) to[i] = Math.max(a[from + i]!, b[i]!);
}
