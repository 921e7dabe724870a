/** A part of a batch's records as a batch of its own, over the same tables and rows. */
import { Batch, rowsAt } from './batch.ts';

export function sliceOf(whole: Batch, first: number, count: number): Batch {
  const { slot, share, stream, fields, from, end, used, time } = whole;
  const slice = new Batch(slot.behind(first), share, stream, fields);
  return Object.assign(slice, { from, end, used, time, count, part: { whole, first } });
}

/** Records [first, first + count) come to stand at `to`, which is before them or is where they are. */
export function moveRecords({ slot, rows }: Batch, first: number, count: number, to: number): void {
  if (to === first || count === 0) return;
  const { starts, ends, source, length, flags } = slot;
  for (const table of [starts, ends, source, length, flags]) table.copyWithin(to, first, first + count);
  if (!rows) return;
  const { buffer } = slot.bytes;
  const bytes = rows.width * 8;
  new Uint8Array(buffer, rowsAt({ ...rows, first: 0 })).copyWithin(to * bytes, first * bytes, (first + count) * bytes);
}
