/**
 * The file calls of all that looks at files which are not the agent's own. A mount may hang (a server that is gone), and
 * a call that hangs would take the main thread, or one of libuv's four, with it. So what is on a mount that may hang is
 * nothing that this process calls for: a path that leads there is refused, before anything is asked. Who reads what is
 * there is another process (sources/tail/apart/), which waits as long as it takes.
 *
 * Where no mount may hang nothing costs more. Elsewhere a path costs a look at its directory, now and then.
 */
import fs from 'node:fs';
import { statfs as statfsHere, stat as statHere } from 'node:fs/promises';
import * as native from '../native.ts';
import type { Mount } from './mountinfo.ts';
import { anyMayHang, foreignMountOf, mayWait, type To } from './places.ts';

export { closeSync, constants, fstatSync, readSync } from 'node:fs';
export const { advise, seekData, seekHole } = native;

/** The path leads to a mount that may hang: nothing is said of what is there, nor whether there is anything. */
export class Elsewhere extends Error {
  readonly code = 'EELSEWHERE';
  readonly mount: Mount;

  constructor(path: string, mount: Mount) {
    super(
      `${path} is on a file system that may hang (${mount.type} at ${mount.mountpoint}): another process asks there`,
    );
    this.mount = mount;
  }
}

/** Throws where this process must not ask what is there. */
export function judgePlace(path: string, to: To = 'file'): void {
  const mount = foreignMountOf(path, to);
  if (mount) throw new Elsewhere(path, mount);
}

/** The same of what this process needs for itself and has in no other place: what is to be done is said. */
export function needHere(path: string, to: To = 'file'): void {
  const mount = foreignMountOf(path, to);
  if (!mount) return;
  throw new Error(
    `${path} is on a file system that may hang (${mount.type} at ${mount.mountpoint}): name one on a file system of this machine`,
  );
}

/** A process that is there to wait does so with its main thread: by that it is seen to hang. */
export const read = ((fd: number, into: Buffer, at: number, length: number, position: number, done: Done) => {
  if (!mayWait()) return fs.read(fd, into, at, length, position, done);
  let got = 0;
  try {
    got = fs.readSync(fd, into, at, length, position);
  } catch (error) {
    return done(error as Error, 0);
  }
  done(null, got);
}) as typeof fs.read;

type Done = (error: Error | null, got: number) => void;

type Path = string;

/** The call, with a path that is judged before. */
function judged<A extends unknown[], R>(to: To, call: (path: Path, ...args: A) => R): (path: Path, ...args: A) => R {
  return (path, ...args) => {
    judgePlace(path, to);
    return call(path, ...args);
  };
}

/** One call where it is no link, as nearly all are. */
export const statSync = ((path: string, options?: fs.StatSyncOptions) => {
  if (!anyMayHang()) return fs.statSync(path, options);
  judgePlace(path, 'name');
  const stat = fs.lstatSync(path, options);
  if (!stat?.isSymbolicLink()) return stat;
  judgePlace(path);
  return fs.statSync(path, options);
}) as typeof fs.statSync;

export const lstatSync = judged('name', fs.lstatSync) as typeof fs.lstatSync;
export const readlinkSync = judged('name', fs.readlinkSync) as typeof fs.readlinkSync;
export const realpathSync = judged('file', fs.realpathSync.native) as (path: string) => string;
export const openSync = judged('file', fs.openSync);
export const accessSync = judged('file', fs.accessSync);
export const readTextSync = judged('file', (path) => fs.readFileSync(path, 'utf8'));
export const opendirSync = judged('file', fs.opendirSync);
export const readdirSync = judged('file', fs.readdirSync) as typeof fs.readdirSync;
export const statfsSync = judged('file', fs.statfsSync) as typeof fs.statfsSync;
export const statfs = judged('file', (path) => statfsHere(path));
export const stat = judged('file', (path) => statHere(path));
export const renameSync = judged('name', (from, to: string) => fs.renameSync(from, to));
export const unlinkSync = judged('name', (path) => fs.unlinkSync(path));
export const renameNew = judged('name', native.renameNoReplace);
