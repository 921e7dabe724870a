/**
 * `mask`: which secrets are masked in lines, for all inputs, and beside that for one.
 *
 *   mask: [card, {rule: email, with: hash}, {pattern: 'ssn=(\d{3}-\d\d-\d{4})', with: '[ssn]'}]
 */
import { MASK_RULES, type MaskRule, type MaskRuleName } from '../kernel/process/mask-rules.ts';
import { PatternError } from '../kernel/process/regex/parse.ts';
import { Pattern } from '../kernel/process/regex.ts';
import { choice, leaf, list, made, optional, Wrong, WrongAt } from './option.ts';
import { oneOf } from './types.ts';

const MOST_RULES = 100;
const LONGEST_TEXT = 64;
const EXAMPLE = "{pattern: 'ssn=(\\d{3}-\\d\\d-\\d{4})'}";

/** The schema of a list. */
export function maskList() {
  const fields = {
    rule: optional(oneOf(...MASK_RULES), 'One of those that are known by name, to write `with` beside it.'),
    pattern: optional(
      leaf(
        { label: 'regular expression', json: { type: 'string' }, example: 'ssn=(\\d{3}-\\d\\d-\\d{4})' },
        patternText,
      ),
      'What it matches anywhere in a line, or its one group if it has one. It must be one that is matched in linear time: no look-ahead, no back-references.',
    ),
  };
  const beside = {
    with: optional(
      leaf({ label: 'hash or text', json: { type: 'string' }, example: '[ssn]' }, replacement),
      "What takes the secret's place. hash: hmac: and 16 hexadecimal digits of its HMAC-SHA256 with the key in mask_key_file, so that equal ones stay equal. Left out: as many * as it has bytes; a card keeps its last four digits, an e-mail address its domain.",
    ),
  };
  const named = { what: 'rule', known: [...MASK_RULES] };
  return made(list(choice(fields, { example: EXAMPLE, beside, named })), (written, refuse) => {
    const rules: MaskRule[] = [];
    for (const [i, one] of written.entries()) {
      const rule = ruleOf(one);
      const before = rules.findIndex((other) => sameSecret(other, rule));
      if (before >= 0) refuse([i], `is [${before}] once more: take out one of the two`);
      rules.push(rule);
    }
    if (rules.length > MOST_RULES) refuse([MOST_RULES], `is one rule too many: at most ${MOST_RULES}`);
    return rules;
  });
}

function ruleOf(written: unknown): MaskRule {
  if (typeof written === 'string') return { rule: written as MaskRuleName, with: null };
  const { rule, pattern, with: text = null } = written as { rule?: MaskRuleName; pattern?: string; with?: string };
  return pattern === undefined ? { rule: rule!, with: text } : { rule: 'pattern', pattern, with: text };
}

function sameSecret(a: MaskRule, b: MaskRule): boolean {
  return a.rule === b.rule && a.pattern === b.pattern;
}

/** What is masked of an input's lines: what is for all, and its own, which wins where both name the same. */
export function masksWith(all: readonly MaskRule[], own: readonly MaskRule[]): MaskRule[] {
  return [...all.filter((rule) => !own.some((other) => sameSecret(rule, other))), ...own];
}

function patternText(source: string): string {
  try {
    const { groups } = new Pattern(source, { search: true, captures: 'all' });
    if (groups.length > 1) {
      throw new Wrong(`has ${groups.length} groups: mark what is secret with one, and write the others as (?:...)`);
    }
    if (new RegExp(source, 'u').test(''))
      throw new Wrong('matches nothing, which is in every line: let it match something');
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new WrongAt([], error.message, error.index);
  }
  return source;
}

function replacement(text: string): string {
  if (/["\\\u0000-\u001f]/.test(text)) throw new Wrong('must be without ", \\ and line feeds, so that JSON stays JSON');
  if (!text.isWellFormed()) throw new Wrong('has half a character, as no line has');
  const bytes = Buffer.byteLength(text);
  if (bytes > LONGEST_TEXT) throw new Wrong(`is ${bytes} bytes long: at most ${LONGEST_TEXT}`);
  return text;
}
