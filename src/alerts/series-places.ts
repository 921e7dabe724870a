/** Which instance a series of points goes to, so that it is not looked for by its labels each time. */
import type { Instance } from './instance.ts';
import { MOST_INSTANCES } from './instance-labels.ts';

/** Names and series that are kept in mind; beyond, it is begun anew. */
export const MOST_KNOWN = 2 * MOST_INSTANCES;

/** A text: it is what instances of this key are divided by; null: it is not of the rule. */
type Place = Instance | string | null;

export type SeriesOfName = Map<string, Place>;

export class SeriesPlaces {
  readonly #names = new Map<string, SeriesOfName>();
  /** Names and series come from outside, and go. */
  #count = 0;

  of(name: string): SeriesOfName {
    let of = this.#names.get(name);
    if (!of) {
      of = new Map();
      this.#names.set(name, of);
    }
    return of;
  }

  remember(known: SeriesOfName, series: string, place: Place): void {
    if (!known.has(series) && ++this.#count > MOST_KNOWN) {
      this.#names.clear();
      this.#count = 0;
    }
    known.set(series, place);
  }
}
