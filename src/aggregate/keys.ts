/**
 * Texts by number, and the number of a text: as bytes in one stretch of memory, for there are many, and they stay.
 *
 *   bytes   key | key | hole | key ...   UTF-8; each begins at a multiple of 4
 *   slots   number + 1, 0: free          open addressing by hash, at most MOST_TAKEN of them are taken
 *
 * `look` finds a text; where it is not there, `put` keeps the one that was looked for last. What is removed leaves a hole,
 * until holes are half of it. The bytes grow where they are, within addresses that are reserved for them: there is no
 * copy that waits for the garbage collector.
 */
import { release } from '../core/free.ts';

const FIRST_BYTES = 4096;
/** By so many the bytes grow. */
const STEP_BYTES = 256 * 1024;
/** Addresses a text, on average: with more the bytes move to others. They cost nothing. */
const RESERVED_BYTES = 512;
const FIRST_SLOTS = 64;
const MOST_TAKEN = 0.8;
const PRIME = 2 ** 32 + 15;

export class Keys {
  /** Every key, where `from` and `to` say; another Buffer after each `put` and `tidy`, perhaps. */
  bytes: Buffer;
  /** How many there are. */
  size = 0;
  readonly #starts: Uint32Array;
  /** 0: there is none with this number. */
  readonly #lengths: Uint32Array;
  readonly #hashes: Uint32Array;
  #used = 0;
  #holes = 0;
  #slots = new Uint32Array(FIRST_SLOTS);
  /** The text that was looked for last, and zeros up to a multiple of 4. */
  #looked = Buffer.from(new ArrayBuffer(4096));
  #lookedWords = new Uint32Array(this.#looked.buffer);
  #lookedLength = 0;
  #lookedHash = 0;
  /** Another one in every process, so that nobody can choose texts that collide; below 2^20, for products below 2^53. */
  readonly #secret = 2 + Math.floor(Math.random() * (2 ** 20 - 2));

  /** For numbers 0 ... `capacity` - 1. */
  constructor(capacity: number) {
    this.bytes = reserved(FIRST_BYTES, Math.max(STEP_BYTES, capacity * RESERVED_BYTES));
    this.#starts = new Uint32Array(capacity);
    this.#lengths = new Uint32Array(capacity);
    this.#hashes = new Uint32Array(capacity);
  }

  /** The number of a text that is not empty; -1: it has none. */
  look(text: string): number {
    this.#makeRoom(text.length * 3);
    return this.#find(this.#looked.write(text));
  }

  /** The same, of a text in `bytes`. */
  lookFor(bytes: Buffer, from: number, length: number): number {
    this.#makeRoom(length);
    bytes.copy(this.#looked, 0, from, from + length);
    return this.#find(length);
  }

  /** For a text of so many bytes, to be looked for. */
  #makeRoom(bytes: number): void {
    if (bytes + 4 <= this.#looked.length) return;
    this.#looked = Buffer.from(new ArrayBuffer(padded(bytes * 2 + 4)));
    this.#lookedWords = new Uint32Array(this.#looked.buffer);
  }

  #find(length: number): number {
    for (let i = length; i < padded(length); i++) this.#looked[i] = 0;
    this.#lookedLength = length;
    this.#lookedHash = this.#hash();
    return this.#slots[this.#slotOf(this.#lookedHash)]! - 1;
  }

  /** Bytes of the text that was looked for last. */
  get lookedLength(): number {
    return this.#lookedLength;
  }

  /** The text that was looked for last, and not found, has this number from now on. */
  put(number: number): void {
    const room = padded(this.#lookedLength);
    if (this.#used + room > this.bytes.length) this.#grow(this.#used + room);
    this.#looked.copy(this.bytes, this.#used, 0, room);
    this.#starts[number] = this.#used;
    this.#lengths[number] = this.#lookedLength;
    this.#hashes[number] = this.#lookedHash;
    this.#used += room;
    this.size++;
    if (this.size > this.#slots.length * MOST_TAKEN) this.#rehash(this.#slots.length * 2);
    else this.#slots[this.#slotOf(this.#lookedHash)] = number + 1;
  }

  has(number: number): boolean {
    return this.#lengths[number]! > 0;
  }

  from(number: number): number {
    return this.#starts[number]!;
  }

  to(number: number): number {
    return this.#starts[number]! + this.#lengths[number]!;
  }

  /** It is not found any more when `tidy` is called next. */
  remove(number: number): void {
    this.#holes += padded(this.#lengths[number]!);
    this.#lengths[number] = 0;
    this.size--;
  }

  /** After the last of some were removed. */
  tidy(): void {
    let slots = this.#slots.length;
    while (slots > FIRST_SLOTS && this.size * 8 <= slots) slots /= 2;
    this.#rehash(slots);
    if (this.#holes * 2 > this.#used) this.#move(Math.max(FIRST_BYTES, this.#used - this.#holes));
  }

  /** Where it is, or would be. */
  #slotOf(hash: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const found = this.#slots[slot]!;
      if (found === 0 || (this.#hashes[found - 1] === hash && this.#isLooked(found - 1))) return slot;
    }
  }

  #isLooked(number: number): boolean {
    const start = this.#starts[number]!;
    const length = this.#lookedLength;
    if (this.#lengths[number] !== length) return false;
    return this.#looked.compare(this.bytes, start, start + length, 0, length) === 0;
  }

  /** A polynomial over the field of 2^32 + 15, at a secret place: two texts of n characters collide once in 2^22 / n. */
  #hash(): number {
    const words = this.#lookedWords;
    const count = padded(this.#lookedLength) / 4;
    const secret = this.#secret;
    let h = this.#lookedLength;
    for (let i = 0; i < count; i++) {
      const next = h * secret + words[i]!;
      // A product is quicker than a quotient; where it is one off, h is PRIME more or less, and always the same.
      h = next - Math.floor(next * (1 / PRIME)) * PRIME;
    }
    return h >>> 0;
  }

  #rehash(slots: number): void {
    release(this.#slots);
    this.#slots = new Uint32Array(slots);
    const mask = slots - 1;
    let left = this.size;
    for (let number = 0; left > 0; number++) {
      if (this.#lengths[number] === 0) continue;
      let slot = this.#hashes[number]! & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = number + 1;
      left--;
    }
  }

  /** To `bytes` or more. */
  #grow(bytes: number): void {
    const { buffer } = this.bytes as Buffer<ArrayBuffer>;
    const length = Math.ceil(bytes / STEP_BYTES) * STEP_BYTES;
    if (length <= buffer.maxByteLength) buffer.resize(length);
    else this.#move(length);
  }

  /** All keys into other memory, without the holes: `bytes` are enough for them. */
  #move(bytes: number): void {
    const from = this.bytes;
    const moved = reserved(bytes, Math.max(bytes * 2, (from.buffer as ArrayBuffer).maxByteLength));
    let at = 0;
    let left = this.size;
    for (let number = 0; left > 0; number++) {
      const length = this.#lengths[number]!;
      if (length === 0) continue;
      const start = this.#starts[number]!;
      from.copy(moved, at, start, start + length);
      this.#starts[number] = at;
      at += padded(length);
      left--;
    }
    this.bytes = moved;
    this.#used = at;
    this.#holes = 0;
    release(from);
  }
}

/** Its length is always that of its memory, which grows to `most` bytes where it is. */
function reserved(bytes: number, most: number): Buffer {
  return Buffer.from(new ArrayBuffer(bytes, { maxByteLength: most }));
}

function padded(length: number): number {
  return (length + 3) & ~3;
}
