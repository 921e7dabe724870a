/** Random patterns on random lines: what our engine finds, beside what V8 does. */
import { readFileSync } from 'node:fs';
import { Pool, WORK_BYTES } from '../../src/core/pool.ts';
import { Pattern, RegexKernel, SHARED_PROGRAMS_AT } from '../../src/kernel/process/regex.ts';

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
const QUANTIFIERS = ['', '', '', '*', '+', '?', '*?', '+?', '??', '{2}', '{1,3}', '{0,2}?', '{2,}'];
const LETTERS = [...'aaabbbccABé漢α-  ωÉ😀\u2028\u00a0_7'];

export function random(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** `patterns` patterns, each on `lines` lines. */
export function fuzzRegex(seed: number, patterns: number, lines: number): FuzzResult {
  const below = random(seed);
  const one = <T>(list: readonly T[]): T => list[below(list.length)]!;
  let names = 0;
  const sequence = (depth: number): string => {
    let text = '';
    for (let i = 1 + below(4); i > 0; i--) {
      if (below(10) < 7 || depth > 2) {
        const atom = one(ATOMS);
        text += /^(\\b|\\B|\(\?|\^|\$)/i.test(atom) ? atom : quantified(atom);
      } else text += quantified(`(${below(2) ? '?:' : `?<n${names++}>`}${alternatives(depth + 1)})`);
    }
    return text;
  };
  const quantified = (atom: string) => {
    const quantifier = one(QUANTIFIERS);
    return [...atom].length > 1 && !/^[[(\\]/.test(atom) && quantifier ? `(?:${atom})${quantifier}` : atom + quantifier;
  };
  const alternatives = (depth: number): string => Array.from({ length: 1 + below(3) }, () => sequence(depth)).join('|');

  const { regex, room, bytes, at } = regexBench();
  const result: FuzzResult = { compared: 0, matched: 0, refused: 0, gaveUp: 0, differences: [] };
  for (let p = 0; p < patterns; p++) {
    names = 0;
    const parts = Array.from(
      { length: 1 + below(3) },
      () => `(?<n${names++}>${alternatives(1)})${one(['', '', '-', ' '])}`,
    );
    const source = (below(2) ? '^' : '') + parts.join('') + (below(3) ? '' : '$');
    const ignoreCase = below(4) === 0;
    const search = below(3) > 0;
    let pattern: Pattern;
    try {
      pattern = new Pattern(`${ignoreCase ? '(?i)' : ''}${source}`, { search, captures: 'named' });
    } catch (error) {
      if ((error as Error).name !== 'PatternError') throw error;
      result.refused++;
      continue;
    }
    room.clear();
    const program = pattern.place(room);
    const re = new RegExp(source, `u${search ? '' : 'y'}${ignoreCase ? 'i' : ''}`);
    for (let i = 0; i < lines; i++) {
      let line = '';
      for (let k = below(14); k > 0; k--) line += one(LETTERS);
      const length = bytes.write(line, at);
      re.lastIndex = 0;
      const expected = re.exec(line);
      const found = regex.match(program, pattern.groups.length, at, at + length);
      const texts = found?.map((span) => (span ? bytes.toString('utf8', ...span) : null));
      const want = expected
        ? [expected[0], ...pattern.groups.map((name) => expected.groups![name!] ?? null)]
        : undefined;
      result.compared++;
      if (expected) result.matched++;
      if (JSON.stringify(texts) !== JSON.stringify(want) && result.differences.length < 8) {
        result.differences.push(
          `${source} ${search} ${ignoreCase} on ${JSON.stringify(line)}: ${JSON.stringify(texts)} is not ${JSON.stringify(want)}`,
        );
      }
    }
    result.gaveUp += regex.takeGaveUp();
  }
  return result;
}

/** An engine by itself, room for a program, and a place for a line. */
export function regexBench() {
  const { memory } = new Pool(8 << 20);
  const bytes = Buffer.from(memory.buffer);
  const module = new WebAssembly.Module(readFileSync(new URL('../../src/kernel/process.wasm', import.meta.url)));
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  const regex = new RegexKernel({ bytes, exports: <Part>() => instance.exports as Part });
  const begin = bytes.length - WORK_BYTES + SHARED_PROGRAMS_AT;
  let next = begin;
  const room = {
    bytes,
    clear: () => {
      bytes.fill(0, begin, next);
      next = begin;
    },
    reserve: (size: number) => {
      const place = next;
      next += Math.ceil(size / 16) * 16 + 16;
      if (next > bytes.length) throw new Error('no room');
      return place;
    },
    get used() {
      return next - begin;
    },
  };
  return { regex, room, bytes, at: 1 << 20 };
}
