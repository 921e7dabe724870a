/** What parts of a pattern are as characters: which ones one stands for, and which ones may begin what it matches. */
import { type CharacterSet, characterSet, END_FIRST, eitherFirst, type First, NO_FIRST } from './nodes.ts';
import { type AST, innerOf, PatternError } from './parse.ts';
import {
  ANY,
  BLANKS,
  type CodeRanges,
  DIGITS,
  firstBytesOf,
  negated,
  property,
  union,
  WORDS,
  withCases,
} from './sets.ts';

/** What a part of the pattern may begin with. */
export interface Begins {
  first: First;
  /** It may match nothing. */
  nullable: boolean;
}

export class PatternCharacters {
  readonly #ignoreCase: boolean;
  readonly #begins = new Map<AST.Node, Begins>();
  readonly #sets = new Map<AST.Node, CharacterSet | null>();

  constructor(ignoreCase: boolean) {
    this.#ignoreCase = ignoreCase;
  }

  /** The one character that is looked at, or the line's edge: alternatives of these. */
  lookedAt(node: AST.LookaheadAssertion | AST.LookbehindAssertion): CharacterSet {
    const edge = node.kind === 'lookahead' ? 'end' : 'start';
    const ranges: CodeRanges[] = [];
    let atEdge = false;
    for (const { elements } of this.#flat(node.alternatives)) {
      const [only] = elements;
      if (elements.length === 1 && only!.type === 'Assertion' && only!.kind === edge) atEdge = true;
      else {
        const of = elements.length === 1 ? this.#rangesOf(only!) : null;
        if (!of) {
          const where = node.kind === 'lookahead' ? 'ahead' : 'back';
          throw new PatternError(
            node.start,
            `looks ${where} at more than one character: only that is known, as in (?=[a-z]), (?!x), (?<=x), (?<![a-z])`,
          );
        }
        ranges.push(of);
      }
    }
    const set = union(...ranges);
    return characterSet(firstBytesOf(set, atEdge), set);
  }

  #flat(list: readonly AST.Alternative[]): AST.Alternative[] {
    return list.flatMap((one) => {
      const [only] = one.elements;
      return one.elements.length === 1 && only!.type === 'Group' && !only!.modifiers
        ? this.#flat(only!.alternatives)
        : [one];
    });
  }

  beginsOf(node: AST.Node): Begins {
    let begins = this.#begins.get(node);
    if (!begins) {
      begins = this.#newBegins(node);
      this.#begins.set(node, begins);
    }
    return begins;
  }

  #newBegins(node: AST.Node): Begins {
    const set = this.setOf(node);
    if (set) return { first: set.first, nullable: false };
    if (node.type === 'Assertion') {
      return node.kind === 'end' ? { first: END_FIRST, nullable: true } : { first: NO_FIRST, nullable: true };
    }
    if (node.type === 'Quantifier') {
      if (node.max === 0) return { first: NO_FIRST, nullable: true };
      const { first, nullable } = this.beginsOf(node.element);
      return { first, nullable: nullable || node.min === 0 };
    }
    if (node.type === 'Alternative') {
      let first = NO_FIRST;
      for (const part of node.elements) {
        const begins = this.beginsOf(part);
        first = eitherFirst(first, begins.first);
        if (!begins.nullable) return { first, nullable: false };
      }
      return { first, nullable: true };
    }
    const parts = innerOf(node).map((inner) => this.beginsOf(inner));
    return {
      first: parts.reduce((all, { first }) => eitherFirst(all, first), NO_FIRST),
      nullable: parts.some(({ nullable }) => nullable),
    };
  }

  setOf(node: AST.Node): CharacterSet | null {
    let set = this.#sets.get(node);
    if (set === undefined) {
      const ranges = this.#rangesOf(node);
      set = ranges && characterSet(firstBytesOf(ranges), ranges);
      this.#sets.set(node, set);
    }
    return set;
  }

  /** The characters that a node stands for, when it stands for one of some. */
  #rangesOf(node: AST.Node): CodeRanges | null {
    const cased = (set: CodeRanges) => (this.#ignoreCase ? withCases(set) : set);
    switch (node.type) {
      case 'Character':
        return cased([node.value, node.value]);
      case 'CharacterClassRange':
        return [node.min.value, node.max.value];
      case 'CharacterSet': {
        if (node.kind === 'any') return ANY;
        const set =
          node.kind === 'property'
            ? cased(property(node.raw.replace('\\P', '\\p')))
            : { digit: DIGITS, space: BLANKS, word: WORDS }[node.kind];
        return node.negate ? negated(set) : set;
      }
      case 'CharacterClass': {
        const set = cased(union(...node.elements.map((element) => this.#rangesOf(element) ?? [])));
        return node.negate ? negated(set) : set;
      }
    }
    return null;
  }
}

/** What other engines mean by a letter behind a backslash; ECMAScript takes it for the letter. */
const LETTERS: Readonly<Record<string, string>> = {
  A: '^',
  Z: '$',
  z: '$',
  h: '[ \\t] or [0-9A-Fa-f]',
  e: '\\x1b',
  a: '\\x07',
};

export function checkEscape(node: AST.Node): void {
  if (node.type === 'CharacterClass') {
    const posix = /\[:\^?\w+:\]?/.exec(node.raw);
    if (posix?.[0].startsWith('[:')) {
      throw new PatternError(
        node.start + posix.index,
        `has ${posix[0]}, which is not known here: write the characters, as in [A-Za-z]`,
      );
    }
    for (const element of node.elements) checkEscape(element);
  }
  if (node.type !== 'Character') return;
  const letter = /^\\([A-Za-z])$/.exec(node.raw)?.[1];
  if (letter === undefined || node.value !== letter.charCodeAt(0)) return;
  const instead = LETTERS[letter];
  throw new PatternError(node.start, `has \\${letter}, which is not known here${instead ? `: write ${instead}` : ''}`);
}
