// The loops of the verbs `time` and `level` over a batch, and fields that all of its records have. `only`: a byte a record, 1 where the step is for it; 0: it is
// for all. Records whose parse failed are left alone; those that the step should change and cannot are counted.
import { flags } from '../tables.as';
import { FAILED, cellMeta, clearCell, rowAt } from './cells.as';
import { believed } from './found.as';
import { moveLevel } from './levels.as';
import { textAt, textEnd, textOf } from './cell-text.as';
import { NO_TIME } from './time.as';
import { readTime } from './times.as';

/** Makes the time in the cell that of the record, in cell 0. Returns how many are none that is believed. */
export function times(program: usize, count: u32, from: u32, only: usize): u32 {
  let failed: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const row = rowAt(i);
    if (!isFor(i, row, from, only)) continue;
    const ms = textOf(row, from) ? readTime(program, textAt, textEnd) : NO_TIME;
    if (believed(ms)) {
      clearCell(row, from);
      store<u64>(row, <u64>ms);
    } else failed++;
  }
  return failed;
}

/** Makes what the cell `from` has the level, in cell `to`. Returns how many are none. */
export function levels(table: usize, count: u32, from: u32, to: u32, only: usize): u32 {
  let failed: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const row = rowAt(i);
    if (isFor(i, row, from, only) && !moveLevel(table, row, from, to)) failed++;
  }
  return failed;
}

@inline
function isFor(i: u32, row: usize, from: u32, only: usize): bool {
  return cellMeta(row, from) != 0 && (flags(i) & FAILED) == 0 && (only == 0 || load<u8>(only + i) != 0);
}

/** Copies `cells` cells, their numbers a byte each at `numbers`, from one record's row to those at `todo`, which becomes 0. */
export function spread(from: u32, count: u32, todo: usize, numbers: usize, cells: u32): void {
  const source = rowAt(from);
  for (let i: u32 = 0; i < count; i++) {
    if (load<u8>(todo + i) != 1) continue;
    const row = rowAt(i);
    for (let n: u32 = 0; n < cells; n++) {
      const cell = <usize>load<u8>(numbers + n) << 3;
      store<u64>(row + cell, load<u64>(source + cell));
    }
    store<u8>(todo + i, 0);
  }
}
