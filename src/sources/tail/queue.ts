/**
 * Files that may have something to read, in the order of their turns.
 *
 *   live      written in the last ten seconds; each in turn, so one that is written at full speed holds up no other
 *   backlog   the others; the one that was written longest ago is read to its end first
 *
 * A turn is one batch. Turns alternate between the two, so neither starves. A backlog file that is written to becomes
 * live where it stands.
 */

/** What the queue keeps on a file, so that a hundred thousand of them need no table. */
export interface Queued {
  /** When it was last written, as far as known: milliseconds, by `performance.now()`. */
  written: number;
  queued: 'live' | 'backlog' | null;
}

const LIVE_MS = 10_000;
/** Places at the front of the list that are free may become so many before the list is moved up. */
const MOVE_UP = 1024;

export class Queue<T extends Queued> {
  #live: T[] = [];
  /** Where the first of the live ones stands. */
  #first = 0;
  /** A heap: the one written longest ago on top. May hold files that have become live or had their turn since. */
  readonly #backlog: { file: T; written: number }[] = [];
  #liveNext = true;

  /** A file that is in it already stays where it is, but becomes live when it was written to. */
  add(file: T, now = performance.now()): void {
    const live = now - file.written < LIVE_MS;
    if (file.queued === 'live' || (file.queued === 'backlog' && !live)) return;
    if (live) this.#live.push(file);
    else this.#push(file);
    file.queued = live ? 'live' : 'backlog';
  }

  /** The file whose turn it is. */
  take(): T | undefined {
    const live = this.#liveNext;
    this.#liveNext = !live;
    const file = live ? (this.#takeLive() ?? this.#takeOldest()) : (this.#takeOldest() ?? this.#takeLive());
    if (file) file.queued = null;
    return file;
  }

  /** The next `count` of each kind. */
  upcoming(count: number): T[] {
    const backlog: T[] = [];
    for (let file = this.#takeOldest(); file; file = this.#takeOldest()) if (backlog.push(file) === count) break;
    for (const file of backlog) this.#push(file);
    return [...this.#live.slice(this.#first, this.#first + count), ...backlog];
  }

  #takeLive(): T | undefined {
    const file = this.#live[this.#first];
    if (!file) return undefined;
    this.#first++;
    if (this.#first === this.#live.length) {
      this.#live.length = 0;
      this.#first = 0;
    } else if (this.#first >= MOVE_UP && this.#first * 2 > this.#live.length) {
      this.#live = this.#live.slice(this.#first);
      this.#first = 0;
    }
    return file;
  }

  #takeOldest(): T | undefined {
    for (let file = this.#pop(); file; file = this.#pop()) if (file.queued === 'backlog') return file;
    return undefined;
  }

  #push(file: T): void {
    const heap = this.#backlog;
    const entry = { file, written: file.written };
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (heap[above]!.written <= entry.written) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = entry;
  }

  #pop(): T | undefined {
    const heap = this.#backlog;
    const top = heap[0]?.file;
    const last = heap.pop();
    if (!last || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && heap[below + 1]!.written < heap[below]!.written) below++;
      if (heap[below]!.written >= last.written) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
    return top;
  }
}
