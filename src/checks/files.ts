/**
 * Files of /proc and /sys of the host, opened once and read again from their start at every run: the whole batch takes a
 * fraction of a millisecond, opening each file anew would double that. Reads are synchronous: the kernel answers from
 * its memory, and a hop through libuv's threads would cost more than the read. What several checks read in one round
 * (/proc/stat) is read once.
 *
 * `root` is where the host's files are seen (`metrics.host_root`): /host in a container that measures its host. HOST_PROC
 * names its /proc where that is mounted elsewhere.
 */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { judgePlace } from '../mounts/fs.ts';

/** Descriptors that are kept; a file beyond them is opened at each read. */
const MOST_OPEN = 2048;
/** Of a file of the kernel's. */
const MOST_BYTES = 16 << 20;
const MOST_SMALL_BYTES = 4 << 20;
/**
 * The kernel gives a page, or as many records of a list as fit into one: what is shorter than this was all, unless a single
 * record may have been too long for the rest of the page.
 */
const ALL_BYTES = 1024;
const LONG_RECORDS = /\/(mountinfo|swaps)$/;
/** Rounds: what of /proc is not there comes with a module of the kernel, if at all. */
const LOOK_AGAIN = 6;

/** One that is open. */
interface Kept {
  fd: number;
  /** A first read of less bytes is all. */
  all: number;
  /** What was read in that round. */
  text: string;
  round: number;
}

let buffer = Buffer.allocUnsafe(64 * 1024);

export class HostFiles {
  /** Where the host's files are, without a slash at the end: empty for /. */
  readonly root: string;
  readonly #proc: string;
  /** It is not our own machine's view: what belongs to this process says nothing of the host. */
  readonly #foreign: boolean;
  readonly #open = new Map<string, Kept>();
  /** Of /proc, until the next look. */
  readonly #absent = new Set<string>();
  #rounds = 0;

  constructor(root = '/') {
    const given = root === '/' ? (process.env.HOST_ROOT ?? '') : root;
    this.root = given.replace(/\/+$/, '');
    this.#proc = process.env.HOST_PROC || `${this.root}/proc`;
    this.#foreign = this.#proc !== '/proc';
  }

  /** Where a file of the host is seen from here. */
  path(path: string): string {
    return path.startsWith('/proc/') ? this.#proc + path.slice(5) : this.root + path;
  }

  /** The process whose view of networks and mounts is the host's: our own, or PID 1 of a host's /proc mounted elsewhere. */
  get view(): '/proc/self' | '/proc/1' {
    return this.#foreign ? '/proc/1' : '/proc/self';
  }

  get isForeign(): boolean {
    return this.#foreign;
  }

  has(path: string): boolean {
    return existsSync(this.path(path));
  }

  /** What was read before is read again. */
  newRound(): void {
    if (++this.#rounds % LOOK_AGAIN === 0) this.#absent.clear();
  }

  /** The contents of a file as text. Throws what open(2) and read(2) say; a later call tries again. */
  read(path: string): string {
    const kept = this.#open.get(path) ?? this.#opened(path);
    if (kept.round === this.#rounds) return kept.text;
    try {
      kept.text = contents(kept.fd, kept.all);
    } catch (error) {
      this.forget(path);
      const { code, message } = error as NodeJS.ErrnoException;
      throw Object.assign(new Error(`cannot read ${path}: ${message}`), { code });
    } finally {
      this.#endIfMany(path);
    }
    kept.round = this.#rounds;
    return kept.text;
  }

  /** As `read`; undefined where there is no such file, or the kernel has what is behind it switched off. */
  tryRead(path: string): string | undefined {
    // An error costs ten times what the look does.
    if (!this.#open.has(path) && !this.#isThere(path)) return undefined;
    try {
      return this.read(path);
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  #isThere(path: string): boolean {
    if (this.#absent.has(path)) return false;
    const isThere = this.has(path);
    if (!isThere && path.startsWith('/proc/') && this.#absent.size < MOST_OPEN) this.#absent.add(path);
    return isThere;
  }

  /** Of a file that was read: what it is kept open by. */
  descriptor(path: string): number | undefined {
    return this.#open.get(path)?.fd;
  }

  /** Of a file that is one record, which a single read gives, and that only one check reads; undefined where it is gone. */
  record(path: string): string | undefined {
    try {
      const kept = this.#open.get(path) ?? this.#opened(path);
      const n = readSync(kept.fd, buffer, 0, buffer.length, 0);
      this.#endIfMany(path);
      return buffer.toString('utf8', 0, n);
    } catch (error) {
      if (!isAbsent(error)) throw error;
      this.forget(path);
      return undefined;
    }
  }

  /** As `tryRead`, of a file that is seldom looked at: it is not kept open. */
  once(path: string): string | undefined {
    try {
      return readFileSync(this.path(path), 'utf8');
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  /** A small file of the host that is no file of the kernel's. Throws where its mount may hang. */
  small(path: string): string | undefined {
    const place = this.path(path);
    judgePlace(place);
    const { size = 0 } = statSync(place, { throwIfNoEntry: false }) ?? {};
    if (size > MOST_SMALL_BYTES) throw new Error(`${path} has more than ${MOST_SMALL_BYTES} bytes`);
    return this.once(path);
  }

  /** A file of /sys whose answer takes a device. */
  slow(path: string): Promise<string> {
    return readFile(this.path(path), 'utf8');
  }

  /** The number in a file that has nothing else; NaN where there is none. */
  number(path: string): number {
    const text = this.tryRead(path);
    return text === undefined || text.trim() === '' ? Number.NaN : Number(text);
  }

  /** Of a small file that is no text. */
  bytes(path: string): Buffer {
    return readFileSync(this.path(path));
  }

  /** Names in a directory; none where there is no such. */
  list(path: string): string[] {
    try {
      return readdirSync(this.path(path));
    } catch (error) {
      if (isAbsent(error)) return [];
      throw error;
    }
  }

  /** The same, outside of what is the kernel's. Throws where its mount may hang. */
  names(path: string): string[] {
    judgePlace(this.path(path));
    return this.list(path);
  }

  /** When something came or went in a directory last; NaN where there is none. */
  changed(path: string): number {
    return statSync(this.path(path), { throwIfNoEntry: false })?.mtimeMs ?? Number.NaN;
  }

  /** Names of the directories in one; none where there is no such. */
  directories(path: string): string[] {
    try {
      const all = readdirSync(this.path(path), { withFileTypes: true });
      return all.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    } catch (error) {
      if (isAbsent(error)) return [];
      throw error;
    }
  }

  /** How many entries a directory of descriptors has; null where that cannot be told. */
  entries(path: string): number | null {
    try {
      // From Linux 6.2 on its size is their number.
      return statSync(this.path(path)).size || readdirSync(this.path(path)).length;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (isAbsent(error) || code === 'EACCES' || code === 'EPERM') return null;
      throw error;
    }
  }

  /** It will not be read any more. */
  forget(path: string): void {
    const kept = this.#open.get(path);
    if (kept === undefined) return;
    this.#open.delete(path);
    closeSync(kept.fd);
  }

  close(): void {
    for (const { fd } of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  #opened(path: string): Kept {
    const kept = {
      fd: openSync(this.path(path), 'r'),
      all: LONG_RECORDS.test(path) ? 0 : ALL_BYTES,
      text: '',
      round: -1,
    };
    this.#open.set(path, kept);
    return kept;
  }

  #endIfMany(path: string): void {
    if (this.#open.size > MOST_OPEN) this.forget(path);
  }
}

function contents(fd: number, all: number): string {
  let used = 0;
  for (;;) {
    // Else only a read of 0 bytes is the end.
    const n = readSync(fd, buffer, used, buffer.length - used, used);
    used += n;
    if (n === 0 || used < all) return kernelText(buffer.subarray(0, used));
    if (used < buffer.length) continue;
    if (used >= MOST_BYTES) throw new Error(`more than ${MOST_BYTES} bytes`);
    buffer = Buffer.concat([buffer], buffer.length * 2);
  }
}

/** The characters of UTF-8, in bytes; what is none of them is taken by the group, a byte at a time. */
const CHARACTERS =
  /[\0-\x7f]+|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|([\x80-\xff])/g;

/** A byte that belongs to no character of UTF-8 is `\xff`: names that differ in such a byte alone are two. */
export function kernelText(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!text.includes('\ufffd')) return text;
  const marked = bytes
    .toString('latin1')
    .replace(CHARACTERS, (all, stray?: string) => (stray ? `\\x${stray.charCodeAt(0).toString(16)}` : all));
  return Buffer.from(marked, 'latin1').toString('utf8');
}

/** No such file, process, or device; or it is switched off (/proc/pressure: EOPNOTSUPP). */
function isAbsent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ESRCH' || code === 'ENODEV' || code === 'EOPNOTSUPP' || code === 'ENOTDIR';
}
