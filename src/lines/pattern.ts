/**
 * A regular expression over lines that looks at as few of them as it can: from its source follows which first bytes a
 * line that matches may have, and for which ones no more has to be known.
 *
 *   ^\d{4}-      a line that begins with no digit does not match
 *   ^\s          a line that begins with a blank matches
 *
 * What is not understood may begin with anything. What has to be looked at goes to the kernel's engine, which takes linear
 * time. What that does not know (look-ahead, back-references), and lines that take it too many steps, go to V8: of these
 * the first 4 KiB are looked at, and where V8's usual engine might take long, its linear one is used.
 */
import { LOOKED_AT, linear, needsUnicode, obstacle, quickUpTo } from '../config/backtracking.ts';
import type { RegexKernel } from '../kernel/process/regex.ts';

const NEVER = 0;
const MAYBE = 1;
const ALWAYS = 2;

const ASTRAL = /[\ud800-\udbff][\udc00-\udfff]/g;

export class LinePattern {
  readonly #source: string;
  readonly #regex: RegexKernel | null;
  /** Where the kernel has its program; null: V8 has to do it. */
  readonly #program: number | null;
  readonly #first: Uint8Array;
  readonly #empty: boolean;
  #v8: V8Pattern | null = null;

  /** Throws where it may take very long; the configuration refuses such a one. `regex`: of the memory that lines are in. */
  constructor(source: string, regex: RegexKernel | null = null) {
    this.#source = source;
    this.#regex = regex;
    this.#program = regex?.shared(source) ?? null;
    if (this.#program === null) this.#v8 = new V8Pattern(source);
    this.#first = beginningBytes(source);
    this.#empty = new RegExp(source, needsUnicode(source) ? 'u' : '').test('');
  }

  /** Whether the line bytes [from, to) matches. */
  test(bytes: Buffer, from: number, to: number): boolean {
    if (from === to) return this.#empty;
    const known = this.#first[bytes[from]!]!;
    if (known !== MAYBE) return known === ALWAYS;
    if (this.#program !== null) {
      const at = bytes.byteOffset;
      const matches = this.#regex!.test(this.#program, at + from, at + to);
      if (matches || this.#regex!.takeGaveUp() === 0) return matches;
      this.#v8 ??= V8Pattern.orNone(this.#source);
    }
    return this.#v8?.test(bytes, from, to) ?? false;
  }
}

class V8Pattern {
  readonly #re: RegExp;
  /** For lines that are longer than these characters. */
  readonly #linear: RegExp;
  readonly #quick: number;
  readonly #unicode: boolean;

  constructor(source: string) {
    const part = obstacle(source);
    if (part !== null) throw new Error(`with ${part}, ${source} cannot be matched in linear time`);
    this.#unicode = needsUnicode(source);
    this.#quick = quickUpTo(source);
    this.#re = new RegExp(source, this.#unicode ? 'u' : '');
    this.#linear = this.#quick < LOOKED_AT ? linear(source)! : this.#re;
  }

  static orNone(source: string): V8Pattern | null {
    return obstacle(source) === null ? new V8Pattern(source) : null;
  }

  test(bytes: Buffer, from: number, to: number): boolean {
    let line = bytes.toString('utf8', from, Math.min(to, from + LOOKED_AT));
    // To an engine without the flag `u` a character beyond U+FFFF is two.
    if (!this.#unicode) line = line.replace(ASTRAL, '\uffff');
    return (line.length > this.#quick ? this.#linear : this.#re).test(line);
  }
}

/** For each byte: whether a line that begins with it matches. */
export function beginningBytes(source: string): Uint8Array {
  try {
    return new Reader(source).read();
  } catch (error) {
    if (!(error instanceof Unknown)) throw error;
    return new Uint8Array(256).fill(MAYBE);
  }
}

class Unknown extends Error {}

/** What a part of a pattern says about the first byte of what it matches. */
interface Part {
  bytes: Uint8Array;
  /** It may match nothing. */
  nullable: boolean;
}

class Reader {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  read(): Uint8Array {
    const bytes = this.#alternatives(true).bytes;
    if (this.#at < this.#source.length) throw new Unknown();
    return bytes;
  }

  get #next(): string {
    return this.#source[this.#at] ?? '';
  }

  #skip(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #alternatives(anchored: boolean): Part {
    const bytes = new Uint8Array(256);
    let nullable = false;
    do {
      if (anchored && !this.#skip('^')) throw new Unknown();
      const part = this.#sequence(anchored);
      for (let b = 0; b < 256; b++) bytes[b] = Math.max(bytes[b]!, part.bytes[b]!);
      nullable ||= part.nullable;
    } while (this.#skip('|'));
    return { bytes, nullable };
  }

  /** Terms one after the other. Where all may match nothing, any byte may follow. */
  #sequence(top: boolean): Part {
    const bytes = new Uint8Array(256);
    const refused = new Uint8Array(256).fill(NEVER);
    let nullable = true;
    let asserted = false;
    while (this.#next !== '' && this.#next !== '|' && this.#next !== ')') {
      if (this.#skip('(?!')) {
        const inner = this.#alternatives(false);
        this.#close();
        // What is looked at behind the first byte says nothing about it.
        if (!nullable || inner.nullable || bytes.some((known) => known !== NEVER)) asserted = true;
        else for (let b = 0; b < 256; b++) refused[b] = Math.max(refused[b]!, inner.bytes[b]!);
        continue;
      }
      if (this.#skip('^') || this.#skip('$') || this.#skip('\\b') || this.#skip('\\B')) {
        asserted = true;
        continue;
      }
      const term = this.#quantified(this.#atom());
      for (let b = 0; b < 256; b++) {
        // One byte is enough only if nothing else has to follow it or stand before it.
        const enough = term.bytes[b] === ALWAYS && nullable ? ALWAYS : Math.min(term.bytes[b]!, MAYBE);
        const before = term.nullable ? bytes[b]! : Math.min(bytes[b]!, MAYBE);
        bytes[b] = Math.max(before, nullable ? enough : NEVER);
      }
      nullable &&= term.nullable;
    }
    // What a group says about what stands around it is too much for here.
    if (!top && (asserted || refused.some((known) => known !== NEVER))) throw new Unknown();
    if (nullable) bytes.fill(ALWAYS);
    for (let b = 0; b < 256; b++) {
      if (refused[b] === ALWAYS) bytes[b] = NEVER;
      else if (refused[b] === MAYBE || asserted) bytes[b] = Math.min(bytes[b]!, MAYBE);
    }
    return { bytes, nullable };
  }

  #close(): void {
    if (!this.#skip(')')) throw new Unknown();
  }

  #quantified(part: Part): Part {
    let least = 1;
    if (this.#skip('*') || this.#skip('?')) least = 0;
    else if (!this.#skip('+')) {
      const braces = /^\{(\d+)(?:,\d*)?\}/.exec(this.#source.slice(this.#at));
      if (!braces) return part;
      this.#at += braces[0].length;
      least = Number(braces[1]);
    }
    this.#skip('?');
    if (least < 2) return { bytes: part.bytes, nullable: part.nullable || least === 0 };
    return { bytes: part.bytes.map((known) => Math.min(known, MAYBE)), nullable: part.nullable };
  }

  #atom(): Part {
    if (this.#skip('(')) {
      if (this.#skip('?')) {
        const name = /^<[\p{L}$_][\p{L}\p{N}$_]*>/u.exec(this.#source.slice(this.#at));
        if (name) this.#at += name[0].length;
        else if (!this.#skip(':')) throw new Unknown();
      }
      const inner = this.#alternatives(false);
      this.#close();
      return inner;
    }
    if (this.#skip('[')) return { bytes: this.#class(), nullable: false };
    if (this.#skip('.')) return { bytes: members((c) => c !== 10 && c !== 13, true), nullable: false };
    if (this.#skip('\\')) return { bytes: this.#escape().bytes, nullable: false };
    return { bytes: literal(this.#character()), nullable: false };
  }

  #character(): number {
    const code = this.#source.codePointAt(this.#at);
    if (code === undefined) throw new Unknown();
    this.#at += code > 0xffff ? 2 : 1;
    return code;
  }

  /** Behind a backslash: a set, or one character. */
  #escape(): { bytes: Uint8Array; code: number | null } {
    const letter = this.#next;
    this.#at++;
    const set = SETS[letter];
    if (set) return { bytes: members(set.has, set.beyond), code: null };
    const control = CONTROLS[letter];
    let code = control ?? letter.charCodeAt(0);
    if (letter === 'x' || letter === 'u') {
      const digits = letter === 'x' ? /^[0-9a-f]{2}/i : /^[0-9a-f]{4}/i;
      const match = digits.exec(this.#source.slice(this.#at));
      if (!match) throw new Unknown();
      this.#at += match[0].length;
      code = Number.parseInt(match[0], 16);
    } else if (control === undefined && /[A-Za-z0-9]/.test(letter)) throw new Unknown();
    return { bytes: literal(code), code };
  }

  #class(): Uint8Array {
    const negated = this.#skip('^');
    const bytes = new Uint8Array(256);
    while (!this.#skip(']')) {
      const { bytes: low, code } = this.#member();
      if (code !== null && this.#next === '-' && this.#source[this.#at + 1] !== ']') {
        this.#at++;
        const { code: high } = this.#member();
        if (high === null) throw new Unknown();
        const range = members((c) => c >= code && c <= high, high > 127);
        for (let b = 0; b < 256; b++) bytes[b] = Math.max(bytes[b]!, range[b]!);
      } else for (let b = 0; b < 256; b++) bytes[b] = Math.max(bytes[b]!, low[b]!);
    }
    return negated ? members((c) => bytes[c] === NEVER, true) : bytes;
  }

  #member(): { bytes: Uint8Array; code: number | null } {
    if (this.#skip('\\b')) return { bytes: literal(8), code: 8 };
    if (this.#skip('\\')) return this.#escape();
    const code = this.#character();
    return { bytes: literal(code), code };
  }
}

/** ASCII is one byte a character; of others only the first byte is seen here, so they match maybe. */
function members(has: (code: number) => boolean, beyond: boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, b) => (b > 127 ? (beyond ? MAYBE : NEVER) : has(b) ? ALWAYS : NEVER));
}

function literal(code: number): Uint8Array {
  return members((c) => c === code, code > 127);
}

const isDigit = (c: number) => c >= 48 && c <= 57;
const isWord = (c: number) => isDigit(c) || c === 95 || ((c | 32) >= 97 && (c | 32) <= 122);
const isBlank = (c: number) => c === 32 || (c >= 9 && c <= 13);

const SETS: Record<string, { has: (code: number) => boolean; beyond: boolean }> = {
  d: { has: isDigit, beyond: false },
  D: { has: (c) => !isDigit(c), beyond: true },
  w: { has: isWord, beyond: false },
  W: { has: (c) => !isWord(c), beyond: true },
  s: { has: isBlank, beyond: true },
  S: { has: (c) => !isBlank(c), beyond: true },
};
const CONTROLS: Record<string, number> = { t: 9, n: 10, v: 11, f: 12, r: 13, 0: 0 };
