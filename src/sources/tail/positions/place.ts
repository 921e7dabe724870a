/**
 * Where files are, as the next process has to know it. One that had its name when the agent stopped, and is found nowhere
 * at the next start, may have been written to meanwhile. Where links lead to its name it is looked for where that was,
 * too: they may lead elsewhere by then.
 */
import { basename, dirname, join } from 'node:path';
import { realpathSync } from '../../../mounts/fs.ts';
import type { TrackedFile } from '../file/file.ts';
import type { Positions } from './positions.ts';

/** Directories that are known for the moment. */
const MOST = 1024;

export class Places {
  readonly #positions: Positions;
  /** By directory: where it really is. */
  readonly #real = new Map<string, string>();

  constructor(positions: Positions) {
    this.#positions = positions;
  }

  /** The file is new, or has got or lost a name; it is at this path, `link`: which may be a symbolic link. */
  note(file: TrackedFile, at: string | null = file.path, link = true): void {
    const { generation } = file.stream;
    const named = !file.lost;
    // Where it was is good enough while it has no name.
    const real = at === null ? generation.real : this.#realOf(at, link);
    const elsewhere = real === generation.path ? undefined : real;
    if (generation.named === named && generation.real === elsewhere) return;
    generation.named = named;
    if (elsewhere === undefined) delete generation.real;
    else generation.real = elsewhere;
    this.#positions.described(generation);
  }

  /** It is out of sight, and may still have its name. */
  outOfSight({ stream: { generation } }: TrackedFile): void {
    if (generation.named) return;
    generation.named = true;
    this.#positions.described(generation);
  }

  /** What links lead to may change at any time. */
  clear(): void {
    this.#real.clear();
  }

  /** Undefined: that cannot be told now. */
  #realOf(path: string, link: boolean): string | undefined {
    try {
      if (link) return realpathSync(path);
      const dir = dirname(path);
      let real = this.#real.get(dir);
      if (real === undefined) {
        if (this.#real.size >= MOST) this.#real.clear();
        real = realpathSync(dir);
        this.#real.set(dir, real);
      }
      return real === dir ? path : join(real, basename(path));
    } catch {
      // It has just gone: the next look sees that.
      return undefined;
    }
  }
}
