/** Batches decompressed and walked through, into tables that are used again. */
import { free } from '../../core/free.ts';
import { decompress, decompressInto } from '../../records/codecs.ts';
import { inflatedAtMost, MOST_INFLATED } from '../../records/inflated.ts';
import { COLUMNS, fillTable, mayHold } from '../../records/record-table.ts';
import { type FetchedBatch, unreadable } from './batches.ts';
import type { OpenedBatch } from './record-set.ts';

const ROW_BYTES = COLUMNS * Int32Array.BYTES_PER_ELEMENT;
/** Tables that are kept for later, and rows of the largest of them: 1 MiB. */
const MOST_KEPT = 16;
const MOST_ROWS = 32_768;

/** Tables of powers of two of rows. */
export class Tables {
  readonly #free = new Map<number, Int32Array[]>();

  take(rows: number): Int32Array {
    const size = sizeFor(rows);
    return this.#free.get(size)?.pop() ?? new Int32Array(size * COLUMNS);
  }

  give(table: Int32Array): void {
    const size = table.length / COLUMNS;
    if (size > MOST_ROWS) return;
    const free = this.#free.get(size) ?? [];
    if (free.length < MOST_KEPT) free.push(table);
    this.#free.set(size, free);
  }
}

function sizeFor(rows: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(rows, 64)));
}

/** What the batch will take once it is open, about; not less than it takes, but for gzip. */
export function openedBytes({ header, body }: FetchedBatch): number {
  const table = sizeFor(Math.min(header.count, MOST_INFLATED)) * ROW_BYTES;
  if (header.codec !== 'gzip') return inflatedAtMost(header.codec, body) + table;
  // Its last four bytes say how much it becomes.
  const claimed = body.length >= 4 ? body.readUInt32LE(body.length - 4) : 0;
  return Math.min(claimed, MOST_INFLATED) + table;
}

/** Nobody looks at the batch any more. What is a part of an answer, where nothing was compressed, stays with it. */
export function discard({ bytes, table }: OpenedBatch, tables: Tables): void {
  tables.give(table);
  free(bytes);
}

/** Throws UnreadableError where the batch is not what it claims to be. `room`: what it may become is put there, if it can be. */
export async function openBatch(
  batch: FetchedBatch,
  where: { topic: string; partition: number },
  tables: Tables,
  room: Buffer | null = null,
): Promise<OpenedBatch> {
  const { header, baseOffset: base } = batch;
  const { count, codec, appended } = header;
  let bytes: Buffer;
  try {
    bytes = (room && decompressInto(codec, batch.body, room)) ?? (await decompress(codec, batch.body));
  } catch (error) {
    throw unreadable(where, base, `cannot be decompressed (${codec}): ${(error as Error).message}`);
  }
  if (!mayHold(bytes.length, count)) throw unreadable(where, base, `is damaged: it cannot hold ${count} records`);
  const table = tables.take(count);
  try {
    fillTable(bytes, count, header.lastOffsetDelta, table);
  } catch (error) {
    tables.give(table);
    throw unreadable(where, base, `is damaged: ${(error as Error).message}`);
  }
  const time = appended ? header.maxTime : header.time;
  const charge = bytes.length + table.length * Int32Array.BYTES_PER_ELEMENT;
  return { base, bytes, table, count, time, appended, charge, users: 1 };
}
