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

  /** The protobuf message DDSketch { mapping = 1, positiveValues = 2, negativeValues = 3, zeroCount = 4 }. */
  encode(): Buffer {
    this.#spill();
    return Buffer.concat([
      message(1, double(1, GAMMA)),
      message(2, store(this.#above)),
      message(3, store(this.#below)),
      this.#zeros === 0 ? Buffer.alloc(0) : double(4, this.#zeros),
    ]);
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

/** Store { contiguousBinCounts = 2 (packed doubles), contiguousBinIndexOffset = 3 (sint32) }. */
function store(bins: Bins | undefined): Buffer {
  if (!bins) return Buffer.alloc(0);
  const counts = Buffer.alloc((bins.high - bins.low + 1) * 8);
  for (let bin = bins.low; bin <= bins.high; bin++) {
    counts.writeDoubleLE(bins.weights[bin - bins.offset]!, (bin - bins.low) * 8);
  }
  const zigzag = bins.low >= 0 ? bins.low * 2 : -bins.low * 2 - 1;
  return Buffer.concat([message(2, counts), Buffer.from([(3 << 3) | 0]), unsigned(zigzag)]);
}

function message(field: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(field << 3) | 2]), unsigned(body.length), body]);
}

function double(field: number, value: number): Buffer {
  const out = Buffer.alloc(9);
  out[0] = (field << 3) | 1;
  out.writeDoubleLE(value, 1);
  return out;
}

function unsigned(value: number): Buffer {
  const out: number[] = [];
  for (; value > 0x7f; value = Math.floor(value / 128)) out.push((value % 128) | 0x80);
  out.push(value);
  return Buffer.from(out);
}
