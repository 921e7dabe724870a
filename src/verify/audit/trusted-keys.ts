/**
 * Which keys seals may be signed by: those that are pinned, and those that a seal names as next which is signed by one of
 * them, in any stream of the topic. Where none is pinned, the first ones of each agent are taken as they are.
 */
import type { Seal } from '../../audit/seal.ts';

/** Keys that are pinned, and all to which they lead. */
export interface Trust {
  pinned: ReadonlySet<string>;
  keys: ReadonlySet<string>;
}

/** More than an agent has in ten years of new keys every minute. */
const MOST = 5_000_000;

export class TrustedKeys {
  readonly #next = new Map<string, Set<string>>();
  readonly #named = new Set<string>();
  #count = 0;

  /** Too many to be kept. */
  get full(): boolean {
    return this.#count >= MOST;
  }

  /** Of a seal whose signature is right. */
  add({ key, next_key: next }: Seal): void {
    let after = this.#next.get(key);
    if (!after) {
      if (this.full) return;
      after = new Set();
      this.#next.set(key, after);
      this.#count++;
    }
    if (next === key || after.has(next) || this.full) return;
    after.add(next);
    this.#named.add(next);
    this.#count++;
  }

  /** Keys that no seal names as next. */
  get first(): string[] {
    return [...this.#next.keys()].filter((key) => !this.#named.has(key));
  }

  trusted(pinned: readonly string[]): Trust {
    const keys = new Set(pinned);
    for (const key of keys) for (const next of this.#next.get(key) ?? []) keys.add(next);
    return { pinned: new Set(pinned), keys };
  }
}
