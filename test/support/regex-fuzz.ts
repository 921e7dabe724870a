/** Random patterns on random lines: what our engine finds, beside what V8 does. */
import { Pool, PROGRAM_BYTES } from '../../src/core/pool.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { Pattern, type PatternOptions, RegexKernel } from '../../src/kernel/process/regex.ts';

export interface FuzzResult {
  compared: number;
  matched: number;
  /** Patterns that are refused. */
  refused: number;
  gaveUp: number;
  /** The first differences. */
  differences: string[];
}

const ATOMS =
  'a b c A . é 漢 [ab] [^a] \\w \\W \\s \\S \\d [b-c] [α-ω] [^é] [aé漢] [^\\sα] ab bcé \\b \\B (?<![ab]) (?![bc]) (?=\\S|$) (?<=^|é) (?!漢) ^ $ [😀b] 😀 [一-龥] [^\\W_] -'.split(
    ' ',
  );
const PLAIN = ['a', 'b', '[ab]', '\\w', '.', 'é', '\\S', '[^a]'];
const QUANTIFIERS = ['', '', '', '*', '+', '?', '*?', '+?', '??', '{2}', '{1,3}', '{0,2}?', '{2,}'];
const LETTERS = [...'aaabbbccABé漢α-  ωÉ😀\u2028\u00a0_7'];

export function random(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** Makes patterns. */
function generator(seed: number) {
  const below = random(seed);
  const one = <T>(list: readonly T[]): T => list[below(list.length)]!;
  let names = 0;
  const quantified = (atom: string) => {
    const quantifier = one(QUANTIFIERS);
    return [...atom].length > 1 && !/^[[(\\]/.test(atom) && quantifier ? `(?:${atom})${quantifier}` : atom + quantifier;
  };
  const sequence = (depth: number): string => {
    let text = below(3) ? one(PLAIN) : '';
    for (let i = 1 + below(4); i > 0; i--) {
      if (below(10) < 7 || depth > 2) {
        const atom = one(ATOMS);
        text += /^(\\b|\\B|\(\?|\^|\$)/i.test(atom) ? atom : quantified(atom);
      } else text += quantified(`(${below(2) ? '?:' : `?<n${names++}>`}${alternatives(depth + 1)})`);
    }
    return text;
  };
  const alternatives = (depth: number): string => Array.from({ length: 1 + below(3) }, () => sequence(depth)).join('|');
  const pattern = (): string => {
    names = 0;
    const parts = Array.from(
      { length: 1 + below(3) },
      () => `(?<n${names++}>${alternatives(1)})${one(['', '', '-', ' '])}`,
    );
    return (below(2) ? '^' : '') + parts.join('') + (below(3) ? '' : '$');
  };
  return { below, one, pattern };
}

/** `patterns` patterns, each on `lines` lines. */
export function fuzzRegex(seed: number, patterns: number, lines: number): FuzzResult {
  const { below, one, pattern: next } = generator(seed);
  const { regex, room, bytes, at } = regexBench();
  const result: FuzzResult = { compared: 0, matched: 0, refused: 0, gaveUp: 0, differences: [] };
  for (let p = 0; p < patterns; p++) {
    const source = next();
    const [ignoreCase, search] = [below(4) === 0, below(3) > 0];
    const pattern = read(`${ignoreCase ? '(?i)' : ''}${source}`, { search, captures: 'named' });
    if (!pattern) {
      result.refused++;
      continue;
    }
    room.clear();
    const program = pattern.place(room);
    const re = new RegExp(source, `uy${ignoreCase ? 'i' : ''}`);
    for (let i = 0; i < lines; i++) {
      const line = Array.from({ length: below(14) }, () => one(LETTERS)).join('');
      const length = bytes.write(line, at);
      const expected = search ? searched(re, line) : from(re, line, 0);
      const found = regex.match(program, pattern.groups.length, at, at + length);
      const texts = JSON.stringify(found?.map((span) => (span ? bytes.toString('utf8', ...span) : null)));
      const want = JSON.stringify(
        expected ? [expected[0], ...pattern.groups.map((name) => expected.groups![name!] ?? null)] : undefined,
      );
      result.compared++;
      if (expected) result.matched++;
      if (texts === want || result.differences.length > 8) continue;
      result.differences.push(`${pattern.source} on ${JSON.stringify(line)}, search ${search}: ${texts}, not ${want}`);
    }
    result.gaveUp += regex.takeGaveUp();
  }
  return result;
}

/**
 * The first match from one character on, or the next. V8's own search is not asked: beyond U+FFFF it finds `\B` within a
 * character, and counts one as two when it looks for what must end at `$`.
 */
function searched(re: RegExp, line: string): RegExpExecArray | null {
  for (let at = 0; at <= line.length; at += line.codePointAt(at)! > 0xffff ? 2 : 1) {
    const found = from(re, line, at);
    if (found) return found;
  }
  return null;
}

function from(re: RegExp, line: string, at: number): RegExpExecArray | null {
  re.lastIndex = at;
  return re.exec(line);
}

function read(source: string, options: PatternOptions): Pattern | null {
  try {
    return new Pattern(source, options);
  } catch (error) {
    if ((error as Error).name === 'PatternError') return null;
    throw error;
  }
}

export interface HostileResult {
  patterns: number;
  refused: number;
  gaveUp: number;
  /** The line that took longest, at its best. */
  slowest: { ms: number; source: string; motif: string };
}

const MOTIFS = ['a', 'ab', 'aab', 'abc ', 'é', 'aé漢', 'a b', 'ab-', '漢'];
const HOSTILE_BYTES = 65_536;

/** These are timed again at the end. */
const SUSPECTS = 8;
const TIMES = 400;

/** Each of so many patterns that are not refused on lines of 64 KiB: the same again and again, and at their end something else. */
export function hostileRegex(seed: number, patterns: number): HostileResult {
  const { one, pattern: next } = generator(seed);
  const { regex, room, bytes, at } = regexBench();
  const result: HostileResult = { patterns: 0, refused: 0, gaveUp: 0, slowest: { ms: 0, source: '', motif: '' } };
  /** The best of some times: what else runs on the machine shows in most of them. */
  const best = (pattern: Pattern, motif: string, times: number): number => {
    room.clear();
    const program = pattern.place(room);
    const to = at + bytes.write(`${motif.repeat(HOSTILE_BYTES / Buffer.byteLength(motif))}!`, at);
    let ms = Number.POSITIVE_INFINITY;
    for (let i = 0; i < times && ms > 0.5; i++) {
      const begin = performance.now();
      regex.match(program, pattern.groups.length, at, to);
      ms = Math.min(ms, performance.now() - begin);
    }
    return ms;
  };
  let suspects: { ms: number; pattern: Pattern; motif: string }[] = [];
  while (result.patterns < patterns) {
    const pattern = read(next(), { search: true, captures: 'named' });
    if (!pattern) {
      result.refused++;
      continue;
    }
    result.patterns++;
    const motif = one(MOTIFS);
    suspects.push({ ms: best(pattern, motif, 5), pattern, motif });
    suspects = suspects.sort((a, b) => b.ms - a.ms).slice(0, SUSPECTS);
    result.gaveUp += regex.takeGaveUp() > 0 ? 1 : 0;
  }
  for (const { pattern, motif } of suspects) {
    const ms = best(pattern, motif, TIMES);
    if (ms > result.slowest.ms) result.slowest = { ms, source: pattern.source, motif };
  }
  return result;
}

/** An engine by itself, room for a program, and a place for a line. */
export function regexBench() {
  const pool = new Pool(8 << 20);
  const kernel = new Kernel(pool.memory, pool.arenas);
  const bytes = Buffer.from(pool.memory.buffer);
  const begin = pool.arenas.at;
  let next = begin;
  const room = {
    bytes,
    clear: () => {
      next = begin;
    },
    reserve: (size: number) => {
      const place = next;
      next += Math.ceil(size / 16) * 16 + 16;
      if (next > begin + 8 * PROGRAM_BYTES) throw new Error('no room');
      bytes.fill(0, place, next);
      return place;
    },
    get used() {
      return next - begin;
    },
  };
  return { pool, kernel, regex: RegexKernel.of(kernel.process), room, bytes, at: begin + 16 * PROGRAM_BYTES };
}
