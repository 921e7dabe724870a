// Finding lines: sixteen bytes at a time are compared with LF, and each set bit ends a line.
import { setRecord } from './tables.as';

const LF: u8 = 10;
const CR: u8 = 13;

/** The address after the last terminator that was taken. */
export let consumedAt: usize = 0;

/** Names the lines of memory [from, to) in the tables from index `first` up to `max`; returns how many there are. */
export function findLines(from: usize, to: usize, base: usize, first: u32, max: u32): u32 {
  const terminator = i8x16.splat(LF);
  let lineAt = from;
  let i = first;
  for (let at = from; at < to; at += 16) {
    let found = <u32>i8x16.bitmask(i8x16.eq(v128.load(at), terminator));
    while (found) {
      const lf = at + ctz(found);
      if (lf >= to || i == max) {
        consumedAt = lineAt;
        return i - first;
      }
      found &= found - 1;
      setRecord(i++, lineAt, withoutCr(lineAt, lf), <u32>(lineAt - base), <u32>(lf + 1 - lineAt));
      lineAt = lf + 1;
    }
  }
  consumedAt = lineAt;
  return i - first;
}

@inline
function withoutCr(lineAt: usize, lf: usize): usize {
  return lf - usize(lf > lineAt && load<u8>(lf - 1) == CR);
}
