// Formats that are not JSON and not patterns: which parser a program is for, and the loops over a batch.
import { TEXT, clearCell, clearRow, rowAt, setCell } from './cells.as';
import { access } from './access.as';
import { csv } from './csv.as';
import { begin, beginIn, isTaken, keep, keepTime } from './found.as';
import { klog } from './klog.as';
import { isBelow, logfmt } from './logfmt.as';
import { syslog } from './syslog.as';
import { textEnd, textStart } from './texts.as';

const ACCESS: u32 = 0, SYSLOG: u32 = 1, KLOG: u32 = 2, CSV: u32 = 3, LOGFMT: u32 = 4;

/** Not a cell. */
const NO_CELL: u32 = 0xff;
const TO_DO: u8 = 1;
/** The row has something already where pairs would go, or some are of the envelope: that is merged elsewhere. */
const TAKEN: u8 = 2;

/** process/formats.ts says what it does. */
export function parseTexts(
  program: usize, first: u32, last: u32, todo: usize, instead: u32, original: u32, message: u32,
): void {
  const pairs = load<u32>(program) == LOGFMT;
  for (let i = first; i < last; i++) {
    if (load<u8>(todo + i) != TO_DO) continue;
    const at = textStart(i);
    const to = textEnd(i);
    const row = rowAt(i);
    if (message != NO_CELL) {
      clearRow(row);
      beginIn(program, row);
      const is = parseText(program, at, to);
      const apart = pairs && is && isBelow;
      if (!is || apart) {
        clearRow(row);
        setCell(row, message, at, <u32>(to - at), TEXT);
        if (apart) store<u8>(todo + i, TAKEN);
        continue;
      }
      keepTime(row);
    } else {
      begin(program);
      if (!parseText(program, at, to)) continue;
      if (pairs && (isBelow || isTaken(program, row))) {
        store<u8>(todo + i, TAKEN);
        continue;
      }
      clearCell(row, instead);
      keep(program, row);
    }
    if (original != NO_CELL) setCell(row, original, at, <u32>(to - at), TEXT);
    store<u8>(todo + i, 0);
  }
}

/** What memory [at, to) holds is found then, as far as it is of the program's format. */
@inline
function parseText(program: usize, at: usize, to: usize): bool {
  const format = load<u32>(program);
  if (format == ACCESS) return access(program, at, to);
  if (format == SYSLOG) return syslog(program, at, to);
  if (format == KLOG) return klog(program, at, to);
  return format == CSV ? csv(program, at, to) : logfmt(program, at, to);
}
