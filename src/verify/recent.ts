/**
 * The records that came by last, in memory of a fixed size: a ring of which file, offset and length each had.
 *
 * Most topics hold nothing twice: only when it is first asked about a record is the ring indexed (open addressing, places
 * in the ring), and then kept so. What was overwritten stays in the index, is seen not to be the record, and goes when the
 * index is made anew.
 */
/** So many are looked at one by one. */
const FEW = 4096;

export class Recent {
  readonly #capacity: number;
  readonly #files: Uint32Array;
  readonly #offsets: Float64Array;
  readonly #lengths: Float64Array;
  /** Records so far; record n is at n modulo the capacity. */
  #count = 0;
  /** Places in the ring plus one; zero: free. Null: nobody has asked yet. */
  #index: Uint32Array | null = null;
  /** Entries of the index that are in use. */
  #indexed = 0;

  /** Takes 20 bytes a record, and once asked 8 to 16 more. */
  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#files = new Uint32Array(capacity);
    this.#offsets = new Float64Array(capacity);
    this.#lengths = new Float64Array(capacity);
  }

  /** Records that were here are forgotten by now. */
  get forgot(): boolean {
    return this.#count > this.#capacity;
  }

  /** `file` is a number of the file's. */
  add(file: number, offset: number, length: number): void {
    const at = this.#count % this.#capacity;
    this.#files[at] = file;
    this.#offsets[at] = offset;
    this.#lengths[at] = length;
    this.#count++;
    if (this.#index) this.#put(at, file, offset, length);
  }

  has(file: number, offset: number, length: number): boolean {
    const index = this.#index ?? this.#build();
    const mask = index.length - 1;
    for (let slot = hashOf(file, offset, length) & mask; index[slot] !== 0; slot = (slot + 1) & mask) {
      const at = index[slot]! - 1;
      if (this.#files[at] === file && this.#offsets[at] === offset && this.#lengths[at] === length) return true;
    }
    return false;
  }

  /** Whether it shares bytes with one of the file that is remembered. */
  overlaps(file: number, offset: number, length: number): boolean {
    const end = offset + length;
    const shares = (at: number) => this.#offsets[at]! < end && this.#offsets[at]! + this.#lengths[at]! > offset;
    const sorted = this.#sortedOf(file);
    for (let at = this.#sortedTo; at < this.#count; at++) {
      const place = at % this.#capacity;
      if (this.#files[place] === file && shares(place)) return true;
    }
    let low = 0;
    for (let high = sorted.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (this.#offsets[sorted[middle]!]! < end) low = middle + 1;
      else high = middle;
    }
    // Those that share nothing with each other lie one behind the other: the last before the end is the only one.
    return low > 0 && shares(sorted[low - 1]!);
  }

  #sorted: Uint32Array = new Uint32Array(0);
  #sortedOfFile = -1;
  /** So many records had been remembered when that was sorted. */
  #sortedTo = 0;

  /** Places of the file's records by their offset, but those that came since. */
  #sortedOf(file: number): Uint32Array {
    if (this.#sortedOfFile === file && this.#count - this.#sortedTo < FEW) return this.#sorted;
    const places: number[] = [];
    const held = Math.min(this.#count, this.#capacity);
    for (let at = 0; at < held; at++) if (this.#files[at] === file) places.push(at);
    this.#sorted = Uint32Array.from(places).sort((a, b) => this.#offsets[a]! - this.#offsets[b]!);
    this.#sortedOfFile = file;
    this.#sortedTo = this.#count;
    return this.#sorted;
  }

  #put(at: number, file: number, offset: number, length: number): void {
    const index = this.#index!;
    const mask = index.length - 1;
    // The ring holds it already: what is made anew holds the ring.
    if (this.#indexed >= index.length * 0.75) {
      this.#build();
      return;
    }
    let slot = hashOf(file, offset, length) & mask;
    while (index[slot] !== 0) slot = (slot + 1) & mask;
    index[slot] = at + 1;
    this.#indexed++;
  }

  #build(): Uint32Array {
    // Never full, or looking for what is not there would not end.
    const slots = Math.max(8, 2 ** Math.ceil(Math.log2(this.#capacity * 2)));
    this.#index ??= new Uint32Array(slots);
    this.#index.fill(0);
    this.#indexed = 0;
    const held = Math.min(this.#count, this.#capacity);
    for (let at = 0; at < held; at++) this.#put(at, this.#files[at]!, this.#offsets[at]!, this.#lengths[at]!);
    return this.#index;
  }
}

function hashOf(file: number, offset: number, length: number): number {
  let hash =
    Math.imul(file ^ 0x9e3779b9, 0x85ebca6b) ^ (offset | 0) ^ Math.imul(Math.floor(offset / 2 ** 32), 0x27d4eb2f);
  hash = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35) ^ Math.imul(length, 0x297a2d39);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}
