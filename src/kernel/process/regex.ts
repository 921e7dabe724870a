/**
 * Regular expressions in ECMAScript's syntax over lines in UTF-8, in linear time (as/process/regex.as.ts). A `Pattern` is
 * read from its source once; `RegexKernel` runs what was placed in the memory of the kernel.
 *
 * `.` and classes take whole characters; `.` does not take LF, CR, U+2028 and U+2029. What takes too many steps counts
 * as not matching (`gaveUp`): 250,000, and on short lines 16,384 and 32 a byte.
 */
import assert from 'node:assert';
import { WORK_BYTES } from '../../core/pool.ts';
import type { ProcessKernel } from '../process.ts';
import { type Captures, codeOf } from './regex/code.ts';
import { requiredLiterals } from './regex/literals.ts';
import { innerOf, type ParsedPattern, parsePattern } from './regex/parse.ts';
import {
  choicesAmong,
  type GroupCell,
  NOWHERE,
  nodesFrom,
  type PatternPlan,
  type PatternRoom,
  placeGroups,
  placeProgram,
} from './regex/place.ts';
import { SharedPrograms } from './regex/shared.ts';

export interface PatternOptions {
  /** It may match from any place; else it must from the beginning. */
  search?: boolean;
  captures?: Captures;
}

export class Pattern {
  readonly source: string;
  /** The name of each captured group. */
  readonly groups: readonly (string | null)[];
  readonly plan: PatternPlan;

  /** Throws PatternError. */
  constructor(source: string, { search = false, captures = 'none' }: PatternOptions = {}) {
    const parsed = parsePattern(source);
    const { start, groups } = codeOf(parsed, captures);
    const nodes = nodesFrom(start);
    const anchored = !search || beginsAtStart(parsed);
    this.source = source;
    this.groups = groups;
    this.plan = {
      nodes,
      choices: choicesAmong(nodes),
      slots: groups.length * 2,
      anchored,
      literals: anchored ? null : requiredLiterals(parsed),
    };
  }

  /** The address of its program. `cells`: where its groups go, for `texts`. */
  place(room: PatternRoom, cells?: readonly (GroupCell | null)[]): number {
    const head = placeProgram(this.plan, room);
    if (cells) placeGroups(head, cells, room);
    return head;
  }
}

/** The pattern for all of a text, as a glob has it: `*` any characters, `?` one, also dots and slashes. */
export function globSource(glob: string): string {
  const written = glob.replace(/[\\^$.*+?()[\]{}|/]/g, (sign) =>
    sign === '*' ? '[^]*' : sign === '?' ? '[^]' : `\\${sign}`,
  );
  return `^${written}$`;
}

/** Every way through it begins with `^`. */
function beginsAtStart({ tree }: ParsedPattern): boolean {
  const anchored = (node: Parameters<typeof innerOf>[0]): boolean => {
    if (node.type === 'Assertion') return node.kind === 'start';
    if (node.type === 'Alternative') return node.elements.length > 0 && anchored(node.elements[0]!);
    if (node.type === 'Pattern' || node.type === 'Group' || node.type === 'CapturingGroup') {
      return innerOf(node).every(anchored);
    }
    return false;
  };
  return anchored(tree);
}

interface RegexExports {
  useMemo(at: number): void;
  useStack(at: number): void;
  forgetGaveUp(): void;
  readonly gaveUp: WebAssembly.Global;
  readonly regexStopped: WebAssembly.Global;
  regexTest(program: number, from: number, to: number): number;
  regexTestLines(program: number, count: number, out: number): void;
  regexTestCells(program: number, cell: number, count: number, out: number): void;
  regexTexts(program: number, count: number, todo: number, original: number): void;
  regexMatch(program: number, from: number, to: number, groups: number, out: number): number;
  regexAll(program: number, at: number, from: number, to: number, groups: number, out: number, most: number): number;
}

/** The beginning of the work area: the stack and slots, what was tried, and what is told of matches. */
const STACK_BYTES = (128 + 24) * 1024;
const MEMO_BYTES = (128 + 1) * 1024;
const TOLD_BYTES = 2048;
const MATCHES_AT_ONCE = TOLD_BYTES / 8;
/** The rest is for programs that belong to no input's steps. */
const SHARED_AT = STACK_BYTES + MEMO_BYTES + TOLD_BYTES;

const instances = new WeakMap<ProcessKernel, RegexKernel>();

/** Begin and end of a match or of a group of it, as addresses in the kernel's memory. */
export type MatchSpan = readonly [from: number, to: number];

/** Runs programs by the addresses of their heads. All that is looked at has 16 bytes behind it that can be read. */
export class RegexKernel {
  readonly #exports: RegexExports;
  readonly #toldAt: number;
  readonly #told: Uint32Array;
  readonly #shared: SharedPrograms;

  static of(kernel: ProcessKernel): RegexKernel {
    let regex = instances.get(kernel);
    if (!regex) {
      regex = new RegexKernel(kernel);
      instances.set(kernel, regex);
    }
    return regex;
  }

  private constructor(kernel: ProcessKernel) {
    const { bytes } = kernel;
    const at = bytes.byteLength - WORK_BYTES;
    this.#exports = kernel.exports<RegexExports>();
    this.#exports.useStack(at);
    this.#exports.useMemo(at + STACK_BYTES);
    this.#toldAt = at + STACK_BYTES + MEMO_BYTES;
    this.#told = new Uint32Array(bytes.buffer, bytes.byteOffset + this.#toldAt, TOLD_BYTES / 4);
    this.#shared = new SharedPrograms(bytes, at + SHARED_AT, bytes.byteLength);
  }

  /** The program of a pattern that is searched for; null: it is not for this engine, or there is no room left. */
  shared(source: string): number | null {
    return this.#shared.of(source, (room) => new Pattern(source, { search: true }).place(room));
  }

  /** Lines that took too many steps, since this was last asked; they count as not matching. */
  takeGaveUp(): number {
    const count = this.#exports.gaveUp.value;
    this.#exports.forgetGaveUp();
    return count;
  }

  test(program: number, from: number, to: number): boolean {
    return this.#exports.regexTest(program, from, to) !== 0;
  }

  /** Which of the records [0, count) of the slot in use match: a byte each at `outAt`. */
  testLines(program: number, count: number, outAt: number): void {
    this.#exports.regexTestLines(program, count, outAt);
  }

  /** The same of the text of a cell, of the rows in use; where that is absent or no text, it does not match. */
  testCells(program: number, cell: number, count: number, outAt: number): void {
    this.#exports.regexTestCells(program, cell, count, outAt);
  }

  /** The match and its groups; a group that took no part is null. Null: there is none. */
  match(program: number, groups: number, from: number, to: number): [MatchSpan, ...(MatchSpan | null)[]] | null {
    assert(groups * 8 + 8 <= TOLD_BYTES);
    if (!this.#exports.regexMatch(program, from, to, groups, this.#toldAt)) return null;
    const span = (i: number): MatchSpan => [this.#told[i * 2]!, this.#told[i * 2 + 1]!];
    const of = Array.from({ length: groups }, (_, i) => (span(i + 1)[1] === 0 ? null : span(i + 1)));
    return [span(0), ...of];
  }

  /**
   * Sets the cells of the rows in use from what the texts in use capture, of the records [0, count) whose byte at `todoAt`
   * is 1; where one matches, that becomes 0, and the text goes to the cell `original`, if there is one.
   */
  texts(program: number, count: number, todoAt: number, original: number | null): void {
    this.#exports.regexTexts(program, count, todoAt, original ?? NOWHERE);
  }

  /** All matches, one behind the other, that are not empty; with `groups`, of each its first group. */
  *all(program: number, groups: number, from: number, to: number): Generator<MatchSpan> {
    let at = from;
    do {
      const count = this.#exports.regexAll(program, at, from, to, groups, this.#toldAt, MATCHES_AT_ONCE);
      const spans = Array.from({ length: count }, (_, i): MatchSpan => [this.#told[i * 2]!, this.#told[i * 2 + 1]!]);
      at = this.#exports.regexStopped.value >>> 0;
      yield* spans;
    } while (at !== 0);
  }
}
