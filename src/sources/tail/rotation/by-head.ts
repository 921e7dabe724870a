/** Files by the hash of their first bytes, so that those which begin as another does are found without looking at all. */

import { digest, type Prefix } from '../file/inode.ts';
import { MostAlike } from './copies.ts';

/** More than so many are not compared further: those with a similar name are. */
const MOST = 32;

type Known = { readonly path: string; readonly head: Prefix };

export class ByHead<T> {
  /** By how many bytes are known, and by their hash. */
  readonly #byLength = new Map<number, Map<bigint, T[]>>();
  readonly #known: (one: T) => Known;
  size = 0;

  constructor(all: Iterable<T>, known: (one: T) => Known) {
    this.#known = known;
    for (const one of all) {
      const { length, digest: hash } = known(one).head;
      const byHash = this.#byLength.get(length) ?? new Map<bigint, T[]>();
      this.#byLength.set(length, byHash);
      const same = byHash.get(hash);
      if (same) same.push(one);
      else byHash.set(hash, [one]);
      this.size++;
    }
  }

  /** Those that begin with these bytes, or may once there are more; those with a name like that of the path first. */
  alike(first: Buffer, path: string): T[] {
    const found = new MostAlike<T>(path, MOST);
    for (const [length, byHash] of this.#byLength) {
      const lists =
        first.length < length ? byHash.values() : [byHash.get(digest(first.subarray(0, length)).digest) ?? []];
      for (const list of lists) for (const one of list) found.add(one, this.#known(one).path);
    }
    return found.all;
  }
}
