/**
 * The mounts that may hang, as they are now. The kernel says whether something was mounted or unmounted since, so the
 * table is read anew only then; it is asked at most once a millisecond, and not while nobody wants to know.
 */
import { openSync, readFileSync } from 'node:fs';
import { mountNews } from '../native.ts';
import { isWithin, type Mount, mayHang, parseMountinfo } from './mountinfo.ts';

const PATH = '/proc/self/mountinfo';
const ASK_MS = 1;
/** Where the kernel cannot be asked for news. */
const READ_MS = 250;

export class MountTable {
  mounts: readonly Mount[] = [];
  /** Grows with each change. */
  version = 0;
  #fd: number | null = null;
  #asked = Number.NEGATIVE_INFINITY;
  #read = Number.NEGATIVE_INFINITY;
  #text = '';

  /** False: no mount may hang. */
  get any(): boolean {
    const now = performance.now();
    if (now - this.#asked >= ASK_MS) this.#renew(now);
    return this.mounts.length > 0;
  }

  /** The innermost of them that a path without links in it leads to; undefined: none. */
  at(path: string): Mount | undefined {
    return this.mounts.find((mount) => isWithin(path, mount));
  }

  #renew(now: number): void {
    this.#asked = now;
    const text = this.#textOf(now);
    if (text === null || text === this.#text) return;
    this.#text = text;
    this.mounts = mayHang(parseMountinfo(text));
    this.version++;
  }

  /** Null: as before. */
  #textOf(now: number): string | null {
    try {
      if (this.#fd === null) this.#fd = openSync(PATH, 'r');
      else if (!(mountNews(this.#fd) ?? now - this.#read >= READ_MS)) return null;
      this.#read = now;
      return readFileSync(PATH, 'utf8');
    } catch {
      // Not Linux, or a sandbox without /proc: what is mounted is not known.
      return null;
    }
  }
}
