/**
 * MessagePack, read in place: nothing becomes an object, numbers of 64 bits are two halves, texts are where they stand.
 * What is asked for and is not there throws a NoMsgpack, and nothing is read beyond the end.
 */

/** A sentence. */
export class NoMsgpack extends Error {}

const HALF = 0x1_0000_0000;

export class MsgpackReader {
  readonly bytes: Buffer;
  at = 0;
  /** Of the text that was read last: where it stands. */
  from = 0;
  length = 0;
  /** Of the number that was read last: its halves, as two's complement. */
  high = 0;
  low = 0;
  /** The same number where it is no whole one; null: it is. */
  real: number | null = null;
  /** Things that were passed over, in all. */
  passed = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get isOver(): boolean {
    return this.at === this.bytes.length;
  }

  /** How many things an array has; of nil 0. */
  array(): number {
    const head = this.#byte();
    if (head >= 0x90 && head <= 0x9f) return head & 15;
    if (head === 0xdc) return this.#uint(2);
    if (head === 0xdd) return this.#uint(4);
    if (head === 0xc0) return 0;
    throw this.#wrong('an array', head);
  }

  /** How many pairs a map has; of nil 0. */
  map(): number {
    const head = this.#byte();
    if (head >= 0x80 && head <= 0x8f) return head & 15;
    if (head === 0xde) return this.#uint(2);
    if (head === 0xdf) return this.#uint(4);
    if (head === 0xc0) return 0;
    throw this.#wrong('a map', head);
  }

  /** A text, or bytes, or nil, which is empty: `from` and `length`. */
  text(): void {
    const head = this.#byte();
    if (head >= 0xa0 && head <= 0xbf) this.#take(head & 31);
    else if (head === 0xd9 || head === 0xc4) this.#take(this.#uint(1));
    else if (head === 0xda || head === 0xc5) this.#take(this.#uint(2));
    else if (head === 0xdb || head === 0xc6) this.#take(this.#uint(4));
    else if (head === 0xc0) this.#take(0);
    else throw this.#wrong('a text', head);
  }

  /** A number: `high`, `low` and `real`. */
  number(): void {
    const head = this.#byte();
    this.real = null;
    if (head <= 0x7f) this.#small(head);
    else if (head >= 0xe0) this.#small(head - 256);
    else if (head === 0xcc) this.#small(this.#uint(1));
    else if (head === 0xcd) this.#small(this.#uint(2));
    else if (head === 0xce) this.#halves(0, this.#uint(4));
    else if (head === 0xcf || head === 0xd3) {
      const high = this.#uint(4);
      this.#halves(high, this.#uint(4));
    } else if (head === 0xd0) this.#small((this.#uint(1) << 24) >> 24);
    else if (head === 0xd1) this.#small((this.#uint(2) << 16) >> 16);
    else if (head === 0xd2) this.#small(this.#uint(4) | 0);
    else if (head === 0xca) this.#float(this.bytes.readFloatBE(this.#move(4)));
    else if (head === 0xcb) this.#float(this.bytes.readDoubleBE(this.#move(8)));
    else if (head === 0xc0) this.#small(0);
    else throw this.#wrong('a number', head);
  }

  /** A whole number: `high` and `low`. */
  whole(): void {
    this.number();
    const { real } = this;
    if (real === null) return;
    if (!Number.isSafeInteger(real)) throw new NoMsgpack(`there is ${real} before byte ${this.at}, not a whole number`);
    this.#halves(Math.floor(real / HALF) >>> 0, real >>> 0);
  }

  /** What is next has this kind; it is not read. */
  get isBool(): boolean {
    return this.bytes[this.at] === 0xc2 || this.bytes[this.at] === 0xc3;
  }

  bool(): boolean {
    return this.#byte() === 0xc3;
  }

  /** Passes over whatever is next, which is a part of what was passed over before. */
  skip(): void {
    this.pass(1, Number.POSITIVE_INFINITY);
  }

  /** Passes over so many things, but at most over `most`, with all that is in them; gives how many are left. */
  pass(things: number, most: number): number {
    let left = things;
    let passed = 0;
    for (; left > 0 && passed < most; left--, passed++) {
      const head = this.#byte();
      if (head <= 0x7f || head >= 0xe0 || head === 0xc0 || head === 0xc2 || head === 0xc3) continue;
      if (head <= 0x8f) left += 2 * (head & 15);
      else if (head <= 0x9f) left += head & 15;
      else if (head <= 0xbf) this.#move(head & 31);
      else if (head <= 0xc6) this.#move(this.#uint(1 << (head - 0xc4)));
      else if (head <= 0xc9) this.#move(this.#uint(1 << (head - 0xc7)) + 1);
      else if (head === 0xca) this.#move(4);
      else if (head === 0xcb) this.#move(8);
      else if (head <= 0xcf) this.#move(1 << (head - 0xcc));
      else if (head <= 0xd3) this.#move(1 << (head - 0xd0));
      else if (head <= 0xd8) this.#move((1 << (head - 0xd4)) + 1);
      else if (head <= 0xdb) this.#move(this.#uint(1 << (head - 0xd9)));
      else if (head <= 0xdd) left += this.#uint(head === 0xdc ? 2 : 4);
      else left += 2 * this.#uint(head === 0xde ? 2 : 4);
    }
    this.passed += passed;
    return left;
  }

  #byte(): number {
    return this.bytes[this.#move(1)]!;
  }

  #uint(size: number): number {
    return this.bytes.readUIntBE(this.#move(size), size);
  }

  #take(length: number): void {
    this.from = this.#move(length);
    this.length = length;
  }

  #small(value: number): void {
    this.#halves(value < 0 ? 0xffff_ffff : 0, value >>> 0);
  }

  #halves(high: number, low: number): void {
    this.high = high;
    this.low = low;
  }

  #float(value: number): void {
    this.real = value;
  }

  /** Past so many bytes; gives where they begin. */
  #move(bytes: number): number {
    const { at } = this;
    if (bytes > this.bytes.length - at) throw new NoMsgpack(`it ends in the middle, at byte ${this.bytes.length}`);
    this.at = at + bytes;
    return at;
  }

  #wrong(wanted: string, head: number): NoMsgpack {
    return new NoMsgpack(`byte ${this.at - 1} (0x${head.toString(16).padStart(2, '0')}) does not begin ${wanted}`);
  }
}
