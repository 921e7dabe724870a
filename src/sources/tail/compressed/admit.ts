/** Compressed files that are not tracked yet: which are known, and where reading begins. */
import type { BigIntStats } from 'node:fs';
import type { TailContext } from '../context.ts';
import { TrackedFile } from '../file/file.ts';
import { inodeOf } from '../file/inode.ts';
import { newGeneration } from '../positions/generation.ts';
import type { Generation } from '../positions/journal.ts';
import { begins, headOf } from '../positions/recognise.ts';
import type { Compression } from './archive.ts';
import { Packed } from './packed.ts';

const OLD_MS = 86_400_000;

export interface FoundPacked {
  context: TailContext;
  path: string;
  fd: number;
  stat: BigIntStats;
  format: Compression;
  /** It was there before the first look on this data_dir was done. */
  existing: boolean;
}

/** The candidate that the compressed file is. */
export function knownPacked(fd: number, stat: BigIntStats, candidates: Generation[]): Generation | undefined {
  const found = candidates.filter((g) => g.head.length > 0 && begins(fd, g.head));
  return found.find((g) => g.device === stat.dev) ?? found[0];
}

/** A compressed file that is not tracked yet: one that is known from before, or a new one. */
export function admitPacked(
  { context, path, fd, stat, format, existing }: FoundPacked,
  known: Generation | undefined,
): TrackedFile {
  const { input, positions, account } = context;
  if (known) return packedFile(context, path, stat, format, known, true);
  const generation = newGeneration(input.name, path, inodeOf(stat), 0);
  const old = input.ignore_older !== null && Date.now() - Number(stat.mtimeMs) > input.ignore_older;
  const skip = old || (existing && input.start_at === 'end');
  if (!skip) return packedFile(context, path, stat, format, generation, false);
  // It is taken for one that was read: how long its content is, is not worth decompressing it.
  generation.head = headOf(fd);
  generation.whole = Number(stat.size);
  if (old) account.drop('ignored_older', 0, Number(stat.size));
  positions.create(generation);
  return packedFile(context, path, stat, format, generation, true);
}

/** A tracked file that goes on at the generation's position. */
export function packedFile(
  context: TailContext,
  path: string | null,
  stat: BigIntStats,
  format: Compression,
  generation: Generation,
  persisted: boolean,
): TrackedFile {
  const file = new TrackedFile(context, path, stat, generation, persisted);
  const packed = new Packed(format, file.size);
  file.unpack(packed);
  Object.assign(generation, inodeOf(stat));
  // Its writer may be done long since: then it need not be waited for.
  file.grewBefore(Math.max(0, Math.min(Date.now() - file.modified, OLD_MS)));
  if (file.position > 0) packed.expect(generation.marker, generation.markedAt);
  return file;
}
