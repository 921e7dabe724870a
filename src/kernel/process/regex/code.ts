/**
 * From a pattern's tree to instructions, from its end to its beginning: what comes next is known, so most choices are
 * none. What cannot be done in linear time, or differs between engines, is refused with its place.
 */

import { checkEscape, PatternCharacters } from './characters.ts';
import {
  ANY_FIRST,
  apart,
  type CharacterSet,
  characterSet,
  END_FIRST,
  eitherFirst,
  type First,
  PatternGraph,
  type PatternNode,
} from './nodes.ts';
import { type AST, innerOf, type ParsedPattern, PatternError } from './parse.ts';
import { firstBytesOf, WORDS } from './sets.ts';

/** Nodes that may be asked for; a program has fewer, since those that are alike are one. */
const MOST_NODES = 60_000;
const TEXT_BYTES = 16;
/** Longer than any line. */
const MOST_COUNT = 0x10000000;
export const MOST_GROUPS = 64;

/** Which groups are captured. */
export type Captures = 'named' | 'all' | 'none';

export interface PatternCode {
  start: PatternNode;
  /** The name of each captured group, in order; null: it has none. */
  groups: (string | null)[];
}

export function codeOf(pattern: ParsedPattern, captures: Captures): PatternCode {
  const writer = new Writer(pattern, captures);
  return { start: writer.write(), groups: writer.groups };
}

class Writer {
  readonly #pattern: ParsedPattern;
  readonly #captures: Captures;
  readonly #graph: PatternGraph;
  readonly #characters: PatternCharacters;
  readonly groups: (string | null)[] = [];
  readonly #numbers = new Map<AST.Node, number>();

  constructor(pattern: ParsedPattern, captures: Captures) {
    this.#pattern = pattern;
    this.#characters = new PatternCharacters(pattern.ignoreCase);
    this.#captures = captures;
    this.#graph = new PatternGraph(MOST_NODES, () => {
      throw new PatternError(0, 'becomes too large: counted repetitions of groups are written out');
    });
  }

  write(): PatternNode {
    this.#number(this.#pattern.tree);
    const match = this.#graph.node('match', { first: ANY_FIRST, always: true });
    return this.#alternatives(this.#pattern.tree.alternatives, match);
  }

  /** Groups by their place in the pattern, not by the order in which they are written. */
  #number(node: AST.Node): void {
    if (node.type === 'CapturingGroup') {
      const name = node.name === null ? null : (this.#pattern.names.get(node.name) ?? node.name);
      if (this.#captures === 'all' || (this.#captures === 'named' && name !== null)) {
        if (this.groups.length === MOST_GROUPS)
          throw new PatternError(node.start, `is one group too many: at most ${MOST_GROUPS} are captured`);
        this.#numbers.set(node, this.groups.push(name) - 1);
      }
    }
    checkEscape(node);
    for (const inner of innerOf(node)) this.#number(inner);
  }

  #alternatives(list: readonly AST.Alternative[], next: PatternNode): PatternNode {
    const nodes = list.map((one) => one.elements.reduceRight((behind, part) => this.#part(part, behind), next));
    return nodes.reduceRight((rest, one) => this.#choice(one, rest));
  }

  #choice(a: PatternNode, b: PatternNode): PatternNode {
    if (a === b) return a;
    const first = eitherFirst(a.first, b.first);
    if (apart(a.first, b.first))
      return this.#graph.node('branch', { next: a, other: b, set: this.#graph.firstSet(a.first), first });
    return this.#graph.node('split', {
      next: a,
      other: b,
      set: this.#graph.firstSet(a.first),
      second: this.#graph.firstSet(b.first),
      first,
    });
  }

  #part(node: AST.Element, next: PatternNode): PatternNode {
    const set = this.#characters.setOf(node);
    if (set) return this.#one(node, set, next);
    switch (node.type) {
      case 'Assertion':
        return this.#assertion(node, next);
      case 'Group':
        if (node.modifiers)
          throw new PatternError(
            node.start,
            'has flags here: only (?i), at the very beginning, makes case count for nothing',
          );
        return this.#alternatives(node.alternatives, next);
      case 'CapturingGroup': {
        const number = this.#numbers.get(node);
        if (number === undefined) return this.#alternatives(node.alternatives, next);
        const end = this.#save(number * 2 + 1, next);
        const inner = this.#alternatives(node.alternatives, end);
        return inner.op === 'span' && inner.next === end
          ? this.#graph.node('span', { ...inner, next, group: number + 1 })
          : this.#save(number * 2, inner);
      }
      case 'Quantifier':
        return this.#repeated(node, next);
      case 'Backreference':
        throw new PatternError(node.start, 'refers back to a group, which may take any time: write out what it may be');
    }
    throw new PatternError(node.start, 'is not known here');
  }

  #save(slot: number, next: PatternNode): PatternNode {
    return this.#graph.node('save', { next, least: slot, first: next.first, always: next.always });
  }

  /** One character. */
  #one(node: AST.Node, set: CharacterSet, next: PatternNode): PatternNode {
    const bytes =
      node.type === 'Character' && !this.#pattern.ignoreCase
        ? [...Buffer.from(String.fromCodePoint(node.value))]
        : onlyOne(set);
    if (!bytes) return this.#graph.node('class', { next, set, first: set.first });
    const joined = next.op === 'text' && next.text.length + bytes.length <= TEXT_BYTES;
    const text = joined ? [...bytes, ...next.text] : bytes;
    return this.#graph.node('text', { next: joined ? next.next : next, text, first: set.first });
  }

  #assertion(node: AST.Assertion, next: PatternNode): PatternNode {
    const { first } = next;
    switch (node.kind) {
      case 'start':
        return this.#graph.node('begin', { next, first });
      case 'end':
        return this.#graph.node('end', { next, first: END_FIRST });
      case 'word':
        return this.#graph.node('word', { next, set: WORD_SET, least: node.negate ? 1 : 0, first });
    }
    const op = node.kind === 'lookahead' ? 'ahead' : 'behind';
    return this.#graph.node(op, { next, set: this.#characters.lookedAt(node), least: node.negate ? 1 : 0, first });
  }

  #repeated(node: AST.Quantifier, next: PatternNode): PatternNode {
    const { element, min, max, greedy } = node;
    const set = this.#characters.setOf(element);
    if (max === 0) return next;
    const run = set && this.#run(element, set, node, next);
    if (run) return run;
    const begins = this.#characters.beginsOf(element);
    if (begins.nullable && max > min) {
      throw new PatternError(
        node.start,
        `repeats what may match nothing: let it match at least one character, and write * or ? behind it`,
      );
    }
    const captured = this.#captured(element);
    const turn = (behind: PatternNode): PatternNode => {
      const body = this.#part(element, behind);
      if (!captured || max === 1) return body;
      const [least, most] = captured;
      return this.#graph.node('clear', { next: body, least, most, first: body.first });
    };
    if (max === Number.POSITIVE_INFINITY) {
      const { loop, body } = this.#loop(turn, begins.first, greedy, next);
      let code = min === 0 ? loop : body;
      for (let i = 1; i < min; i++) code = turn(code);
      return code;
    }
    let code = next;
    for (let i = min; i < max; i++) code = greedy ? this.#choice(turn(code), next) : this.#choice(next, turn(code));
    for (let i = 0; i < min; i++) code = turn(code);
    return code;
  }

  /** Any number of turns, and one with any number behind it. */
  #loop(turn: (behind: PatternNode) => PatternNode, first: First, greedy: boolean, next: PatternNode) {
    const all = eitherFirst(first, next.first);
    const [one, other] = [this.#graph.firstSet(first), this.#graph.firstSet(next.first)];
    if (apart(first, next.first)) {
      const loop = this.#graph.own('branch', { other: next, set: one, first: all });
      const body = turn(loop);
      loop.next = body;
      return { loop, body };
    }
    const loop = this.#graph.own('split', { set: greedy ? one : other, second: greedy ? other : one, first: all });
    const body = turn(loop);
    loop.next = greedy ? body : next;
    loop.other = greedy ? next : body;
    return { loop, body };
  }

  /** A repeated set, where that is less than a loop; null: it is not. */
  #run(
    element: AST.Node,
    set: CharacterSet,
    { min, max, greedy }: AST.Quantifier,
    next: PatternNode,
  ): PatternNode | null {
    const graph = this.#graph;
    const endless = max === Number.POSITIVE_INFINITY;
    // Those before the rest, one by one.
    const some = (count: number, rest: PatternNode): PatternNode => {
      let code = rest;
      for (let i = 0; i < count; i++) code = this.#one(element, set, code);
      return code;
    };
    const all = (least: number) => (least > 0 ? set.first : eitherFirst(set.first, next.first));
    if (next.always && !greedy) return some(min, next);
    const single = next.always || apart(set.first, next.first);
    if (single && set.plain && (endless || max < MOST_COUNT)) {
      return graph.node('span', { next, set, least: min, most: endless ? 0 : max, first: all(min) });
    }
    if (!endless) return null;
    const least = set.plain ? min : 0;
    if (single) {
      // One character more is one byte more, whatever it is.
      const one = Math.min(min, 1);
      return some(min - one, graph.node('span', { next, set, least: one, first: all(one) }));
    }
    const second = this.#graph.firstSet(next.first);
    if (!greedy) return some(min, graph.node('lazy', { next, set, second, first: all(0) }));
    return some(min - least, graph.node('greedy', { next, set, second, least, first: all(least) }));
  }

  /** The slots of the groups within a part, which are consecutive; null: it has none. */
  #captured(node: AST.Node): [number, number] | null {
    const numbers: number[] = [];
    const walk = (part: AST.Node): void => {
      const number = this.#numbers.get(part);
      if (number !== undefined) numbers.push(number);
      for (const inner of innerOf(part)) walk(inner);
    };
    walk(node);
    return numbers.length === 0 ? null : [numbers[0]! * 2, numbers.at(-1)! * 2 + 1];
  }
}

const WORD_SET = characterSet(firstBytesOf(WORDS), WORDS);

/** The bytes of the only character of a set, when it is one of ASCII. */
function onlyOne({ known, plain }: CharacterSet): number[] | null {
  if (!plain) return null;
  const members = [...known.keys()].filter((byte) => known[byte] !== 0);
  return members.length === 1 ? members : null;
}
