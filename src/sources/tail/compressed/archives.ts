/** Files that an input names and that hold no lines (archive.ts): they are not read, said, and counted. */
import type { BigIntStats } from 'node:fs';
import { log } from '../../../log.ts';
import type { Untracked } from '../find/untracked.ts';
import { archiveAt, compression, isNamedArchive, isRead } from './archive.ts';

export interface ArchivesOptions {
  input: string;
  untracked: Untracked;
  /** True if the pattern that names this path says that such are read. */
  unpacks: (path: string) => boolean;
}

export class Archives {
  readonly #o: ArchivesOptions;

  constructor(options: ArchivesOptions) {
    this.#o = options;
  }

  /** True: the file is one, by its name or because of what was seen in it. */
  has(path: string, stat: BigIntStats): boolean {
    const { untracked, unpacks } = this.#o;
    const noted = untracked.get(path);
    const state = stateOf(stat);
    if (noted?.reason === 'compressed' && (noted.state === state || archiveAt(path) !== null)) {
      untracked.note(path, 'compressed', { existing: false, state });
      return true;
    }
    const format = compression(path);
    if (!format || unpacks(path)) return false;
    this.note(path, stat, format);
    return true;
  }

  /** The file was seen to be one. Those whose names say so are said once for each kind. */
  note(path: string, stat: BigIntStats, kind: string): void {
    const { input, untracked } = this.#o;
    const help = isRead(kind)
      ? 'compressed files are read where the pattern itself ends in .gz or .zst'
      : 'of compressed files gzip and zstd can be read';
    // Lines that are there instead one day were not there at the first start.
    const news = { existing: false, state: stateOf(stat) };
    if (isNamedArchive(path)) {
      untracked.note(path, 'compressed', news);
      const what = `input ${input} does not read ${path} and the like: it is compressed (${kind})`;
      log.warnOnce(`compressed ${input} ${kind}`, `${what}; ${help}; exclude them to say no more`);
    } else {
      const what = `${path} matches input ${input} and is compressed (${kind}), whatever its name says: it is not read`;
      untracked.note(path, 'compressed', { ...news, what: `${what}; ${help}` });
    }
  }
}

/** While this is the same nothing was written to it, nor is it another file. */
function stateOf({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}`;
}
