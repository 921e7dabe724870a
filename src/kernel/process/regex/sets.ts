/**
 * Sets of characters, as ranges of code points, and what of them can be told by a character's first byte in UTF-8
 * (as/process/regex-sets.as.ts has the layout of the latter).
 */

/** First and last code point of each range, ascending, with gaps between. */
export type CodeRanges = readonly number[];

const LAST = 0x10ffff;
const REPLACEMENT = 0xfffd;
/** Bytes, and the end of the line. */
export const FIRST_COUNT = 257;
export const AT_END = 256;
/** What is known of a first byte. */
const IN = 1;
const WHOLE = 2;
const SOME = 4;

export const DIGITS: CodeRanges = [48, 57];
export const WORDS: CodeRanges = [48, 57, 65, 90, 95, 95, 97, 122];
export const BLANKS: CodeRanges = [
  9, 13, 32, 32, 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f, 0x202f, 0x205f, 0x205f, 0x3000,
  0x3000, 0xfeff, 0xfeff,
];
export const ANY: CodeRanges = negated([10, 10, 13, 13, 0x2028, 0x2029]);

export function union(...sets: readonly CodeRanges[]): CodeRanges {
  const pairs = sets.flatMap((set) => pairsOf(set)).sort((a, b) => a[0] - b[0]);
  const all: number[] = [];
  for (const [low, high] of pairs) {
    if (all.length > 0 && low <= all.at(-1)! + 1) all[all.length - 1] = Math.max(all.at(-1)!, high);
    else all.push(low, high);
  }
  return all;
}

export function negated(set: CodeRanges): CodeRanges {
  const others: number[] = [];
  let next = 0;
  for (const [low, high] of pairsOf(set)) {
    if (low > next) others.push(next, low - 1);
    next = high + 1;
  }
  if (next <= LAST) others.push(next, LAST);
  return others;
}

function pairsOf(set: CodeRanges): [number, number][] {
  return Array.from({ length: set.length / 2 }, (_, i) => [set[i * 2]!, set[i * 2 + 1]!]);
}

/** Whether some or all of [low, high] are in the set: 0, SOME, WHOLE. */
function part(set: CodeRanges, low: number, high: number): number {
  for (let i = 0; i < set.length; i += 2) {
    if (set[i + 1]! < low) continue;
    if (set[i]! <= low && set[i + 1]! >= high) return WHOLE;
    return set[i]! <= high ? SOME : 0;
  }
  return 0;
}

/** Of each first byte of a character, by what the head of regex-sets.as.ts says; `end`: the end of the line is in it, too. */
export function firstBytesOf(set: CodeRanges, end = false): Uint8Array {
  const known = new Uint8Array(FIRST_COUNT);
  const odd = part(set, REPLACEMENT, REPLACEMENT) ? IN | WHOLE : 0;
  for (let byte = 0; byte < 256; byte++) {
    if (byte < 0x80) {
      known[byte] = part(set, byte, byte) ? IN : 0;
      continue;
    }
    const range = begunBy(byte);
    const of = range ? part(set, ...range) : 0;
    known[byte] = range ? (of ? IN | of : 0) : odd;
  }
  known[AT_END] = end ? IN : 0;
  return known;
}

/** The code points whose UTF-8 begins with a byte, or null. Halves of characters are not in UTF-8. */
function begunBy(byte: number): [number, number] | null {
  if (byte < 0xc2 || byte > 0xf4) return null;
  if (byte < 0xe0) return [(byte & 0x1f) << 6, ((byte & 0x1f) << 6) | 0x3f];
  if (byte === 0xed) return [0xd000, 0xd7ff];
  if (byte < 0xf0) return [Math.max(0x800, (byte & 0xf) << 12), ((byte & 0xf) << 12) | 0xfff];
  return [Math.max(0x10000, (byte & 7) << 18), Math.min(LAST, ((byte & 7) << 18) | 0x3ffff)];
}

/** Characters that differ only by case, by each of them. */
let cases: Map<number, readonly number[]> | undefined;

/** As ECMAScript compares without regard to case: by what a character is in upper case, which for ASCII is ASCII. */
function canonical(code: number): number {
  const upper = String.fromCodePoint(code).toUpperCase();
  const to = upper.codePointAt(0)!;
  if (upper.length !== (to > 0xffff ? 2 : 1)) return code;
  return code > 127 && to < 128 ? code : to;
}

function readCases(): Map<number, readonly number[]> {
  const alike = new Map<number, number[]>();
  // None of those beyond has another case.
  for (let code = 0; code < 0x1f000; code++) {
    const to = canonical(code);
    if (to !== code) alike.set(to, [...(alike.get(to) ?? [to]), code]);
  }
  return new Map([...alike.values()].flatMap((all) => all.map((code) => [code, all])));
}

/** The set with all that differs from its members only by case. */
export function withCases(set: CodeRanges): CodeRanges {
  cases ??= readCases();
  const more: number[] = [];
  const add = (code: number) => {
    for (const other of cases!.get(code) ?? []) more.push(other, other);
  };
  const size = pairsOf(set).reduce((sum, [low, high]) => sum + high - low + 1, 0);
  if (size > cases.size) {
    for (const code of cases.keys()) if (part(set, code, code)) add(code);
  } else {
    for (const [low, high] of pairsOf(set)) for (let code = low; code <= high; code++) add(code);
  }
  return more.length === 0 ? set : union(set, more);
}

/** Of `\p{...}`, as V8 has it. */
export function property(source: string): CodeRanges {
  const test = new RegExp(`^${source}$`, 'u');
  const set: number[] = [];
  for (let code = 0; code <= LAST; code++) {
    if (!test.test(String.fromCodePoint(code))) continue;
    if (set.length > 0 && set.at(-1) === code - 1) set[set.length - 1] = code;
    else set.push(code, code);
  }
  return set;
}
