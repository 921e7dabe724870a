/**
 * Puts the parts of a container's long line together: P, P, F in CRI; in docker's JSON what has no \n at its end. The
 * other stream's lines may stand between them.
 */
import type { Batch } from '../core/batch.ts';
import { PARTIAL } from '../core/batch.ts';
import { type Groups, streamOf } from './groups.ts';

/** What was cut stays cut: the rest of the line, in later batches, is not a line. */
export type Swallowed = Uint8Array;

export class Parts {
  readonly #maxLine: number;
  /** By stream: the source of the line that ends what is swallowed; -1: it goes on. */
  readonly #ended = new Float64Array(4);

  constructor(maxLine: number) {
    this.#maxLine = maxLine;
  }

  /** Groups the batch's first `count` lines. What `swallowed` says belongs to no group. */
  group({ slot }: Batch, count: number, groups: Groups, swallowed: Swallowed): void {
    const { starts, ends, source, flags } = slot;
    const { open } = groups;
    groups.clear();
    this.#ended.fill(-1);
    for (let i = 0; i < count; i++) {
      const stream = streamOf(flags[i]!);
      const goesOn = (flags[i]! & PARTIAL) !== 0;
      if (swallowed[stream] && this.#ended[stream]! < 0) {
        if (!goesOn) this.#ended[stream] = source[i]!;
        continue;
      }
      const size = ends[i]! - starts[i]!;
      const current = open[stream]!;
      if (current >= 0) groups.add(current, i, size);
      else open[stream] = groups.begin(i, size);
      if (!goesOn) open[stream] = -1;
    }
  }

  /** All groups end here. `full`: there is no memory for more; the rest of a line that is cut anyway is not wanted. */
  close(groups: Groups, swallowed: Swallowed, full: boolean): void {
    for (const [stream, group] of groups.open.entries()) {
      if (full && group >= 0 && groups.bytes[group]! > this.#maxLine) {
        swallowed[stream] = 1;
        this.#ended[stream] = -1;
      }
    }
    groups.open.fill(-1);
  }

  /** What comes from before `end`, as `source` counts, is taken. What is not is read again, and swallowed again. */
  taken(end: number, swallowed: Swallowed): void {
    for (let stream = 0; stream < swallowed.length; stream++) {
      const ended = this.#ended[stream]!;
      if (ended >= 0 && ended < end) swallowed[stream] = 0;
    }
  }
}
