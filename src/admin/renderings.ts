/**
 * What is rendered for those who ask. One rendering is for all who ask for the same while it is fresh; they are made
 * one at a time, in pieces between which other things have their turn, and with pauses. So however many ask, and for
 * whatever, there is time for the rest, and what a hundred are sent is held once.
 */
import { setImmediate, setTimeout } from 'node:timers/promises';

/** So many times the time that a rendering took it is fresh, and the next one waits, */
const PAUSE = 3;
/** but not longer than this. */
const LONGEST_MS = 500;

type Pieces = Iterable<string> | AsyncIterable<string>;

export class Renderings {
  /** Under way, or fresh. */
  readonly #made = new Map<string, Promise<readonly Buffer[]>>();
  /** When the next one may begin. */
  #turn: Promise<unknown> = Promise.resolve();

  /** What `make` gives, or gave for the same key just now. */
  of(key: string, make: () => Pieces): Promise<readonly Buffer[]> {
    const made = this.#made.get(key);
    if (made) return made;
    const work = this.#turn.then(() => render(make));
    const body = work.then(({ pieces }) => pieces);
    this.#made.set(key, body);
    this.#turn = work
      .then(({ cost }) => setTimeout(Math.min(cost * PAUSE, LONGEST_MS)))
      .catch(() => undefined)
      .then(() => this.#made.delete(key));
    return body;
  }
}

/** What `make` gives, or gave for whoever asked in the last so many milliseconds. */
export function keptFor<T>(ms: number, make: () => Promise<T>): () => Promise<T> {
  let kept: Promise<T> | null = null;
  let at = 0;
  return () => {
    const now = performance.now();
    if (kept && now - at < ms) return kept;
    at = now;
    kept = make();
    return kept;
  };
}

/** `cost`: milliseconds of work. */
async function render(make: () => Pieces): Promise<{ pieces: Buffer[]; cost: number }> {
  const pieces: Buffer[] = [];
  let cost = 0;
  let began = performance.now();
  for await (const text of make()) {
    pieces.push(Buffer.from(text));
    cost += performance.now() - began;
    await setImmediate();
    began = performance.now();
  }
  return { pieces, cost };
}
