/**
 * Grok: regular expressions with parts that have names.
 *
 *   %{NAME}   %{NAME:field}   %{NAME:field:int}   %{NAME:[nested][field]:float}   (?<field>...)
 *
 * Becomes one pattern in ECMAScript's syntax, whose groups are named by number, with the fields that they are for. What
 * Oniguruma writes in another way is written so: (?>...) and possessive repetitions as plain ones, which take no longer
 * here; [[:alpha:]]; \h, \A, \Z.
 */
import { nearest } from '../../config/errors.ts';
import { PatternError } from '../../kernel/process/regex/parse.ts';
import type { GroupType } from '../../kernel/process/regex/place.ts';
import { GROK_PATTERNS } from './names.ts';

export interface GrokField {
  /** The group that captures it. */
  group: string;
  name: string;
  type: GroupType;
}

export interface Expanded {
  source: string;
  fields: GrokField[];
  /** The place in the text that a place in `source` comes from. */
  placeOf(index: number): number;
}

const TYPES: Readonly<Record<string, GroupType>> = {
  int: 'int',
  integer: 'int',
  long: 'int',
  float: 'float',
  double: 'float',
  number: 'float',
  string: 'text',
  text: 'text',
};
const POSIX: Readonly<Record<string, string>> = {
  alpha: 'A-Za-z',
  digit: '0-9',
  alnum: 'A-Za-z0-9',
  upper: 'A-Z',
  lower: 'a-z',
  space: '\\s',
  blank: ' \\t',
  punct: '!-\\/:-@\\[-`{-~',
  word: '\\w',
  xdigit: '0-9A-Fa-f',
};
const MOST_CHARACTERS = 32_768;
const ESCAPES: Readonly<Record<string, string>> = { h: '[0-9A-Fa-f]', A: '^', Z: '$', z: '$' };
/** Whatever is not taken as it stands. A class is one piece. */
const PIECE =
  /%\{(?<reference>[^{}]*)\}|(?<escaped>\\.)|(?<set>\[\^?\]?(?:\[:\w+:\]|\\.|[^\]\\])*\])|\(\?<(?![=!])(?<group>[^>]*)>|(?<atomic>\(\?>)|(?<=[*+?}])(?<possessive>\+)/gs;

/** Throws PatternError with the place in `text`. */
export function expandGrok(text: string, definitions: ReadonlyMap<string, string> = new Map()): Expanded {
  const expander = new Expander(definitions);
  return expander.whole(text);
}

class Expander {
  readonly #definitions: ReadonlyMap<string, string>;
  readonly #fields: GrokField[] = [];
  readonly #within: string[] = [];

  constructor(definitions: ReadonlyMap<string, string>) {
    this.#definitions = definitions;
  }

  whole(text: string): Expanded {
    const pieces = this.#pieces(text, null);
    const source = pieces.map(({ text: piece }) => piece).join('');
    const placeOf = (index: number): number => {
      let at = 0;
      for (const piece of pieces) {
        if (index < at + piece.text.length) return piece.at + (piece.same ? index - at : 0);
        at += piece.text.length;
      }
      return text.length;
    };
    return { source, fields: this.#fields, placeOf };
  }

  /** `place`: where in the user's text the name stands that this is of; null: it is that text. */
  #pieces(text: string, place: number | null): { at: number; text: string; same: boolean }[] {
    const pieces: { at: number; text: string; same: boolean }[] = [];
    let next = 0;
    const plain = (to: number) => {
      if (to > next) pieces.push({ at: place ?? next, text: text.slice(next, to), same: place === null });
    };
    for (const match of text.matchAll(PIECE)) {
      const { index } = match;
      plain(index);
      next = index + match[0].length;
      const written = this.#written(match.groups!, place ?? index);
      pieces.push({ at: place ?? index, text: written ?? match[0], same: written === null && place === null });
    }
    plain(text.length);
    return pieces;
  }

  /** What is written in place of a piece; null: it is as it should be. */
  #written(piece: Record<string, string | undefined>, place: number): string | null {
    const { reference, escaped, set, group, atomic, possessive } = piece;
    if (reference !== undefined) return this.#reference(reference, place);
    if (escaped !== undefined) return ESCAPES[escaped.slice(1)] ?? null;
    if (group !== undefined) return `(?<${this.#field(group, 'text', place)}>`;
    if (atomic !== undefined) return '(?:';
    if (possessive !== undefined) return '';
    const plain = set!
      .replace(/\[:(\w+):\]/g, (whole, name: string) => POSIX[name] ?? whole)
      .replace(/\\(.)/gs, (whole, letter: string) => (letter === 'h' ? '0-9A-Fa-f' : whole));
    return plain === set ? null : plain;
  }

  #reference(reference: string, place: number): string {
    const parts = /^\s*(\w+)\s*(?::([^:]+)(?::\s*(\w+)\s*)?)?$/.exec(reference);
    if (!parts) {
      throw new PatternError(
        place,
        `has %{${reference}}: a name is written %{NAME}, %{NAME:field} or %{NAME:field:int}`,
      );
    }
    const [, name, field, type] = parts;
    const body = this.#definitions.get(name!) ?? GROK_PATTERNS.get(name!);
    if (body === undefined) throw new PatternError(place, this.#unknown(name!));
    if (this.#within.includes(name!)) {
      throw new PatternError(place, `goes round in a circle: ${[...this.#within, name].join(' is made of ')}`);
    }
    const as = type === undefined ? 'text' : TYPES[type.toLowerCase()];
    if (as === undefined)
      throw new PatternError(place, `has the type ${type} in %{${reference}}: there are int and float`);
    const open = field === undefined ? '(?:' : `(?<${this.#field(field, as, place)}>`;
    this.#within.push(name!);
    const source = this.#pieces(body, place)
      .map(({ text }) => text)
      .join('');
    this.#within.pop();
    if (source.length > MOST_CHARACTERS) throw new PatternError(place, `becomes too large with %{${reference}}`);
    return `${open}${source})`;
  }

  #unknown(name: string): string {
    const known = [...this.#definitions.keys(), ...GROK_PATTERNS.keys()];
    const near = nearest(
      name.toLowerCase(),
      known.map((one) => one.toLowerCase()),
    );
    const meant = known.find((one) => one.toLowerCase() === near);
    const within = this.#within.length > 0 ? ` (in ${this.#within.at(-1)})` : '';
    return `has %{${name}}${within}, which is no pattern's name${meant ? `: did you mean %{${meant}}?` : '; definitions may have your own'}`;
  }

  /** The group of a field; `[a][b]` is a.b. */
  #field(written: string, type: GroupType, place: number): string {
    const bracketed = /^(?:\[[^[\]]+\])+$/.test(written) ? written.slice(1, -1).replaceAll('][', '.') : written;
    const name = bracketed.trim();
    if (!/^[\w@-]+(?:\.[\w@-]+)*$/.test(name)) {
      throw new PatternError(
        place,
        `has the field ${written}: a name is written a.b or [a][b], of letters, digits, _ and -`,
      );
    }
    const group = `g${this.#fields.length}`;
    this.#fields.push({ group, name, type });
    return group;
  }
}
