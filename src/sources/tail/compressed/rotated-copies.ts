/**
 * Compressed copies of files that are known: what logrotate and gzip(1) leave behind.
 *
 *   app.log.1      | read ............... | not read |   is gone
 *   app.log.1.gz   | the same bytes ................ |   is read on from the old position, under the old id
 *
 * A compressed file goes on with a stored position if its content has the first bytes and the marker of it. This is
 * looked for when a file is gone, inside and outside the glob; and where a compressed file appears that the glob names,
 * before anything of it is read: what was read as plain text is not read again. As long as the plain file is still open,
 * it is read to its end itself, and the compressed one has nothing to add.
 */

import type { BigIntStats } from 'node:fs';
import { dirname } from 'node:path';
import { log } from '../../../log.ts';
import { closeSync } from '../../../mounts/fs.ts';
import { openRegular } from '../../../mounts/open.ts';
import type { TailContext } from '../context.ts';
import type { TrackedFile } from '../file/file.ts';
import { HEAD_BYTES, inodeOf, same } from '../file/inode.ts';
import { newGeneration } from '../positions/generation.ts';
import type { Generation } from '../positions/journal.ts';
import { begins, headOf, SHARED_HEADER_BYTES } from '../positions/recognise.ts';
import { TELLING } from '../rotation/admit.ts';
import { ByHead } from '../rotation/by-head.ts';
import { mayBeCopy } from '../rotation/copies.ts';
import type { Names } from '../rotation/names.ts';
import type { Turns } from '../turns.ts';
import { packedFile } from './admit.ts';
import { type Compression, compression } from './archive.ts';
import { Inflated } from './inflate.ts';

/** What is known of a file's content. */
type Known = Pick<Generation, 'head' | 'marker' | 'markedAt' | 'position'>;

/** `short`: what there is of it is alike. `more`: it goes on behind the position. `over`: it ends there. */
type Verdict = 'differs' | 'short' | 'more' | 'over';

/** Compares the decompressed content of an open file with what is known of another one. */
async function compare(fd: number, format: Compression, known: Known): Promise<Verdict> {
  const { head, marker, markedAt, position } = known;
  const inflated = new Inflated(format);
  const bytesAt = async (at: number, length: number) => {
    const bytes = Buffer.allocUnsafe(length);
    return bytes.subarray(0, await inflated.read(fd, bytes, length, at));
  };
  try {
    const first = await bytesAt(0, head.length);
    if (first.length < head.length) return 'short';
    if (!same(head, first)) return 'differs';
    const before = await bytesAt(markedAt - marker.length, marker.length);
    if (before.length < marker.length) return 'short';
    if (!same(marker, before)) return 'differs';
    if (position > markedAt && (await bytesAt(position - 1, 1)).length === 0) return 'short';
    return (await bytesAt(position, 1)).length > 0 ? 'more' : 'over';
  } finally {
    inflated.release();
  }
}

/** True: its content is what is known of another file, or begins with it. */
export async function holdsPacked(fd: number, format: Compression, known: Known): Promise<boolean> {
  const verdict = known.head.length === 0 ? 'differs' : await compare(fd, format, known);
  return verdict === 'more' || verdict === 'over';
}

/** The first bytes of the content, as many as a file is known by. */
async function firstOf(fd: number, format: Compression): Promise<Buffer> {
  const inflated = new Inflated(format);
  try {
    const first = Buffer.allocUnsafe(HEAD_BYTES);
    return first.subarray(0, await inflated.read(fd, first, HEAD_BYTES, 0));
  } finally {
    inflated.release();
  }
}

export interface RotatedCopy {
  file: TrackedFile;
  fd: number;
  path: string;
}

/** There is one, and nothing more in it. */
interface ReadCopy {
  path: string;
  fd: null;
}

interface Candidate {
  path: string;
  format: Compression;
  fd: number;
  stat: BigIntStats;
}

/**
 * What `look` finds in the first of these files in which it finds something, as far as they are compressed. Each is open
 * while it is looked at; a copy that is found stays so. `cannot`: what a failure keeps from being done, before the path.
 */
async function firstWith<Found extends RotatedCopy | ReadCopy>(
  paths: Iterable<string>,
  cannot: string,
  look: (candidate: Candidate) => Promise<Found | null>,
): Promise<Found | null> {
  for (const path of paths) {
    const format = compression(path);
    if (!format) continue;
    let fd: number | null = null;
    let found: Found | null = null;
    try {
      const opened = openRegular(path);
      if (!opened) continue;
      fd = opened.fd;
      found = await look({ path, format, fd, stat: opened.stat });
      if (found) return found;
    } catch (error) {
      log.warn(`${cannot} ${path}: ${(error as Error).message}`);
    } finally {
      if (fd !== null && !found?.fd) closeSync(fd);
    }
  }
  return null;
}

/** The compressed file in which a generation goes on. */
export function packedWith(
  context: TailContext,
  g: Generation,
  paths: Iterable<string>,
): Promise<RotatedCopy | ReadCopy | null> {
  return firstWith<RotatedCopy | ReadCopy>(paths, 'cannot read on in', async ({ path, format, fd, stat }) => {
    if (g.inode === stat.ino && begins(fd, g.head)) {
      // It went on there before.
      if (g.whole === Number(stat.size) || g.damaged === Number(stat.size)) return { path, fd: null };
    } else {
      const verdict = g.position < TELLING ? 'short' : await compare(fd, format, g);
      if (verdict === 'over') return { path, fd: null };
      // Meanwhile another file may have been found that goes on with it.
      if (verdict !== 'more' || !context.positions.unclaimed.has(g, context.input.name)) return null;
      context.positions.moveTo(g, inodeOf(stat));
      g.head = headOf(fd);
      log.info(`${g.path} was compressed meanwhile: reading on in ${path}`);
    }
    return { file: packedFile(context, null, stat, format, g, true), fd, path };
  });
}

/** The compressed file in which one goes on that was closed when it went; null: there is none with anything to read. */
export async function packedAfter(
  context: TailContext,
  gone: TrackedFile,
  paths: Iterable<string>,
): Promise<RotatedCopy | null> {
  const { position, marker, stream } = gone;
  if (position < TELLING) return null;
  const known = { head: stream.generation.head, marker, markedAt: position, position };
  const cannot = `cannot tell whether ${stream.name} goes on in`;
  return firstWith<RotatedCopy>(paths, cannot, async ({ path, format, fd, stat }) => {
    if ((await compare(fd, format, known)) !== 'more') return null;
    const generation = newGeneration(context.input.name, path, inodeOf(stat), 0);
    const file = packedFile(context, null, stat, format, generation, false);
    stream.generation.head = headOf(fd);
    file.takeOver(gone);
    file.packed!.expect(marker, position);
    log.info(`${stream.name} was compressed meanwhile: reading on in ${path}`);
    return { file, fd, path };
  });
}

/** What is known of a directory's files is as good as new for so long. */
const SOURCES_MS = 1000;
/** Its writer is done when nothing was written for so long. */
const QUIET_MS = 2000;
/** It is not waited for longer. */
const LONGEST_MS = 60_000;

interface Held {
  path: string;
  since: number;
  size: bigint;
  /** When it had another size last. */
  grown: number;
}

/** What a compressed file may have been made of. */
interface Sources {
  /** By `performance.now()`. */
  made: number;
  open: ByHead<TrackedFile>;
  free: ByHead<Generation>;
}

export interface TwinsOptions {
  context: TailContext;
  names: Names;
  turns: Turns;
}

/** New compressed files of which nothing is read until it is known whether their content was read already. */
export class RotatedCopies {
  readonly #o: TwinsOptions;
  readonly #held = new Map<TrackedFile, Held>();
  #looking: Promise<void> | null = null;
  #closed = false;
  /** False until every file that has a name was found. */
  started = false;

  constructor(options: TwinsOptions) {
    this.#o = options;
  }

  hold(file: TrackedFile, path: string): void {
    this.#o.turns.hold(file, 'compressed copy');
    const now = performance.now();
    this.#held.set(file, { path, since: now, size: -1n, grown: now });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#looking;
  }

  /** To be called at each tick. */
  look(): void {
    if (!this.started || this.#looking || this.#held.size === 0) return;
    this.#looking = this.#lookAtAll().finally(() => {
      this.#looking = null;
    });
  }

  async #lookAtAll(): Promise<void> {
    /** By directory, for all that are held there: thousands may be. */
    const sources = new Map<string, Sources>();
    for (const [file, held] of this.#held) {
      if (this.#closed) return;
      const dir = dirname(held.path);
      let known = sources.get(dir);
      if (!known || performance.now() - known.made > SOURCES_MS) known = this.#sourcesIn(dir, held.path);
      sources.set(dir, known);
      try {
        if (this.#o.names.files.has(file) && !(await this.#decide(file, held, known))) continue;
      } catch {
        // It cannot be opened: that is said when it is read.
      }
      this.#held.delete(file);
      this.#o.turns.release(file, 'compressed copy');
      this.#o.turns.ready(file);
    }
  }

  #sourcesIn(dir: string, path: string): Sources {
    const { names, context } = this.#o;
    const open = [...names.beside(path)].filter((other) => isOpenIn(other, dir));
    const free = context.positions.unclaimed.in(context.input.name, dir);
    return {
      made: performance.now(),
      open: new ByHead(open, ({ stream }) => stream.generation),
      free: new ByHead(
        free.filter((g) => g.position >= TELLING && g.head.length > 0),
        (g) => g,
      ),
    };
  }

  /** False: later. */
  async #decide(file: TrackedFile, held: Held, sources: Sources): Promise<boolean> {
    const { context, names } = this.#o;
    if (sources.open.size + sources.free.size === 0) return true;
    const opened = openRegular(held.path);
    if (!opened) return true;
    const { fd, stat } = opened;
    try {
      const format = compression(held.path)!;
      const first = await firstOf(fd, format);
      const open = sources.open.alike(first, held.path);
      const free = sources.free
        .alike(first, held.path)
        .filter((g) => context.positions.unclaimed.has(g, context.input.name));
      // One that was let go meanwhile is among those that are free, at the next look.
      if (!open.every((other) => names.files.has(other))) return false;
      if (open.length + free.length === 0) return true;
      const now = performance.now();
      if (stat.size !== held.size) held.grown = now;
      held.size = stat.size;
      const quiet = Date.now() - Number(stat.mtimeMs) > QUIET_MS || now - held.grown > QUIET_MS;
      if (!quiet && now - held.since < LONGEST_MS) return false;
      for (const other of open) {
        const { head } = other.stream.generation;
        const { marker, position } = other;
        const verdict = await compare(fd, format, { head, marker, markedAt: position, position });
        if (verdict !== 'more' && verdict !== 'over') continue;
        // What it has more is read from the file itself, which has to be open for that.
        if (other.fd === null) {
          this.#o.turns.ready(other);
          return false;
        }
        if (!mayBeOf(held.path, other, verdict)) continue;
        this.#skip(file, fd, Number(stat.size), other.stream.name);
        return true;
      }
      for (const g of free.sort((a, b) => b.position - a.position)) {
        const verdict = await compare(fd, format, g);
        if (verdict !== 'more' && verdict !== 'over') continue;
        if (!context.positions.unclaimed.has(g, context.input.name)) return false;
        context.positions.moveTo(g, file);
        g.head = headOf(fd);
        file.resume(g);
        file.packed!.expect(g.marker, g.markedAt);
        log.info(`${held.path} is ${g.path}, compressed: ${verdict === 'more' ? 'reading on in it' : 'it was read'}`);
        return true;
      }
      return true;
    } finally {
      closeSync(fd);
    }
  }

  /** True: it may be known yet in which compressed file a stored position goes on. */
  get undecided(): boolean {
    return this.#held.size > 0;
  }

  /** All of it was read, or will be, from the file that it was made of. */
  #skip(file: TrackedFile, fd: number, size: number, path: string): void {
    const { positions } = this.#o.context;
    const { generation } = file.stream;
    generation.head = headOf(fd);
    generation.whole = size;
    file.stream.persisted = true;
    positions.create(generation);
    positions.use(generation);
    log.info(`${file.path ?? generation.path} is ${path}, compressed, which is read itself`);
  }
}

/** Up to where others may begin alike: the file has what the compressed one has more, and its name. */
function mayBeOf(path: string, file: TrackedFile, verdict: 'more' | 'over'): boolean {
  if (file.position >= SHARED_HEADER_BYTES) return true;
  file.measure();
  if (verdict === 'more' && file.size <= file.position) return false;
  return mayBeCopy(path, [file.stream.name], file.position);
}

/** A plain file that is or was in this directory, of which enough was read to tell it from others. */
function isOpenIn(file: TrackedFile, dir: string): boolean {
  if (file.packed || file.held || file.position < TELLING) return false;
  return file.path !== null || dirname(file.stream.name) === dir;
}
