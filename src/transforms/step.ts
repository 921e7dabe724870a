/** A step of an input's pipeline, made of a verb: it counts, and knows which records the verb is for. */
import { type Batch, UNPARSED } from '../core/batch.ts';
import type { Step } from '../core/pipeline.ts';
import { MAX_RECORDS } from '../core/pool.ts';
import type { Match } from './match.ts';
import type { Apply } from './verb.ts';

export class VerbStep implements Step {
  readonly verb: string;
  /** It goes by fields: what could not be parsed it leaves alone. */
  readonly #byFields: boolean;
  in = 0;
  out = 0;
  failed = 0;
  slow = 0;
  gaveUp = 0;
  #apply!: Apply;
  #when: Match | null = null;
  /** The verb's own matches would overwrite what the condition gave. */
  #only: Uint8Array | null = null;

  constructor(verb: string, byFields = false) {
    this.verb = verb;
    this.#byFields = byFields;
  }

  /** Gives what it counted since it was asked last, as `counted`. */
  onCounted: (() => ((on: boolean) => void) | null) | null = null;

  counted(): ((on: boolean) => void) | null {
    return this.onCounted?.() ?? null;
  }

  /** What it does, and to which records. */
  made(apply: Apply, when: Match | null): void {
    this.#apply = apply;
    this.#when = when;
    this.#only = when && new Uint8Array(MAX_RECORDS);
  }

  apply(batch: Batch): void {
    if (!this.#when || !this.#only) {
      this.#apply(batch, null);
      return;
    }
    const matches = this.#when(batch);
    if (!matches.includes(1)) return;
    this.#only.set(matches);
    this.#apply(batch, this.#only.subarray(0, batch.count));
  }

  /** Whether record 0 of the batch is none that it is for. */
  passesOver(batch: Batch): boolean {
    if (this.#byFields && batch.slot.flags[0]! & UNPARSED) return true;
    return this.#when !== null && this.#when(batch)[0] === 0;
  }
}
