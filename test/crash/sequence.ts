/** Sequence numbers: who stamps them, and who looks whether all of them came. */
import assert from 'node:assert/strict';

/** Which numbers of one writer were seen, how often, and in which order for the first time. */
export class Seen {
  #bits = new Uint8Array(1 << 16);
  /** Everything below was seen. */
  #next = 0;
  count = 0;
  /** Seen again. */
  doubled = 0;
  /** A number that came before a smaller one that had not come yet. */
  early = 0;

  see(number: number): void {
    const at = number >> 3;
    while (at >= this.#bits.length) {
      const more = new Uint8Array(this.#bits.length * 2);
      more.set(this.#bits);
      this.#bits = more;
    }
    const bit = 1 << (number & 7);
    this.count++;
    if ((this.#bits[at]! & bit) !== 0) {
      this.doubled++;
      return;
    }
    this.#bits[at]! |= bit;
    if (number > this.#next) this.early++;
    while (this.has(this.#next)) this.#next++;
  }

  has(number: number): boolean {
    return ((this.#bits[number >> 3] ?? 0) & (1 << (number & 7))) !== 0;
  }

  /** Those of [0, total) that were not seen. */
  missing(total: number): number[] {
    const missing: number[] = [];
    for (let i = 0; i < total; i++) if (!this.has(i)) missing.push(i);
    return missing;
  }

  assertComplete(name: string, total: number): void {
    const missing = this.missing(total);
    const some = missing.slice(0, 10).join(', ');
    assert.equal(missing.length, 0, `${name}: ${missing.length} of ${total} are lost, the first ones ${some}`);
  }
}

/** Park and Miller's generator: the same numbers for the same seed. */
export function generator(seed: number): (below: number) => number {
  let state = (seed * 7919 + 1) % 2_147_483_647;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return Math.floor((state / 2_147_483_647) * below);
  };
}
