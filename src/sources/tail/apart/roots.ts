/** Paths that lead to a mount which is read elsewhere; those whose name is gone are forgotten, in time. */
import { Elsewhere, lstatSync } from '../../../mounts/fs.ts';

const FEW = 64;

export class Roots {
  readonly #paths = new Set<string>();
  readonly #changed: () => void;
  #limit = FEW;
  #telling: NodeJS.Immediate | null = null;

  /** `changed` is told soon after, of all that came together. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get paths(): string[] {
    return [...this.#paths];
  }

  add(path: string): void {
    if (this.#paths.has(path)) return;
    if (this.#paths.size >= this.#limit) this.#forgetGone();
    this.#paths.add(path);
    this.#telling ??= setImmediate(() => {
      this.#telling = null;
      this.#changed();
    });
  }

  #forgetGone(): void {
    for (const path of this.#paths) if (!isThere(path)) this.#paths.delete(path);
    this.#limit = Math.max(FEW, 2 * this.#paths.size);
  }
}

/** The name itself, which may be a link. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    // The mount itself.
    return error instanceof Elsewhere;
  }
}
