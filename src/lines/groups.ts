/**
 * Lines of a batch that belong together, and the edit of its tables that makes one record of each group.
 *
 *   lines     a1  b1  a2  c   d1         groups by the order of their first lines: a, b, c, d
 *   records   a1+a2   b1  c              d is open: the batch ends before d1, which is read again
 *
 * Where a group lies in one piece, only the tables change. Invariant: what is taken is whole groups, and every byte
 * before the first line that is not taken belongs to them.
 */
import { type Batch, HELD, MULTILINE, PARTIAL } from '../core/batch.ts';
import { MAX_RECORDS, type Slot } from '../core/pool.ts';
import type { Kernel } from '../kernel/kernel.ts';

const NONE = -1;
/** Streams of a container, by the bits of a line's flags: none, stdout, stderr. */
const STREAMS = 4;

export function streamOf(flags: number): number {
  return (flags >> 2) & 3;
}

export class Groups {
  /** Groups so far. */
  count = 0;
  /** The open group of each stream, or -1. */
  readonly open = new Int32Array(STREAMS).fill(NONE);
  /** By group: first and last line, how many lines, bytes of the joined text. */
  readonly #first = new Uint16Array(MAX_RECORDS);
  readonly #last = new Uint16Array(MAX_RECORDS);
  readonly lines = new Uint16Array(MAX_RECORDS);
  readonly bytes = new Uint32Array(MAX_RECORDS);
  /** By line: the next one of its group. */
  readonly #next = new Uint16Array(MAX_RECORDS);

  clear(): void {
    this.count = 0;
    this.open.fill(NONE);
  }

  /** A group that begins with this line. */
  begin(line: number, bytes: number): number {
    const group = this.count++;
    this.#first[group] = line;
    this.#last[group] = line;
    this.lines[group] = 1;
    this.bytes[group] = bytes;
    return group;
  }

  /** One more line of a group; `bytes` are those that the joined text grows by. */
  add(group: number, line: number, bytes: number): void {
    this.#next[this.#last[group]!] = line;
    this.#last[group] = line;
    this.lines[group] = this.lines[group]! + 1;
    this.bytes[group] = this.bytes[group]! + bytes;
  }

  /** How many of the `count` lines belong to closed groups, and have nothing of an open one before them. */
  settled(flags: Uint8Array, count: number): number {
    let end = count;
    for (const group of this.open) if (group !== NONE) end = Math.min(end, this.#first[group]!);
    if (end === count) return count;
    for (let group = this.count - 1; ; group--) {
      // Records that only count together are not parted.
      while (end > 0 && flags[end - 1]! & HELD) end--;
      if (group < 0) return end;
      if (this.#first[group]! < end && this.#last[group]! >= end) end = this.#first[group]!;
    }
  }

  /** Makes records of the groups within the first `end` lines; returns how many there are. */
  apply(batch: Batch, kernel: Kernel, end: number, separator: 'lf' | 'nothing'): number {
    let group = 0;
    while (group < this.count && this.#first[group]! < end) {
      const [first, last] = [this.#first[group]!, this.#last[group]!];
      const apart = last - first + 1 !== this.lines[group];
      if (apart || (group + 1 < this.count && this.#first[group + 1]! < last)) {
        group = this.#disentangle(batch.slot, group, separator);
      } else this.#inPlace(batch.slot, kernel, group++, separator);
    }
    return group;
  }

  /** A group whose lines follow each other. */
  #inPlace(slot: Slot, kernel: Kernel, group: number, separator: 'lf' | 'nothing'): void {
    const { starts, ends, source, length, flags } = slot;
    const [first, last] = [this.#first[group]!, this.#last[group]!];
    let end = ends[last]!;
    let bits = flags[first]! & ~PARTIAL;
    const bytes = source[last]! + length[last]! - source[first]!;
    if (last > first) {
      if (separator === 'lf') bits |= MULTILINE;
      bits = (bits & ~HELD) | (flags[last]! & HELD);
      // One LF between any two, and nothing else: it is joined as it lies there.
      if (end - starts[first]! !== this.bytes[group]) end = kernel.join(slot, first, last - first + 1, separator);
    }
    starts[group] = starts[first]!;
    ends[group] = end;
    source[group] = source[first]!;
    length[group] = bytes;
    flags[group] = bits;
  }

  /**
   * Groups whose lines are mixed: texts are put in order. The bytes of a record are those of its first lines that follow
   * each other; what else is between belongs to the last. Returns the group behind.
   */
  #disentangle(slot: Slot, from: number, separator: 'lf' | 'nothing'): number {
    const { bytes, bytesAt, starts, ends, source, length, flags } = slot;
    const firstLine = this.#first[from]!;
    let last = this.#last[from]!;
    let to = from + 1;
    for (; to < this.count && this.#first[to]! < last; to++) last = Math.max(last, this.#last[to]!);
    const base = starts[firstLine]! - bytesAt;
    const texts = Buffer.from(bytes.subarray(base, ends[last]! - bytesAt));
    const unitEnd = source[last]! + length[last]!;
    const unitHeld = flags[last]! & HELD;
    let out = base;
    for (let group = from; group < to; group++) {
      const first = this.#first[group]!;
      const begin = out;
      let line = first;
      let run = first;
      for (let n = this.lines[group]!; ; ) {
        out += texts.copy(bytes, out, starts[line]! - bytesAt - base, ends[line]! - bytesAt - base);
        if (--n === 0) break;
        const next = this.#next[line]!;
        if (separator === 'lf') bytes[out++] = 10;
        if (run === line && next === line + 1) run = next;
        line = next;
      }
      const taken = source[run]! + length[run]! - source[first]!;
      const joined = separator === 'lf' && line !== first ? MULTILINE : 0;
      const bits = (flags[first]! & ~(PARTIAL | HELD)) | joined;
      const from = source[first]!;
      starts[group] = bytesAt + begin;
      ends[group] = bytesAt + out;
      source[group] = from;
      length[group] = group === to - 1 ? unitEnd - from : taken;
      flags[group] = bits | (group === to - 1 ? unitHeld : HELD);
      // As between lines, so that they can be joined where they lie.
      bytes[out++] = 10;
    }
    return to;
  }
}
