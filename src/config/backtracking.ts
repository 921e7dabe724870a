/**
 * How long a regular expression may take on a line. V8 tries one way after the other; where there are too many, it has
 * another engine that needs linear time (the flag `l`), but not for everything:
 *
 *   few ways at most         the usual engine
 *   many, and linear         the usual engine on short lines, the linear one on longer ones
 *   many, and not linear     refused: look-ahead, back-references, \p, (?i:), large counted repetitions
 *
 * The bound is an upper one: each term counts the ways in which it may match from one place, and the steps that all of
 * them take; what follows it may be tried once for each way.
 */
// It has to be switched on before there is a pattern; heap.ts does so at the start.
import '../heap.ts';

/** Characters of a line that are looked at. */
export const LOOKED_AT = 4096;
/** Some milliseconds. */
const MOST_STEPS = 1 << 18;

/** The expression for V8's linear engine; null: it cannot run it. */
export function linear(source: string): RegExp | null {
  if (needsUnicode(source)) return null;
  try {
    return new RegExp(source, 'l');
  } catch {
    return null; // `obstacle` looks for what it is
  }
}

/** Without the flag `u` where that means the same: the linear engine does not know it. */
export function needsUnicode(source: string): boolean {
  return /\\u\{|\\[pPk]|[\ud800-\udfff]/.test(source);
}

/** Lines of so many characters, at most LOOKED_AT, the usual engine is done with in time. The pattern is a valid one. */
export function quickUpTo(source: string): number {
  let [low, high] = [0, LOOKED_AT];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (new Bound(source, middle).steps() <= MOST_STEPS) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Null: every line can be matched in time. Otherwise the part of the pattern because of which it cannot. */
export function obstacle(source: string): string | null {
  if (quickUpTo(source) === LOOKED_AT || linear(source)) return null;
  const bound = new Bound(source, 1);
  bound.steps();
  return bound.obstacle ?? /\{\d[^}]*\}/.exec(source)?.[0] ?? source;
}

interface Cost {
  /** In how many ways it may match from one place. */
  ways: number;
  /** All of these together, and those that fail. */
  steps: number;
}

/** Reads a pattern, which is valid with the flag `u`. */
class Bound {
  readonly #source: string;
  /** Characters of the line. */
  readonly #length: number;
  #at = 0;
  /** The first part that the linear engine cannot run. */
  obstacle: string | null = null;

  constructor(source: string, length: number) {
    this.#source = source;
    this.#length = length;
  }

  /** At most so many steps decide whether the line matches. */
  steps(): number {
    let steps = 0;
    do {
      const places = this.#source[this.#at] === '^' ? 1 : this.#length + 1;
      steps += places * this.#sequence(true).steps;
    } while (this.#skip('|'));
    return steps;
  }

  #skip(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source)?.[0] ?? null;
    this.#at += found?.length ?? 0;
    return found;
  }

  #group(): Cost {
    const all = { ways: 0, steps: 1 };
    do {
      const one = this.#sequence(false);
      all.ways += one.ways;
      all.steps += one.steps;
    } while (this.#skip('|'));
    this.#skip(')');
    return all;
  }

  /** `whole`: when it has matched, the line has. */
  #sequence(whole: boolean): Cost {
    const terms: { cost: Cost; fails: boolean }[] = [];
    while (this.#at < this.#source.length && !'|)'.includes(this.#source[this.#at]!)) terms.push(this.#term());
    const all = { ways: 1, steps: 1 };
    const last = whole ? terms.findLastIndex(({ fails }) => fails) : terms.length;
    for (const [i, { cost }] of terms.entries()) {
      // What cannot fail at the end is tried once.
      all.steps += i > last ? cost.steps : all.ways * cost.steps;
      all.ways *= cost.ways;
    }
    return all;
  }

  /** `fails`: it may not match. */
  #term(): { cost: Cost; fails: boolean } {
    const atom = this.#atom();
    const quantifier = this.#match(/(?:[*+?]|\{\d+(?:,\d*)?\})\??/y);
    if (quantifier === null) return { cost: atom, fails: true };
    const [least, most] = range(quantifier);
    return { cost: this.#repeated(atom, least, most), fails: least > 0 };
  }

  #repeated({ ways, steps }: Cost, least: number, most: number): Cost {
    if (ways > 1 && most === Number.POSITIVE_INFINITY) return { ways: most, steps: most };
    if (ways > 1) return { ways: (most + 1) * ways ** most, steps: (most + 1) * ways ** most * steps };
    // One that matches nothing, beyond the least, ends it.
    const more = Math.min(most - least, this.#length);
    return { ways: more + 1, steps: (least + more + 1) * steps };
  }

  #atom(): Cost {
    const one = { ways: 1, steps: 1 };
    const at = this.#at;
    if (this.#skip('(')) {
      if (this.#match(/\?<?[=!]/y) !== null) {
        if (this.#source[at + 2] !== '<') this.#isObstacle(at);
        // Once it has matched, no other way is tried.
        return { ways: 1, steps: this.#group().steps + 1 };
      }
      if (this.#match(/\?(?:<[^>]*>|:)/y) === null && this.#match(/\?[a-z-]*:/y) !== null) this.#isObstacle(at);
      return this.#group();
    }
    if (this.#skip('[')) {
      this.#class();
      return one;
    }
    if (this.#match(/\\(?:[1-9]\d*|k<[^>]*>)/y) !== null) {
      this.#isObstacle(at);
      return { ways: 1, steps: this.#length + 1 };
    }
    if (this.#match(/\\[pP]\{[^}]*\}|\\u\{[^}]*\}|[\u{10000}-\u{10ffff}]/uy) !== null) this.#isObstacle(at);
    else this.#match(/\\c[A-Za-z]|\\x..|\\u....|\\.|[^\\]/sy);
    return one;
  }

  /** Behind the bracket. */
  #class(): void {
    while (this.#at < this.#source.length && !this.#skip(']')) {
      const at = this.#at;
      if (this.#match(/\\[pP]\{[^}]*\}|\\u\{[^}]*\}|[\u{10000}-\u{10ffff}]/uy) !== null) this.#isObstacle(at);
      else this.#match(/\\.|[^\\]/sy);
    }
  }

  #isObstacle(at: number): void {
    this.obstacle ??= this.#source.slice(at, this.#at);
  }
}

/** How often a quantifier repeats, at least and at most. */
function range(quantifier: string): [number, number] {
  const [first] = quantifier;
  if (first === '?') return [0, 1];
  if (first !== '{') return [first === '+' ? 1 : 0, Number.POSITIVE_INFINITY];
  const [least, most] = quantifier.replace(/[{}?]/g, '').split(',');
  return [Number(least), most === undefined ? Number(least) : most === '' ? Number.POSITIVE_INFINITY : Number(most)];
}
