/**
 * A DDSketch: quantiles of what was added, each within `ACCURACY` of a value that was there, whatever the range.
 *
 *   bin k holds the weight of the values in (gamma^(k-1), gamma^k]; values below zero have bins of their own
 *
 * Mapping and wire form are those of Datadog's sketches (the protobuf message DDSketch), so sketches of many hosts and
 * windows can be merged by its libraries. A sketch keeps at most MAX_BINS bins a sign; beyond, the lowest are joined.
 * While there are few values they are kept as they are: most series of an interval have few, and a bin array is 1 KB.
 */

/** Twice as fine as what is asked of dashboards, as the Datadog agent's. */
export const ACCURACY = 1 / 128;
const GAMMA = (1 + ACCURACY) / (1 - ACCURACY);
const LOG_GAMMA = Math.log(GAMMA);
const PER_LOG = 1 / LOG_GAMMA;
const MAX_BINS = 2048;
const FEW = 16;
/** What is nearer to zero counts as zero. */
const SMALLEST = 1e-300;

class Bins {
  weights = new Float64Array(0);
  /** The bin of `weights[0]`. */
  offset = 0;
  low = Number.POSITIVE_INFINITY;
  high = Number.NEGATIVE_INFINITY;
  total = 0;

  add(bin: number, weight: number): void {
    if (bin < this.low || bin > this.high) this.#reach(bin);
    const at = Math.max(bin, this.low);
    this.weights[at - this.offset]! += weight;
    this.total += weight;
  }

  /** The first bin from the end nearer to zero whose running weight exceeds `rank`. */
  at(rank: number): number {
    let running = 0;
    for (let bin = this.low; bin < this.high; bin++) {
      running += this.weights[bin - this.offset]!;
      if (running > rank) return bin;
    }
    return this.high;
  }

  #reach(bin: number): void {
    const high = Math.max(this.high, bin);
    const low = Math.max(Math.min(this.low, bin), high - MAX_BINS + 1);
    if (low < this.offset || high >= this.offset + this.weights.length) {
      const length = Math.min(MAX_BINS, Math.ceil((high - low + 1) / 64) * 64 + 64);
      const grown = new Float64Array(length);
      const offset = Math.max(low, high - length + 1) === low ? low - ((length - (high - low + 1)) >> 1) : low;
      for (let b = this.low; b <= this.high; b++) grown[Math.max(b, low) - offset]! += this.weights[b - this.offset]!;
      this.weights = grown;
      this.offset = offset;
    } else {
      for (let b = this.low; b < low; b++) {
        this.weights[low - this.offset]! += this.weights[b - this.offset]!;
        this.weights[b - this.offset] = 0;
      }
    }
    this.low = low;
    this.high = high;
  }
}

export class Sketch {
  /** Of the weights: what was sent at a rate of 0.1 counts for ten. */
  count = 0;
  sum = 0;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  #zeros = 0;
  /** Value, weight, value, weight ...; null once there are bins. */
  #few: number[] | null = [];
  #above: Bins | undefined;
  #below: Bins | undefined;

  add(value: number, weight: number): void {
    this.count += weight;
    this.sum += value * weight;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    if (this.#few === null) this.#bin(value, weight);
    else if (this.#few.push(value, weight) >= FEW * 2) this.#spill();
  }

  /** The value at `quantile` (0 ... 1) of what was added; never outside of min ... max. */
  quantile(quantile: number): number {
    if (this.count === 0) return Number.NaN;
    this.#spill();
    const rank = quantile * (this.count - 1);
    const below = this.#below?.total ?? 0;
    let value = 0;
    // Downwards from zero the ranks count backwards.
    if (rank < below) value = -middle(this.#below!.at(below - rank - 1 - 1e-9));
    else if (rank >= below + this.#zeros && this.#above) value = middle(this.#above.at(rank - this.#zeros - below));
    return Math.min(this.max, Math.max(this.min, value));
  }

  /**
   * The protobuf message DDSketch { mapping = 1, positiveValues = 2, negativeValues = 3, zeroCount = 4 }. The bytes are
   * good until the next call, of any sketch.
   */
  encode(): Buffer {
    this.#spill();
    let at = double(open(0, 1, 9), 1, GAMMA);
    at = store(at, 2, this.#above);
    at = store(at, 3, this.#below);
    if (this.#zeros !== 0) at = double(at, 4, this.#zeros);
    return scratch.subarray(0, at);
  }

  #spill(): void {
    const few = this.#few;
    if (few === null) return;
    this.#few = null;
    for (let i = 0; i < few.length; i += 2) this.#bin(few[i]!, few[i + 1]!);
  }

  #bin(value: number, weight: number): void {
    if (value > SMALLEST) {
      this.#above ??= new Bins();
      this.#above.add(Math.ceil(Math.log(value) * PER_LOG), weight);
    } else if (value < -SMALLEST) {
      this.#below ??= new Bins();
      this.#below.add(Math.ceil(Math.log(-value) * PER_LOG), weight);
    } else this.#zeros += weight;
  }
}

function middle(bin: number): number {
  return (2 * Math.exp(bin * LOG_GAMMA)) / (1 + GAMMA);
}

const scratch = Buffer.alloc(2 * MAX_BINS * 8 + 128);

/** Store { contiguousBinCounts = 2 (packed doubles), contiguousBinIndexOffset = 3 (sint32) }, as a field. */
function store(at: number, field: number, bins: Bins | undefined): number {
  if (!bins) return open(at, field, 0);
  const { weights, offset, low, high } = bins;
  const bytes = (high - low + 1) * 8;
  const zigzag = low >= 0 ? low * 2 : -low * 2 - 1;
  at = open(at, field, 1 + lengthOf(bytes) + bytes + 1 + lengthOf(zigzag));
  at = open(at, 2, bytes);
  // Doubles as the machine has them: all machines that this runs on are little-endian.
  scratch.set(new Uint8Array(weights.buffer, (low - offset) * 8, bytes), at);
  at += bytes;
  scratch[at++] = 3 << 3;
  return unsigned(at, zigzag);
}

/** The head of a field with `length` bytes. */
function open(at: number, field: number, length: number): number {
  scratch[at] = (field << 3) | 2;
  return unsigned(at + 1, length);
}

function double(at: number, field: number, value: number): number {
  scratch[at] = (field << 3) | 1;
  return scratch.writeDoubleLE(value, at + 1);
}

function unsigned(at: number, value: number): number {
  for (; value > 0x7f; value >>>= 7) scratch[at++] = (value & 0x7f) | 0x80;
  scratch[at++] = value;
  return at;
}

/** Bytes that `unsigned` takes. */
function lengthOf(value: number): number {
  let bytes = 1;
  for (; value > 0x7f; value >>>= 7) bytes++;
  return bytes;
}
