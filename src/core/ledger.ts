/**
 * How far a source's streams are safe while they are on their way, each over several lanes.
 *
 *   | safe      | ticket: lane A | ticket: lane B | ticket: lane A |   not read yet
 *   0       position
 *
 * A ticket is a stretch of one stream on its way in one lane. Tickets are given in the order of the source and settle in
 * any order, each from its beginning on, as its lane does. What a lane takes in a row is one ticket, which grows.
 *
 * Invariants: a position only ascends, and everything before it is safe: it is where the first begins that is not. Only
 * tickets that are not settled are kept, so there are never more than stretches on their way; a stream of which nothing
 * is on its way takes no memory.
 */
import type { Stream } from './batch.ts';

/** Stands for the lane of what takes none. */
const PASSED = {};

export class Ticket {
  readonly ledger: Ledger;
  /** Whatever its lane is known by. */
  readonly lane: object;
  end: number;
  /** Everything of it before `safe` is safe; so many bytes directly before that are in no record. */
  safe: number;
  skipped: number;
  /** What begins here did not get into its lane: it never is safe. */
  lost = Number.POSITIVE_INFINITY;

  constructor(ledger: Ledger, lane: object, from: number, end: number, skipped: number) {
    this.ledger = ledger;
    this.lane = lane;
    this.safe = from;
    this.end = end;
    this.skipped = skipped;
  }
}

/** What of one stream is on its way. */
class Ledger {
  readonly #stream: Stream;
  #open: Ticket[] = [];
  #told: number;
  /** Where what was given last ends, and what was filtered before that. */
  #end = { at: 0, skipped: 0 };

  constructor(stream: Stream, from: number) {
    this.#stream = stream;
    this.#told = from;
  }

  get isEmpty(): boolean {
    return this.#open.length === 0;
  }

  get end(): { readonly at: number; readonly skipped: number } {
    return this.#end;
  }

  give(lane: object, from: number, end: number, skipped: { before: number; behind: number }): Ticket {
    const last = this.#open.at(-1);
    const follows = last?.lane === lane && last.end === this.#end.at && last.end <= from;
    if (end >= this.#end.at) this.#end = { at: end, skipped: skipped.behind };
    if (follows) {
      last.end = end;
      return last;
    }
    const ticket = new Ticket(this, lane, from, end, skipped.before);
    this.#open.push(ticket);
    return ticket;
  }

  /** What of the ticket, the last one, begins at `to` is given anew. */
  cut(ticket: Ticket, to: number, skipped: number): void {
    ticket.end = to;
    this.#end = { at: to, skipped };
    if (ticket.safe >= to) this.#open = this.#open.filter((open) => open !== ticket);
  }

  settle(ticket: Ticket, to: number, skipped: number): void {
    if (to > ticket.lost) return;
    ticket.safe = to;
    ticket.skipped = skipped;
    if (to >= ticket.end) this.#open = this.#open.filter((open) => open !== ticket);
    let first: Ticket | null = null;
    for (const open of this.#open) if (first === null || open.safe < first.safe) first = open;
    const [at, before] = first ? [first.safe, first.skipped] : [this.#end.at, this.#end.skipped];
    if (at <= this.#told) return;
    this.#told = at;
    this.#stream.settled?.(at, before);
  }
}

export class Ledgers {
  readonly #ledgers = new Map<Stream, Ledger>();

  /** Streams of which something is on its way. */
  get count(): number {
    return this.#ledgers.size;
  }

  /** [from, end) of the stream is on its way in a lane, with so many bytes in no record directly before and behind. */
  give(stream: Stream, lane: object, from: number, end: number, skipped = { before: 0, behind: 0 }): Ticket {
    let ledger = this.#ledgers.get(stream);
    if (!ledger) {
      ledger = new Ledger(stream, from);
      this.#ledgers.set(stream, ledger);
    }
    return ledger.give(lane, from, end, skipped);
  }

  /** [from, end) of the stream is in no record: it is safe as soon as what is before it is. */
  pass(stream: Stream, from: number, end: number, skipped: { before: number; behind: number }): void {
    this.settle(stream, this.give(stream, PASSED, from, end, skipped), end, skipped.behind);
  }

  /** What a lane has of a ticket is safe up to `to`. In the order of the source, for each ticket. */
  settle(stream: Stream, ticket: Ticket, to: number, skipped: number): void {
    const { ledger } = ticket;
    ledger.settle(ticket, to, skipped);
    if (ledger.isEmpty && this.#ledgers.get(stream) === ledger) this.#ledgers.delete(stream);
  }

  /** What of the ticket begins at `from` did not get into its lane. What comes next is read anew. */
  lose(stream: Stream, ticket: Ticket, from: number): void {
    ticket.lost = Math.min(ticket.lost, from);
    if (this.#ledgers.get(stream) === ticket.ledger) this.#ledgers.delete(stream);
  }

  /** What of the ticket begins at `to` did not get into its lane, and is given anew before anything else of the stream. */
  cut(stream: Stream, ticket: Ticket, to: number, skipped: number): void {
    const { ledger } = ticket;
    ledger.cut(ticket, to, skipped);
    if (ledger.isEmpty && this.#ledgers.get(stream) === ledger) this.#ledgers.delete(stream);
  }

  /** Bytes directly before `position` that are in no record, because they were filtered. */
  skippedAt(stream: Stream, position: number): number {
    const end = this.#ledgers.get(stream)?.end;
    if (end?.at === position) return end.skipped;
    return stream.skippedAt?.(position) ?? 0;
  }
}
