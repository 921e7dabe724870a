// Formats that are not JSON and not patterns: which parser a program is for, and the loops over a batch.
import { access } from './access.as';
import { csv } from './csv.as';
import { keep } from './found.as';
import { klog } from './klog.as';
import { logfmt } from './logfmt.as';
import { syslog } from './syslog.as';

const ACCESS: u32 = 0, SYSLOG: u32 = 1, KLOG: u32 = 2, CSV: u32 = 3;

/** Makes what memory [at, to) holds fields of the row. False: it is not of the program's format, and the row is as it was. */
export function parseText(program: usize, at: usize, to: usize, row: usize): bool {
  const format = load<u32>(program);
  let is = false;
  if (format == ACCESS) is = access(program, at, to);
  else if (format == SYSLOG) is = syslog(program, at, to);
  else if (format == KLOG) is = klog(program, at, to);
  else if (format == CSV) is = csv(program, at, to);
  else is = logfmt(program, at, to);
  if (is) keep(program, row);
  return is;
}
