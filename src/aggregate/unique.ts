/**
 * How many different members a set was sent: exact up to EXACT of them, then estimated by HyperLogLog.
 * 2^14 registers of one byte: a standard error of 0.8 %, 16 KB a set.
 */
export const EXACT = 1024;
const BITS = 14;
const REGISTERS = 1 << BITS;

export class Unique {
  #members: Set<string> | null = new Set();
  #registers: Uint8Array | undefined;

  add(member: string): void {
    if (this.#members === null) {
      this.#note(member);
      return;
    }
    this.#members.add(member);
    if (this.#members.size <= EXACT) return;
    this.#registers = new Uint8Array(REGISTERS);
    for (const known of this.#members) this.#note(known);
    this.#members = null;
  }

  get approximate(): boolean {
    return this.#members === null;
  }

  get size(): number {
    if (this.#members) return this.#members.size;
    let harmonic = 0;
    let empty = 0;
    for (const register of this.#registers!) {
      harmonic += 2 ** -register;
      if (register === 0) empty++;
    }
    const estimate = ((0.7213 / (1 + 1.079 / REGISTERS)) * REGISTERS * REGISTERS) / harmonic;
    // Linear counting is better as long as many registers are empty.
    return Math.round(estimate <= 2.5 * REGISTERS && empty > 0 ? REGISTERS * Math.log(REGISTERS / empty) : estimate);
  }

  #note(member: string): void {
    let a = 0xdeadbeef;
    let b = 0x41c6ce57;
    for (let i = 0; i < member.length; i++) {
      const unit = member.charCodeAt(i);
      a = Math.imul(a ^ unit, 2654435761);
      b = Math.imul(b ^ unit, 1597334677);
    }
    a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
    b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
    const register = a >>> (32 - BITS);
    const rank = Math.clz32(b) + 1;
    if (rank > this.#registers![register]!) this.#registers![register] = rank;
  }
}
