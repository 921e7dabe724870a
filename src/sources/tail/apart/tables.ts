/** A batch on its way from one pool to another: what its tables name, and the tables. */
import type { Batch } from '../../../core/batch.ts';
import { copyInto } from '../../../core/copy.ts';
import type { Sent } from './messages.ts';

const TABLES = ['starts', 'ends', 'source', 'length'] as const;

/** Addresses are relative to the first record. */
export function packed({ slot, count }: Batch): Pick<Sent, 'bytes' | 'tables'> {
  const { starts, ends, flags, bytesAt } = slot;
  const first = starts[0]!;
  const bytes = Buffer.from(slot.bytes.subarray(first - bytesAt, ends[count - 1]! - bytesAt));
  const tables = Buffer.allocUnsafe(count * (TABLES.length * 4 + 1));
  let at = 0;
  for (const name of TABLES) {
    const base = name === 'starts' || name === 'ends' ? first : 0;
    const table = slot[name];
    for (let i = 0; i < count; i++) at = tables.writeUInt32LE(table[i]! - base, at);
  }
  tables.set(flags.subarray(0, count), at);
  return { bytes, tables };
}

export function unpack({ bytes, tables, count }: Pick<Sent, 'bytes' | 'tables' | 'count'>, batch: Batch): void {
  const { slot } = batch;
  copyInto(slot.bytes, 0, bytes);
  let at = 0;
  for (const name of TABLES) {
    const base = name === 'starts' || name === 'ends' ? slot.bytesAt : 0;
    const table = slot[name];
    for (let i = 0; i < count; i++, at += 4) table[i] = tables.readUInt32LE(at) + base;
  }
  slot.flags.set(tables.subarray(at, at + count));
  batch.count = count;
  batch.used = bytes.length;
}
