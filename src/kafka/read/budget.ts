/**
 * How many bytes a reader may hold, of all its partitions together:
 *
 *   asked     a twelfth        answers that are on their way, of all brokers together
 *   fetched   a sixth          batches as they came, compressed
 *   opened    three quarters   batches that are decompressed, with their tables, until they are released
 *
 * Half of the latter two is shared evenly among the partitions, the other half is for whoever needs it: so one whose records nobody
 * takes leaves room for the others. One batch may always be opened where none is, however large it is: so the bound is the budget and one
 * batch, and, since of a batch there is all or nothing, one batch for each answer.
 */
export class ReadBudget {
  readonly askedMost: number;
  readonly fetchedMost: number;
  readonly openedMost: number;
  fetched = 0;
  opened = 0;
  /** Partitions that share it. */
  sharers = 1;
  readonly #waiting = new Set<() => void>();

  constructor(bytes: number) {
    this.askedMost = bytes / 12;
    this.fetchedMost = bytes / 6;
    this.openedMost = bytes - this.fetchedMost - this.askedMost;
  }

  get held(): number {
    return this.fetched + this.opened;
  }

  /** Bytes of what is fetched that are kept for each partition. */
  get fetchedShare(): number {
    return this.fetchedMost / 2 / this.sharers;
  }

  /** Whether a partition that has `own` bytes of what is fetched may ask for more. */
  mayFetch(own: number): boolean {
    if (this.fetched >= this.fetchedMost) return false;
    return own < this.fetchedShare || this.fetched < this.fetchedMost / 2;
  }

  /** Whether a partition that has `own` bytes opened may open so many more. */
  mayOpen(own: number, bytes: number): boolean {
    if (this.opened === 0) return true;
    const after = this.opened + bytes;
    if (after > this.openedMost) return false;
    return own === 0 || own + bytes <= this.openedMost / 2 / this.sharers || after <= this.openedMost / 2;
  }

  /** `bytes` may be negative: then whoever waits looks again. */
  fetch(bytes: number): void {
    this.fetched += bytes;
    if (bytes < 0) this.#wake();
  }

  open(bytes: number): void {
    this.opened += bytes;
    if (bytes < 0) this.#wake();
  }

  /** Calls `look` once, when something was given back. */
  whenFreed(look: () => void): void {
    this.#waiting.add(look);
  }

  forget(look: () => void): void {
    this.#waiting.delete(look);
  }

  #wake(): void {
    const all = [...this.#waiting];
    this.#waiting.clear();
    for (const look of all) look();
  }
}
