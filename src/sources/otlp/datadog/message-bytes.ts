/** A protobuf message, put together piece by piece in memory that is used again. */

const FIRST_BYTES = 64 * 1024;
/** Where a shorter text is copied faster byte by byte. */
const SHORT = 24;

/** It would have more bytes than it may. */
export class TooLong extends Error {}

/** A text that stands in other bytes. */
export interface TextAt {
  from: number;
  length: number;
}

export class MessageBytes {
  readonly #most: number;
  #out = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #at = 0;

  /** Of at most so many bytes. */
  constructor(most: number) {
    this.#most = most;
  }

  get length(): number {
    return this.#at;
  }

  /** A copy of all of it, in memory of its own. */
  copy(): Buffer {
    if (this.#at > this.#most) throw new TooLong();
    const copy = Buffer.allocUnsafeSlow(this.#at);
    this.#out.copy(copy, 0, 0, this.#at);
    return copy;
  }

  /** Nothing is in it, nor is much memory held. */
  clear(): void {
    this.#at = 0;
    if (this.#out.length <= FIRST_BYTES) return;
    (this.#out.buffer as ArrayBuffer).transfer(0);
    this.#out = Buffer.allocUnsafeSlow(FIRST_BYTES);
  }

  /** A message in it begins; `lengthBytes`: its length will most likely take so many. Gives what `close` is called with. */
  open(field: number, lengthBytes: number): number {
    this.#room(2 + lengthBytes);
    this.#varint((field << 3) | 2);
    this.#at += lengthBytes;
    return this.#at;
  }

  close(begun: number, lengthBytes: number): void {
    const length = this.#at - begun;
    const wanted = varintSize(length);
    const from = begun - lengthBytes;
    if (wanted !== lengthBytes) {
      this.#room(wanted);
      this.#out.copyWithin(from + wanted, begun, this.#at);
    }
    this.#at = from;
    this.#varint(length);
    this.#at += length;
  }

  number(field: number, value: number): void {
    this.#room(12);
    this.#varint(field << 3);
    this.#varint(value);
  }

  /** Of 64 bits. */
  whole(field: number, high: number, low: number): void {
    this.#room(12);
    this.#varint(field << 3);
    this.#varint64(high, low);
  }

  real(field: number, value: number): void {
    this.#room(10);
    this.#varint((field << 3) | 1);
    this.#at = this.#out.writeDoubleLE(value, this.#at);
  }

  fixed64(field: number, high: number, low: number): void {
    this.#room(10);
    this.#varint((field << 3) | 1);
    this.#out.writeUInt32LE(low, this.#at);
    this.#out.writeUInt32LE(high, this.#at + 4);
    this.#at += 8;
  }

  fixed32(field: number, value: number): void {
    this.#room(6);
    this.#varint((field << 3) | 5);
    this.#at = this.#out.writeUInt32LE(value, this.#at);
  }

  /** Bytes that are numbers of 32 bits, the most significant first. */
  id(field: number, ...parts: number[]): void {
    this.#room(3 + 4 * parts.length);
    this.#varint((field << 3) | 2);
    this.#varint(4 * parts.length);
    for (const part of parts) this.#at = this.#out.writeUInt32BE(part, this.#at);
  }

  bytes(field: number, of: Buffer, { from, length }: TextAt): void {
    this.#room(12 + length);
    this.#varint((field << 3) | 2);
    this.#text(of, from, length);
  }

  /** As it is: fields that were put together before. */
  raw(of: Buffer): void {
    this.#room(of.length);
    this.#at += of.copy(this.#out, this.#at);
  }

  /** KeyValue with AnyValue, whose field `kind` (1 text, 7 bytes) is that text. */
  textAttribute(field: number, keys: Buffer, key: TextAt, values: Buffer, value: TextAt, kind = 1): void {
    const inner = 1 + varintSize(value.length) + value.length;
    this.#attribute(field, keys, key, inner);
    this.#varint((kind << 3) | 2);
    this.#text(values, value.from, value.length);
  }

  /** The same of a whole number. */
  wholeAttribute(field: number, keys: Buffer, key: TextAt, high: number, low: number): void {
    this.#attribute(field, keys, key, 1 + varint64Size(high, low));
    this.#varint(3 << 3);
    this.#varint64(high, low);
  }

  boolAttribute(field: number, keys: Buffer, key: TextAt, value: boolean): void {
    this.#attribute(field, keys, key, 2);
    this.#varint(2 << 3);
    this.#varint(value ? 1 : 0);
  }

  realAttribute(field: number, keys: Buffer, key: TextAt, value: number): void {
    this.#attribute(field, keys, key, 9);
    this.#varint((4 << 3) | 1);
    this.#at = this.#out.writeDoubleLE(value, this.#at);
  }

  /** Up to the AnyValue, of so many bytes. */
  #attribute(field: number, keys: Buffer, { from, length }: TextAt, value: number): void {
    const all = 1 + varintSize(length) + length + 1 + varintSize(value) + value;
    this.#room(12 + all);
    this.#varint((field << 3) | 2);
    this.#varint(all);
    this.#varint((1 << 3) | 2);
    this.#text(keys, from, length);
    this.#varint((2 << 3) | 2);
    this.#varint(value);
  }

  /** With its length; there is room for it. */
  #text(of: Buffer, from: number, length: number): void {
    this.#varint(length);
    if (length > SHORT) of.copy(this.#out, this.#at, from, from + length);
    else for (let i = 0; i < length; i++) this.#out[this.#at + i] = of[from + i]!;
    this.#at += length;
  }

  #varint(value: number): void {
    let rest = value;
    for (; rest > 0x7f; rest = rest > 0x7fff_ffff ? Math.floor(rest / 128) : rest >>> 7) {
      this.#out[this.#at++] = (rest & 0x7f) | 0x80;
    }
    this.#out[this.#at++] = rest;
  }

  #varint64(high: number, low: number): void {
    let [h, l] = [high, low];
    while (h > 0 || l > 0x7f) {
      this.#out[this.#at++] = (l & 0x7f) | 0x80;
      l = ((l >>> 7) | (h << 25)) >>> 0;
      h >>>= 7;
    }
    this.#out[this.#at++] = l;
  }

  #room(bytes: number): void {
    const wanted = this.#at + bytes;
    if (wanted <= this.#out.length) return;
    if (this.#at > this.#most || wanted > 2 * this.#most + FIRST_BYTES) throw new TooLong();
    const before = this.#out;
    this.#out = Buffer.allocUnsafeSlow(Math.max(2 * before.length, wanted));
    before.copy(this.#out, 0, 0, this.#at);
    (before.buffer as ArrayBuffer).transfer(0);
  }
}

export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) size++;
  return size;
}

function varint64Size(high: number, low: number): number {
  const bits = high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(low);
  return Math.max(1, Math.ceil(bits / 7));
}
