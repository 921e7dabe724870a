/**
 * Finds the files that an input reads and tells when something happens to them.
 *
 * Directories are watched, one inotify watch each, and listed by the places of the glob. What inotify tells is a hint,
 * and a hint may be lost (queues overflow, network file systems have none), so everything is gone over again every ten
 * seconds; a directory that did not change costs one stat. A directory is watched before it is listed, so there is no
 * moment between the two. Where a pattern's directory does not exist yet, the nearest one above it is watched.
 */

import type { Stats } from 'node:fs';
import { basename } from 'node:path';
import { pause } from '../../../core/abort.ts';
import { statSync } from '../../../mounts/fs.ts';
import { Directories, type Directory } from './directories.ts';
import type { Finding, LeftOutByWalk } from './finding.ts';
import type { OwnFiles } from './own.ts';
import type { Selection } from './selection.ts';
import { Walk } from './walk.ts';

export interface Finder extends Finding {
  /** Something was written to this path of a watched directory. */
  written(path: string): void;
  /** This path of a watched directory was created, renamed or deleted. */
  moved(path: string): void;
  /** What happens in this directory is not told from now on, until its state is `told` again. */
  polled(directory: Directory): void;
}

export interface DiscoveryOptions {
  input: string;
  selection: Selection;
  own: OwnFiles;
  /** Paths below which it looks, and nowhere else; null: wherever the selection leads. */
  roots: ReadonlySet<string> | null;
  /** Directories that are looked into, at most. */
  most: number;
  /** Who is told. */
  finder: () => Finder;
}

/** Of the time that a pass takes, so many times as long passes before the next: whoever makes directories gets no more. */
const REST = 3;
const LONGEST_REST_MS = 10_000;
/** Not worth a timer. */
const SHORT_MS = 5;

export class Discovery {
  readonly #o: DiscoveryOptions;
  readonly #directories: Directories;
  /** Directories watched for a link's target: no names are looked for in them. */
  readonly #targets = new Set<string>();
  readonly #stop = new AbortController();
  #pass = 0;
  #scanning: Promise<void> | null = null;
  #again = false;
  #restUntil = 0;
  /** In the last pass. */
  left: LeftOutByWalk = { files: 0, directories: 0, foreign: 0 };

  constructor(options: DiscoveryOptions) {
    this.#o = options;
    this.#directories = new Directories(
      options.most,
      (dir, event, name) => this.#told(dir, event, name),
      (directory) => options.finder().polled(directory),
    );
  }

  /** Directories in which changes are not told, so looking often has to do. */
  get silent(): number {
    return this.#directories.silent;
  }

  /** True if inotify tells what happens in this directory. */
  tells(dir: string): boolean {
    return this.#directories.get(dir)?.state === 'told';
  }

  /** Listens to a busy directory again if it was polled for long enough. */
  listen(directory: Directory, calm: boolean, now: number): void {
    if (this.#directories.due(directory, calm, now)) this.#directories.again(directory);
  }

  /** Goes over all directories; tells what was found. A scan that is asked for during a scan follows it. */
  scan(): Promise<void> {
    if (this.#scanning) this.#again = true;
    this.#scanning ??= this.#scan().finally(() => {
      this.#scanning = null;
    });
    return this.#scanning;
  }

  /** Has the next pass list a directory whether it changes or not. */
  listAgain(dir: string): void {
    const directory = this.#directories.get(dir);
    if (directory) directory.modified = Number.NaN;
  }

  /** Watches the directory of a link's target. */
  watchTarget(dir: string): void {
    if (this.#directories.has(dir) || this.#targets.size >= this.#o.most) return;
    this.#targets.add(dir);
    this.#watchTarget(dir);
  }

  /** Looks no further, and tells nothing more. */
  stop(): void {
    this.#stop.abort();
  }

  async close(): Promise<void> {
    this.stop();
    await this.#scanning;
    await this.#directories.close();
  }

  #told(dir: string, event: string, name: string | null): void {
    if (this.#stop.signal.aborted) return;
    if (!name || (event === 'rename' && name === basename(dir))) void this.scan();
    if (!name) return;
    const path = dir === '/' ? `/${name}` : `${dir}/${name}`;
    if (event === 'rename') this.#o.finder().moved(path);
    else this.#o.finder().written(path);
  }

  async #scan(): Promise<void> {
    const { signal } = this.#stop;
    do {
      await this.#rest();
      this.#again = false;
      const start = performance.now();
      const finding = this.#o.finder();
      const pass = ++this.#pass;
      const walk = new Walk({ ...this.#o, finding, directories: this.#directories, pass, stop: signal });
      await walk.run();
      for (const dir of this.#targets) this.#watchTarget(dir);
      if (signal.aborted) return;
      this.#directories.sweep(pass);
      this.left = walk.left;
      const end = performance.now();
      this.#restUntil = end + Math.min(REST * (end - start), LONGEST_REST_MS);
    } while (this.#again);
  }

  async #rest(): Promise<void> {
    const { signal } = this.#stop;
    const left = this.#restUntil - performance.now();
    // Cut short when it stops.
    if (left > SHORT_MS) await pause(left, signal);
  }

  #watchTarget(dir: string): void {
    let stat: Stats | undefined;
    try {
      stat = statSync(dir, { throwIfNoEntry: false });
    } catch {
      // It cannot be looked at now: as good as not there.
    }
    if (stat) this.#directories.watch(dir, stat, this.#pass);
    else this.#targets.delete(dir);
  }
}
