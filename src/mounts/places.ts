/**
 * On which mount a path leads, found out without touching one that may hang: from the root on, a step a name. Each step
 * looks only at what lies on a mount that cannot hang; behind the first one that may, nothing is looked at any more.
 *
 *   /var/log/app -> /mnt/nfs/app       lstat /var, /var/log, /var/log/app: a link; /mnt; /mnt/nfs is a mount: stop
 *
 * What was found of a directory counts for a moment. Links below a mount that may hang are not looked at: they are its.
 */
import { lstatSync, readlinkSync } from 'node:fs';
import type { Mount } from './mountinfo.ts';
import { MountTable } from './table.ts';

interface Place {
  /** The mount that may hang; null: it is on none. */
  readonly mount: Mount | null;
  /** The path without links, up to that mount. */
  readonly real: string;
  /** By `performance.now()`. */
  readonly since: number;
}

/** A directory may be moved away, and a link to somewhere else put in its place. */
const FRESH_MS = 100;
const MOST = 1000;
/** As many as the kernel follows. */
const MOST_LINKS = 40;

const table = new MountTable();
let version = 0;
let directories = new Map<string, Place>();
/** By device: the mounts on which this process may wait. */
const own = new Set<string>();
let waits = false;

/** This process is there to wait for what is on this mount, and for nothing else. */
export function waitFor(device: string): void {
  own.add(device);
}

/** This process waits for whatever it asks: nothing depends on it. */
export function waitForAll(): void {
  waits = true;
}

export function mayWait(): boolean {
  return waits || own.size > 0;
}

/** Leads to a file, or only to its name, which may be a link. */
export type To = 'file' | 'name';

/** The mount that may hang on which the path leads; null: none. */
export function mountOf(path: string, to: To = 'file'): Mount | null {
  if (!anyMayHang()) return null;
  const place = placeOfName(path);
  return to === 'name' || place.mount ? place.mount : followed(place, { left: MOST_LINKS }).mount;
}

/** The same, where others than this process are to ask what is there. */
export function foreignMountOf(path: string, to: To = 'file'): Mount | null {
  const mount = mountOf(path, to);
  return waits || (mount && own.has(mount.device)) ? null : mount;
}

/** True: this mount is there no more. */
export function isGone({ device }: Mount): boolean {
  return !table.any || !table.mounts.some((mount) => mount.device === device);
}

/** False: no path leads to a mount that may hang. */
export function anyMayHang(): boolean {
  const { any } = table;
  if (table.version !== version) {
    version = table.version;
    directories = new Map();
  }
  return any;
}

function placeOfName(path: string): Place {
  const slash = path.lastIndexOf('/');
  return below(directoryAt(path.slice(0, slash), { left: MOST_LINKS }), path.slice(slash + 1));
}

function directoryAt(path: string, links: { left: number }): Place {
  if (path === '') return { mount: null, real: '/', since: 0 };
  const known = directories.get(path);
  if (known && performance.now() - known.since < FRESH_MS) return known;
  const slash = path.lastIndexOf('/');
  const place = followed(below(directoryAt(path.slice(0, slash), links), path.slice(slash + 1)), links);
  if (directories.size >= MOST) directories.clear();
  directories.set(path, place);
  return place;
}

/** A name in a directory. */
function below({ mount, real }: Place, name: string): Place {
  const since = performance.now();
  if (name === '' || name === '.') return { mount, real, since };
  if (name === '..' && !mount) return { mount, real: parentOf(real), since };
  const path = real === '/' ? `/${name}` : `${real}/${name}`;
  return { mount: table.at(path) ?? mount, real: path, since };
}

/** Where a link leads; else the place itself. */
function followed(place: Place, links: { left: number }): Place {
  if (place.mount) return place;
  let target: string;
  try {
    if (!lstatSync(place.real, { throwIfNoEntry: false })?.isSymbolicLink()) return place;
    target = readlinkSync(place.real);
  } catch {
    // It may not be looked at, or has just gone: whoever looks at it hears why.
    return place;
  }
  // A circle is an error to whoever looks at it.
  if (--links.left < 0) return place;
  if (target.startsWith('/')) {
    const slash = target.lastIndexOf('/');
    return followed(below(directoryAt(target.slice(0, slash), links), target.slice(slash + 1)), links);
  }
  const above: Place = { mount: null, real: parentOf(place.real), since: place.since };
  return target.split('/').reduce((at, name) => followed(below(at, name), links), above);
}

function parentOf(real: string): string {
  return real.slice(0, real.lastIndexOf('/')) || '/';
}
