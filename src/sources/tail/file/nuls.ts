/** NULs in bytes and at the end of files: what a hole reads as, and what a writer that reserves its file has not written yet. */
import { readSync } from '../../../mounts/fs.ts';

/** No hole is smaller. */
export const PAGE_BYTES = 4096;
const NULS = Buffer.alloc(PAGE_BYTES);

/** How many of bytes [from, to) are NUL before another one comes. */
export function nulsFrom(bytes: Buffer, from: number, to: number): number {
  let at = from;
  while (at + PAGE_BYTES <= to && bytes.compare(NULS, 0, PAGE_BYTES, at, at + PAGE_BYTES) === 0) at += PAGE_BYTES;
  while (at < to && bytes[at] === 0) at++;
  return at - from;
}

/** Where in bytes [from, to) the NULs begin that go on to `to`. */
export function lastNuls(bytes: Buffer, from: number, to: number): number {
  let at = to;
  while (at - PAGE_BYTES >= from && bytes.compare(NULS, 0, PAGE_BYTES, at - PAGE_BYTES, at) === 0) at -= PAGE_BYTES;
  while (at > from && bytes[at - 1] === 0) at--;
  return at;
}

/**
 * Where in an open file of this size the NULs begin that go on to its end. Found in steps that double and halve, a page
 * read at each: what was written behind a page of NULs, and has such pages behind it, may not be seen.
 */
export function endOfData(fd: number, size: number): number {
  if (size === 0 || dataIn(fd, size - 1, size) === size) return size;
  let nuls = size;
  let data = 0;
  for (let step = PAGE_BYTES; data === 0 && nuls > 0; step *= 2) {
    const at = Math.max(0, size - step);
    data = dataIn(fd, at, Math.min(nuls, at + PAGE_BYTES));
    if (data === 0) nuls = at;
  }
  while (nuls - data > PAGE_BYTES) {
    const middle = data + Math.floor((nuls - data) / 2);
    const found = dataIn(fd, middle, Math.min(nuls, middle + PAGE_BYTES));
    if (found > 0) data = found;
    else nuls = middle;
  }
  return dataIn(fd, data, nuls) || data;
}

/** The place behind the last byte of the file's [from, to) that is not NUL; 0: there is none. */
function dataIn(fd: number, from: number, to: number): number {
  const bytes = Buffer.allocUnsafe(to - from);
  const end = lastNuls(bytes, 0, readSync(fd, bytes, 0, to - from, from));
  return end === 0 ? 0 : from + end;
}
