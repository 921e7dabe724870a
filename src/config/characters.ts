/** Where a character of a scalar's text stands in the file, however YAML writes it. */

const ESCAPED: Readonly<Record<string, number>> = { x: 4, u: 6, U: 10 };

/** The place in `raw`, as the scalar is written, of a character of its text; 0 where that cannot be told. */
export function characterIn(raw: string, type: string | undefined, index: number): number {
  if (type === 'BLOCK_LITERAL') return inBlock(raw, index);
  if (raw.includes('\n')) return 0;
  if (type === 'QUOTE_SINGLE') return walk(raw, index, (at) => (raw.startsWith("''", at) ? 2 : 1));
  if (type === 'QUOTE_DOUBLE') {
    return walk(raw, index, (at) => (raw[at] === '\\' ? (ESCAPED[raw[at + 1] ?? ''] ?? 2) : 1));
  }
  return type === 'PLAIN' ? index : 0;
}

/** Behind the quote. */
function walk(raw: string, index: number, length: (at: number) => number): number {
  let at = 1;
  for (let i = 0; i < index && at < raw.length; i++) at += length(at);
  return Math.min(at, raw.length - 1);
}

/** Behind `|` each line is indented. */
function inBlock(raw: string, index: number): number {
  const begin = raw.indexOf('\n') + 1;
  const indent = /^ */.exec(raw.slice(begin))![0].length;
  let left = index;
  let at = begin;
  for (const line of raw.slice(begin).split('\n')) {
    const length = Math.max(0, line.length - indent);
    if (left <= length) return at + indent + left;
    left -= length + 1;
    at += line.length + 1;
  }
  return 0;
}
