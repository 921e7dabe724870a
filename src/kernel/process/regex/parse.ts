/**
 * Reads a pattern in ECMAScript's syntax. The one door of `@eslint-community/regexpp`, which is loaded when the first
 * pattern is read. Two things are written over before, at equal length, so that places stay right: names of groups may
 * have dots (`(?<http.request.method>...)`), and `(?i)` at the beginning makes case count for nothing.
 */
import { createRequire } from 'node:module';
import type { AST } from '@eslint-community/regexpp';

export type { AST };

/** More characters than anybody writes by hand. */
const LONGEST = 32_768;
const DEEPEST = 200;

/** What is wrong with a pattern, and at which of its characters. */
export class PatternError extends Error {
  readonly index: number;
  constructor(index: number, message: string) {
    super(message);
    this.name = 'PatternError';
    this.index = index;
  }
}

export interface ParsedPattern {
  tree: AST.Pattern;
  /** Names as they were written, by those in the tree. */
  names: ReadonlyMap<string, string>;
  ignoreCase: boolean;
}

let parser: import('@eslint-community/regexpp').RegExpParser | undefined;

export function parsePattern(source: string): ParsedPattern {
  if (source.length > LONGEST) {
    throw new PatternError(0, `is ${source.length} characters long: a pattern has at most ${LONGEST}`);
  }
  if (!parser) {
    const { RegExpParser } = createRequire(import.meta.url)(
      '@eslint-community/regexpp',
    ) as typeof import('@eslint-community/regexpp');
    parser = new RegExpParser();
  }
  const deep = tooDeep(source);
  if (deep !== null) throw new PatternError(deep, `has groups within groups, more than ${DEEPEST} deep`);
  const ignoreCase = source.startsWith('(?i)');
  const names = new Map<string, string>();
  const plain = plainNames(ignoreCase ? `(?:)${source.slice(4)}` : source, names);
  try {
    const tree = parser.parsePattern(plain, undefined, undefined, { unicode: needsUnicode(source) });
    return { tree, names, ignoreCase };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const { index, message } = error as SyntaxError & { index: number };
    throw explained(source, index, message);
  }
}

/** Where a group is within too many. */
function tooDeep(source: string): number | null {
  let depth = 0;
  for (const { 0: found, index } of source.matchAll(/\\.|\[(?:\\.|[^\]\\])*\]|[()]/gs)) {
    if (found === '(' && ++depth > DEEPEST) return index;
    if (found === ')') depth--;
  }
  return null;
}

/** Where it means the same, patterns are read without the flag `u`: with it, `\-` and `\"` are wrong. */
function needsUnicode(source: string): boolean {
  return /\\u\{|\\[pP]\{|[\ud800-\udfff]|\\u[dD][89a-fA-F]/.test(source);
}

/** Names that ECMAScript does not take become others, of the same length and each by itself. */
function plainNames(source: string, names: Map<string, string>): string {
  const written = new Map<string, string>();
  return source.replace(/\\.|\[(?:\\.|[^\]\\])*\]|\(\?<(?![=!])([^>]*)>/gs, (whole, name: string | undefined) => {
    if (name === undefined || /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name)) return whole;
    if (!/^[\w@$.-]*[\w@$-][\w@$.-]*$/.test(name) || name.length < 2) return whole;
    let plain = written.get(name);
    for (let i = 0; plain === undefined; i++) {
      const tail = i.toString(36);
      const other = `$${tail.padStart(name.length - 1, '_')}`;
      if (other.length > name.length) return whole;
      if (!names.has(other) && !source.includes(`<${other}>`)) plain = other;
    }
    written.set(name, plain);
    names.set(plain, name);
    return `(?<${plain}>`;
  });
}

/** What other engines know, and what would be right here. */
const ELSEWHERE: readonly [RegExp, string][] = [
  [/^\(\?P</, 'has (?P<name>...): write (?<name>...)'],
  [/^\(\?>/, 'has (?>...): write (?:...), which takes no longer here'],
  [/^\(\?#/, 'has a comment: write it beside the pattern'],
  [/^\(\?[a-z^-]+[:)]/i, 'has flags here: only (?i), at the very beginning, makes case count for nothing'],
];

/** The parser's message without the pattern, or what would be right. */
function explained(source: string, index: number, message: string): PatternError {
  const group = source.lastIndexOf('(', index);
  const rest = source.slice(Math.max(0, group));
  const known = /group|nothing to repeat/i.test(message) ? ELSEWHERE.find(([form]) => form.test(rest)) : undefined;
  if (known) return new PatternError(group, known[1]);
  if (/Nothing to repeat/.test(message)) index--;
  if (/Nothing to repeat/.test(message) && /[*+?}]\+$/.test(source.slice(0, index + 1))) {
    return new PatternError(index, 'has + behind a repetition: write it without, which takes no longer here');
  }
  // `Invalid regular expression: /PATTERN/FLAGS: what it is`, with the names written over.
  const text = message.slice(message.lastIndexOf(': ') + 2);
  return new PatternError(index, `is no regular expression: ${text.charAt(0).toLowerCase()}${text.slice(1)}`);
}

/** The parts that a node is made of. Those of what only looks are not among them. */
export function innerOf(node: AST.Node): readonly AST.Node[] {
  if (node.type === 'Alternative') return node.elements;
  if (node.type === 'Quantifier') return [node.element];
  if (node.type === 'Pattern' || node.type === 'Group' || node.type === 'CapturingGroup') return node.alternatives;
  return [];
}
