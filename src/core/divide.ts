/**
 * A batch whose records go to several topics: for each of them its own, in their order, as a batch over the same bytes.
 *
 *   tables    a  B  c  a  a  c          routes    0  1  2  0  0  2         topic 1 has B already
 *          -> a  a  a| c  c| B
 *
 * Read again, what begins before a topic's position is left out: it is there. What a topic has none of is skipped bytes
 * for it, so that all topics explain all bytes.
 */
import { Batch, type StreamPart } from './batch.ts';
import type { Ledgers } from './ledger.ts';
import { MAX_RECORDS } from './pool.ts';

/** Of each record the part that it is for. */
const partOf = new Uint8Array(MAX_RECORDS);
/** Of each place the record that comes there. */
const order = new Uint16Array(MAX_RECORDS);
const tables = [new Uint32Array(MAX_RECORDS), new Uint8Array(MAX_RECORDS)] as const;

export interface Divided {
  /** What is packed: of each part that has any. */
  readonly batches: readonly Batch[];
  /** Parts for which there is nothing in it, and that have not passed it. */
  readonly without: readonly StreamPart[];
  /** Records that are there already. */
  readonly known: number;
  /** The one with the last record, where bytes of another stream are in that; null: nothing is to be packed of it. */
  readonly last: Batch | null;
}

export function divide(batch: Batch, parts: readonly StreamPart[]): Divided {
  const { slot, count, from, end, routes } = batch;
  const { source, length } = slot;
  const counts = new Uint32Array(parts.length + 1);
  const known = parts.length;
  let lastOf = known;
  // Mostly it is read for the first time.
  const isNew = parts.every(({ taken }) => taken <= from);
  for (let i = 0; i < count; i++) {
    lastOf = routes ? routes[i]! : 0;
    if (!isNew && from + source[i]! < parts[lastOf]!.taken) lastOf = known;
    counts[lastOf]!++;
    partOf[i] = lastOf;
  }
  const isLast = count > 0 && from + source[count - 1]! + length[count - 1]! === end;
  if (!counts.includes(count)) arrange(batch, counts);
  const { rows } = batch;
  const batches: Batch[] = [];
  const without: StreamPart[] = [];
  let first = 0;
  let last: Batch | null = null;
  for (const [i, part] of parts.entries()) {
    if (counts[i]! > 0) {
      const one = new Batch(first === 0 ? slot : slot.behind(first), batch.share, part, batch.fields);
      if (rows) one.rows = { ...rows, first };
      const { used, time } = batch;
      const start = Math.max(from, part.taken);
      Object.assign(one, { from: start, end, used, time, count: counts[i], weight: counts[i] });
      if (start > from) for (let k = 0; k < one.count; k++) one.slot.source[k]! -= start - from;
      batches.push(one);
      if (isLast && lastOf === i) last = one;
    } else if (part.taken < end) without.push(part);
    first += counts[i]!;
  }
  return { batches, without, known: counts[known]!, last };
}

/** Brings the records of each part together. */
function arrange(batch: Batch, counts: Uint32Array): void {
  const { slot, count, rows, stream } = batch;
  const next = new Uint32Array(counts.length);
  for (let i = 1; i < counts.length; i++) next[i] = next[i - 1]! + counts[i - 1]!;
  for (let i = 0; i < count; i++) order[next[partOf[i]!]!++] = i;
  const [wide, narrow] = tables;
  for (const table of [slot.starts, slot.ends, slot.source, slot.length]) move(table, wide, count);
  move(slot.flags, narrow, count);
  if (rows) stream.fields!.arrange(batch, order.subarray(0, count));
}

function move(table: Uint32Array | Uint8Array, copy: Uint32Array | Uint8Array, count: number): void {
  copy.set(table.subarray(0, count));
  for (let i = 0; i < count; i++) table[i] = copy[order[i]!]!;
}

/** What was filtered before the batch, or went elsewhere, and what was at its end. */
export function skippedIn({ stream, slot, count, from, end }: Batch, ledgers: Ledgers): Batch['skipped'] {
  const before = ledgers.skippedAt(stream, from);
  const last = count - 1;
  const recorded = last < 0 ? from - before : from + slot.source[last]! + slot.length[last]!;
  return { before, behind: end - recorded };
}
