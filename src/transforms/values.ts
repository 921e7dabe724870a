/** What a field of a record says, as text: where a step has to know it. */
import { type Batch, rowsAt, UNPARSED } from '../core/batch.ts';
import type { ProcessKernel } from '../kernel/process.ts';
import type { Program } from './program.ts';

// As kernel/as/process/cells.as.ts has them.
const [TEXT, JSTR, RAW, , TRUE, , UINT] = [1, 2, 3, 4, 5, 6, 7];
const ESCAPED = 1;

/** Where the cell of record i is, in words of the memory. `rowsOf` was asked before. */
export function wordOf({ rows }: Batch, i: number, cell: number): number {
  return rowsAt(rows!) / 4 + (i * rows!.width + cell) * 2;
}

/** The text of the cell of record i; null: the record has none, or nothing that is text. `rowsOf` was asked before. */
export function textOf({ process }: Program, batch: Batch, i: number, cell: number): string | null {
  if (batch.slot.flags[i]! & UNPARSED) return null;
  return textAt(process, wordOf(batch, i, cell));
}

/** The same of the cell at this word of a record that is parsed. */
export function textAt({ words, bytes }: ProcessKernel, word: number): string | null {
  const at = words[word]!;
  const meta = words[word + 1]!;
  const kind = (meta >>> 24) & 15;
  if (kind === UINT) return String(at);
  if (kind === TRUE) return 'true';
  if (kind !== TEXT && kind !== JSTR && kind !== RAW) return null;
  const text = bytes.toString('utf8', at, at + (meta & 0xffffff));
  return kind === JSTR && meta >>> 28 === ESCAPED ? (JSON.parse(`"${text}"`) as string) : text;
}

/** Bytes of a text that fit into a number that is exact. */
const SHORT = 6;

/**
 * As `textAt`, but what is short is a number, which costs no text: equal texts have equal ones. What has no text is null.
 */
export function keyAt(process: ProcessKernel, word: number): number | string | null {
  const { words, bytes } = process;
  const meta = words[word + 1]!;
  const kind = (meta >>> 24) & 15;
  const length = meta & 0xffffff;
  const plain = kind === TEXT || kind === RAW || (kind === JSTR && meta >>> 28 !== ESCAPED);
  if (!plain || length > SHORT) return textAt(process, word);
  const at = words[word]!;
  let key = length;
  for (let k = 0; k < length; k++) key = key * 256 + bytes[at + k]!;
  return key;
}
