/**
 * Stored positions, for people on call: where their files are now, and how to move a position so that the agent knows
 * the file again when it starts.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lineEndsOf } from '../../../lines/line-ends.ts';
import { closeSync } from '../../../mounts/fs.ts';
import { openRegular } from '../../../mounts/open.ts';
import { compression } from '../compressed/archive.ts';
import { inodeOf, lookUp, siblings } from '../file/inode.ts';
import { Selection } from '../find/selection.ts';
import { homesOf } from '../find/symlinks.ts';
import type { LogConfig } from '../options.ts';
import { newGeneration } from '../positions/generation.ts';
import { FORMAT, type Generation, journalFormat, readJournal, STARTED, UNIT } from './journal.ts';
import type { Positions } from './positions.ts';
import { endsLine, headOf, lastLineStart, markerAt, recognise } from './recognise.ts';

/** What is stored, read without changing anything: also beside a running agent. Null: nothing was stored there yet. */
export async function readPositions(dataDir: string): Promise<{ files: Generation[]; damaged: number } | null> {
  const path = join(dataDir, 'positions');
  for (let attempt = 1; ; attempt++) {
    let bytes: Buffer;
    try {
      bytes = await readFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
    const format = journalFormat(bytes);
    if (format !== null && format > FORMAT) {
      throw new Error(`${path} has format ${format}, this version reads up to ${FORMAT}: run the newer version`);
    }
    const { files, damaged } = readJournal(bytes);
    const all = [...files.values()].filter((g) => g.path !== STARTED);
    if (format !== null && damaged === 0) return { files: all, damaged };
    // An agent that is just writing leaves half an entry for a moment.
    if (attempt === 5) return { files: all, damaged: format === null ? damaged + UNIT : damaged };
    await sleep(20);
  }
}

/**
 * - `there`    under the name that it was found by
 * - `renamed`  under another name in the same directory, or where a link led before
 * - `shorter`  there, and ends before the position: it was truncated
 * - `gone`     neither its name nor its directory leads to it
 */
export type StoredFileState = 'there' | 'renamed' | 'shorter' | 'gone';

export interface StoredFile {
  state: StoredFileState;
  /** The path that leads to it now, its size, and the bytes behind the position; null where there are none to tell. */
  now: string | null;
  size: number | null;
  behind: number | null;
}

/** Finds the files of stored positions. Directories are listed once, so one is made for each look. */
export class StoredFiles {
  readonly #byDirectory = new Map<string, Map<string, string>>();

  find(generation: Generation): StoredFile {
    // The journal of systemd: only that tells how much there is.
    if (generation.cursor) return { state: 'there', now: generation.path, size: null, behind: null };
    const now = this.#pathOf(generation);
    const stat = now === null ? undefined : lookUp(now);
    if (now === null || !stat) return { state: 'gone', now: null, size: null, behind: null };
    const size = Number(stat.size);
    // Positions in a compressed file count its content, which only reading it can tell.
    if (compression(now)) return { state: now === generation.path ? 'there' : 'renamed', now, size, behind: null };
    if (size < generation.position) return { state: 'shorter', now, size, behind: null };
    return { state: now === generation.path ? 'there' : 'renamed', now, size, behind: size - generation.position };
  }

  #pathOf({ path, real, inode }: Generation): string | null {
    // The device may change when the machine boots.
    if (lookUp(path)?.ino === inode) return path;
    if (real !== undefined && lookUp(real)?.ino === inode) return real;
    for (const dir of homesOf(path)) {
      const now = this.#listed(dir).get(String(inode));
      if (now !== undefined) return now;
    }
    return null;
  }

  #listed(dir: string): Map<string, string> {
    let byInode = this.#byDirectory.get(dir);
    if (!byInode) {
      byInode = new Map();
      for (const sibling of siblings(dir)) {
        const stat = lookUp(sibling);
        if (stat) byInode.set(String(stat.ino), sibling);
      }
      this.#byDirectory.set(dir, byInode);
    }
    return byInode;
  }
}

export interface Change {
  input: string;
  path: string;
  id: string;
  /** Null: the agent does not know the file yet. */
  from: number | null;
  to: number;
  size: number;
  /** Bytes that will be sent again, and bytes that never will be. */
  again: number;
  never: number;
  /** Not null: `to` is within a line that begins here. */
  within: number | null;
}

/**
 * What it takes to let the inputs that read `path` go on at `where`. Nothing is changed before `apply`; then the file is
 * recognised by what it holds now. Throws a sentence where that cannot be done.
 */
export function planMove(
  positions: Positions,
  inputs: readonly LogConfig[],
  path: string,
  where: number | 'beginning' | 'end',
): { changes: Change[]; apply: () => void } {
  const reading = inputs.filter((input) => new Selection(input).isIncluded(path));
  const taken = reading.filter((input) => new Selection(input).has(path));
  if (taken.length === 0) {
    const why = reading.length > 0 ? `input ${reading[0]!.name} excludes` : 'no input under logs includes';
    throw new Error(`${why} ${path}`);
  }
  if (compression(path) && where !== 'beginning') {
    throw new Error(`${path} is compressed: its position can only be set to \`beginning\``);
  }
  const opened = openRegular(path);
  if (!opened) throw new Error(`${path} is no regular file`);
  const { fd, stat } = opened;
  try {
    const size = Number(stat.size);
    if (typeof where === 'number' && where > size) {
      throw new Error(`${path} has ${size} bytes: there is no position ${where} in it`);
    }
    // What is in a compressed file's beginning is not what its content begins with.
    const head = compression(path) ? null : headOf(fd);
    const claimed = new Set<Generation>();
    const steps = taken.map((input) => {
      const ends = lineEndsOf(input.encoding_in);
      const to = where === 'beginning' ? 0 : where === 'end' ? lastLineStart(fd, size, ends) : where;
      if (to % ends.unitBytes !== 0) {
        const { encoding_in, name } = input;
        throw new Error(`${path} is ${encoding_in} (input ${name}): ${to} is within a character, ${to - 1} is not`);
      }
      const within = to > 0 && !endsLine(fd, to, ends) ? lastLineStart(fd, to, ends) : null;
      const marker = markerAt(fd, to);
      const free = positions.unclaimed.of(input.name, stat.ino).filter((g) => !claimed.has(g));
      const known = compression(path) ? free[0] : recognise(fd, stat, free);
      const generation = known ?? newGeneration(input.name, path, inodeOf(stat), to);
      if (known) claimed.add(known);
      const from = known ? known.position : null;
      const change: Change = {
        input: input.name,
        path,
        id: generation.id,
        from,
        to,
        size,
        again: Math.max(0, (from ?? 0) - to),
        never: Math.max(0, to - (from ?? 0)),
        within,
      };
      const apply = () => {
        Object.assign(generation, inodeOf(stat));
        generation.position = to;
        generation.marker = marker;
        generation.markedAt = to;
        generation.sum = undefined;
        if (head) generation.head = head;
        delete generation.whole;
        delete generation.damaged;
        delete generation.cut;
        delete generation.skipped;
        delete generation.routed;
        delete generation.topics;
        // What another input had and does not name any more is this one's from now on.
        if (known) positions.use(known, input.name);
        if (known) positions.described(known);
        if (known) positions.moved(known);
        else positions.create(generation);
        positions.sized(generation, size);
      };
      return { change, apply };
    });
    return {
      changes: steps.map(({ change }) => change),
      apply: () => {
        for (const step of steps) step.apply();
      },
    };
  } finally {
    closeSync(fd);
  }
}

/** Stored positions of the file that `path` leads to now, and those that were found under this name and are gone. */
export function storedFor(all: readonly Generation[], path: string, finder: StoredFiles): Generation[] {
  const stat = lookUp(path);
  return all.filter((g) => (g.cursor || finder.find(g).now === null ? g.path === path : stat?.ino === g.inode));
}
