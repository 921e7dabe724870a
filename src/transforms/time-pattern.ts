/**
 * `%`-patterns of times, as strptime has them, compiled to the steps that the kernel takes
 * (kernel/as/process/timesteps.as.ts).
 *
 *   %Y year   %y its last two digits (69 to 99 are 19..)   %m month   %b %B its name   %d %e day   %j day of the year
 *   %H %k hour   %I %l hour of 12   %p AM, PM   %M minute   %S second   %f fraction, 1 to 9 digits   %L milliseconds
 *   %z Z, +hhmm, +hh:mm, +hh   %Z UTC, or letters that say nothing   %s seconds since the epoch   %a %A weekday, not looked at
 *   %F %Y-%m-%d   %D %m/%d/%y   %T %H:%M:%S   %R %H:%M   %% a percent sign   a blank: one or more
 *
 * Without a year it is the one that brings the time nearest to when the line was read.
 */
import { Wrong, WrongAt } from '../config/option.ts';

const LETTER = 1;
const BLANKS = 2;
const STEPS: Readonly<Record<string, number>> = {
  ...{ Y: 3, y: 4, m: 5, b: 6, B: 6, h: 6, d: 7, e: 7, j: 8, a: 9, A: 9, H: 10, k: 10, I: 11, l: 11, M: 12, S: 13 },
  ...{ f: 14, N: 14, L: 15, p: 16, P: 16, z: 17, Z: 18, s: 19 },
};
const SHORT: Readonly<Record<string, string>> = { F: '%Y-%m-%d', D: '%m/%d/%y', T: '%H:%M:%S', R: '%H:%M' };
/** Steps for which a pattern has no letter. */
const OPTIONAL: Readonly<Record<string, number>> = { '?f': 20, '?z': 21 };
const LONGEST = 128;

/** The steps of a pattern, a word each; the last is 0. Throws Wrong, with the character that is wrong. */
export function timeSteps(pattern: string): number[] {
  if (pattern.length > LONGEST) throw new Wrong(`is ${pattern.length} characters long: at most ${LONGEST}`);
  const has = new Set<string>();
  const steps: number[] = [];
  for (let i = 0; i < pattern.length; i++) {
    const sign = pattern[i]!;
    if (sign === ' ') {
      if (steps.at(-1) !== BLANKS) steps.push(BLANKS);
    } else if (sign !== '%') {
      for (const byte of Buffer.from(String.fromCodePoint(pattern.codePointAt(i)!))) steps.push(LETTER | (byte << 8));
      if (pattern.codePointAt(i)! > 0xffff) i++;
    } else {
      const word = pattern[i + 1] === '?' ? pattern.slice(i + 1, i + 3) : (pattern[i + 1] ?? '');
      steps.push(...directive(word, i, has));
      i += word.length;
    }
  }
  complete(has);
  return [...steps, 0];
}

function directive(word: string, at: number, has: Set<string>): number[] {
  if (word === '%') return [LETTER | (0x25 << 8)];
  const short = SHORT[word];
  if (short !== undefined) {
    for (const letter of short.matchAll(/%(.)/g)) has.add(letter[1]!);
    return timeStepsOf(short);
  }
  const step = STEPS[word] ?? OPTIONAL[word];
  if (step === undefined) {
    const known = [...Object.keys(STEPS), ...Object.keys(SHORT), '%'].map((letter) => `%${letter}`).join(' ');
    throw new WrongAt([], `has %${word} at character ${at + 1}, which is not known: there are ${known}`, at);
  }
  has.add(word);
  return [step];
}

function timeStepsOf(short: string): number[] {
  return [...short.matchAll(/%(.)|(.)/g)].map(([, letter, sign]) =>
    letter === undefined ? LETTER | (sign!.charCodeAt(0) << 8) : STEPS[letter]!,
  );
}

function complete(has: Set<string>): void {
  const any = (...letters: string[]) => letters.some((letter) => has.has(letter));
  if (has.has('s')) return;
  const date = has.has('j') ? any('Y', 'y') : any('m', 'b', 'B', 'h') && any('d', 'e');
  if (!date) throw new Wrong('has no date: it needs a month and a day (%m and %d), %Y and %j, or %s');
  if (any('I', 'l') !== any('p', 'P')) throw new Wrong('needs %p with %I: which half of the day the hour is of');
  if (!any('H', 'k', 'I', 'l')) throw new Wrong('has no hour: it needs %H');
}
