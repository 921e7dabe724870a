/**
 * The stored generations that no tracked file stands for now: whoever finds their bytes may take them.
 *
 * Each is its input's own. One whose input is not configured any more (it was renamed), or does not name its file any
 * more (it was split, merged or changed), is any other input's that names it.
 */
import { dirname } from 'node:path';
import type { ByInode } from './by-inode.ts';
import { type Generation, now, STARTED } from './journal.ts';

/** True if the input names this path. */
export type Matches = (input: string, path: string) => boolean;

export class Unclaimed {
  readonly #stored: ByInode<Generation>;
  readonly #all = new Set<Generation>();
  /** Generations that their input does not name any more. */
  readonly #strays = new Set<Generation>();
  #inputs: ReadonlySet<string> = new Set();
  #matches: Matches = () => true;

  constructor(stored: ByInode<Generation>) {
    this.#stored = stored;
  }

  /** From now on these inputs are configured, and name these files. */
  configure(inputs: readonly string[], matches: Matches): void {
    this.#inputs = new Set(inputs);
    this.#matches = matches;
    this.#strays.clear();
    for (const generation of this.#all) this.judge(generation);
  }

  /** Finds out whether its input still names it. */
  judge(g: Generation): void {
    // Alone, an input has nobody to give it to.
    if (this.#inputs.size < 2 || g.path === STARTED || !this.#inputs.has(g.input)) return;
    if (!this.#matches(g.input, g.path)) this.#strays.add(g);
  }

  add(g: Generation): void {
    this.#all.add(g);
  }

  /** A tracked file stands for it now, or nobody is to take it. */
  delete(g: Generation): void {
    this.#all.delete(g);
  }

  /** Its input names it, or it is no more. */
  settle(g: Generation): void {
    this.#strays.delete(g);
  }

  /** True if no tracked file of any input stands for it. */
  includes(g: Generation): boolean {
    return this.#all.has(g);
  }

  /** So many, of all inputs. */
  get size(): number {
    return this.#all.size;
  }

  /** True if no tracked file stands for it now, and one of the input may. */
  has(g: Generation, input: string): boolean {
    return (g.input === input || this.#orphan(g, input)) && g.path !== STARTED && this.#all.has(g);
  }

  /** Its input is not configured any more, while this one is; or does not name it any more, while this one does. */
  #orphan(g: Generation, input: string): boolean {
    if (!this.#inputs.has(input)) return false;
    return !this.#inputs.has(g.input) || (this.#strays.has(g) && this.#matches(input, g.path));
  }

  /** Those that are the input's to take; its own and the latest seen first. */
  of(input: string, inode?: bigint): Generation[] {
    const all = inode === undefined ? [...this.#all] : this.#stored.of(inode);
    const found = all.filter((g) => this.has(g, input));
    return found.sort((a, b) => Number(b.input === input) - Number(a.input === input) || b.seen - a.seen);
  }

  /** The same, in no order. */
  *each(input: string): Iterable<Generation> {
    for (const g of this.#all) if (this.has(g, input)) yield g;
  }

  /** Those of them that were found in this directory, in no order. */
  in(input: string, dir: string): Generation[] {
    return [...this.#all].filter((g) => g.path.startsWith(dir) && dirname(g.path) === dir && this.has(g, input));
  }

  /** True if there is any such generation. */
  any(input: string): boolean {
    return this.#all.values().some((g) => this.has(g, input));
  }

  /** Those of them of which nothing was seen for so long, milliseconds. */
  olderThan(input: string, age: number): Generation[] {
    const limit = now() - age / 1000;
    return [...this.#all].filter((g) => this.has(g, input) && g.seen < limit);
  }

  /** Those of them beyond so many, the ones that have been for longest. */
  beyond(input: string, most: number): Generation[] {
    const all = [...this.each(input)];
    return all.slice(0, Math.max(0, all.length - most));
  }
}
