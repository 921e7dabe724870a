/**
 * Memory for what series hold of a window, within a budget: blocks of 64 bytes to 32 KiB, by powers of two.
 *
 *   page 0     | page 1           | page 2     | ...
 *   never used | 512 x 64 bytes   | 1 x 32 KiB |             a page has blocks of one size, and is of one region
 *
 * A block's address counts in units of 64 bytes; 0 is none. A region (a window's) gives all its blocks back at once, so
 * nothing of them is left to the garbage collector. The memory grows as pages are taken, the lowest first, and shrinks
 * when few are left. What is kept beside it (the keys of series) is charged against the same budget.
 *
 * Invariant: pages in use and what is charged are at most the budget; of that the last sixteenth is for spare requests.
 */
const PAGE = 32_768;
const FIRST_PAGES = 16;
const SPARE = 1 / 16;
/** Size class c is 64 << c bytes. */
export const CLASSES = 10;

export class Arena {
  /** The memory by doubles, 32-bit words and bytes; other views after each `take`. */
  words: Float64Array;
  ints: Int32Array;
  bytes: Uint8Array;
  readonly #budget: number;
  readonly #used: Uint8Array;
  #pages: number;
  #inUse = 0;
  #charged = 0;
  /** No page below is free. */
  #from = 1;

  constructor(budget: number) {
    this.#budget = budget;
    this.#used = new Uint8Array(Math.floor(budget / PAGE) + 1);
    this.#pages = Math.min(FIRST_PAGES, this.#used.length);
    this.words = new Float64Array((this.#pages * PAGE) / 8);
    this.ints = new Int32Array(this.words.buffer);
    this.bytes = new Uint8Array(this.words.buffer);
  }

  /** Bytes of the budget that are taken. */
  get used(): number {
    return this.#inUse * PAGE + this.#charged;
  }

  get nearlyFull(): boolean {
    return this.used > this.#budget * 0.75;
  }

  /** Bytes of memory that this takes now. */
  get size(): number {
    return this.bytes.length;
  }

  /** False, and nothing is charged, when the budget does not have them; blocks can count on half of it. */
  charge(bytes: number): boolean {
    if (bytes === 0) return true;
    if (!this.#has(bytes, false) || this.#charged + bytes > this.#budget / 2) return false;
    this.#charged += bytes;
    return true;
  }

  refund(bytes: number): void {
    this.#charged -= bytes;
  }

  /** A free page's number; 0: there is none. */
  takePage(spare: boolean): number {
    if (!this.#has(PAGE, spare)) return 0;
    let page = this.#from;
    while (this.#used[page] === 1) page++;
    if (page >= this.#used.length) return 0;
    if (page >= this.#pages) this.#resize(Math.min(this.#used.length, this.#pages * 2));
    this.#used[page] = 1;
    this.#from = page + 1;
    this.#inUse++;
    return page;
  }

  givePages(pages: readonly number[]): void {
    for (const page of pages) {
      this.#used[page] = 0;
      this.#from = Math.min(this.#from, page);
    }
    this.#inUse -= pages.length;
    const needed = this.#used.lastIndexOf(1) + 1;
    if (needed * 4 <= this.#pages) this.#resize(Math.min(this.#pages, Math.max(FIRST_PAGES, needed * 2)));
  }

  #has(bytes: number, spare: boolean): boolean {
    return this.used + bytes <= this.#budget * (spare ? 1 : 1 - SPARE);
  }

  #resize(pages: number): void {
    if (pages === this.#pages) return;
    this.#pages = pages;
    // Not a copy that the old one waits beside until it is collected.
    const buffer = (this.words.buffer as ArrayBuffer).transfer(pages * PAGE);
    this.words = new Float64Array(buffer);
    this.ints = new Int32Array(buffer);
    this.bytes = new Uint8Array(buffer);
  }
}

/** Blocks that are given back together. */
export class Region {
  readonly arena: Arena;
  readonly #pages: number[] = [];
  /** Of each class: the next block of its newest page, how many are left there, and those that came back one by one. */
  readonly #next = new Int32Array(CLASSES);
  readonly #left = new Int32Array(CLASSES);
  readonly #free: number[][] = Array.from({ length: CLASSES }, () => []);

  constructor(arena: Arena) {
    this.arena = arena;
  }

  /** A block of 64 << `size` bytes with anything in it; 0: there is no room. */
  take(size: number, spare = false): number {
    const back = this.#free[size]!.pop();
    if (back !== undefined) return back;
    if (this.#left[size] === 0) {
      const page = this.arena.takePage(spare);
      if (page === 0) return 0;
      this.#pages.push(page);
      this.#next[size] = page * (PAGE / 64);
      this.#left[size] = PAGE / (64 << size);
    }
    const block = this.#next[size]!;
    this.#next[size]! += 1 << size;
    this.#left[size]!--;
    return block;
  }

  give(block: number, size: number): void {
    this.#free[size]!.push(block);
  }

  /** Gives everything back. */
  clear(): void {
    if (this.#pages.length === 0) return;
    this.arena.givePages(this.#pages);
    this.#pages.length = 0;
    this.#left.fill(0);
    for (const blocks of this.#free) blocks.length = 0;
  }
}
