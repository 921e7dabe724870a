/**
 * Which stream a record goes to: a function of its partition and offset alone, so that after a crash, and in every other
 * process, it is the same one.
 *
 *   stream = (partition + floor(offset / turn)) mod streams
 *
 * A partition writes `turn` records in a row into one stream, then into the next. Where the settings have changed, the
 * former ones hold below the offset `from` (see note.ts for how that is chosen).
 */

/** How many streams there are, and how many records in a row go to one. */
export interface StreamTurns {
  streams: number;
  turn: number;
}

export interface PlacementChange {
  from: number;
  turns: StreamTurns;
}

export class Placement {
  readonly #partition: number;
  readonly #turns: StreamTurns;
  readonly #change: PlacementChange | null;
  /** Offsets [since, until) go to `stream`. */
  #since = 0;
  #until = 0;
  #stream = 0;

  constructor(partition: number, turns: StreamTurns, change: PlacementChange | null = null) {
    this.#partition = partition;
    this.#turns = turns;
    this.#change = change;
  }

  /** From 0. */
  streamOf(offset: number): number {
    if (offset < this.#until && offset >= this.#since) return this.#stream;
    const change = this.#change;
    const after = change !== null && offset >= change.from;
    const { streams, turn } = after ? change.turns : this.#turns;
    const round = Math.floor(offset / turn);
    this.#since = after ? Math.max(round * turn, change.from) : round * turn;
    this.#until = after || change === null ? (round + 1) * turn : Math.min((round + 1) * turn, change.from);
    this.#stream = (this.#partition + round) % streams;
    return this.#stream;
  }
}
