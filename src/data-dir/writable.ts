/**
 * Whether others may write what the agent, as root, takes its orders from or keeps its state in: who may, has root's
 * rights. What stands in a directory may be replaced by whoever may write there, unless the sticky bit keeps them from it.
 */
import {
  accessSync,
  constants,
  type Dirent,
  lstatSync,
  readdirSync,
  readFileSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** What is wrong, and what would be right, of an existing file or directory, or of what it lies in. Null: nothing. */
export function writableByOthers(path: string): string | null {
  // Others have no more rights than who may write there, or fewer.
  if (process.geteuid?.() !== 0) return null;
  const real = realOf(path);
  if (real === null) return null;
  const own = fault(real, statSync(real));
  if (own) return own;
  for (const dir of new Set([...above(real), ...above(realpathSync(dirname(path)), true)])) {
    const stat = statSync(dir);
    if (isSticky(stat) || !opensToOthers(stat)) continue;
    if (!isReadOnly(dir)) return `${dir}, in which it lies, ${whoMay(stat)}: chmod go-w ${dir}`;
  }
  return null;
}

/** Directories that are everybody's by purpose. */
const SHARED = ['/tmp', '/var/tmp', '/dev/shm', '/run/lock', '/run/shm'];

/**
 * Whether others have the right to write in this directory of root's and made nothing of it: a file system that was just
 * mounted is such (tmpfs: mode 1777). Whoever it is for may take that right away, and lose nothing.
 */
export function isUnusedByOthers(dir: string): boolean {
  const real = realOf(dir);
  if (real === null || SHARED.includes(real)) return false;
  const stat = statSync(real);
  if (stat.uid !== 0 || !isSticky(stat)) return false;
  return readdirSync(real).every((name) => lstatSync(join(real, name), { throwIfNoEntry: false })?.uid === 0);
}

/**
 * The same of what is in a directory, of the names that are asked for, and of all below these. Null: nothing, as far as
 * others get there.
 */
export function writableWithin(dir: string, isAsked: (name: string) => boolean): string | null {
  if (process.geteuid?.() !== 0 || realOf(dir) === null) return null;
  return faultIn(dir, isAsked, letsOthersIn(statSync(dir)));
}

/** `reached`: others get into it. Where a link leads they may come from elsewhere. */
function faultIn(dir: string, isAsked: (name: string) => boolean, reached: boolean): string | null {
  for (const entry of entriesOf(dir)) {
    const path = join(dir, entry.name);
    const link = entry.isSymbolicLink();
    const stat = isAsked(entry.name) && realOf(path) !== null ? statSync(path, { throwIfNoEntry: false }) : undefined;
    if (!stat || !(stat.isFile() || stat.isDirectory())) continue;
    const own = link ? writableByOthers(path) : reached ? fault(path, stat) : null;
    if (own) return own;
    const below = stat.isDirectory() ? faultIn(path, () => true, link || (reached && letsOthersIn(stat))) : null;
    if (below) return below;
  }
  return null;
}

function entriesOf(dir: string): Dirent[] {
  try {
    return readdirSync(dir, { withFileTypes: true });
  } catch (error) {
    // An agent that runs has taken it away.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function letsOthersIn({ mode, gid }: Stats): boolean {
  return (mode & 0o001) !== 0 || ((mode & 0o010) !== 0 && gid !== 0);
}

/** Null: it is a pipe, and lies nowhere, or a link that leads nowhere. */
function realOf(path: string): string | null {
  try {
    const real = realpathSync(path);
    statSync(real);
    return real;
  } catch (error) {
    if (['ENOENT', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

/** Others may make new files here, whatever the sticky bit says. */
function fault(path: string, stat: Stats): string | null {
  if (!belongsToOthers(stat) && !opensToOthers(stat)) return null;
  if (isReadOnly(path)) return null;
  if (belongsToOthers(stat)) return `${path} belongs to user ${stat.uid}, who may change it: chown root ${path}`;
  return `${path} ${whoMay(stat)}: chmod go-w ${path}`;
}

function* above(path: string, itself = false): Iterable<string> {
  if (itself) yield path;
  for (let dir = dirname(path); ; dir = dirname(dir)) {
    yield dir;
    if (dir === '/') return;
  }
}

const OVERFLOW = 65_534;

function belongsToOthers({ uid }: Stats): boolean {
  return uid !== 0 && !(uid === OVERFLOW && isPartlyMapped());
}

/** In such a namespace whoever is not in it looks like nobody, root too. */
function isPartlyMapped(): boolean {
  try {
    return !/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'latin1'));
  } catch {
    // Not Linux.
    return false;
  }
}

/** A group's members are others, but for root's. */
function opensToOthers(stat: Stats): boolean {
  const { mode, gid } = stat;
  // What is written to a device is not what is read from it, and /dev/null has to stay as it is.
  if (stat.isCharacterDevice()) return false;
  return (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid !== 0);
}

function whoMay({ mode, gid }: Stats): string {
  return mode & 0o002 ? 'may be written by everybody' : `may be written by group ${gid}`;
}

function isSticky({ mode }: Stats): boolean {
  return (mode & 0o1000) !== 0;
}

/** What is mounted read-only (a ConfigMap, a container's file) nobody here may write, whatever its mode says. */
function isReadOnly(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EROFS';
  }
}
