/**
 * Why a file is not read now, and when that is asked again. A file waits for one thing at a time.
 *
 * A hold has no due time: nothing is read before whoever holds the file lets it go. With any other reason the file is
 * asked for its turn when it is due, or as soon as something is told of it.
 */

/** Nothing is read. */
const HOLDS = {
  /** It may be a copy in the making (rotation/copies.ts). */
  'possible copy': true,
  /** Its content may have been read before it was compressed (compressed/rotated-copies.ts). */
  'compressed copy': true,
  /** It is compared with the file that it replaced (rotation/replaced.ts). */
  replacement: true,
  /** At the start, files that had its name before are looked for (rotation/predecessors.ts). */
  'older files': true,
  /** It does not hold what it held; the copy of that is looked for (rotation/succession.ts). */
  truncated: true,
  /** As many as may be are decompressed at the moment (compressed/unpacking.ts). */
  decompression: true,
};

export type Hold = keyof typeof HOLDS;

export type WaitReason =
  | Hold
  /** The file that had its name before has to be read first (rotation/order.ts). */
  | 'predecessor'
  /** A record that is open at its end is over when the file was silent for `multiline.timeout`. */
  | 'open record'
  /** The last line has no end. Once the file lost its name, it goes out as it is `rotate_wait` after the last write. */
  | 'unfinished line'
  /** NULs at its end may be written over yet: that is told to nobody (file/hole.ts). */
  | 'reserved room'
  /** The partition of its records takes nothing; others do (core/lane.ts). */
  | 'partition'
  /** It may have been written anew in place (file/rewrites.ts). */
  | 'rewrite'
  /** It could not be opened or read, which is tried again. */
  | 'error';

export interface Wait {
  readonly reason: WaitReason;
  /** By `performance.now()`. */
  readonly since: number;
  /** By `performance.now()`: when it is asked for; infinity: when something is told. */
  due: number;
}

export function isHold(wait: Wait | null): boolean {
  return wait !== null && wait.reason in HOLDS;
}
