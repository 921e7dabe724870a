/**
 * Opens what a path leads to, for reading. A symbolic link is followed only where its owner is root, the agent's user, or
 * the owner of what it leads to: the agent may read more than whoever may write in a directory of logs, and must not
 * send what a link of theirs leads to.
 *
 *   opened, no link followed           --> no link led there (where the kernel has openat2)
 *   opened, the last name not followed --> it lies in the directory that was named: no link led there
 *                                      --> elsewhere, or a link: name by name, each opened without following (O_PATH)
 *
 * What is judged is what was opened, by its descriptor, so it does not matter what is changed meanwhile. Where there is
 * no /proc (macOS, for development) links are followed as the system does.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { openWithoutLinks, readLinkOf } from '../native.ts';
import { judgePlace } from './fs.ts';

const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
/** A descriptor that only stands for a place. The same number on all 64-bit Linux. */
const O_PATH = 0o10000000;
const JUDGING = process.platform === 'linux' && existsSync('/proc/self/fd');
/** As many as the kernel follows. */
const MOST_LINKS = 40;
/** Directories that links lead to and whose files are opened often. */
const MOST_KNOWN = 256;
const PROC = 0x9fa0;

export interface Opened {
  fd: number;
  stat: BigIntStats;
}

/**
 * Opens for reading without ever waiting; null: it is no regular file. Throws what the system says, or that a link on the
 * way is not followed.
 */
export function openRegular(path: string): Opened | null {
  judgePlace(path);
  return JUDGING ? openJudged(path) : onlyRegular(openSync(path, FLAGS));
}

/** Throws if a link on the way to this directory is not followed, or what the system says. */
export function judgeDirectory(path: string): void {
  judgePlace(path);
  if (JUDGING) closeSync(reaching(path).fd);
}

const FOREIGN = 'EFOREIGNLINK';

/** True: the error says that a link of somebody is not followed who may not have what it leads to. */
export function isForeign(error: Error): boolean {
  return (error as NodeJS.ErrnoException).code === FOREIGN;
}

function openJudged(path: string): Opened | null {
  const direct = openWithoutLinks(path, FLAGS);
  if (direct !== null) return judgedHardLink(path, onlyRegular(direct));
  let fd: number;
  try {
    fd = openSync(path, FLAGS | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ELOOP') throw error;
    return openingReached(path);
  }
  const opened = onlyRegular(fd);
  if (!opened) return null;
  let straight: boolean;
  try {
    straight = isStraight(fd, path);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  if (straight) return judgedHardLink(path, opened);
  closeSync(fd);
  return openingReached(path);
}

function judgedHardLink(path: string, opened: Opened | null): Opened | null {
  if (!opened || PROTECTED) return opened;
  try {
    judgeHardLink(path, opened.stat);
    return opened;
  } catch (error) {
    closeSync(opened.fd);
    throw error;
  }
}

function onlyRegular(fd: number): Opened | null {
  const stat = fstatSync(fd, { bigint: true });
  if (stat.isFile()) return { fd, stat };
  closeSync(fd);
  return null;
}

interface Directory {
  real: string;
  device: bigint;
  inode: bigint;
}

/** Directories by a path that leads to them over links which are followed. */
const known = new Map<string, Directory>();

/** True: what is open lies in the directory that the path names. Its own name may have changed since. */
function isStraight(fd: number, path: string): boolean {
  const real = dirname(readlinkSync(`/proc/self/fd/${fd}`));
  const named = dirname(path);
  if (real === named) return true;
  const directory = known.get(named);
  if (directory?.real !== real) return false;
  const stat = statSync(real, { bigint: true, throwIfNoEntry: false });
  return stat?.ino === directory.inode && stat.dev === directory.device;
}

function openingReached(path: string): Opened | null {
  const { fd: place, stat, parent, linked } = reaching(path);
  try {
    // A device is not even opened.
    if (!stat.isFile()) return null;
    const real = readlinkSync(`/proc/self/fd/${place}`);
    judgeHardLink(real, stat);
    if (!linked) {
      if (known.size >= MOST_KNOWN) known.clear();
      known.set(dirname(path), { real: dirname(real), device: parent.dev, inode: parent.ino });
    }
    return { fd: openSync(`/proc/self/fd/${place}`, FLAGS), stat };
  } finally {
    closeSync(place);
  }
}

interface Reached extends Opened {
  /** Of the directory in which the path's last name is. */
  parent: BigIntStats;
  /** The path's last name is a link. */
  linked: boolean;
}

interface Link {
  path: string;
  owner: bigint;
  /** When so many names are left, what it leads to is reached. */
  left: number;
}

/** Goes along the path and the links on it, name by name; what it ends at is opened with O_PATH. */
function reaching(path: string): Reached {
  // Bytes, as the system has them: what a link says need not be UTF-8.
  const names = namesIn(Buffer.from(path));
  const links: Link[] = [];
  let own = names.length;
  let followed = 0;
  let at = step('/');
  let { stat: parent } = at;
  let linked = false;
  try {
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      if (names.length < own) own--;
      const last = own === 0 && names.length === 0 && links.length === 0;
      if (last) parent = at.stat;
      const place = `/proc/self/fd/${at.fd}/${name}`;
      const next = step(place, constants.O_NOFOLLOW);
      if (!next.stat.isSymbolicLink()) {
        closeSync(at.fd);
        at = next;
      } else {
        linked ||= last;
        try {
          if (++followed > MOST_LINKS) throw failure('ELOOP', 'too many symbolic links encountered');
          const link = readlinkSync(`/proc/self/fd/${next.fd}`);
          links.push({ path: link, owner: next.stat.uid, left: names.length });
          const text = textOf(next.fd, place);
          // Without a text it leads to what its text does not say, as those of /proc do.
          const from = text === null ? step(place) : text[0] === SLASH ? step('/') : null;
          if (text) names.unshift(...namesIn(text));
          if (from) {
            closeSync(at.fd);
            at = from;
          }
        } finally {
          closeSync(next.fd);
        }
      }
      while (links.length > 0 && links.at(-1)!.left === names.length) judge(links.pop()!, at);
    }
    return { ...at, parent, linked };
  } catch (error) {
    closeSync(at.fd);
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined || code === FOREIGN) throw error;
    throw failure(code, `${message.replace(/^\w+: |, \w+ '.*$/gs, '')}, open '${path}'`);
  }
}

const SLASH = 0x2f;

function namesIn(path: Buffer): string[] {
  return path
    .toString('latin1')
    .split('/')
    .filter((name) => name !== '' && name !== '.');
}

function step(place: string, flags = 0): Opened {
  const fd = openSync(Buffer.from(place, 'latin1'), O_PATH | flags);
  return { fd, stat: fstatSync(fd, { bigint: true }) };
}

/** What a link says, in bytes: it need not be UTF-8. Null: it is one of /proc. */
function textOf(fd: number, place: string): Buffer | null {
  const kind = statfsSync(Buffer.from(dirname(place), 'latin1')).type;
  if (kind === PROC) return null;
  return readLinkOf(fd) ?? readlinkSync(Buffer.from(place, 'latin1'), { encoding: 'buffer' });
}

const AGENT = BigInt(process.geteuid?.() ?? 0);

function judge({ path, owner }: Link, { fd, stat }: Opened): void {
  if (owner === 0n || owner === AGENT || owner === stat.uid) return;
  const real = readlinkSync(`/proc/self/fd/${fd}`);
  throw failure(
    FOREIGN,
    `${path} is a symbolic link of user ${owner} to ${real} of user ${stat.uid}: such a link is not followed; ` +
      `have root or user ${stat.uid} make it, or include ${real} itself`,
  );
}

/** Users cannot make hard links to what they may not write. */
const PROTECTED = isProtected();

function isProtected(): boolean {
  try {
    return readFileSync('/proc/sys/fs/protected_hardlinks', 'latin1').trim() !== '0';
  } catch {
    // Not Linux, or a sandbox that shows none of it: what the system does then is as good as it gets.
    return true;
  }
}

function judgeHardLink(path: string, stat: BigIntStats): void {
  if (PROTECTED || stat.nlink < 2n) return;
  const directory = statSync(dirname(path), { bigint: true, throwIfNoEntry: false });
  if (!directory || !mayBePlanted(stat, directory, AGENT)) return;
  throw failure(
    FOREIGN,
    `it has ${stat.nlink} names, belongs to user ${stat.uid}, and others may write in its directory: one of them may ` +
      'have linked it there; set fs.protected_hardlinks to 1, or let it have one name',
  );
}

type Owned = Pick<BigIntStats, 'uid' | 'mode'>;

/** Somebody else than the owner of the file can have given it a name in this directory. */
export function mayBePlanted(file: Owned, directory: Owned, agent: bigint): boolean {
  return (directory.mode & 0o022n) !== 0n || ![0n, agent, file.uid].includes(directory.uid);
}

function failure(code: string, message: string): Error {
  return Object.assign(new Error(code === FOREIGN ? message : `${code}: ${message}`), { code });
}
