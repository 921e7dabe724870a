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
