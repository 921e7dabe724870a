// Finding lines: sixteen bytes at a time are compared with LF, and each set bit ends a line.
import { setRecord } from './tables.as';
import { withoutMarks } from './utf8.as';

const LF: u8 = 10;
const CR: u8 = 13;

/** The address after the last terminator that was taken. */
export let consumedAt: usize = 0;

/**
 * Names the lines of memory [from, to) in the tables from index `first` up to `max`; returns how many there are. `last`:
 * what no LF ends is a line, too.
 */
export function findLines(from: usize, to: usize, base: usize, first: u32, max: u32, last: bool): u32 {
  const terminator = i8x16.splat(LF);
  let lineAt = from;
  let i = first;
  for (let at = from; at < to; at += 16) {
    let found = <u32>i8x16.bitmask(i8x16.eq(v128.load(at), terminator));
    while (found) {
      const lf = at + ctz(found);
      if (lf >= to || i == max) {
        at = to;
        break;
      }
      found &= found - 1;
      const end = withoutCr(lineAt, lf);
      setRecord(i++, withoutMarks(lineAt, end), end, <u32>(lineAt - base), <u32>(lf + 1 - lineAt));
      lineAt = lf + 1;
    }
  }
  if (last && lineAt < to && i < max) {
    setRecord(i++, withoutMarks(lineAt, to), to, <u32>(lineAt - base), <u32>(to - lineAt));
    lineAt = to;
  }
  consumedAt = lineAt;
  return i - first;
}

@inline
function withoutCr(lineAt: usize, lf: usize): usize {
  return lf - usize(lf > lineAt && load<u8>(lf - 1) == CR);
}
