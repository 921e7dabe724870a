/**
 * The keys in Redis. All of a group have the hash tag `{<group>}`, so they lie in one slot of a cluster.
 *
 *   <prefix>:{<group>}:<ranking>:<window>:<start>      sorted set: members are names, scores their values
 *   <prefix>:{<group>}:cut:<ranking>:<window>:<start>  how many names were cut from it; there only if some were
 *   <prefix>:{<group>}:positions                       hash; the only key that does not expire
 *       <topic>/<partition>          the next offset: everything before it is counted, nothing from it on
 *       epoch:<topic>/<partition>    how often it was claimed: a batch of an older claim is refused
 *       topic:<topic>/<partition>    the topic's id: of one that was made anew the positions mean nothing
 *       pending                      a batch that is being written (script.ts); '' for none
 *
 * `window` and `start` are seconds. A name is the values of `by`, joined by U+001F; a missing one is empty.
 */

export const SEPARATOR = '\x1f';

export class RankingKeys {
  readonly positions: string;
  readonly #root: string;

  constructor(prefix: string, group: string) {
    this.#root = `${prefix}:{${group}}`;
    this.positions = `${this.#root}:positions`;
  }

  window(ranking: string, seconds: number, start: number): string {
    return `${this.#root}:${ranking}:${seconds}:${start}`;
  }

  cut(ranking: string, seconds: number, start: number): string {
    return `${this.#root}:cut:${ranking}:${seconds}:${start}`;
  }
}
