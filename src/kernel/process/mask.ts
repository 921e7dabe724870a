/**
 * Masks secrets in records, before anything else sees them (as/process/mask.as.ts): those that are known by name in one
 * pass, then what each pattern matches, in their order.
 */
import { createHmac } from '../../builtin.ts';
import { MASK_BYTES, SLOT_CAPACITY, type Slot, WORK_BYTES } from '../../core/pool.ts';
import { SliceSize } from '../../core/slices.ts';
import type { ProgramArena } from '../arena.ts';
import type { ProcessKernel } from '../process.ts';
import { ibanLengths } from './iban.ts';
import { HASH, MASK_RULES, type MaskRule } from './mask-rules.ts';
import { placeMaskTables } from './mask-tables.ts';
import { Pattern, RegexKernel } from './regex.ts';

/** What the kernel may overrun. */
const SLACK = 64;
const TABLES = 16;
const RULES = 112;
const RULE_BYTES = 16;
const SPAN_BYTES = 16;
const MOST_SPANS = 8192;
const MODES = { stars: 0, text: 1, hash: 2 } as const;
const HASH_BEFORE = 'hmac:';
const HASH_BYTES = HASH_BEFORE.length + 16;
const HASH_STEP = 24;
const FOUND_AT = MOST_SPANS * (SPAN_BYTES + HASH_STEP);
const MOST_FOUND = (MASK_BYTES - FOUND_AT) / 8;

interface MaskExports {
  useMask(job: number, spans: number): void;
  readonly maskSpans: WebAssembly.Global;
  useKey(left: number, unknown: boolean): void;
  readonly openKey: WebAssembly.Global;
  maskRecords(first: number, count: number): number;
  maskMatches(
    program: number,
    groups: number,
    rule: number,
    first: number,
    count: number,
    found: number,
    most: number,
  ): number;
  readonly tooLong: WebAssembly.Global;
  maskText(from: number, to: number): void;
  /** The arguments of `maskMatchesIn` in as/process/mask-patterns.as.ts. */
  maskMatchesIn(program: number, groups: number, rule: number, ...rest: number[]): void;
  takeHiding(): number;
  escapedCell(next: number, count: number): number;
  cellText(cell: number, out: number): number;
  moveRecords(count: number, limit: number): number;
}

const LINE_FEED = 10;
const STAR = 0x2a;
const NONE = 0xffffffff;

/** Cells of the rows in use, by their number among those of all rows. */
export interface CellRows {
  cell(cell: number): { bytes: number };
  setText(cell: number, at: number, bytes: number): void;
  /** All of its text becomes stars. */
  hide(cell: number): void;
  sideTake(bytes: number): number;
}

/** What was masked of some records. */
export interface Masked {
  /** Secrets that were found, by rule as they are configured. */
  readonly found: Uint32Array;
  /** Bytes that a private key which has begun may still have. */
  openKey: number;
  /** Some may be longer than they were. */
  longer: boolean;
  /** There was no room for longer texts, and what they were for was overwritten. */
  noRoom: boolean;
  /** Records that took too many steps: they are masked as a whole. */
  tooLong: number;
}

/** What a pass gives, with nothing else in between. */
export function atOnce(pass: Generator<void, Masked>): Masked {
  for (;;) {
    const { done, value } = pass.next();
    if (done) return value;
  }
}

export class MaskKernel {
  readonly #kernel: ProcessKernel;
  readonly #exports: MaskExports;
  readonly #bytes: Buffer;
  readonly #words: Uint32Array;
  readonly #workAt: number;
  readonly #jobAt: number;
  readonly #named: boolean;
  readonly #keys: boolean;
  readonly #patterns: { program: number; groups: number; rule: number }[] = [];
  readonly #ruleNumbers: number[] = [];
  readonly #key: Buffer | null;
  /** Of those known by name, and of each pattern. */
  readonly #sizes: readonly SliceSize[];

  constructor(kernel: ProcessKernel, arena: ProgramArena, rules: readonly MaskRule[], key: Buffer | null) {
    this.#kernel = kernel;
    this.#exports = kernel.exports<MaskExports>();
    this.#bytes = kernel.bytes;
    this.#words = kernel.words;
    this.#workAt = kernel.bytes.byteLength - WORK_BYTES - MASK_BYTES;
    this.#key = key;
    // It gives the engine its memory.
    RegexKernel.of(kernel);
    const patterns = rules.filter(({ rule }) => rule === 'pattern').length;
    this.#jobAt = arena.reserve(RULES + (MASK_RULES.length + patterns) * RULE_BYTES);
    const wanted = new Set<string>(rules.map(({ rule }) => rule));
    this.#keys = wanted.has('private_key');
    this.#named = rules.some(({ rule }) => rule !== 'pattern');
    const bits = MASK_RULES.reduce((all, name, i) => all | (Number(wanted.has(name)) << i), 0);
    const job = arena.words(this.#jobAt, TABLES / 4);
    job.set([bits, arena.place(Buffer.from('"')), arena.place(ibanLengths())]);
    placeMaskTables(arena.bytes, this.#jobAt + TABLES, wanted);
    let next: number = MASK_RULES.length;
    for (const rule of rules) {
      const number = rule.rule === 'pattern' ? next++ : MASK_RULES.indexOf(rule.rule);
      this.#ruleNumbers.push(number);
      this.#placeRule(arena, number, rule.with);
      if (rule.pattern === undefined) continue;
      const pattern = new Pattern(rule.pattern, { search: true, captures: 'all' });
      this.#patterns.push({ program: pattern.place(arena), groups: pattern.groups.length, rule: number });
    }
    this.#sizes = Array.from({ length: 1 + this.#patterns.length }, () => new SliceSize());
  }

  /**
   * Masks the slot's first `count` records, some at a time; in between others may be masked. `unknown`: they are from
   * somewhere in a file, and may begin within a private key; else `openKey` is as it was left behind the records before.
   */
  *mask(slot: Slot, count: number, openKey: number, unknown: boolean): Generator<void, Masked> {
    const e = this.#exports;
    const masked: Masked = { found: this.#noneFound(), openKey: 0, longer: false, noRoom: false, tooLong: 0 };
    const limit = slot.bytesAt + SLOT_CAPACITY - SLACK;
    const passes = this.#patterns.map(({ program, groups, rule }) => (from: number, to: number) => {
      const next = e.maskMatches(program, groups, rule, from, to, this.#workAt + FOUND_AT, MOST_FOUND);
      masked.tooLong += e.tooLong.value;
      return next;
    });
    passes.unshift((from, to) => e.maskRecords(from, to));
    e.useKey(this.#keys ? openKey : 0, this.#keys && unknown);
    masked.openKey = e.openKey.value >>> 0;
    for (const [i, pass] of passes.entries()) {
      const size = this.#sizes[i]!;
      for (let next = i === 0 && !this.#named ? count : 0; next < count; ) {
        const began = performance.now();
        const first = next;
        this.#kernel.useSlot(slot);
        e.useMask(this.#jobAt, this.#workAt);
        e.useKey(masked.openKey, false);
        next = pass(first, first + size.of(slot, first, count));
        masked.openKey = e.openKey.value >>> 0;
        const spans = e.maskSpans.value;
        if (spans > 0) {
          masked.longer = true;
          this.#makeTexts(spans);
          if (!e.moveRecords(count, limit)) masked.noRoom = true;
        }
        this.#count(masked.found);
        size.took(next - first, performance.now() - began);
        yield;
      }
    }
    return masked;
  }

  /**
   * Masks the fields of `count` rows in use that hide a secret behind escapes of JSON: they become the text that they
   * stand for. Nothing is looked at where no text of JSON was walked that has such escapes since the last time. Gives what was found, by rule.
   */
  maskCells(rows: CellRows, count: number): Uint32Array {
    const found = this.#noneFound();
    const e = this.#exports;
    if (!e.takeHiding()) return found;
    for (let next = 0; ; next++) {
      next = e.escapedCell(next, count) >>> 0;
      if (next === NONE) break;
      const { bytes } = rows.cell(next);
      const from = rows.sideTake(bytes + 1);
      // Without room for the text it is not known what is hidden.
      if (from === 0) {
        rows.hide(next);
        continue;
      }
      const to = e.cellText(next, from) >>> 0;
      this.#bytes[to] = LINE_FEED;
      const masked = this.#maskOne(from, to, rows);
      if (masked) rows.setText(next, masked.from, masked.to - masked.from);
    }
    this.#count(found);
    return found;
  }

  /** Null: nothing is secret in it. */
  #maskOne(from: number, to: number, rows: CellRows): { from: number; to: number } | null {
    const e = this.#exports;
    const passes = this.#patterns.map(({ program, groups, rule }) => (at: number, end: number) => {
      e.maskMatchesIn(program, groups, rule, at, end, this.#workAt + FOUND_AT, MOST_FOUND);
    });
    if (this.#named) passes.unshift((at, end) => e.maskText(at, end));
    const before = this.#foundNow();
    for (const pass of passes) {
      e.useMask(this.#jobAt, this.#workAt);
      e.useKey(0, false);
      pass(from, to);
      const found = e.maskSpans.value;
      if (found === 0) continue;
      this.#makeTexts(found);
      const text = this.#replaced(from, to, found);
      const at = rows.sideTake(text.length + 1);
      if (at === 0) {
        this.#bytes.fill(STAR, from, to);
        break;
      }
      text.copy(this.#bytes, at);
      [from, to] = [at, at + text.length];
      this.#bytes[to] = LINE_FEED;
    }
    return this.#foundNow() === before ? null : { from, to };
  }

  /** The text with what takes the place of its spans. */
  #replaced(from: number, to: number, found: number): Buffer {
    const parts: Buffer[] = [];
    let at = from;
    for (let i = 0; i < found; i++) {
      const span = this.#workAt / 4 + i * 4;
      const [begin, end, text, bytes] = this.#words.subarray(span, span + 4) as unknown as [
        number,
        number,
        number,
        number,
      ];
      parts.push(this.#bytes.subarray(at, begin), this.#bytes.subarray(text, text + bytes));
      at = end;
    }
    return Buffer.concat([...parts, this.#bytes.subarray(at, to)]);
  }

  #foundNow(): number {
    return this.#ruleNumbers.reduce((sum, number) => sum + this.#words[this.#countAt(number)]!, 0);
  }

  #countAt(number: number): number {
    return (this.#jobAt + RULES + number * RULE_BYTES) / 4 + 3;
  }

  #placeRule(arena: ProgramArena, number: number, text: string | null): void {
    const at = (this.#jobAt + RULES + number * RULE_BYTES) / 4;
    if (text === null) this.#words[at] = MODES.stars;
    else if (text === HASH) this.#words[at] = MODES.hash;
    else {
      const bytes = Buffer.from(text);
      this.#words.set([MODES.text, arena.place(bytes), bytes.length], at);
    }
  }

  /** The texts that are made of the secrets themselves. */
  #makeTexts(found: number): void {
    const spans = this.#workAt / 4;
    const texts = this.#workAt + MOST_SPANS * SPAN_BYTES;
    for (let i = 0; i < found; i++) {
      const at = spans + i * 4;
      const [from, to, text] = [this.#words[at]!, this.#words[at + 1]!, this.#words[at + 2]!];
      if (text !== 0 || from === to) continue;
      const textAt = texts + i * HASH_STEP;
      this.#bytes.write(this.#hash(from, to), textAt, 'latin1');
      this.#words.set([textAt, HASH_BYTES], at + 2);
    }
  }

  #hash(from: number, to: number): string {
    const secret = Buffer.from(this.#bytes.subarray(from, to));
    return `${HASH_BEFORE}${createHmac('sha256', this.#key!).update(secret).digest('hex').slice(0, 16)}`;
  }

  #noneFound(): Uint32Array {
    return new Uint32Array(this.#ruleNumbers.length);
  }

  /** Takes what the kernel has counted. */
  #count(found: Uint32Array): void {
    for (const [i, number] of this.#ruleNumbers.entries()) {
      const at = this.#countAt(number);
      found[i]! += this.#words[at]!;
      this.#words[at] = 0;
    }
  }
}
