/**
 * How many events of each stream Kafka does not have: where in the log the last event of a group ended, and how far Kafka
 * is in the log. It is exact for the last groups; of more of them than are remembered, every other is.
 */

interface Mark {
  /** In the log, behind the group. */
  offset: number;
  sequence: number;
}

const MOST_MARKS = 1024;

export class SentEvents {
  readonly #marks = new Map<string, Mark[]>();
  readonly #sent = new Map<string, number>();

  /** Events of the stream up to this number are in the log before the offset. */
  wrote(stream: string, sequence: number, offset: number): void {
    let marks = this.#marks.get(stream);
    if (!marks) {
      marks = [];
      this.#marks.set(stream, marks);
    }
    marks.push({ offset, sequence });
    if (marks.length > MOST_MARKS)
      this.#marks.set(
        stream,
        marks.filter((_, i) => i % 2 === 1),
      );
  }

  /** A stream of this name begins anew, if it comes again. */
  forget(stream: string): void {
    this.#marks.delete(stream);
    this.#sent.delete(stream);
  }

  /** Number of the last event that Kafka has; `acknowledged`: it has the log up to there. */
  sentTo(stream: string, acknowledged: number): number {
    const marks = this.#marks.get(stream) ?? [];
    let passed = 0;
    while (passed < marks.length && marks[passed]!.offset <= acknowledged) passed++;
    if (passed > 0) this.#sent.set(stream, marks[passed - 1]!.sequence);
    marks.splice(0, passed);
    return this.#sent.get(stream) ?? 0;
  }
}
