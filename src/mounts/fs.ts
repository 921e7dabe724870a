/**
 * The file calls of all that looks at files which are not the agent's own: a mount may hang (a server that is gone), and
 * a call that hangs would take the main thread, or one of libuv's four, with it. So they have one door.
 */
export {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  read,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  statfsSync,
  statSync,
  unlinkSync,
} from 'node:fs';
export { statfs } from 'node:fs/promises';
export { advise, renameNew, seekData, seekHole } from '../native.ts';
