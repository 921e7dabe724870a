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
import type { Batch } from '../core/batch.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { RegexKernel } from '../kernel/process/regex.ts';
import type { GroupOptions } from './envelope.ts';
import { type Groups, streamOf } from './groups.ts';
import { LinePattern } from './pattern.ts';

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

  /** Groups the batch's first `count` lines. Groups that may go on stay open. */
  group({ slot }: Batch, count: number, groups: Groups): void {
    const { bytes, bytesAt, starts, ends, flags } = slot;
    const { open, lines } = groups;
    groups.clear();
    for (let i = 0; i < count; i++) {
      const from = starts[i]! - bytesAt;
      const to = ends[i]! - bytesAt;
      const size = to - from;
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
