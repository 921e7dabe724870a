/**
 * Copies in the making: a new file that begins as a tracked file of its directory does may be the copy that is made
 * before that one is truncated (logrotate's copytruncate), and what it holds was sent already.
 *
 *   original  | sent ............... | not read ... |          truncated -> | new lines |
 *   copy      | the same bytes ........... |  grows            goes on here ^ with the original's position and id
 *
 * Such a file is held: it is compared, in steps, with what the original holds. It is a file of its own as soon as a
 * byte differs, or when it has stood still for two seconds; then what cannot be decided is read again, and counted. Not
 * every byte of a large file is compared, only the last ones at each step: a file that is no copy differs everywhere.
 */

import { basename, dirname } from 'node:path';
import { fstatSync, readSync } from '../../../mounts/fs.ts';
import { compression } from '../compressed/archive.ts';
import type { TrackedFile } from '../file/file.ts';
import { digest, HEAD_BYTES, same } from '../file/inode.ts';
import { begins, markerAt, SHARED_HEADER_BYTES } from '../positions/recognise.ts';

const STILL_MS = 2000;
/** Compared in one step, at most. */
const STEP_BYTES = 128 * 1024;
/** More files than so many with one beginning are not compared with a new one, those with a similar name are. */
const MOST = 32;
/** For so long at most it is looked which those are, milliseconds: that is some ten thousand files. */
const STEP_MS = 4;
const LOOKED_AT_ONCE = 1024;

/** `unknown`: what the original held is being read at this moment. */
type Verdict = 'equal' | 'differs' | 'truncated' | 'unknown';

interface Original {
  file: TrackedFile;
  /** The name that it had. */
  path: string;
  /** What the copy goes on with; another one: the file was truncated, and this was not its copy. */
  stream: TrackedFile['stream'];
  /** Up to here the copy holds what the original does; and what it held when nothing of that was read yet. */
  compared: number;
  unread: number;
  /** How often the original had been read when it was found truncated. */
  reads: number | null;
}

/** A file that may be a copy. */
export class PossibleCopy {
  readonly file: TrackedFile;
  /** It is read as a file of its own and yet may be a copy. */
  undecided = false;
  #originals: Original[];
  #size = -1;
  #since = 0;

  constructor(file: TrackedFile, originals: TrackedFile[]) {
    this.file = file;
    this.#originals = originals.map((o) => ({
      file: o,
      path: o.path ?? o.stream.name,
      stream: o.stream,
      compared: 0,
      unread: 0,
      reads: null,
    }));
  }

  /** Compares what came; false: it is a file of its own. `ready` is told of an original that has to be read. */
  step(now: number, known: (file: TrackedFile) => boolean, ready: (file: TrackedFile) => void): boolean {
    let size = 0;
    const left = this.file.withOpen((fd) => {
      size = fstatSync(fd).size;
      return this.#originals.filter((original) => {
        const { file, stream } = original;
        const compared = file.position > 0 ? original.compared : original.unread;
        if (!known(file) || size < compared) return false;
        if (file.stream !== stream) {
          // Truncated, and this was not taken for its copy: not enough of it was known.
          const { head } = stream.generation;
          if (head.length > 0 && same(head, readAt(fd, 0, head.length))) this.undecided = true;
          return false;
        }
        const verdict = file.withOpen((from) => compare(fd, from, file, compared, size));
        // Without a position a truncation is not seen: it may hold something else by the time that is read.
        if (verdict === 'equal') original[file.position > 0 ? 'compared' : 'unread'] = size;
        if (verdict === 'unknown') this.#since = now;
        if (verdict !== 'truncated') return verdict === 'equal' || verdict === 'unknown';
        // Its next read finds out, and asks for its copy. That may take as long as the output is away.
        original.reads ??= file.reads;
        this.#since = now;
        ready(file);
        return file.restarting || (file.error === null && file.reads < original.reads + 2);
      });
    });
    this.#originals = left ?? [];
    if (size !== this.#size) this.#since = now;
    this.#size = size;
    return this.#originals.length > 0 && now - this.#since < STILL_MS;
  }

  /** Those of which it still may be a copy. */
  get originals(): TrackedFile[] {
    return this.#originals.map(({ file }) => file);
  }

  /** Bytes of it that were read from the original; null: it is no copy of it, as far as that can be told. */
  sharedWith(original: TrackedFile): number | null {
    const found = this.#originals.find(({ file, stream }) => file === original && stream === original.stream);
    if (!found) return null;
    const compared = original.position > 0 ? found.compared : found.unread;
    // It may hold nothing but a header yet. What is read again is counted when the hold ends.
    const names = [original.stream.name, found.path];
    const path = this.file.path ?? this.file.stream.name;
    return this.file.withOpen((fd) => shared(fd, fstatSync(fd).size, path, original, names, compared)) ?? null;
  }
}

/**
 * How many bytes of a file were read as bytes of the original, which has been truncated since: the original's position,
 * or all of it if the original was read further than it was copied. Null: it is no copy, as far as bytes and names tell.
 * `names`: those that the original has and had; `compared`: so many first bytes are the same.
 */
export function shared(
  fd: number,
  size: number,
  path: string,
  original: TrackedFile,
  names: readonly string[],
  compared = 0,
): number | null {
  const found = sharedBytes(fd, size, original, compared);
  return found && mayBeCopy(path, names, found.alike) ? found.read : null;
}

/** The same by bytes alone, which are compared up to `alike`. */
function sharedBytes(
  fd: number,
  size: number,
  original: TrackedFile,
  compared: number,
): { read: number; alike: number } | null {
  const { position, marker, stream } = original;
  const { head } = stream.generation;
  if (size === 0) return null;
  // Nothing was read yet: all that was known of it has to be there.
  if (position === 0) {
    const alike = compared === size || (head.length === HEAD_BYTES && same(head, readAt(fd, 0, HEAD_BYTES)));
    return alike && size >= original.size ? { read: 0, alike: 0 } : null;
  }
  if (size < position && compared === size) return { read: size, alike: size };
  if (size >= head.length && !same(head, readAt(fd, 0, head.length))) return null;
  if (size >= position) {
    return markerAt(fd, position).digest === marker.digest ? { read: position, alike: position } : null;
  }
  const mark = stream.marks.find(({ end }) => end <= size);
  if (!mark || mark.end === 0) return null;
  const isThere = same(mark.marker, readAt(fd, mark.end - mark.marker.length, mark.marker.length));
  return isThere ? { read: size, alike: mark.end } : null;
}

/** The files of which this new one, with these first bytes, may be a copy: it begins as they do, and is not longer; or they were truncated. */
export function originalsOf(
  file: TrackedFile,
  first: Buffer,
  others: Iterable<TrackedFile>,
  all: boolean,
): TrackedFile[] {
  const dir = dirname(file.path ?? '');
  const digests = new Map<number, bigint>();
  const found = new MostAlike<TrackedFile>(file.path ?? '', MOST);
  const start = performance.now();
  let looked = 0;
  for (const other of others) {
    if (++looked % LOOKED_AT_ONCE === 0 && performance.now() - start > STEP_MS) break;
    if (!all && !other.stream.persisted) continue;
    const path = other.path ?? other.stream.name;
    if (other === file || other.held || compression(path)) continue;
    const { length, digest: known } = other.stream.generation.head;
    if (length > 0 && first.length >= length) {
      if (!digests.has(length)) digests.set(length, digest(first.subarray(0, length)).digest);
      if (digests.get(length) !== known) continue;
    }
    // One without a name is read before anything comes of this one, if it was not truncated.
    if (other.path === null && (dirname(path) !== dir || other.holdsWhatWasRead() !== false)) continue;
    found.add(other, path);
  }
  return found.all;
}

/** Of any number of files those whose names have most in common with that of a path, at the beginning. */
export class MostAlike<T> {
  readonly #name: string;
  readonly #most: number;
  /** The least alike at the end. */
  readonly #found: { one: T; common: number }[] = [];

  constructor(path: string, most: number) {
    this.#name = basename(path);
    this.#most = most;
  }

  add(one: T, path: string): void {
    const found = this.#found;
    const alike = common(this.#name, basename(path));
    if (found.length === this.#most && found.at(-1)!.common >= alike) return;
    if (found.length === this.#most) found.pop();
    let at = found.length;
    while (at > 0 && found[at - 1]!.common < alike) at--;
    found.splice(at, 0, { one, common: alike });
  }

  get all(): T[] {
    return this.#found.map(({ one }) => one);
  }
}

/** Compares the bytes from `from` on, the last of them if they are many. */
function compare(fd: number, originalFd: number, original: TrackedFile, from: number, size: number): Verdict {
  if (!intact(originalFd, original, from)) return 'truncated';
  // Without a position, a truncation cannot be seen, and what was read before it is on its way.
  if (original.position === 0 && original.reading) return 'unknown';
  let verdict: Verdict = 'equal';
  if (size > fstatSync(originalFd).size) verdict = 'differs';
  else {
    const at = Math.max(from, size - STEP_BYTES);
    if (!readAt(fd, at, size - at).equals(readAt(originalFd, at, size - at))) verdict = 'differs';
  }
  // It may have been truncated while it was read here.
  return verdict === 'differs' && !intact(originalFd, original, from) ? 'truncated' : verdict;
}

/** `compared`: so much of it there was. */
function intact(fd: number, { position, marker, stream }: TrackedFile, compared: number): boolean {
  const { size } = fstatSync(fd);
  if (position > 0) return size >= position && markerAt(fd, position).digest === marker.digest;
  return size >= compared && begins(fd, stream.generation.head);
}

/**
 * Far in, bytes tell. Else names do: `a.log.1`, `a-20261122.log` and `a.old` may be copies of `a.log`, `b.log` not, nor
 * what is called `a.log` itself now. `names`: those that the original has and had; `alike`: bytes that both hold.
 */
export function mayBeCopy(path: string, names: readonly string[], alike: number): boolean {
  if (alike >= SHARED_HEADER_BYTES) return true;
  if (names.includes(path)) return false;
  const own = bareName(path);
  return names.some((name) => own.startsWith(stemOf(name)));
}

/** A file's name, hidden or not. */
export function bareName(path: string): string {
  return basename(path).replace(/^\./, '');
}

/** How the names of its copies begin. */
export function stemOf(path: string): string {
  return bareName(path).split('.')[0]!;
}

function common(a: string, b: string): number {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  return i;
}

function readAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  return bytes.subarray(0, length === 0 ? 0 : readSync(fd, bytes, 0, length, position));
}
