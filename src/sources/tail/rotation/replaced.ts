/**
 * A file that was put in the place of another one under its name: rsync, `sed -i`, editors and all that write atomically
 * make a copy, changed or with more at its end, and rename it over the old one.
 *
 *   old   | read .................. |              has no name any more
 *   new   | the same bytes, all of them | more |   goes on behind them, under the old id
 *
 * Both are compared byte by byte, when the old one was read to its end: one that differs anywhere is a file of its own.
 * So are a few bytes that are alike, as files begin with the same header; but where the new file was there before the old
 * one went, it was not begun anew under the name.
 */
import { fstatSync } from '../../../mounts/fs.ts';
import type { TrackedFile } from '../file/file.ts';
import { birthOf } from '../file/inode.ts';
import { begins, hasBefore, SHARED_HEADER_BYTES } from '../positions/recognise.ts';

const BLOCK_BYTES = 256 * 1024;

export interface Likeness {
  /** The new file holds all that was read of the old one: reading may go on behind that. */
  goesOn: boolean;
  /** So many bytes at its beginning were read before, as far as that can be told. */
  alike: number;
}

/** False: they begin in another way, or there is nothing to compare. */
export function mayReplace(file: TrackedFile, old: TrackedFile): boolean {
  const { head } = old.stream.generation;
  if (file.packed || old.packed || old.position === 0 || old.path !== null) return false;
  if (head.length === 0 || file.size < head.length) return false;
  return file.withOpen((fd) => begins(fd, head)) === true;
}

/** The new one is open; so is the old one, or it is gone, and what is known of it has to do. */
export async function compareWhole(file: TrackedFile, old: TrackedFile): Promise<Likeness> {
  if (old.fd === null) {
    const { position, marker } = old;
    const holds = file.size >= position && file.withOpen((fd) => hasBefore(fd, position, marker)) === true;
    return { goesOn: false, alike: holds ? position : 0 };
  }
  const [one, other] = [Buffer.allocUnsafe(BLOCK_BYTES), Buffer.allocUnsafe(BLOCK_BYTES)];
  let alike = 0;
  for (let got = -1; got !== 0 && alike < Math.min(file.size, old.position); ) {
    const length = Math.min(BLOCK_BYTES, file.size - alike, old.position - alike);
    got = Math.min(await file.read(one, length, alike), await old.read(other, length, alike));
    let equal = got;
    if (!one.subarray(0, got).equals(other.subarray(0, got))) {
      equal = 0;
      while (one[equal] === other[equal]) equal++;
      got = 0;
    }
    alike += equal;
  }
  if (file.fd === null || old.fd === null) return { goesOn: false, alike: 0 };
  const [born, gone] = [fstatSync(file.fd, { bigint: true }), fstatSync(old.fd, { bigint: true })];
  const deleted = gone.nlink === 0n;
  // It was there already when the old one lost its last name: its bytes were not written under the name.
  const renamedOver = deleted && birthOf(born) !== 0 && born.birthtimeNs < gone.ctimeNs;
  const telling = alike >= SHARED_HEADER_BYTES || renamedOver;
  const whole = alike >= old.position;
  return { goesOn: telling && whole, alike: telling || (deleted && whole) ? alike : 0 };
}
