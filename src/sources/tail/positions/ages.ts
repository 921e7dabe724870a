/**
 * When the bytes of a file came that are not safe: sparse marks, the further apart the longer the oldest byte waits.
 *
 *   | safe |  as old as the first mark  |  as the second  |  as the last  |  not seen yet
 *          at                           later             later           end
 *
 * What came between two marks counts as old as the first of them: no age is too small, and none is too large by more than
 * an eighth of the longest that one of them has waited, or a tenth of a second. Times are by `performance.now()`, whole
 * milliseconds: those take no memory of their own.
 */
import type { Generation } from './journal.ts';

/** Marks are no closer than this, milliseconds, and no more than so many, beside the first. */
const STEP_MS = 100;
const MOST = 15;

export class Ages {
  /** The first mark: bytes from here on came then. */
  at: number;
  since: number;
  /** What was seen so far. */
  end: number;
  /** Places and times of those behind it. */
  #later: number[] | null = null;

  constructor(at: number, end: number, since: number) {
    this.at = at;
    this.end = end;
    this.since = Math.floor(since);
  }

  /** When the byte at `position` came, or before. */
  of(position: number): number {
    this.#pass(position);
    return this.since;
  }

  /** What lies between `end` and this place came now; everything before `safe` is. */
  add(end: number, now: number, safe: number): void {
    this.#pass(safe);
    const later = this.#later;
    const last = later?.at(-1) ?? this.since;
    if (now - last >= Math.max(STEP_MS, (now - this.since) / MOST)) {
      if (later?.length === 2 * MOST) this.#thin(later);
      if (later) later.push(this.end, Math.floor(now));
      else this.#later = [this.end, Math.floor(now)];
    }
    this.end = end;
  }

  /** There is nothing behind `end`. */
  cut(end: number): void {
    const later = this.#later;
    while (later && later.length > 0 && later.at(-2)! >= end) later.length -= 2;
    this.end = end;
  }

  /** What lies before `safe` is of no interest any more. */
  #pass(safe: number): void {
    const later = this.#later;
    if (!later) return;
    let passed = 0;
    while (passed < later.length && later[passed]! <= safe) passed += 2;
    if (passed === 0) return;
    this.at = later[passed - 2]!;
    this.since = later[passed - 1]!;
    later.splice(0, passed);
  }

  /** The one that tells least goes. */
  #thin(later: number[]): void {
    let least = 0;
    let width = Number.POSITIVE_INFINITY;
    for (let i = 0; i + 3 < later.length; i += 2) {
      const wide = later[i + 3]! - (i === 0 ? this.since : later[i - 1]!);
      if (wide >= width) continue;
      width = wide;
      least = i;
    }
    later.splice(least, 2);
  }
}

/** `size` bytes of it are there now. */
export function came(generation: Generation, size: number, now: number): void {
  const { ages, position } = generation;
  const known = ages ? ages.end : position;
  if (size === known) return;
  if (size <= position) generation.ages = undefined;
  else if (!ages) generation.ages = new Ages(position, size, now);
  else if (size > known) ages.add(size, now, position);
  else ages.cut(size);
}

/**
 * It is tracked from now on: of its `size` bytes those behind what was known to wait came at `since`, or later.
 */
export function take(generation: Generation, size: number, since: number): void {
  const { ages, position } = generation;
  if (ages && (position < ages.at || position >= ages.end)) generation.ages = undefined;
  came(generation, size, since);
}

/** A time since the epoch as `performance.now()` tells it; not later than now. */
export function byClock(time: number): number {
  return performance.now() - Math.max(0, Date.now() - time);
}
