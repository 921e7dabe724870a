/**
 * Opens what a path leads to, for reading. A symbolic link is followed only where its owner is root, the agent's user, or
 * the owner of what it leads to: the agent may read more than whoever may write in a directory of logs, and must not
 * send what a link of theirs leads to.
 *
 *   opened, the last name not followed --> it lies in the directory that was named: no link led there
 *                                      --> elsewhere, or a link: name by name, each opened without following (O_PATH)
 *
 * What is judged is what was opened, by its descriptor, so it does not matter what is changed meanwhile. Where there is
 * no /proc (macOS, for development) links are followed as the system does.
 */
import { type BigIntStats, constants, existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { judgePlace } from './fs.ts';
import { atOnce, call, type Steps } from './steps.ts';

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
  return atOnce(opening(path));
}

/** Throws if a link on the way to this directory is not followed, or what the system says. */
export function judgeDirectory(path: string): void {
  judgePlace(path);
  if (JUDGING) atOnce(judging(path));
}

const FOREIGN = 'EFOREIGNLINK';

/** True: the error says that a link of somebody is not followed who may not have what it leads to. */
export function isForeign(error: Error): boolean {
  return (error as NodeJS.ErrnoException).code === FOREIGN;
}

function* opening(path: string): Steps<Opened | null> {
  if (!JUDGING) return yield* onlyRegular(yield* call('open', path, FLAGS));
  let fd: number;
  try {
    fd = yield* call('open', path, FLAGS | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ELOOP') throw error;
    return yield* openingReached(path);
  }
  const opened = yield* onlyRegular(fd);
  if (!opened) return null;
  try {
    if (yield* isStraight(fd, path)) {
      yield* judgeHardLink(path, opened.stat);
      return opened;
    }
  } catch (error) {
    yield* call('close', fd);
    throw error;
  }
  yield* call('close', fd);
  return yield* openingReached(path);
}

function* judging(path: string): Steps<void> {
  const { fd } = yield* reaching(path);
  yield* call('close', fd);
}

function* onlyRegular(fd: number): Steps<Opened | null> {
  const stat = yield* call('fstat', fd);
  if (stat.isFile()) return { fd, stat };
  yield* call('close', fd);
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
function* isStraight(fd: number, path: string): Steps<boolean> {
  const real = dirname(yield* call('readlink', `/proc/self/fd/${fd}`));
  const named = dirname(path);
  if (real === named) return true;
  const directory = known.get(named);
  if (directory?.real !== real) return false;
  const stat = yield* call('stat', real);
  return stat?.ino === directory.inode && stat.dev === directory.device;
}

function* openingReached(path: string): Steps<Opened | null> {
  const { fd: place, stat, parent, linked } = yield* reaching(path);
  try {
    // A device is not even opened.
    if (!stat.isFile()) return null;
    const real = yield* call('readlink', `/proc/self/fd/${place}`);
    yield* judgeHardLink(real, stat);
    if (!linked) {
      if (known.size >= MOST_KNOWN) known.clear();
      known.set(dirname(path), { real: dirname(real), device: parent.dev, inode: parent.ino });
    }
    return { fd: yield* call('open', `/proc/self/fd/${place}`, FLAGS), stat };
  } finally {
    yield* call('close', place);
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
function* reaching(path: string): Steps<Reached> {
  // Bytes, as the system has them: what a link says need not be UTF-8.
  const names = namesIn(Buffer.from(path));
  const links: Link[] = [];
  let own = names.length;
  let followed = 0;
  let at = yield* step('/');
  let { stat: parent } = at;
  let linked = false;
  try {
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      if (names.length < own) own--;
      const last = own === 0 && names.length === 0 && links.length === 0;
      if (last) parent = at.stat;
      const place = `/proc/self/fd/${at.fd}/${name}`;
      const next = yield* step(place, constants.O_NOFOLLOW);
      if (!next.stat.isSymbolicLink()) {
        yield* call('close', at.fd);
        at = next;
      } else {
        linked ||= last;
        try {
          if (++followed > MOST_LINKS) throw failure('ELOOP', 'too many symbolic links encountered');
          const link = yield* call('readlink', `/proc/self/fd/${next.fd}`);
          links.push({ path: link, owner: next.stat.uid, left: names.length });
          const text = yield* textOf(next.fd, place);
          // Without a text it leads to what its text does not say, as those of /proc do.
          const from = text === null ? yield* step(place) : text[0] === SLASH ? yield* step('/') : null;
          if (text) names.unshift(...namesIn(text));
          if (from) {
            yield* call('close', at.fd);
            at = from;
          }
        } finally {
          yield* call('close', next.fd);
        }
      }
      while (links.length > 0 && links.at(-1)!.left === names.length) yield* judge(links.pop()!, at);
    }
    return { ...at, parent, linked };
  } catch (error) {
    yield* call('close', at.fd);
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

function* step(place: string, flags = 0): Steps<Opened> {
  const fd = yield* call('open', Buffer.from(place, 'latin1'), O_PATH | flags);
  return { fd, stat: yield* call('fstat', fd) };
}

/** What a link says; null: it is one of /proc. */
function* textOf(fd: number, place: string): Steps<Buffer | null> {
  const kind = yield* call('kind', Buffer.from(dirname(place), 'latin1'));
  return kind === PROC ? null : yield* call('linkText', fd, Buffer.from(place, 'latin1'));
}

const AGENT = BigInt(process.geteuid?.() ?? 0);

function* judge({ path, owner }: Link, { fd, stat }: Opened): Steps<void> {
  if (owner === 0n || owner === AGENT || owner === stat.uid) return;
  const real = yield* call('readlink', `/proc/self/fd/${fd}`);
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

function* judgeHardLink(path: string, stat: BigIntStats): Steps<void> {
  if (PROTECTED || stat.nlink < 2n) return;
  const directory = yield* call('stat', dirname(path));
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
