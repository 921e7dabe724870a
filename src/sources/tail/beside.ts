/**
 * What lies in a directory, by inode: where a file is that has lost its name while it was closed.
 *
 * Thousands may lose theirs at once, and each would have the whole directory gone over. So what was found counts as long
 * as the directory's time of modification says that no name in it was made, moved or deleted since.
 */
import { inodeKey, lookUp, siblings } from './identity.ts';
import { compression } from './inflated.ts';

/** That time is as coarse as a timer tick: what was listed so shortly after a change is listed again. */
const COARSE_MS = 50;
const MOST = 16;

interface Listing {
  modified: bigint;
  listed: number;
  paths: Map<string, string>;
  packed: boolean;
}

export class Beside {
  readonly #listings = new Map<string, Listing>();

  /** The path of the regular file with this key in one of the directories; null: it is not there. */
  pathOf(key: string, dirs: string[]): string | null {
    for (const dir of dirs) {
      const path = this.#list(dir)?.paths.get(key);
      if (path !== undefined) return path;
    }
    return null;
  }

  /** True if there are compressed files. */
  hasPacked(dir: string): boolean {
    return this.#list(dir)?.packed === true;
  }

  /** Lets memory go. */
  clear(): void {
    this.#listings.clear();
  }

  #list(dir: string): Listing | null {
    const stat = lookUp(dir);
    if (!stat) return null;
    const had = this.#listings.get(dir);
    if (had?.modified === stat.mtimeNs && had.listed - Number(stat.mtimeMs) > COARSE_MS) return had;
    const listing = { modified: stat.mtimeNs, listed: Date.now(), paths: new Map<string, string>(), packed: false };
    for (const path of siblings(dir)) {
      listing.packed ||= compression(path) !== null;
      const found = lookUp(path);
      if (found) listing.paths.set(inodeKey(found), path);
    }
    if (this.#listings.size >= MOST) this.#listings.clear();
    this.#listings.set(dir, listing);
    return listing;
  }
}
