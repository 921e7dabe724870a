/**
 * The records that came by last, by fingerprint, in memory of a fixed size: two open-addressed tables, the newer one
 * being filled, the older one emptied when it is full. So at least the last half of the capacity is remembered.
 *
 * A fingerprint has 64 bits: among a million records, two that differ are taken for one with a chance of 10^-7.
 */
export class Recent {
  readonly #half: number;
  readonly #mask: number;
  #newer: Uint32Array;
  #older: Uint32Array;
  #count = 0;
  #filled = false;
  /** Records that were here are forgotten by now. */
  forgot = false;
  #low = 0;
  #high = 0;

  /** Remembers between half of `capacity` and all of it. Takes 16 to 32 bytes a record. */
  constructor(capacity: number) {
    this.#half = Math.max(1, Math.ceil(capacity / 2));
    const slots = 2 ** Math.ceil(Math.log2(this.#half * 2));
    this.#mask = slots - 1;
    this.#newer = new Uint32Array(slots * 2);
    this.#older = new Uint32Array(slots * 2);
  }

  /** `file` is a number of the file's, `offset` up to 2^53. */
  add(file: number, offset: number, length: number): void {
    this.#print(file, offset, length);
    if (this.#count === this.#half) {
      if (this.#filled) this.forgot = true;
      [this.#newer, this.#older] = [this.#older, this.#newer];
      this.#newer.fill(0);
      this.#count = 0;
      this.#filled = true;
    }
    const at = this.#find(this.#newer);
    if (this.#newer[at] !== 0) return;
    this.#newer[at] = this.#low;
    this.#newer[at + 1] = this.#high;
    this.#count++;
  }

  has(file: number, offset: number, length: number): boolean {
    this.#print(file, offset, length);
    return this.#newer[this.#find(this.#newer)] !== 0 || this.#older[this.#find(this.#older)] !== 0;
  }

  #print(file: number, offset: number, length: number): void {
    const top = Math.floor(offset / 0x1_0000_0000);
    let a = Math.imul(file ^ 0x9e3779b9, 0x85ebca6b) ^ (offset | 0);
    a = Math.imul(a ^ (a >>> 16), 0xc2b2ae35) ^ Math.imul(top + 1, 0x27d4eb2f);
    let b = Math.imul(a ^ (a >>> 15), 0x2c1b3c6d) ^ Math.imul(length, 0x297a2d39);
    b ^= b >>> 13;
    a = Math.imul(b ^ Math.imul(file, 0x165667b1), 0x9e3779b1) ^ Math.imul((offset | 0) ^ (length << 7), 0x85ebca77);
    a ^= a >>> 16;
    // Zero means that a slot is free.
    this.#low = b >>> 0 || 1;
    this.#high = a >>> 0;
  }

  /** The slot that holds the fingerprint, or the free one where it would be put. */
  #find(table: Uint32Array): number {
    let slot = (this.#low ^ this.#high) & this.#mask;
    for (;;) {
      const at = slot * 2;
      const low = table[at];
      if (low === 0 || (low === this.#low && table[at + 1] === this.#high)) return at;
      slot = (slot + 1) & this.#mask;
    }
  }
}
