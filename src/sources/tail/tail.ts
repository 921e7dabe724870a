/**
 * The tail source: follows the files of one `logs` entry.
 *
 *   discovery --found, moved--> look -> tracked files --written--> ready -> fill a batch -> push
 *                                            ^
 *              every file is looked at every ten seconds, whatever discovery says
 *
 * Looking (who has this name now?) is one short step without a wait, so it sees one state of things. Ready files take
 * turns, a batch each. While one batch is packed the next one is read already.
 */
import { type BigIntStats, closeSync, fstatSync, lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Config } from '../../config/schema.ts';
import type { Account } from '../../core/account.ts';
import type { Batch } from '../../core/batch.ts';
import type { Output, Source } from '../../core/pipeline.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { log } from '../../log.ts';
import { descriptors } from './descriptors.ts';
import { Discovery } from './discover.ts';
import { newGeneration, openRegular, type TailContext, TrackedFile } from './file.ts';
import { Excludes, Glob } from './glob.ts';
import { inodeKey } from './identity.ts';
import type { Generation } from './journal.ts';
import type { Positions } from './positions.ts';
import { fill } from './read.ts';
import { headOf, lastLineStart, markerAt, recognise } from './resume.ts';

const TICK_MS = 250;
/** Every file is looked at once in so many ticks: ten seconds. */
const ROUND = 40;
/** An unfinished line at the end of a file that lost its name is sent after this long without a write. */
const FLUSH_MS = 2000;
/** A file that was not written for so long is closed. */
const CLOSE_MS = 300_000;
/** Files looked at between which other things get their turn. */
const STEP = 64;

export interface TailOptions {
  input: Config['logs'][number];
  host: string;
  tags: Record<string, string>;
  partition_by: 'host' | 'file';
  positions: Positions;
  kernel: Kernel;
  account: Account;
}

/** A file as `status --json` shows it. */
export interface FileStatus {
  path: string;
  id: string;
  size: number;
  position: number;
  committed: number;
  lag_bytes: number;
  lag_seconds: number;
  lines: number;
  truncated: number;
  error: string | null;
}

export function tailSource(options: TailOptions): TailSource {
  return new TailSource(options);
}

export class TailSource implements Source {
  readonly name: string;
  lines = 0;
  bytes = 0;
  readonly #o: TailOptions;
  readonly #context: TailContext;
  readonly #discovery: Discovery;
  readonly #files = new Set<TrackedFile>();
  readonly #byPath = new Map<string, TrackedFile>();
  readonly #byInode = new Map<string, TrackedFile>();
  readonly #byAlias = new Map<string, TrackedFile>();
  /** Paths that could not be opened: what was said, and how much was there at the first start (`start_at: end`). */
  readonly #unreadable = new Map<string, { error: string; existing: boolean }>();
  /** Paths that are no regular files. */
  readonly #skipped = new Set<string>();
  /** Paths to look at, in order. */
  readonly #looks = new Set<string>();
  #looking: Promise<void> | null = null;
  /** Files that may have something to read, in turn. */
  readonly #ready = new Set<TrackedFile>();
  #wake: () => void = () => undefined;
  /** True until the first look at everything on this data_dir is done. */
  #first = false;
  #tick = 0;

  constructor(options: TailOptions) {
    const { input, host, tags, partition_by, positions, account } = options;
    this.#o = options;
    this.name = input.name;
    this.#context = { input, origin: { host, tags, kafka: { partition_by } }, positions, account };
    this.#discovery = new Discovery(new Glob(input.include), new Excludes(input.exclude), {
      found: (path) => this.#found(path),
      written: (path) => this.#written(path),
      moved: (path) => this.#moved(path),
    });
  }

  get files_total(): number {
    return this.#files.size;
  }

  /** Files that match and cannot be read now. */
  get unreadable(): number {
    return this.#unreadable.size;
  }

  files(): FileStatus[] {
    return [...this.#files].map((file) => ({
      path: file.stream.generation.path,
      id: file.stream.generation.id,
      size: file.size,
      position: file.position,
      committed: file.committed,
      lag_bytes: Math.max(0, file.size - file.committed),
      lag_seconds: file.lag / 1000,
      lines: file.lines,
      truncated: file.truncated,
      error: file.error,
    }));
  }

  async run(output: Output, signal: AbortSignal): Promise<void> {
    const { positions, input } = this.#o;
    this.#first = !positions.started(input.name);
    const stop = () => this.#wake();
    signal.addEventListener('abort', stop);
    const pumping = this.#pump(output, signal);
    // A failure is thrown where this is awaited, below.
    pumping.catch(() => undefined);
    let timer: NodeJS.Timeout | undefined;
    try {
      await this.#discovery.scan();
      await this.#looked();
      if (!signal.aborted) {
        this.#first = false;
        positions.setStarted(input.name);
        this.#recover();
        positions.forgetOlder(input.name, input.forget_after ?? Number.POSITIVE_INFINITY);
        timer = setInterval(() => this.#onTick(), TICK_MS);
      }
      await pumping;
    } finally {
      clearInterval(timer);
      signal.removeEventListener('abort', stop);
      await this.#discovery.close();
      this.#looks.clear();
      await this.#looking;
      for (const file of this.#files) descriptors.close(file);
    }
  }

  /* What discovery says. */

  #found(path: string): void {
    this.#lookAt(path);
  }

  #written(path: string): void {
    const file = this.#byPath.get(path) ?? this.#byAlias.get(path);
    if (file) this.#makeReady(file);
    else if (!this.#looks.has(path) && this.#discovery.names(path)) this.#lookAt(path);
  }

  #moved(path: string): void {
    if (this.#byPath.has(path) || this.#byAlias.has(path) || this.#discovery.names(path)) {
      this.#lookAt(path);
      return;
    }
    const stat = lookUp(path);
    if (stat?.isDirectory()) void this.#discovery.scan();
    else if (stat?.isFile()) {
      // The new name of a tracked file: what is written to it from now on is told under this name.
      const file = this.#byInode.get(inodeKey(stat));
      if (file) this.#alias(path, file);
    }
  }

  /* Looking: who has this name now? */

  #lookAt(path: string): void {
    this.#looks.add(path);
    this.#looking ??= this.#lookAll().finally(() => {
      this.#looking = null;
    });
  }

  /** Resolves when every path that was to be looked at has been. */
  async #looked(): Promise<void> {
    while (this.#looking) await this.#looking;
  }

  async #lookAll(): Promise<void> {
    let step = 0;
    await Promise.resolve();
    for (const path of this.#looks) {
      this.#looks.delete(path);
      this.#look(path);
      if (++step % STEP === 0) await setImmediate();
    }
  }

  #look(path: string): void {
    const file = this.#byPath.get(path);
    let stat: BigIntStats | undefined;
    try {
      stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Not gone, only out of sight.
      if (code !== 'ENOTDIR' && code !== 'ELOOP') {
        this.#cannotRead(path, error as Error);
        return;
      }
    }
    if (!stat?.isFile()) {
      this.#unreadable.delete(path);
      this.#unalias(path);
      if (file) this.#lostName(file);
      if (!stat) this.#skipped.delete(path);
      else if (this.#discovery.names(path)) this.#skip(path, stat);
      return;
    }
    if (file?.key === inodeKey(stat)) {
      this.#update(file, stat);
      return;
    }
    if (file) this.#lostName(file);
    const alias = this.#byAlias.get(path);
    if (alias?.key === inodeKey(stat)) {
      this.#makeReady(alias);
      return;
    }
    this.#unalias(path);
    if (!this.#discovery.names(path)) return;
    const known = this.#byInode.get(inodeKey(stat));
    if (known) this.#rename(known, path);
    else this.#adopt(path);
  }

  #update(file: TrackedFile, stat: BigIntStats): void {
    const size = Number(stat.size);
    const modified = Number(stat.mtimeMs);
    if (size === file.size && modified === file.modified) return;
    file.modified = modified;
    this.#makeReady(file);
  }

  /** A tracked file has this name, too. */
  #rename(file: TrackedFile, path: string): void {
    const before = file.path;
    if (before !== null && inodeAt(before) === file.key) {
      this.#alias(path, file);
      return;
    }
    if (before !== null) {
      this.#byPath.delete(before);
      this.#lookAt(before);
    }
    file.path = path;
    file.gone = null;
    file.flush = false;
    this.#byPath.set(path, file);
    this.#makeReady(file);
  }

  /** Its name is gone or another file's. It is read to its end, and let go when nothing is written to it any more. */
  #lostName(file: TrackedFile): void {
    const path = file.path!;
    this.#byPath.delete(path);
    file.path = null;
    file.gone = performance.now();
    for (const alias of [...file.aliases]) {
      if (inodeAt(alias) !== file.key) this.#unalias(alias);
      else if (this.#discovery.names(alias)) {
        this.#unalias(alias);
        this.#rename(file, alias);
        return;
      }
    }
    if (file.fd === null && !this.#findByInode(file, dirname(path))) {
      this.#finish(file, Math.max(0, file.size - file.position));
      return;
    }
    this.#makeReady(file);
  }

  /** Opens a file that was renamed within its directory while it was closed. */
  #findByInode(file: TrackedFile, dir: string): boolean {
    for (const path of siblings(dir)) {
      if (inodeAt(path) !== file.key) continue;
      file.path = path;
      try {
        if (descriptors.open(file)) this.#alias(path, file);
      } catch (error) {
        file.error = (error as Error).message;
      }
      file.path = null;
      return file.fd !== null;
    }
    return false;
  }

  #alias(path: string, file: TrackedFile): void {
    this.#unalias(path);
    this.#byAlias.set(path, file);
    file.aliases.add(path);
  }

  #unalias(path: string): void {
    this.#byAlias.get(path)?.aliases.delete(path);
    this.#byAlias.delete(path);
  }

  #skip(path: string, stat: BigIntStats): void {
    if (this.#skipped.has(path)) return;
    this.#skipped.add(path);
    const what = stat.isDirectory()
      ? 'a directory'
      : stat.isFIFO()
        ? 'a FIFO'
        : stat.isSocket()
          ? 'a socket'
          : 'a device';
    log.warn(`${path} matches input ${this.name} and is ${what}: it is not read`);
  }

  #cannotRead(path: string, error: Error): void {
    const file = this.#byPath.get(path);
    if (file) file.error = error.message;
    if (!this.#unreadable.has(path)) {
      log.warn(`cannot read ${path}: ${error.message}; it is tried again every ten seconds`);
      this.#unreadable.set(path, { error: error.message, existing: this.#first });
    }
  }

  /* Files begin and end. */

  /** A file that is not tracked yet: one that is known from before, or a new one. */
  #adopt(path: string): void {
    let opened: ReturnType<typeof openRegular>;
    try {
      opened = openRegular(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#cannotRead(path, error as Error);
      return;
    }
    if (!opened) return;
    const existing = this.#unreadable.get(path)?.existing ?? this.#first;
    this.#unreadable.delete(path);
    const { fd, stat } = opened;
    const file = this.#resume(path, fd, stat, existing);
    file.path = path;
    this.#byPath.set(path, file);
    this.#track(file, fd);
    this.#watchTarget(path, file);
  }

  #resume(path: string, fd: number, stat: BigIntStats, existing: boolean): TrackedFile {
    const { input, positions, account } = this.#o;
    const size = Number(stat.size);
    const stored = recognise(fd, stat.dev, size, positions.free(input.name, stat.ino));
    if (stored) return this.#tracked(stat, fd, stored, true);
    const identity = { device: stat.dev, inode: stat.ino };
    let base = 0;
    if (existing && input.start_at === 'end') base = lastLineStart(fd, size);
    else if (input.ignore_older !== null && Date.now() - Number(stat.mtimeMs) > input.ignore_older) {
      base = lastLineStart(fd, size);
      account.drop('ignored_older', 0, base);
    }
    const generation = newGeneration(input.name, path, identity, base);
    if (base === 0) return this.#tracked(stat, fd, generation, false);
    generation.head = headOf(fd);
    generation.marker = markerAt(fd, base);
    positions.create(generation);
    return this.#tracked(stat, fd, generation, true);
  }

  #tracked(stat: BigIntStats, fd: number, generation: Generation, persisted: boolean): TrackedFile {
    const file = new TrackedFile(this.#context, null, stat, generation, persisted);
    generation.device = stat.dev;
    file.marker = markerAt(fd, file.position);
    return file;
  }

  #track(file: TrackedFile, fd: number): void {
    this.#files.add(file);
    this.#byInode.set(file.key, file);
    descriptors.keep(file, fd);
    if (file.size !== file.position) this.#makeReady(file);
  }

  /** What is written to the target of a symbolic link is told in the target's directory. */
  #watchTarget(path: string, file: TrackedFile): void {
    let real: string;
    try {
      real = realpathSync(path);
    } catch {
      // It has just gone: the next look sees that.
      return;
    }
    if (real === path) return;
    this.#discovery.watchTarget(dirname(real));
    if (!this.#byPath.has(real)) this.#alias(real, file);
  }

  /** Files that lost their name while the agent was down are read to their end, where they still are beside it. */
  #recover(): void {
    const { positions, input } = this.#o;
    const missing = new Map<bigint, Generation>();
    const dirs = new Set<string>();
    for (const generation of positions.free(input.name)) {
      missing.set(generation.inode, generation);
      dirs.add(dirname(generation.path));
    }
    for (const dir of dirs) {
      for (const path of siblings(dir)) {
        const stat = lookUp(path);
        if (!stat?.isFile() || !missing.has(stat.ino) || this.#byInode.has(inodeKey(stat))) continue;
        this.#recoverFile(path, missing.get(stat.ino)!);
      }
    }
  }

  #recoverFile(path: string, generation: Generation): void {
    let opened: ReturnType<typeof openRegular>;
    try {
      opened = openRegular(path);
    } catch (error) {
      log.warn(`cannot read on in ${path}: ${(error as Error).message}`);
      return;
    }
    if (!opened) return;
    const { fd, stat } = opened;
    const size = Number(stat.size);
    if (!recognise(fd, stat.dev, size, [generation]) || size === generation.position) {
      closeSync(fd);
      return;
    }
    const file = this.#tracked(stat, fd, generation, true);
    this.#track(file, fd);
    file.gone = performance.now();
    this.#alias(path, file);
  }

  /** Lets a file go that has no name any more. `unread` bytes of it are lost. */
  #finish(file: TrackedFile, unread: number): void {
    if (unread > 0) {
      this.#o.account.drop('deleted', 0, unread);
      const path = file.stream.generation.path;
      log.warn(`${path} is gone with ${unread} bytes that were not read: it was deleted while it was closed`);
    }
    const deleted = file.fd === null || fstatSync(file.fd).nlink === 0;
    descriptors.close(file);
    this.#files.delete(file);
    this.#ready.delete(file);
    if (this.#byInode.get(file.key) === file) this.#byInode.delete(file.key);
    for (const alias of [...file.aliases]) this.#unalias(alias);
    if (deleted) file.stream.end();
    else this.#o.positions.release(file.stream.generation);
  }

  /* The clock. */

  #onTick(): void {
    this.#tick++;
    const now = performance.now();
    const often = this.#discovery.blind && this.#tick % 4 === 0;
    let i = 0;
    for (const file of this.#files) {
      if (file.path === null) this.#watchNameless(file, now);
      else if (i % ROUND === this.#tick % ROUND || often) {
        this.#lookAt(file.path);
        if (file.fd !== null && !file.busy && now - file.grown > CLOSE_MS) descriptors.close(file);
      }
      i++;
    }
    if (this.#tick % ROUND === 0) {
      for (const path of this.#unreadable.keys()) this.#lookAt(path);
      for (const path of this.#skipped) this.#lookAt(path);
    }
    if (this.#tick % ROUND === 0 || often) void this.#discovery.scan();
  }

  #watchNameless(file: TrackedFile, now: number): void {
    if (file.fd === null || file.busy || this.#ready.has(file)) return;
    const { size } = fstatSync(file.fd);
    if (size !== file.size) {
      this.#makeReady(file);
      return;
    }
    const quiet = now - Math.max(file.grown, file.gone ?? 0);
    if (size > file.position) {
      if (quiet < Math.min(FLUSH_MS, this.#o.input.rotate_wait)) return;
      file.flush = true;
      this.#makeReady(file);
    } else if (quiet >= this.#o.input.rotate_wait) this.#finish(file, 0);
  }

  /* Reading. */

  #makeReady(file: TrackedFile): void {
    if (file.busy) file.again = true;
    else this.#ready.add(file);
    this.#wake();
  }

  async #pump(output: Output, signal: AbortSignal): Promise<void> {
    let filled = await this.#nextBatch(output, signal);
    while (filled) {
      const next = this.#nextBatch(output, signal);
      // The next read is under way before packing begins, if there is memory for it.
      for (let i = 0; i < 8; i++) await undefined;
      await output.push(filled);
      filled = await next;
    }
  }

  /** The next batch that holds something; null: it is time to stop. */
  async #nextBatch(output: Output, signal: AbortSignal): Promise<Batch | null> {
    while (!signal.aborted) {
      const file = first(this.#ready);
      if (!file) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      this.#ready.delete(file);
      if (!this.#open(file)) continue;
      file.busy = true;
      file.again = false;
      let batch: Batch;
      try {
        batch = await output.take(file.stream, signal);
      } catch (error) {
        file.busy = false;
        if (signal.aborted) return null;
        throw error;
      }
      const more = await this.#fill(file, batch);
      file.busy = false;
      if (more || file.again) this.#makeReady(file);
      if (batch.count > 0) return batch;
      output.discard(batch);
    }
    return null;
  }

  #open(file: TrackedFile): boolean {
    try {
      if (descriptors.open(file)) return true;
      if (file.path !== null) this.#lookAt(file.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') this.#lookAt(file.path!);
      else this.#cannotRead(file.path!, error as Error);
    }
    return false;
  }

  /** Reads a batch; true: there may be more. */
  async #fill(file: TrackedFile, batch: Batch): Promise<boolean> {
    const { kernel, input, account } = this.#o;
    const size = file.size;
    try {
      const outcome = await fill(file, batch, kernel, input.max_line);
      file.error = null;
      if (outcome === 'restarted') {
        const lost = file.restart();
        const path = file.stream.generation.path;
        if (lost > 0) account.drop('truncated', 0, lost);
        log.info(
          `${path} was truncated or written anew${lost > 0 ? ` (${lost} bytes were not read)` : ''}: reading it from 0`,
        );
        return true;
      }
      if (file.size !== size) file.grown = performance.now();
      if (batch.count === 0) return outcome === 'more';
      await file.persist();
      batch.weight = batch.count;
      batch.time = Date.now();
      file.stream.sent(batch.end, file.marker);
      file.lines += batch.count;
      this.lines += batch.count;
      this.bytes += batch.end - batch.from;
      account.received += batch.count;
      return outcome === 'more';
    } catch (error) {
      const { message } = error as Error;
      file.error = message;
      log.warnOnce(`read ${file.key}`, `cannot read ${file.stream.generation.path}: ${message}; it is tried again`);
      batch.count = 0;
      return false;
    }
  }
}

function first<T>(set: Set<T>): T | undefined {
  for (const value of set) return value;
  return undefined;
}

function lookUp(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    // No right to look, or a loop of links: as good as not there.
    return undefined;
  }
}

function inodeAt(path: string): string | undefined {
  const stat = lookUp(path);
  return stat && inodeKey(stat);
}

/** Paths of the regular files in a directory. */
function siblings(dir: string): string[] {
  try {
    return readdirSync(dir)
      .map((name) => join(dir, name))
      .filter((path) => lstatSync(path, { throwIfNoEntry: false })?.isFile());
  } catch {
    // The directory is gone, and with it what could be found there.
    return [];
  }
}
