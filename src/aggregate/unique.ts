/**
 * How many different members sets were sent, one set for each series that needs one.
 *
 *   exact      the members' hashes (53 bits of a number each), ascending: up to EXACT of them, 64 bytes to 8 KiB
 *   estimated  HyperLogLog, a register a byte: 2^14 of them have a standard error of 0.8 %
 *
 * Where there is no room for more hashes or for so many registers, the set is estimated in the block that it has.
 */
import type { Arena, Region } from './arena.ts';

export const EXACT = 1024;
/** Size class of 2^14 registers. */
const REGISTERS_SIZE = 8;
const hashes = new Float64Array(EXACT);
const HASH_BITS = 53;

export class Uniques {
  /** Sets that are estimated from fewer registers since the last `clear`, because there was no room. */
  coarser = 0;
  readonly #arena: Arena;
  readonly #region: Region;
  readonly #series: number;
  /** By number of series; empty until there is a set, as `#counts` is. */
  #blocks = new Int32Array(0);
  /** Hashes that a set has, or -1 - its size class when it is estimated. */
  #counts = new Int32Array(0);

  constructor(region: Region, series: number) {
    this.#region = region;
    this.#arena = region.arena;
    this.#series = series;
  }

  /** The member is `bytes` from `from` to `to`. False: no room for a new set. `spare`: it may have the last of the room. */
  add(number: number, bytes: Uint8Array, from: number, to: number, spare = false): boolean {
    if ((this.#blocks[number] ?? 0) === 0) {
      const block = this.#region.take(0, spare);
      if (block === 0) return false;
      if (this.#blocks.length === 0) {
        this.#blocks = new Int32Array(this.#series);
        this.#counts = new Int32Array(this.#series);
      }
      this.#blocks[number] = block;
    }
    const hash = hashOf(bytes, from, to);
    const count = this.#counts[number]!;
    if (count >= 0 && this.#addHash(number, hash, count, spare)) return true;
    this.#note(this.#blocks[number]!, -1 - this.#counts[number]!, hash);
    return true;
  }

  approximate(number: number): boolean {
    return this.#counts[number]! < 0;
  }

  /** Of a set that something was added to. */
  size(number: number): number {
    const count = this.#counts[number]!;
    if (count >= 0) return count;
    const bits = 5 - count;
    const at = this.#blocks[number]! * 64;
    return estimated(this.#arena.bytes.subarray(at, at + (1 << bits)), HASH_BITS - bits);
  }

  /** Forgets those of series below `size`; the region is the caller's to clear. */
  clear(size: number): void {
    this.#blocks.fill(0, 0, size);
    this.#counts.fill(0, 0, size);
    this.coarser = 0;
  }

  /** False: the set is estimated now, and does not have this one yet. */
  #addHash(number: number, hash: number, count: number, spare: boolean): boolean {
    const { words } = this.#arena;
    const at = this.#blocks[number]! * 8;
    let low = 0;
    for (let high = count; low < high; ) {
      const middle = (low + high) >> 1;
      if (words[at + middle]! < hash) low = middle + 1;
      else high = middle;
    }
    if (low < count && words[at + low] === hash) return true;
    const size = sizeOf(count);
    if (count === 8 << size && !this.#enlarge(number, count, size, spare)) return false;
    // Elsewhere now, maybe.
    const { words: now } = this.#arena;
    const base = this.#blocks[number]! * 8;
    now.copyWithin(base + low + 1, base + low, base + count);
    now[base + low] = hash;
    this.#counts[number] = count + 1;
    return true;
  }

  /** A block of twice the size; false: it is estimated from now on. */
  #enlarge(number: number, count: number, size: number, spare: boolean): boolean {
    const block = this.#blocks[number]!;
    const wanted = count === EXACT ? REGISTERS_SIZE : size + 1;
    const larger = this.#region.take(wanted, spare);
    const { words, bytes } = this.#arena;
    if (larger !== 0 && count < EXACT) {
      words.copyWithin(larger * 8, block * 8, block * 8 + count);
    } else {
      hashes.set(words.subarray(block * 8, block * 8 + count));
      const registers = larger === 0 ? size : wanted;
      const at = larger === 0 ? block : larger;
      bytes.fill(0, at * 64, at * 64 + (64 << registers));
      for (let i = 0; i < count; i++) this.#note(at, registers, hashes[i]!);
      this.#counts[number] = -1 - registers;
      if (larger === 0) this.coarser++;
    }
    if (larger !== 0) {
      this.#region.give(block, size);
      this.#blocks[number] = larger;
    }
    return this.#counts[number]! >= 0;
  }

  #note(block: number, size: number, hash: number): void {
    const bits = size + 6;
    const low = hash >>> 0;
    const high = Math.floor(hash / 2 ** 32);
    const at = block * 64 + (low & ((1 << bits) - 1));
    // The place of the first bit that is set, of those that did not choose the register.
    const rank = high > 0 ? Math.clz32(high) - 10 : 22 + Math.clz32(low >>> bits) - bits;
    const { bytes } = this.#arena;
    if (rank > bytes[at]!) bytes[at] = rank;
  }
}

/**
 * How many members these registers have seen, each of which may be 0 to `most` + 1. Without the bias of the raw estimate
 * and of linear counting where they meet: Otmar Ertl, New cardinality estimation algorithms for HyperLogLog sketches
 * (2017), algorithm 6.
 */
function estimated(registers: Uint8Array, most: number): number {
  const of = new Uint32Array(most + 2);
  for (const register of registers) of[register]!++;
  const all = registers.length;
  let z = all * tau(1 - of[most + 1]! / all);
  for (let value = most; value >= 1; value--) z = (z + of[value]!) / 2;
  z += all * sigma(of[0]! / all);
  return Math.round((all * all) / (2 * Math.LN2 * z));
}

/** x + x^2 + 2 x^4 + 4 x^8 + ... */
function sigma(x: number): number {
  if (x === 1) return Number.POSITIVE_INFINITY;
  let sum = x;
  for (let power = x * x, y = 1; sum + power * y !== sum; power *= power, y *= 2) sum += power * y;
  return sum;
}

/** (1 - x - (1 - x^1/2)^2 / 2 - (1 - x^1/4)^2 / 4 - ...) / 3 */
function tau(x: number): number {
  if (x === 0 || x === 1) return 0;
  let sum = 1 - x;
  for (let root = Math.sqrt(x), y = 0.5; ; root = Math.sqrt(root), y /= 2) {
    const less = sum - (1 - root) ** 2 * y;
    if (less === sum) return sum / 3;
    sum = less;
  }
}

/** The size class of a block of `count` hashes. */
function sizeOf(count: number): number {
  return count <= 8 ? 0 : 32 - Math.clz32(count - 1) - 3;
}

/** 53 bits, as a whole number. */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!;
    a = Math.imul(a ^ byte, 2654435761);
    b = Math.imul(b ^ byte, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return (b & 0x1fffff) * 2 ** 32 + (a >>> 0);
}
