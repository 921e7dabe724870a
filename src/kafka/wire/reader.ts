/** Reads answers in Kafka's flexible encoding (KIP-482): lengths are `uvarint`, those of strings and arrays + 1, 0 is null. */

const UUID_BYTES = 16;

/** Throws a RangeError where the answer is cut short or malformed. */
export class AnswerReader {
  readonly #b: Buffer;
  #at = 0;

  constructor(b: Buffer) {
    this.#b = b;
  }

  skip(bytes: number): void {
    this.#at += bytes;
    if (this.#at > this.#b.length) throw new RangeError('an answer that is cut short');
  }

  int16(): number {
    this.skip(2);
    return this.#b.readInt16BE(this.#at - 2);
  }

  int32(): number {
    this.skip(4);
    return this.#b.readInt32BE(this.#at - 4);
  }

  int64(): bigint {
    this.skip(8);
    return this.#b.readBigInt64BE(this.#at - 8);
  }

  uuid(): string {
    this.skip(UUID_BYTES);
    return this.#b.toString('hex', this.#at - UUID_BYTES, this.#at);
  }

  uvarint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      this.skip(1);
      const byte = this.#b[this.#at - 1]!;
      if (scale > 2 ** 28) throw new RangeError(`integer at byte ${this.#at} is malformed`);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  string(): string | null {
    return this.bytes()?.toString() ?? null;
  }

  /** A view of the answer. */
  bytes(): Buffer | null {
    const length = this.uvarint() - 1;
    if (length < 0) return null;
    this.skip(length);
    return this.#b.subarray(this.#at - length, this.#at);
  }

  array<T>(item: () => T): T[] {
    const items: T[] = [];
    for (let n = this.#count(this.uvarint() - 1); n > 0; n--) items.push(item());
    return items;
  }

  /** Tagged fields, none of which is of interest. */
  tags(): void {
    for (let n = this.#count(this.uvarint()); n > 0; n--) {
      this.uvarint();
      this.skip(this.uvarint());
    }
  }

  /** Each takes a byte at least. */
  #count(claimed: number): number {
    if (claimed > this.#b.length - this.#at) throw new RangeError('an answer that is cut short');
    return claimed;
  }
}
