/** What a field of a record says, as text: where a step has to know it. */
import { type Batch, rowsAt, UNPARSED } from '../core/batch.ts';
import type { Program } from './program.ts';

// As kernel/as/process/cells.as.ts has them.
const [TEXT, JSTR, RAW, , TRUE, , UINT] = [1, 2, 3, 4, 5, 6, 7];
const ESCAPED = 1;

/** The text of the cell of record i; null: the record has none, or nothing that is text. `rowsOf` was asked before. */
export function textOf({ process }: Program, batch: Batch, i: number, cell: number): string | null {
  if (batch.slot.flags[i]! & UNPARSED) return null;
  const rows = batch.rows!;
  const word = rowsAt(rows) / 4 + (i * rows.width + cell) * 2;
  const at = process.words[word]!;
  const meta = process.words[word + 1]!;
  const kind = (meta >>> 24) & 15;
  if (kind === UINT) return String(at);
  if (kind === TRUE) return 'true';
  if (kind !== TEXT && kind !== JSTR && kind !== RAW) return null;
  const text = process.bytes.toString('utf8', at, at + (meta & 0xffffff));
  return kind === JSTR && meta >>> 28 === ESCAPED ? (JSON.parse(`"${text}"`) as string) : text;
}

/** Bytes of a text that fit into a number that is exact. */
const SHORT = 6;

/**
 * As `textOf`, but what is short is a number, which costs no text: equal texts have equal ones. What has no text is null.
 */
export function cellKeyOf(program: Program, batch: Batch, i: number, cell: number): number | string | null {
  const rows = batch.rows!;
  const word = rowsAt(rows) / 4 + (i * rows.width + cell) * 2;
  const { words, bytes } = program.process;
  const meta = words[word + 1]!;
  const kind = (meta >>> 24) & 15;
  const length = meta & 0xffffff;
  const plain = kind === TEXT || kind === RAW || (kind === JSTR && meta >>> 28 !== ESCAPED);
  if (!plain || length > SHORT) return textOf(program, batch, i, cell);
  const at = words[word]!;
  let key = length;
  for (let k = 0; k < length; k++) key = key * 256 + bytes[at + k]!;
  return key;
}
