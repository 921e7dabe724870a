/**
 * Tumbling windows: which are written, which are made of those when they are read, and when their keys expire.
 *
 *   1m   |.|.|.|.|.|.|.|.|.|.|   written
 *   10m  |. . . . . . . . . .|   ten of them, added up when it is read
 *   1h   |                     written: sixty would be too many to add up
 *   1d   |                     twenty-four hours
 *
 * A window is a union when a written one divides it into at most MOST_PARTS parts (the longest such one is taken), else it
 * is written: a record then costs an entry a written window, and a reader at most MOST_PARTS keys. Windows begin at
 * multiples of their length since the epoch, in UTC; a record belongs to the one that holds its time less a millisecond,
 * since the time of a metric is the end of what it measured.
 *
 * Invariant: a record is in exactly one of the keys that a window is read from, also after `windows` was changed: whether
 * a window is a union of another one does not depend on the others.
 */

/** Lengths and times are in seconds. */
export interface TumblingWindow {
  readonly name: string;
  readonly seconds: number;
  /** How long it can be read after its end. */
  readonly keep: number;
  /** The length of the written window that it is a union of; null: it is written. */
  readonly base: number | null;
}

/** Keys that a union is made of. */
const MOST_PARTS = 30;
const HOUR = 3600;
const DAY = 86_400;

/** `keep`: by length. */
export function planWindows(
  lengths: readonly { name: string; seconds: number }[],
  keep: ReadonlyMap<number, number>,
): TumblingWindow[] {
  const written: number[] = [];
  return [...lengths]
    .sort((a, b) => a.seconds - b.seconds)
    .map(({ name, seconds }) => {
      const base = written.findLast((part) => seconds % part === 0 && seconds / part <= MOST_PARTS) ?? null;
      if (base === null) written.push(seconds);
      return { name, seconds, keep: keep.get(seconds) ?? usualKeep(seconds), base };
    });
}

/** 72 windows, at least two hours; from a day on 90 windows. */
export function usualKeep(seconds: number): number {
  return seconds >= DAY ? seconds * 90 : Math.max(2 * HOUR, seconds * 72);
}

/** Where the window begins that a record of this time (ms) belongs to. */
export function startOf(ms: number, seconds: number): number {
  return Math.floor((ms - 1) / 1000 / seconds) * seconds;
}

/** Where the window begins that holds this moment (ms). */
export function startAt(ms: number, seconds: number): number {
  return Math.floor(ms / 1000 / seconds) * seconds;
}

/** A window that is written, and until when its keys are wanted. */
export class WrittenWindow {
  readonly seconds: number;
  readonly #users: readonly TumblingWindow[];

  constructor(seconds: number, all: readonly TumblingWindow[]) {
    this.seconds = seconds;
    this.#users = all.filter((window) => window.base === seconds || window.seconds === seconds);
  }

  /** When the key of the window that begins at `start` may go: nothing that is made of it is read any more. */
  expiresAt(start: number): number {
    let last = 0;
    for (const { seconds, keep } of this.#users) {
      last = Math.max(last, Math.floor(start / seconds) * seconds + seconds + keep);
    }
    return last;
  }
}

export function writtenOf(all: readonly TumblingWindow[]): WrittenWindow[] {
  return all.filter(({ base }) => base === null).map(({ seconds }) => new WrittenWindow(seconds, all));
}

/** The starts of the written windows that the window at `start` is made of; [] of a written one. */
export function partsAt({ seconds, base }: TumblingWindow, start: number): number[] {
  if (base === null) return [];
  return Array.from({ length: seconds / base }, (_, i) => start + i * base);
}
