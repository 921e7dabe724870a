/** YAML's errors of syntax in words that say where to look and what to write. None quotes what may be a secret. */
import type { Document, YAMLError } from 'yaml';
import type { Yaml } from './tree.ts';

/** What was opened and is not closed, and where that is noticed. */
interface Unclosed {
  what: string;
  from: number;
  noticed: number;
}

/** As they come with what was copied from a page. */
export const ODD_SPACE = /[\u00a0\u2007\u200b\u202f\u3000]/;
export const PLAIN_SPACE = 'a space that is none for YAML (no-break, or without width): write a plain one';
const CLOSES: Record<string, string> = { '[': ']', '{': '}' };
const WHOLE: Record<string, RegExp> = { '"': /^"(?:[^"\\]|\\.)*"$/s, "'": /^'(?:[^']|'')*'$/s };
/** The lexer's mark before a text. The one at the end of a collection that was not closed is \x18. */
const TEXT = '\x1f';

/** `offset`: where to point. `placeOf` says line and column of another place. */
export function syntaxFaults(
  yaml: Yaml,
  text: string,
  document: Document.Parsed,
  placeOf: (offset: number) => { line: number; column: number },
): { offset: number; message: string }[] {
  const odd = document.errors.length > 0 || yaml.isScalar(document.contents) ? ODD_SPACE.exec(text) : null;
  if (odd) return [{ offset: odd.index, message: PLAIN_SPACE }];
  const errors = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0]);
  const open = errors.some(mayBeUnclosed) ? unclosed(yaml, text) : null;
  const told = errors
    // What comes behind it is what it leads to.
    .filter((error) => open === null || (error.pos[0] < open.from && !mayBeUnclosed(error)))
    .map((error) => ({ offset: error.pos[0], message: inWords(error, text) }));
  if (open === null) return told;
  const { line, column } = placeOf(open.from);
  return [
    ...told,
    { offset: open.noticed, message: `the ${open.what} that begins at ${line}:${column} is not closed` },
  ];
}

function mayBeUnclosed({ code, message }: YAMLError): boolean {
  return code === 'MISSING_CHAR' || code === 'BAD_INDENT' ? /flow|closing/i.test(message) : code === 'UNEXPECTED_TOKEN';
}

function unclosed(yaml: Yaml, text: string): Unclosed | null {
  const open: { what: string; from: number }[] = [];
  let at = 0;
  let before = '';
  for (const token of new yaml.Lexer().lex(text)) {
    const quoted = before === TEXT ? undefined : WHOLE[token[0] ?? ''];
    if (quoted && !quoted.test(token)) return { what: token[0]!, from: at, noticed: at };
    const last = open.at(-1);
    if (token === '[' || token === '{') open.push({ what: token, from: at });
    else if (last && CLOSES[last.what] === token) open.pop();
    else if (last && /^[\]}\x18]$/.test(token)) return { ...last, noticed: Math.min(at, text.trimEnd().length) };
    // Marks stand for nothing in the text.
    if (!/^[\x02\x18\x1f]$/.test(token)) at += token.length;
    before = token;
  }
  const last = open.at(-1);
  return last ? { ...last, noticed: Math.min(at, text.trimEnd().length) } : null;
}

function inWords({ code, message, pos }: YAMLError, text: string): string {
  const found = text[pos[0]] ?? '';
  const start = text.lastIndexOf('\n', pos[0] - 1) + 1;
  const before = text.slice(start, pos[0]);
  const line = text.slice(start).split('\n', 1)[0]!;
  switch (code) {
    case 'MULTIPLE_DOCS':
      return 'a second document begins here: one file holds one; put the rest into conf.d';
    case 'TAB_AS_INDENT':
      return A_TAB;
    case 'TAG_RESOLVE_FAILED':
      return 'tags such as !name are not used here: a text that begins with ! needs quotes';
    case 'BAD_ALIAS':
      return 'a text that begins with * or & needs quotes';
    case 'BAD_DIRECTIVE':
      return 'a text that begins with % needs quotes';
    case 'BAD_SCALAR_START':
      return `a text that begins with ${found} needs quotes`;
    case 'BAD_DQ_ESCAPE':
      return `${text.slice(pos[0], pos[0] + 2)} means nothing within "...": write \\\\ for a backslash, or take '...' for the quotes`;
    case 'BLOCK_AS_IMPLICIT_KEY':
      if (before.trim() === '') return OTHER_COLUMN;
      return 'a second key on this line: begin a new line for it, indented, or take quotes where it is a text with ": " in it';
    case 'KEY_OVER_1024_CHARS':
    case 'MULTILINE_IMPLICIT_KEY':
      return withoutColon(line);
    case 'BAD_INDENT':
      return /^ *\t/.test(line) ? A_TAB : OTHER_COLUMN;
    case 'BLOCK_IN_FLOW':
      return 'within [ ] and { } nothing begins with "- ": write [a, b]';
    case 'UNEXPECTED_TOKEN':
      if (/[\]}]/.test(found)) return `this ${found} closes nothing`;
      if (/[[{]/.test(found))
        return `a ${found} behind a value: a text with ${found} in it needs quotes, a second value a comma before it`;
      if (found === ',') return 'a comma too many, or with nothing before it';
      if (found === '-') return 'a list begins on a new line, with "- " before each item; on one line it is [a, b]';
      if (/at node end/.test(message))
        return 'the value has ended before this: a text with quotes in it needs others around it';
      return notYaml(message);
    case 'MISSING_CHAR':
      if (/map values|explicit key/i.test(message)) return withoutColon(line);
      if (/Missing ,/.test(message)) return 'a comma is missing before this';
      if (/Missing space after/i.test(message)) return 'a space is missing after the colon';
      return notYaml(message);
    default:
      // The parser calls itself for each level.
      return message.startsWith('Maximum call stack') ? 'is nested too deep' : notYaml(message);
  }
}

function withoutColon(line: string): string {
  return /^\s*-[^\s-]/.test(line) ? 'a space is missing after the -' : 'a colon is missing: write key: value';
}

const A_TAB = 'a tab indents this line: YAML wants spaces';
const OTHER_COLUMN =
  'this line begins in another column than the ones it belongs to: what belongs together is indented alike';

/** The parser's own message, without the pieces of the file that some of them quote. */
function notYaml(message: string): string {
  return `not valid YAML: ${message.replace(/: (?!between).*/s, '').replace(/ at line .*/s, '')}`;
}
