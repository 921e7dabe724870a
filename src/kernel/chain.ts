/**
 * Records of one audit stream that follow each other, read many at a time: laid out by WebAssembly, hashed one after the
 * other, compared together. What does not follow, or is not what its hash says, is left to `RecordScan`, which reads any.
 *
 *   page 0           | laid   | text
 *   link, tables     | records, laid to be hashed | the caller's: a stretch of a section, lines of an export
 */
import { readFileSync } from 'node:fs';
import { HASH_BYTES, TIME_BYTES, writeLink, ZEROS } from '../audit/record.ts';
import { getFips, hash } from '../builtin.ts';
import { copyInto } from '../core/copy.ts';
import { type HashBlocks, sha256Blocks } from '../native/sha256.ts';
import { COLUMNS, VALUE, VALUE_END } from '../records/record-table.ts';

/** Records at once: what they take stays in the processor's cache. */
const MOST = 64;
/** After one that did not follow. */
const LEAST = 4;
const HASH_DIGITS = 2 * HASH_BYTES;
const LINK_AT = 2048;
const RAW_AT = 3072;
const ROWS_AT = 4096;
const LAID_AT = 8192;
const STATES_AT = 16_384;
const CLAIMED_AT = 28_672;
/** Of so many that followed the hashes can be told: a seal comes shortly behind what it seals. Room for more makes moving them rare. */
export const HASHES_KEPT = 256;
const MOST_CLAIMED = 512;
const STATE_BYTES = 128;
const OUT_AT = 65_536;
const OUT_BYTES = 1 << 20;
/** Copies and decoded digits may reach beyond. */
const SLACK = 4096;
const TEXT_AT = OUT_AT + OUT_BYTES + SLACK;
const PAGE = 65_536;
const NO_TIME = ' '.repeat(TIME_BYTES);

interface Exports {
  useChain(linkAt: number, raw: number, outAt: number, outTo: number, laidAt: number, statesAt: number): void;
  expectNumber(next: number): void;
  layRows(table: number, base: number, count: number, claims: number): number;
  layLines(from: number, to: number, partition: number, count: number, claims: number): number;
  intact(count: number): number;
}

let compiled: WebAssembly.Module | undefined;

export class ChainKernel {
  /** The caller's. */
  readonly text: Buffer;
  /** Behind the last line that was read, in `text`. */
  lineEnd = 0;
  readonly #bytes: Buffer;
  readonly #words: Int32Array;
  readonly #exports: Exports;
  #expecting = false;
  #most = LEAST;
  /** Hashes that were claimed, and are right, of the last ones that followed. */
  #claims = 0;
  /** Undefined: it was not asked for. */
  #blocks: HashBlocks | null | undefined;
  readonly #blocksOf: typeof sha256Blocks;

  /** `blocksOf` may say that each is to be hashed by `crypto.hash`. */
  constructor(textBytes: number, blocksOf = sha256Blocks) {
    this.#blocksOf = blocksOf;
    const pages = Math.ceil((TEXT_AT + textBytes + SLACK) / PAGE);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.#bytes = Buffer.from(memory.buffer);
    this.#words = new Int32Array(memory.buffer);
    this.text = this.#bytes.subarray(TEXT_AT, TEXT_AT + textBytes);
    compiled ??= new WebAssembly.Module(readFileSync(new URL('./chain.wasm', import.meta.url)));
    this.#exports = new WebAssembly.Instance(compiled, { env: { memory } }).exports as unknown as Exports;
    this.#exports.useChain(LINK_AT, RAW_AT, OUT_AT, OUT_AT + OUT_BYTES, LAID_AT, STATES_AT);
  }

  /** The next record is to be the one behind this one. */
  expect(stream: string, sequence: number, previous: string): void {
    this.#expecting = Number.isSafeInteger(sequence + MOST);
    this.#claims = 0;
    if (!this.#expecting) return;
    writeLink(this.#bytes, LINK_AT, { stream, sequence: sequence + 1, time: NO_TIME, previous, hash: ZEROS });
    this.#exports.expectNumber(sequence + 1);
  }

  /** Nothing follows until one is expected. */
  forget(): void {
    this.#expecting = false;
  }

  /** The hashes of the last `count` records that followed, HASHES_KEPT at most, 64 hex digits each. */
  lastHashes(count: number): string {
    const end = CLAIMED_AT + this.#claims * HASH_DIGITS;
    return this.#bytes.toString('latin1', end - count * HASH_DIGITS, end);
  }

  /** How many of the rows [row, end) of a section, which may lie in `text`, follow and are what their hashes say. */
  rows(bytes: Buffer, table: Int32Array, row: number, end: number): number {
    if (!this.#expecting) return 0;
    const first = row * COLUMNS;
    const from = table[first + VALUE]!;
    let count = Math.min(end - row, this.#most);
    // Those that have no value end them.
    while (count > 0 && table[first + (count - 1) * COLUMNS + VALUE_END]! - from > this.text.length) count >>>= 1;
    if (from < 0 || count === 0) return 0;
    const to = table[first + (count - 1) * COLUMNS + VALUE_END]!;
    if (to < 0) return 0;
    const isHere = bytes.buffer === this.text.buffer;
    if (!isHere) copyInto(this.text, 0, bytes.subarray(from, to));
    this.#words.set(table.subarray(first, first + count * COLUMNS), ROWS_AT / 4);
    return this.#hashed(
      this.#exports.layRows(ROWS_AT, isHere ? bytes.byteOffset : TEXT_AT - from, count, this.#room()),
      count,
    );
  }

  /** How many of the lines of an export in `text`, [from, to), are of this partition, follow, and are what their hashes say. */
  lines(from: number, to: number, partition: number): number {
    if (!this.#expecting) return 0;
    const count = this.#most;
    const found = this.#hashed(
      this.#exports.layLines(TEXT_AT + from, TEXT_AT + to, partition, count, this.#room()),
      count,
    );
    this.lineEnd = found === 0 ? from : this.#words[(LAID_AT >> 2) + (found - 1) * 4 + 2]! - TEXT_AT;
    return found;
  }

  /** Where the next claims go. */
  #room(): number {
    if (this.#claims + MOST > MOST_CLAIMED) {
      const end = CLAIMED_AT + this.#claims * HASH_DIGITS;
      this.#bytes.copyWithin(CLAIMED_AT, end - HASHES_KEPT * HASH_DIGITS, end);
      this.#claims = HASHES_KEPT;
    }
    return CLAIMED_AT + this.#claims * HASH_DIGITS;
  }

  #hashed(laid: number, asked: number): number {
    // What native code costs to load pays for many.
    if (this.#blocks === undefined && laid === MOST) {
      this.#blocks = getFips() === 0 ? this.#blocksOf(this.#bytes) : null;
    }
    const found = this.#blocks ? this.#intactBlocks(laid, this.#blocks) : this.#intact(laid);
    this.#claims += found;
    // What is laid and not taken was in vain: where many do not follow, few are laid.
    if (found < asked) this.#most = Math.max(LEAST, Math.min(MOST, 2 * found));
    else if (asked === this.#most) this.#most = Math.min(MOST, 2 * asked);
    if (found < laid) this.#expecting = false;
    return found;
  }

  /** How many of those that are laid are what they claim. */
  #intactBlocks(laid: number, blocks: HashBlocks): number {
    const words = this.#words;
    for (let i = 0, at = LAID_AT >> 2, state = STATES_AT; i < laid; i++, at += 4, state += STATE_BYTES) {
      blocks(state, words[at]!, words[at + 3]!);
    }
    return this.#exports.intact(laid);
  }

  #intact(laid: number): number {
    for (let i = 0, at = LAID_AT >> 2, claimed = this.#room(); i < laid; i++, at += 4, claimed += HASH_DIGITS) {
      const from = this.#words[at]!;
      const computed = hash('sha256', this.#bytes.subarray(from, from + this.#words[at + 1]!), 'hex');
      if (computed !== this.#bytes.toString('latin1', claimed, claimed + HASH_DIGITS)) return i;
    }
    return laid;
  }
}
