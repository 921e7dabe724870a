/** One sketch as it stands: its quantiles, and its wire form. */
import { BIAS, GAMMA, keys, middleOf, weights } from './bins.ts';

/** Bins a sign in the wire form; beyond, the lowest are joined. */
const WIRE_BINS = 2048;

/** Its bins are in `keys` and `weights`: it is good until another sketch is added to or looked at. */
export class SketchView {
  /** Of the weights: what was sent at a rate of 0.1 counts for ten. */
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly #bins: number;

  constructor(count: number, sum: number, min: number, max: number, bins: number) {
    this.count = count;
    this.sum = sum;
    this.min = min;
    this.max = max;
    this.#bins = bins;
  }

  /** The value at `quantile` (0 ... 1) of what was added; never outside of min ... max. */
  quantile(quantile: number): number {
    const rank = quantile * (this.count - 1);
    let at = 0;
    for (let running = weights[0]!; running <= rank && at < this.#bins - 1; ) running += weights[++at]!;
    return Math.min(this.max, Math.max(this.min, middleOf(keys[at]!)));
  }

  /** The protobuf message DDSketch { mapping = 1, positiveValues = 2, negativeValues = 3, zeroCount = 4 }. */
  encode(): Buffer {
    let at = double(open(0, 1, 9), 1, GAMMA);
    at = store(at, 2, this.#bins, 1);
    at = store(at, 3, this.#bins, -1);
    for (let j = 0; j < this.#bins; j++) if (keys[j] === 0) at = double(at, 4, weights[j]!);
    return wire.subarray(0, at);
  }
}

const wire = Buffer.alloc(2 * WIRE_BINS * 8 + 128);
const counts = new Float64Array(WIRE_BINS);

/** Store { contiguousBinCounts = 2 (packed doubles), contiguousBinIndexOffset = 3 (sint32) } of one sign, as a field. */
function store(at: number, field: number, bins: number, sign: number): number {
  let high = 0;
  let low = Number.POSITIVE_INFINITY;
  for (let j = 0; j < bins; j++) {
    const key = keys[j]! * sign;
    if (key <= 0) continue;
    high = Math.max(high, key);
    low = Math.min(low, key);
  }
  if (high === 0) return open(at, field, 0);
  low = Math.max(low, high - WIRE_BINS + 1);
  counts.fill(0, 0, high - low + 1);
  for (let j = 0; j < bins; j++) {
    const key = keys[j]! * sign;
    if (key > 0) counts[Math.max(key, low) - low]! += weights[j]!;
  }
  const bytes = (high - low + 1) * 8;
  const offset = low - BIAS;
  const zigzag = offset >= 0 ? offset * 2 : -offset * 2 - 1;
  at = open(at, field, 1 + lengthOf(bytes) + bytes + 1 + lengthOf(zigzag));
  at = open(at, 2, bytes);
  // Doubles as the machine has them: all machines that this runs on are little-endian.
  wire.set(new Uint8Array(counts.buffer, 0, bytes), at);
  at += bytes;
  wire[at++] = 3 << 3;
  return unsigned(at, zigzag);
}

/** The head of a field with `length` bytes. */
function open(at: number, field: number, length: number): number {
  wire[at] = (field << 3) | 2;
  return unsigned(at + 1, length);
}

function double(at: number, field: number, value: number): number {
  wire[at] = (field << 3) | 1;
  return wire.writeDoubleLE(value, at + 1);
}

function unsigned(at: number, value: number): number {
  for (; value > 0x7f; value >>>= 7) wire[at++] = (value & 0x7f) | 0x80;
  wire[at++] = value;
  return at;
}

/** Bytes that `unsigned` takes. */
function lengthOf(value: number): number {
  let bytes = 1;
  for (; value > 0x7f; value >>>= 7) bytes++;
  return bytes;
}
