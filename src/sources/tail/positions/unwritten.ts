/**
 * What has changed of the stored generations and is not in the journal yet.
 *
 *   mark -> take: what is marked becomes the entries of one write -> putBack where that failed
 *
 * A generation that is forgotten on the way is left out: its number says so.
 */
import { forgetEntry, type Generation, now, positionEntry, sizeEntry, topicEntries, wholeEntries } from './journal.ts';

/** What is being written. */
export interface Marked {
  readonly created: readonly Generation[];
  readonly placed: readonly Generation[];
  readonly moved: readonly Generation[];
  readonly sized: readonly Generation[];
  /** By number. */
  readonly forgotten: readonly number[];
}

export const NONE_MARKED: Marked = { created: [], placed: [], moved: [], sized: [], forgotten: [] };

export class Unwritten {
  /** Those that are new, or of which the file entry says something else now. */
  readonly created = new Set<Generation>();
  /** Those of which a topic's position has moved. */
  readonly placed = new Set<Generation>();
  readonly moved = new Set<Generation>();
  readonly sized = new Set<Generation>();
  readonly #forgotten = new Set<number>();

  get any(): boolean {
    return this.#all.some(({ size }) => size > 0);
  }

  get #all(): Set<unknown>[] {
    return [this.created, this.placed, this.moved, this.sized, this.#forgotten];
  }

  /** What it said of this generation is not to be written any more, but that its number is free. */
  forget(generation: Generation, number: number): void {
    for (const set of [this.created, this.placed, this.moved, this.sized]) set.delete(generation);
    // Also where it was not written yet: it may have been, and have changed its name since.
    this.#forgotten.add(number);
  }

  take(): Marked {
    const marked = {
      created: [...this.created],
      placed: [...this.placed],
      moved: [...this.moved],
      sized: [...this.sized],
      forgotten: [...this.#forgotten],
    };
    for (const set of this.#all) set.clear();
    return marked;
  }

  /** It could not be written: it is still to be. */
  putBack({ created, placed, moved, sized, forgotten }: Marked): void {
    for (const g of created) if (isStored(g)) this.created.add(g);
    for (const g of placed) if (isStored(g)) this.placed.add(g);
    for (const g of moved) if (isStored(g)) this.moved.add(g);
    for (const g of sized) if (isStored(g)) this.sized.add(g);
    for (const number of forgotten) this.#forgotten.add(number);
  }
}

/** The journal's entries that say it, in the order in which they are to be read. */
export function entriesFor({ created, placed, moved, sized, forgotten }: Marked): Buffer[] {
  const entries = created.filter(isStored).flatMap(wholeEntries);
  for (const g of placed) if (isStored(g)) entries.push(...topicEntries(g));
  for (const g of moved) if (isStored(g)) entries.push(positionEntry(g));
  for (const g of sized) if (isStored(g)) entries.push(sizeEntry(g));
  for (const number of forgotten) entries.push(forgetEntry(number, now()));
  return entries;
}

export function isStored({ number }: Generation): boolean {
  return number > 0;
}
