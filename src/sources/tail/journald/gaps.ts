/**
 * Entries that journald removed before they were read. It numbers all that it writes, and removes the oldest files first:
 *
 *   read:  17 18 19 .. 40 41     20 to 39 were not; is 19 there still?   no:  they were removed, too
 *                                                                        yes: they lie in files that are not for us to read
 *
 * A journalctl that is behind reads on in files that were removed, as it has them open; those that came and went meanwhile
 * it never sees. Of an input that selects entries the numbers say nothing.
 */

/** What lies in files that are not ours stays so: it is not asked for at each of its entries. */
const QUIET_MS = 60_000;

export interface GapOptions {
  /** The cursor of the first entry that there is at this cursor or behind it; null: there is none. */
  firstAt(cursor: string): Promise<string | null>;
  /** So many were removed. */
  removed(count: number): void;
}

export class Gaps {
  readonly #o: GapOptions;
  /** The last one that was read; null: what comes next follows on nothing. */
  #last: string | null = null;
  #asking: Promise<void> | null = null;
  #quietUntil = Number.NEGATIVE_INFINITY;

  constructor(options: GapOptions) {
    this.#o = options;
  }

  /** What comes next follows on this entry; null: it is known what is missing there. */
  begin(last: string | null): void {
    this.#last = last;
  }

  /** These were read, one behind the other. */
  read(cursors: readonly string[]): void {
    const before = this.#last;
    this.#last = cursors.at(-1) ?? before;
    if (before === null || cursors.length === 0) return;
    // All but the last are no gap.
    const missing = (entriesBetween(before, cursors.at(-1)!) ?? 0) - (cursors.length - 1);
    if (missing <= 0 || this.#asking || performance.now() < this.#quietUntil) return;
    let known = before;
    for (const cursor of cursors) {
      if (entriesBetween(known, cursor) !== 0) break;
      known = cursor;
    }
    this.#asking = this.#ask(known, missing).finally(() => {
      this.#asking = null;
    });
  }

  /** Resolves when it is told what was removed. */
  async told(): Promise<void> {
    await this.#asking;
  }

  async #ask(known: string, missing: number): Promise<void> {
    try {
      if ((await this.#o.firstAt(known)) !== known) return this.#o.removed(missing);
    } catch {
      // The journal cannot be asked now: whoever reads it says why.
    }
    this.#quietUntil = performance.now() + QUIET_MS;
  }
}

/** How many entries journald has numbered between two; null: they are of different series. */
export function entriesBetween(before: string, behind: string): number | null {
  const [a, b] = [numberOf(before), numberOf(behind)];
  if (!a || !b || a.series !== b.series || b.number <= a.number) return null;
  return Number(b.number - a.number - 1n);
}

function numberOf(cursor: string): { series: string; number: bigint } | null {
  const found = /(?:^|;)s=([0-9a-f]+);i=([0-9a-f]{1,16})(?:;|$)/.exec(cursor);
  return found && { series: found[1]!, number: BigInt(`0x${found[2]}`) };
}
