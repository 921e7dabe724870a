/** What a pass over the directories (walk.ts) tells of, and what it leaves out. */
import type { Mount } from '../../../mounts/mountinfo.ts';

/** What was found, and whom to ask. */
export interface Finding {
  /** False: there is no room for another file. */
  readonly room: boolean;
  /** A path that is read; may be told many times. False: there is no room for it. `link`: it is, or may be, a symbolic link. */
  found(path: string, link: boolean): boolean;
  /** A file that was put aside to be deleted, by this name. */
  aside(path: string): void;
  /** This path, which may match or have more below it, leads to a mount that is not looked at here. */
  elsewhere(path: string, mount: Mount): void;
  /** Set: so much was found that it has to be looked at first. */
  readonly behind: Promise<void> | null;
}

/** What a pass has left out, and says once. */
export interface LeftOutByWalk {
  /** Files for which there is no room. */
  files: number;
  /** Directories for which there is none, links to directories beyond the most, and what lies too deep. */
  directories: number;
  /** Directories that links lead to which are not followed. */
  foreign: number;
}
