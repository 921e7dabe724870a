/**
 * The bytes of one file that have arrived, or the numbers of a stream: ranges [start, end), ascending, apart from each
 * other. What arrives in order lengthens the last one, so a file that is complete takes one range, however long it is.
 */
export class Ranges {
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  /** The range that was touched last: the next bytes most likely continue it. */
  #at = 0;

  get count(): number {
    return this.starts.length;
  }

  /** Adds [from, to), from < to; returns how many of these bytes were there already. */
  add(from: number, to: number): number {
    const { starts, ends } = this;
    const at = this.#at;
    if (ends[at] === from && (at + 1 === starts.length || to < starts[at + 1]!)) {
      ends[at] = to;
      return 0;
    }
    return this.#insert(from, to);
  }

  /** What of [from, to) is not in them, ascending. */
  *missing(from: number, to: number): Generator<{ from: number; to: number }, void> {
    let at = from;
    for (let i = above(this.ends, from); i < this.starts.length && this.starts[i]! < to; i++) {
      if (this.starts[i]! > at) yield { from: at, to: this.starts[i]! };
      at = this.ends[i]!;
    }
    if (at < to) yield { from: at, to };
  }

  /** What of [from, to) is in them, ascending. */
  *present(from: number, to: number): Generator<{ from: number; to: number }, void> {
    for (let i = above(this.ends, from); i < this.starts.length && this.starts[i]! < to; i++) {
      yield { from: Math.max(from, this.starts[i]!), to: Math.min(to, this.ends[i]!) };
    }
  }

  #insert(from: number, to: number): number {
    const { starts, ends } = this;
    // The ranges [first, last) touch [from, to), or stand beside it.
    const first = lowerBound(ends, from);
    let last = first;
    let known = 0;
    let start = from;
    let end = to;
    for (; last < starts.length && starts[last]! <= to; last++) {
      known += Math.max(0, Math.min(to, ends[last]!) - Math.max(from, starts[last]!));
      start = Math.min(start, starts[last]!);
      end = Math.max(end, ends[last]!);
    }
    if (last === first + 1) {
      starts[first] = start;
      ends[first] = end;
    } else {
      starts.splice(first, last - first, start);
      ends.splice(first, last - first, end);
    }
    this.#at = first;
    return known;
  }
}

/** The index of the first value that is not below `limit`, in ascending values. */
function lowerBound(values: readonly number[], limit: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The index of the first value above `limit`. */
function above(values: readonly number[], limit: number): number {
  return lowerBound(values, limit + 1);
}
