/** Opens a path that is not tracked yet and decides what it is: a file that is known from before, or a new one. */
import { type BigIntStats, closeSync } from 'node:fs';
import { dirname } from 'node:path';
import { log } from '../../log.ts';
import { newGeneration, openRegular, type TailContext, TrackedFile } from './file.ts';
import { inodeKey, lookUp, siblings } from './identity.ts';
import type { Generation } from './journal.ts';
import { headOf, lastLineStart, markerAt, recognise } from './resume.ts';

/** From here on first bytes and marker tell files apart; before it, only a copy that was just made is taken for one. */
const TELLING = 256;
const JUST_MS = 60_000;

export interface Admitted {
  file: TrackedFile;
  fd: number;
}

/**
 * `existing`: it was there before the first look on this data_dir was done. Null: it is no regular file. Throws what
 * the system says when it cannot be opened.
 */
export function admit(context: TailContext, path: string, existing: boolean): Admitted | null {
  const opened = openRegular(path);
  if (!opened) return null;
  const { fd, stat } = opened;
  try {
    const { positions, input } = context;
    const stored = recognise(fd, stat.dev, Number(stat.size), positions.free(input.name, stat.ino));
    const file = stored ? resumed(context, fd, stat, stored) : added(context, path, fd, stat, existing);
    file.path = path;
    return { file, fd };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function resumed(context: TailContext, fd: number, stat: BigIntStats, generation: Generation): TrackedFile {
  const file = new TrackedFile(context, null, stat, generation, true);
  generation.device = stat.dev;
  file.marker = markerAt(fd, file.position);
  return file;
}

function added(context: TailContext, path: string, fd: number, stat: BigIntStats, existing: boolean): TrackedFile {
  const { input, positions, account } = context;
  let base = 0;
  if (existing && input.start_at === 'end') base = lastLineStart(fd, Number(stat.size));
  else if (input.ignore_older !== null && Date.now() - Number(stat.mtimeMs) > input.ignore_older) {
    base = lastLineStart(fd, Number(stat.size));
    account.drop('ignored_older', 0, base);
  }
  const generation = newGeneration(input.name, path, { device: stat.dev, inode: stat.ino }, base);
  if (base === 0) return new TrackedFile(context, null, stat, generation, false);
  // Where reading begins has to be known after a restart, too.
  generation.head = headOf(fd);
  generation.marker = markerAt(fd, base);
  positions.create(generation);
  return resumed(context, fd, stat, generation);
}

/**
 * The copy that was made of a file before it was truncated (logrotate's copytruncate), if it lies beside it and has
 * bytes that were not read. It goes on with the file's stream.
 */
export function copyOf(
  context: TailContext,
  file: TrackedFile,
  tracked: (key: string) => boolean,
): (Admitted & { path: string }) | null {
  const { generation } = file.stream;
  if (file.path === null || file.position === 0 || !file.stream.persisted) return null;
  const known = { ...generation, position: file.position, markedAt: file.position, marker: file.marker };
  for (const path of siblings(dirname(file.path))) {
    const stat = lookUp(path);
    if (!stat?.isFile() || Number(stat.size) <= file.position || tracked(inodeKey(stat))) continue;
    if (file.position < TELLING && Date.now() - Number(stat.ctimeMs) > JUST_MS) continue;
    try {
      const opened = openRegular(path);
      if (!opened) continue;
      const { fd } = opened;
      if (recognise(fd, stat.dev, Number(opened.stat.size), [known])) {
        const copy = new TrackedFile(context, null, opened.stat, { ...known }, false);
        copy.takeOver(file);
        return { file: copy, fd, path };
      }
      closeSync(fd);
    } catch {
      // Not readable: then it cannot be told whether this is the copy.
    }
  }
  return null;
}

/**
 * Files that lost their name while the agent was down, or were copied and truncated, and still lie beside it with bytes
 * that were not read. `tracked` says whether a file has been found under a name already.
 */
export function* recover(
  context: TailContext,
  tracked: (key: string) => boolean,
): Iterable<Admitted & { path: string }> {
  const missing = new Map<string, Generation[]>();
  for (const generation of context.positions.free(context.input.name)) {
    const dir = dirname(generation.path);
    missing.set(dir, [...(missing.get(dir) ?? []), generation]);
  }
  for (const [dir, generations] of missing) {
    for (const path of siblings(dir)) {
      const stat = lookUp(path);
      if (!stat?.isFile() || tracked(inodeKey(stat))) continue;
      const unread = generations.filter((g) => g.position < Number(stat.size));
      const candidates = unread.filter((g) => g.inode === stat.ino || g.position >= TELLING);
      if (candidates.length === 0) continue;
      try {
        const opened = openRegular(path);
        if (!opened) continue;
        const { fd } = opened;
        const generation = recognise(fd, stat.dev, Number(opened.stat.size), candidates);
        if (!generation) {
          closeSync(fd);
          continue;
        }
        generations.splice(generations.indexOf(generation), 1);
        if (generation.inode !== stat.ino) context.positions.moveTo(generation, { device: stat.dev, inode: stat.ino });
        yield { file: resumed(context, fd, opened.stat, generation), fd, path };
      } catch (error) {
        log.warn(`cannot read on in ${path}: ${(error as Error).message}`);
      }
    }
  }
}
