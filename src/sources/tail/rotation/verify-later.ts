/** Files that were taken for what they were by inode and size, and not opened: what they hold is compared bit by bit. */

import type { TrackedFile } from '../file/file.ts';
import { holdsWhatWasRead } from './admit.ts';

/** Files are compared for so long at once, milliseconds. */
const STEP_MS = 4;

export interface UnsureOptions {
  /** The file does not hold what was read. */
  restarted: (file: TrackedFile) => void;
  cannotRead: (path: string, error: Error) => void;
}

export class Unsure {
  readonly #o: UnsureOptions;
  readonly #files: TrackedFile[] = [];
  /** Those that could not be compared now. */
  readonly #later: TrackedFile[] = [];

  constructor(options: UnsureOptions) {
    this.#o = options;
  }

  add(file: TrackedFile): void {
    if (file.unsure) this.#files.push(file);
  }

  /** Tries those again that could not be compared. */
  again(): void {
    for (const file of this.#later.splice(0)) this.#files.push(file);
  }

  step(): void {
    const start = performance.now();
    while (this.#files.length > 0 && performance.now() - start < STEP_MS) {
      const file = this.#files.pop()!;
      const { path } = file;
      if (!file.unsure || path === null) continue;
      if (file.busy || file.compare(path) === 'other') {
        this.#later.push(file);
        continue;
      }
      try {
        file.unsure = false;
        if (!holdsWhatWasRead(file, path)) this.#o.restarted(file);
      } catch (error) {
        file.unsure = true;
        this.#later.push(file);
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#o.cannotRead(path, error as Error);
      }
    }
  }
}
