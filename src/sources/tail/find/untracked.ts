/**
 * Paths that are looked for and cannot be read now: looked at again every ten seconds, said once, counted.
 *
 * Whoever may make files may make any number of such. So only the first are remembered by name; the directories of the
 * others are listed again, which finds them again, and they are counted as often as that is done.
 */
import { dirname } from 'node:path';
import { log } from '../../../log.ts';

/**
 * `dangling`: a symbolic link that leads nowhere. That something appears there changes nothing in its own directory.
 * `compressed`: or another archive. `excluded`: by where it lies, as links lead there.
 */
export type UntrackedReason = 'unreadable' | 'foreign_link' | 'special' | 'dangling' | 'compressed' | 'excluded';

const MOST = 10_000;
/** So many are said, each by its name. */
const SAID = 100;

interface Noted {
  reason: UntrackedReason;
  /** It was there at the first start. */
  existing: boolean;
  /** When it was found to be so, as far as that can change: it need not be opened again while it is like that. */
  state?: string | undefined;
}

export interface News {
  state?: string;
  /** It was there at the first start. */
  existing: boolean;
  /** Said if it is news. */
  what?: string;
  /** It is one of the tracked files, of which there are only so many. */
  tracked?: boolean;
}

const none = (): Record<UntrackedReason, number> => ({
  unreadable: 0,
  foreign_link: 0,
  special: 0,
  dangling: 0,
  compressed: 0,
  excluded: 0,
});

export class Untracked {
  readonly #input: string;
  readonly #again: (directory: string) => void;
  readonly #paths = new Map<string, Noted>();
  readonly #noted = none();
  /** Of those that are not remembered: in the last round, and in this one. */
  #beyond = none();
  #counting = none();
  #said = 0;

  /** `again`: this directory is to be listed again. */
  constructor(input: string, again: (directory: string) => void) {
    this.#input = input;
    this.#again = again;
  }

  note(path: string, reason: UntrackedReason, { existing, what, state, tracked = false }: News): void {
    const noted = this.#paths.get(path);
    if (noted?.reason === reason) {
      noted.state = state;
      return;
    }
    if (noted) this.delete(path);
    if (tracked || this.#paths.size < MOST) {
      this.#paths.set(path, { reason, existing: noted?.existing ?? existing, state });
      this.#noted[reason]++;
    } else {
      this.#counting[reason]++;
      this.#again(dirname(path));
    }
    if (what === undefined) return;
    if (this.#said++ < SAID) log.warn(what);
    else log.warnOnce(`untracked ${this.#input}`, `input ${this.#input}: further ones are not said: ${what}`);
  }

  /** Undefined: there is nothing wrong with it, as far as is known. */
  get(path: string): Readonly<Noted> | undefined {
    return this.#paths.get(path);
  }

  delete(path: string): void {
    const noted = this.#paths.get(path);
    if (!noted) return;
    this.#paths.delete(path);
    this.#noted[noted.reason]--;
  }

  count(reason: UntrackedReason): number {
    return this.#noted[reason] + this.#beyond[reason];
  }

  /** Those that are to be looked at again; a new round begins. */
  round(): Iterable<string> {
    this.#beyond = this.#counting;
    this.#counting = none();
    return this.#paths.keys();
  }
}
