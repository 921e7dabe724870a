/**
 * What timestamp to give a batch that was refused with INVALID_TIMESTAMP. The broker says which it takes:
 * `Timestamp 1763900000000 of message with offset 0 is out of range. The timestamp should be within [1763..., 1763...]`
 * where the bounds are its own time less `message.timestamp.before.max.ms` and plus `message.timestamp.after.max.ms`.
 */

/** The default of `message.timestamp.after.max.ms`: where it holds, the upper bound less this is the broker's time. */
const HOUR = 3_600_000;
/** The lower bound moves on while the batch is on its way. */
const MINUTE = 60_000;

/** The time nearest to the truth that the broker takes, in milliseconds; null where it did not say. */
export function acceptableTime(sent: number, message: string | null): number | null {
  const match = /\[(-?\d+), (-?\d+)\]/.exec(message ?? '');
  if (!match) return null;
  const low = Number(match[1]);
  const high = Number(match[2]);
  if (sent < low) return Math.min(low + MINUTE, high);
  return high - HOUR >= low ? high - HOUR : high;
}

/** How long a difference between our clock and the broker's is believed, milliseconds. */
const BELIEF = 600_000;

/** What to add to our time so that the broker takes it, as far as that was learned from what it refused. */
export class ClockSkew {
  /** `until`: monotonic, because our clock is what is wrong here. */
  #skew: { ms: number; until: number } | null = null;

  get ms(): number {
    if (this.#skew && performance.now() > this.#skew.until) this.#skew = null;
    return this.#skew?.ms ?? 0;
  }

  /** A batch that went out with the time `sent` was refused. False: the next try is a guess, or did not help before. */
  learn(packet: { time: number; tries?: number }, sent: number, message: string | null): boolean {
    const now = Date.now();
    const acceptable = acceptableTime(sent, message);
    const time = acceptable ?? now;
    // A block that was made just now tells about the clock, one from the spool only about itself.
    if (Math.abs(now - packet.time) < BELIEF)
      this.#skew = { ms: time - packet.time, until: performance.now() + BELIEF };
    else packet.time = time - this.ms;
    return acceptable !== null && acceptable !== sent && (packet.tries ?? 1) <= 2;
  }
}
