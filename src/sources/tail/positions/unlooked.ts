/**
 * How far files are behind that are known from before, and not looked at yet: with exactly_once that may take as long as
 * Kafka is away. What there is of them is asked for now and then; of the many, and where that cannot be asked, it is what
 * the journal knows.
 */
import { statSync } from '../../../mounts/fs.ts';
import { compression } from '../compressed/archive.ts';
import type { TailContext } from '../context.ts';
import { byClock } from './ages.ts';
import type { Generation } from './journal.ts';

/** So many files are asked for. */
const MOST = 1000;
const AGAIN_MS = 5000;

export class Unlooked {
  readonly #context: TailContext;
  #asked = Number.NEGATIVE_INFINITY;
  #bytes = 0;
  /** By `performance.now()`; null: nothing waits. */
  #since: number | null = null;

  constructor(context: TailContext) {
    this.#context = context;
  }

  /** Bytes, and the age of the oldest in milliseconds. */
  lag(now: number): { bytes: number; age: number } {
    if (now - this.#asked >= AGAIN_MS) this.#ask(now);
    return { bytes: this.#bytes, age: this.#since === null ? 0 : now - this.#since };
  }

  #ask(now: number): void {
    const { positions, input } = this.#context;
    this.#asked = now;
    this.#bytes = 0;
    this.#since = null;
    let asked = 0;
    for (const g of positions.unclaimed.each(input.name)) {
      const { ages, position } = g;
      const found = ++asked <= MOST ? sizeOf(g) : null;
      const size = found?.size ?? g.size;
      if (size <= position) continue;
      const known = ages && ages.at <= position && position < ages.end;
      const since = known ? ages.of(position) : Math.min(positions.lookedAfter(g), found?.written ?? now);
      this.#bytes += size - position;
      this.#since = Math.min(since, this.#since ?? since);
    }
  }
}

/** What is there of it, and when it was written last; null: that cannot be told. */
function sizeOf({ path, inode }: Generation): { size: number; written: number } | null {
  if (compression(path)) return null;
  try {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (stat?.ino !== inode) return null;
    return { size: Number(stat.size), written: byClock(Number(stat.mtimeMs)) };
  } catch {
    // It may hang, or may not be asked for: whoever reads it says so.
    return null;
  }
}
