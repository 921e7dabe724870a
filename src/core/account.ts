/**
 * The books of one input. The unit is the input item: a line, a sample, a point.
 *
 *   received + recovered = forwarded + filtered + dropped + in_flight
 *
 * `in_flight` is not kept here: it is counted where things are (blocks, windows, spool), so the sum checks something.
 */
import type { LossReason } from './losses.ts';

export interface Loss {
  records: number;
  bytes: number;
  /** When it last happened, milliseconds since the epoch. */
  last: number;
}

export class Account {
  /** `logs.<name>`, `statsd`, `host`, `check.<name>`. */
  readonly input: string;
  received = 0;
  recovered = 0;
  forwarded = 0;
  filtered = 0;
  /** Bytes that were not UTF-8 and became U+FFFD, counted in sequences. */
  replaced = 0;
  /** Lines that were cut because they were longer than `max_line` or than a block. */
  truncated = 0;
  /** Lines that were not of the format that was configured, and passed as they were. */
  malformed = 0;
  /** Files that were gone at the start, of which it is not known what they held at last. */
  notFound = 0;
  readonly losses = new Map<LossReason, Loss>();

  constructor(input: string) {
    this.input = input;
  }

  /** Items that were received and will not be forwarded. With `records` 0: bytes that never became items. */
  drop(reason: LossReason, records: number, bytes = 0): void {
    const loss = this.losses.get(reason) ?? { records: 0, bytes: 0, last: 0 };
    loss.records += records;
    loss.bytes += bytes;
    loss.last = Date.now();
    this.losses.set(reason, loss);
  }

  get dropped(): number {
    let sum = 0;
    for (const loss of this.losses.values()) sum += loss.records;
    return sum;
  }
}

export class Accounts {
  readonly #accounts = new Map<string, Account>();

  of(input: string): Account {
    let account = this.#accounts.get(input);
    if (!account) {
      account = new Account(input);
      this.#accounts.set(input, account);
    }
    return account;
  }

  /** Items are where they belong, less so many that were refused there, which are counted with the first inputs. */
  forward(items: ReadonlyMap<string, number>, refused = 0): void {
    let left = refused;
    for (const [input, weight] of items) {
      const account = this.of(input);
      const lost = Math.min(left, weight);
      left -= lost;
      if (lost > 0) account.drop('refused', lost);
      account.forwarded += weight - lost;
    }
  }

  [Symbol.iterator](): Iterator<Account> {
    return this.#accounts.values();
  }
}
