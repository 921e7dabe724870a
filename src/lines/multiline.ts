/**
 * Which lines make one record: the stack trace with the line that it belongs to.
 *
 *   begins     start matches; without start: continue does not; without both: no group is open
 *   continues  a group is open, and continue matches; without continue: the line does not begin one
 *   closes     end matches; that line is the group's last
 *
 * A line that does none of it opens a group of its like where only `start` is given, else it is a record of its own. So
 * is a line longer than `max_line`. Each of a container's streams has a group of its own.
 */
import { setImmediate } from 'node:timers/promises';
import type { Batch } from '../core/batch.ts';
import type { Slot } from '../core/pool.ts';
import { TURN_MS } from '../core/slices.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { RegexKernel } from '../kernel/process/regex.ts';
import type { GroupOptions } from './envelope.ts';
import { type Groups, streamOf } from './groups.ts';
import { LinePattern } from './pattern.ts';

/** So many bytes of lines never take long: then the clock is looked at. */
const CLOCK_BYTES = 2048;

export class Multiline {
  readonly #start: LinePattern | null;
  readonly #continue: LinePattern | null;
  readonly #end: LinePattern | null;
  readonly #maxLines: number;
  readonly #maxBytes: number;
  readonly #maxLine: number;

  constructor(options: GroupOptions, maxLine: number, kernel: Kernel) {
    const regex = RegexKernel.of(kernel.process);
    const pattern = (source: string | undefined) => (source === undefined ? null : new LinePattern(source, regex));
    this.#start = pattern(options.start);
    this.#continue = pattern(options.continue);
    this.#end = pattern(options.end);
    this.#maxLines = options.max_lines;
    this.#maxBytes = options.max_bytes;
    this.#maxLine = maxLine;
  }

  /** Groups the batch's first `count` lines. Groups that may go on stay open. It is a promise only where it takes long. */
  group({ slot }: Batch, count: number, groups: Groups): Promise<void> | undefined {
    groups.clear();
    const next = this.#turn(slot, 0, count, groups);
    return next < count ? this.#rest(slot, next, count, groups) : undefined;
  }

  async #rest(slot: Slot, from: number, count: number, groups: Groups): Promise<void> {
    for (let next = from; next < count; ) {
      await setImmediate();
      next = this.#turn(slot, next, count, groups);
    }
  }

  /** Groups lines from `first` on, for some milliseconds; gives the one that comes next. */
  #turn(slot: Slot, first: number, count: number, groups: Groups): number {
    const { bytes, bytesAt, starts, ends, flags } = slot;
    const { open, lines } = groups;
    const began = performance.now();
    let looked = 0;
    for (let i = first; i < count; i++) {
      if (looked > CLOCK_BYTES) {
        if (performance.now() - began > TURN_MS) return i;
        looked = 0;
      }
      const from = starts[i]! - bytesAt;
      const to = ends[i]! - bytesAt;
      const size = to - from;
      looked += size;
      const stream = streamOf(flags[i]!);
      const short = size <= this.#maxLine;
      const current = open[stream]!;
      const begins = short && this.#begins(bytes, from, to, current >= 0);
      if (current >= 0) {
        const goesOn = short && (this.#continue ? this.#continue.test(bytes, from, to) : !begins);
        if (goesOn && groups.bytes[current]! + 1 + size <= this.#maxBytes) {
          groups.add(current, i, size + 1);
          if (lines[current] === this.#maxLines || this.#end?.test(bytes, from, to)) open[stream] = -1;
          continue;
        }
        open[stream] = -1;
      }
      const group = groups.begin(i, size);
      const opens = short && (begins || this.#takesAny || (current >= 0 && this.#begins(bytes, from, to, false)));
      if (opens && !this.#end?.test(bytes, from, to)) open[stream] = group;
    }
    return count;
  }

  /** What begins nothing and continues nothing is joined with its like. */
  get #takesAny(): boolean {
    return this.#continue === null && this.#end === null;
  }

  #begins(bytes: Buffer, from: number, to: number, inside: boolean): boolean {
    if (this.#start) return this.#start.test(bytes, from, to);
    if (this.#continue) return !this.#continue.test(bytes, from, to);
    return !inside;
  }
}
