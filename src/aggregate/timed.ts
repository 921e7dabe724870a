/**
 * What came with a time of its own: a sum, or a last value, for each series and second.
 *
 *   entries  series | second | samples | value       in the order in which the first sample of each came
 *   slots    number of an entry + 1, 0: free         open addressing by series and second, at most half full
 *
 * It grows by doubling, and each byte is charged to the budget of sketches and sets.
 */
import type { Arena } from './arena.ts';
import { saturated } from './saturated.ts';

const FIRST = 64;
/** Of an entry, its two slots included. */
const BYTES = 32;

export class Timed {
  /** Entries: numbers 0 ... size - 1. */
  size = 0;
  readonly #budget: Arena;
  /** Odd, and others in every process, so that nobody can choose series and seconds that collide. */
  readonly #seeds = [Math.random(), Math.random()].map((r) => Math.floor(r * 2 ** 31) * 2 + 1) as [number, number];
  #room = 0;
  #series = new Uint32Array(0);
  #seconds = new Uint32Array(0);
  #samples = new Float64Array(0);
  #values = new Float64Array(0);
  #slots = new Uint32Array(0);

  constructor(budget: Arena) {
    this.#budget = budget;
  }

  /** `last`: the value takes the place of the one before, else it is added. False: there is no room for a new entry. */
  add(series: number, second: number, value: number, last: boolean): boolean {
    let slot = this.#slotOf(series, second);
    if (slot < 0 || this.#slots[slot] === 0) {
      if (this.size === this.#room) {
        if (!this.#grow()) return false;
        slot = this.#slotOf(series, second);
      }
      this.#series[this.size] = series;
      this.#seconds[this.size] = second;
      this.#samples[this.size] = 0;
      this.#values[this.size] = 0;
      this.#slots[slot] = ++this.size;
    }
    const entry = this.#slots[slot]! - 1;
    this.#samples[entry]!++;
    this.#values[entry] = last ? value : saturated(this.#values[entry]! + value);
    return true;
  }

  series(entry: number): number {
    return this.#series[entry]!;
  }

  second(entry: number): number {
    return this.#seconds[entry]!;
  }

  samples(entry: number): number {
    return this.#samples[entry]!;
  }

  value(entry: number): number {
    return this.#values[entry]!;
  }

  clear(): void {
    this.size = 0;
    if (this.#room <= FIRST) this.#slots.fill(0);
    else {
      this.#budget.refund((this.#room - FIRST) * BYTES);
      this.#resize(FIRST);
    }
  }

  /** Where the entry is, or would be; -1: there is no table yet. */
  #slotOf(series: number, second: number): number {
    if (this.#room === 0) return -1;
    const mask = this.#slots.length - 1;
    const hash = Math.imul(series, this.#seeds[0]) ^ Math.imul(second, this.#seeds[1]);
    let slot = (hash ^ (hash >>> 15)) & mask;
    for (let found = this.#slots[slot]!; found !== 0; found = this.#slots[slot]!) {
      if (this.#series[found - 1] === series && this.#seconds[found - 1] === second) break;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #grow(): boolean {
    const room = Math.max(FIRST, this.#room * 2);
    if (!this.#budget.charge((room - this.#room) * BYTES)) return false;
    this.#resize(room);
    for (let entry = 0; entry < this.size; entry++) {
      this.#slots[this.#slotOf(this.#series[entry]!, this.#seconds[entry]!)] = entry + 1;
    }
    return true;
  }

  /** Keeps the entries that there are, not their slots. */
  #resize(room: number): void {
    this.#room = room;
    const resized = (array: Uint32Array | Float64Array) =>
      (array.buffer as ArrayBuffer).transfer(room * array.BYTES_PER_ELEMENT);
    this.#series = new Uint32Array(resized(this.#series));
    this.#seconds = new Uint32Array(resized(this.#seconds));
    this.#samples = new Float64Array(resized(this.#samples));
    this.#values = new Float64Array(resized(this.#values));
    this.#slots = new Uint32Array(room * 2);
  }
}
