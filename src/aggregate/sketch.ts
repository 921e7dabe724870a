/**
 * DDSketches, one for each series that needs one: quantiles of what was added, each within `ACCURACY` of a value that was
 * there, whatever the range.
 *
 *   bin k holds the weight of the values in (gamma^(k-1), gamma^k]; values below zero have bins of their own
 *
 * Mapping and wire form are those of Datadog's sketches (the protobuf message DDSketch), so sketches of many hosts and
 * windows can be merged by its libraries. A bin's key orders bins as their values: k + BIAS, 0 for zero, -(k + BIAS).
 *
 *   block   count sum min max zeros | n offset size form coarse | bins   64 bytes, then as many bins as there is room for
 *   sparse  weights of n bins, f64 ... then their keys, i32, ascending   values of any sign; what few values need
 *   dense   a weight for each key from `offset` on                       of one sign; `zeros` apart
 *
 * Where there is no room for more bins, those that lie closest are joined: quantiles are coarser then, no weight is lost.
 */
import { type Arena, CLASSES, type Region } from './arena.ts';
import { inserted, joined, keyOf, keys, magnitudes, signOf, weights } from './bins.ts';
import { saturated } from './saturated.ts';
import { SketchView } from './sketch-view.ts';

/** Places in a block: doubles, then words. */
const COUNT = 0;
const SUM = 1;
const MIN = 2;
const MAX = 3;
const ZEROS = 4;
const N = 10;
const OFFSET = 11;
const SIZE = 12;
const FORM = 13;
const COARSE = 14;
const BINS = 8;
/** Forms; dense ones are the sign of their values. */
const SPARSE = 0;

/** The size class of a new sketch: five bins. */
const FIRST_SIZE = 1;

function denseRoom(size: number): number {
  return (8 << size) - BINS;
}

function sparseRoom(size: number): number {
  return Math.floor((denseRoom(size) * 2) / 3);
}

/** The smallest class with room for `bins`; CLASSES when there is none. */
function sizeFor(bins: number, room: (size: number) => number): number {
  let size = FIRST_SIZE;
  while (size < CLASSES && room(size) < bins) size++;
  return size;
}

export class Sketches {
  /** Sketches that have become coarser since the last `clear`, because there was no room. */
  coarser = 0;
  readonly #arena: Arena;
  readonly #region: Region;
  readonly #series: number;
  /** By number of series; empty until there is a sketch. */
  #blocks = new Int32Array(0);

  constructor(region: Region, series: number) {
    this.#region = region;
    this.#arena = region.arena;
    this.#series = series;
  }

  /** False: there is no room for a new sketch. `spare`: it may have the last of the room. */
  add(number: number, value: number, weight: number, spare = false): boolean {
    let block = this.#blocks[number] ?? 0;
    if (block === 0) {
      block = this.#open(spare);
      if (block === 0) return false;
      if (this.#blocks.length === 0) this.#blocks = new Int32Array(this.#series);
      this.#blocks[number] = block;
    }
    const { words, ints } = this.#arena;
    const f = block * 8;
    words[f + COUNT] = saturated(words[f + COUNT]! + weight);
    words[f + SUM] = saturated(words[f + SUM]! + saturated(value * weight));
    if (value < words[f + MIN]!) words[f + MIN] = value;
    if (value > words[f + MAX]!) words[f + MAX] = value;
    const key = keyOf(value);
    const i = block * 16;
    const form = ints[i + FORM]!;
    if (form === SPARSE) {
      if (this.#addSparse(block, key, weight)) return true;
    } else if (key === 0) {
      words[f + ZEROS] = saturated(words[f + ZEROS]! + weight);
      return true;
    } else {
      const at = key * form - ints[i + OFFSET]!;
      if (at >= 0 && at < denseRoom(ints[i + SIZE]!)) {
        words[f + BINS + at] = saturated(words[f + BINS + at]! + weight);
        return true;
      }
    }
    this.#reshape(number, block, key, weight, spare);
    return true;
  }

  /** Null: nothing was added. Good until the next call of anything here. */
  look(number: number): SketchView | null {
    const block = this.#blocks[number] ?? 0;
    if (block === 0) return null;
    const { words } = this.#arena;
    const f = block * 8;
    const bins = this.#gather(block);
    return new SketchView(words[f + COUNT]!, words[f + SUM]!, words[f + MIN]!, words[f + MAX]!, bins);
  }

  /** Forgets those of series below `size`; the region is the caller's to clear. */
  clear(size: number): void {
    this.#blocks.fill(0, 0, size);
    this.coarser = 0;
  }

  #open(spare: boolean): number {
    const block = this.#region.take(FIRST_SIZE, spare);
    if (block === 0) return 0;
    const { words, ints } = this.#arena;
    words.fill(0, block * 8, block * 8 + BINS);
    words[block * 8 + MIN] = Number.POSITIVE_INFINITY;
    words[block * 8 + MAX] = Number.NEGATIVE_INFINITY;
    ints[block * 16 + SIZE] = FIRST_SIZE;
    return block;
  }

  /** False: it has no bin for this key and no room for one. */
  #addSparse(block: number, key: number, weight: number): boolean {
    const { words, ints } = this.#arena;
    const room = sparseRoom(ints[block * 16 + SIZE]!);
    const count = ints[block * 16 + N]!;
    const weightsAt = block * 8 + BINS;
    const keysAt = (weightsAt + room) * 2;
    let low = 0;
    for (let high = count; low < high; ) {
      const middle = (low + high) >> 1;
      if (ints[keysAt + middle]! < key) low = middle + 1;
      else high = middle;
    }
    if (low < count && ints[keysAt + low] === key) {
      words[weightsAt + low] = saturated(words[weightsAt + low]! + weight);
      return true;
    }
    if (count === room) return false;
    for (let j = count; j > low; j--) {
      ints[keysAt + j] = ints[keysAt + j - 1]!;
      words[weightsAt + j] = words[weightsAt + j - 1]!;
    }
    ints[keysAt + low] = key;
    words[weightsAt + low] = weight;
    ints[block * 16 + N] = count + 1;
    return true;
  }

  /** Adds a bin that the block has no room for as it is: a larger block, or the other form, or coarser. */
  #reshape(number: number, block: number, key: number, weight: number, spare: boolean): void {
    let bins = inserted(this.#gather(block), key, weight);
    const had = this.#arena.ints[block * 16 + SIZE]!;
    let sign = signOf(bins);
    let size = sizeFor(bins, sparseRoom);
    if (sign !== SPARSE) {
      const [low, high] = magnitudes(bins, sign);
      const dense = sizeFor(high - low + 1, denseRoom);
      // Twice as large, and a bin is found without a search.
      if (dense < CLASSES && dense <= size + 1) size = dense;
      else sign = SPARSE;
    }
    if (size > had) {
      const larger = size < CLASSES ? this.#region.take(size, spare) : 0;
      if (larger !== 0) {
        const { words, ints } = this.#arena;
        words.copyWithin(larger * 8, block * 8, block * 8 + BINS);
        this.#region.give(block, had);
        this.#blocks[number] = larger;
        ints[larger * 16 + SIZE] = size;
        block = larger;
      } else {
        bins = this.#fitted(block, bins);
        sign = SPARSE;
      }
    }
    this.#write(block, bins, sign);
  }

  /** So many bins that the block has room for them, as a sparse one. */
  #fitted(block: number, bins: number): number {
    const { ints } = this.#arena;
    const room = sparseRoom(ints[block * 16 + SIZE]!);
    if (bins <= room) return bins;
    if (ints[block * 16 + COARSE] === 0) this.coarser++;
    ints[block * 16 + COARSE] = 1;
    // Not just one less: the next new bin would need the same again.
    return joined(bins, Math.floor((room * 3) / 4));
  }

  #write(block: number, bins: number, sign: number): void {
    const { words, ints } = this.#arena;
    const room = (sign === SPARSE ? sparseRoom : denseRoom)(ints[block * 16 + SIZE]!);
    const binsAt = block * 8 + BINS;
    ints[block * 16 + FORM] = sign;
    words[block * 8 + ZEROS] = 0;
    if (sign === SPARSE) {
      ints[block * 16 + N] = bins;
      words.set(weights.subarray(0, bins), binsAt);
      ints.set(keys.subarray(0, bins), (binsAt + room) * 2);
      return;
    }
    const [low, high] = magnitudes(bins, sign);
    const offset = low - ((room - (high - low + 1)) >> 1);
    ints[block * 16 + OFFSET] = offset;
    words.fill(0, binsAt, binsAt + room);
    for (let j = 0; j < bins; j++) {
      if (keys[j] === 0) words[block * 8 + ZEROS] = weights[j]!;
      else words[binsAt + keys[j]! * sign - offset] = weights[j]!;
    }
  }

  /** A block's bins into `keys` and `weights`; returns how many. */
  #gather(block: number): number {
    const { words, ints } = this.#arena;
    const form = ints[block * 16 + FORM]!;
    const size = ints[block * 16 + SIZE]!;
    const binsAt = block * 8 + BINS;
    if (form === SPARSE) {
      const count = ints[block * 16 + N]!;
      const keysAt = (binsAt + sparseRoom(size)) * 2;
      weights.set(words.subarray(binsAt, binsAt + count));
      keys.set(ints.subarray(keysAt, keysAt + count));
      return count;
    }
    const room = denseRoom(size);
    const offset = ints[block * 16 + OFFSET]!;
    let bins = 0;
    const take = (key: number, weight: number) => {
      if (weight === 0) return;
      keys[bins] = key;
      weights[bins++] = weight;
    };
    if (form > 0) take(0, words[block * 8 + ZEROS]!);
    for (let j = 0; j < room; j++) {
      const at = form > 0 ? j : room - 1 - j;
      take((offset + at) * form, words[binsAt + at]!);
    }
    if (form < 0) take(0, words[block * 8 + ZEROS]!);
    return bins;
  }
}
