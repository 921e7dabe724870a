/**
 * What changes of tracked files under the names that they have: they grow, get shorter, or a new one gets its first bytes.
 * That costs one stat where nothing did.
 */
import type { BigIntStats } from 'node:fs';
import { fstatSync } from '../../../mounts/fs.ts';
import type { TrackedFile } from '../file/file.ts';
import type { Positions } from '../positions/positions.ts';
import type { Turns } from '../turns.ts';
import type { Names } from './names.ts';
import type { Succession } from './succession.ts';

/** What was not written to for so long is not about to be truncated. */
const REST_MS = 60_000;
const YOUNG_MS = 10_000;

export interface ChangesOptions {
  positions: Positions;
  names: Names;
  turns: Turns;
  succession: Succession;
  /** Something else may have the name. */
  lookAt: (path: string) => void;
  starting: () => boolean;
}

export class Changes {
  readonly #o: ChangesOptions;

  constructor(options: ChangesOptions) {
    this.#o = options;
  }

  /** Looks whether anything about a tracked file has changed; costs one stat. */
  check(file: TrackedFile, path: string): void {
    file.came(performance.now());
    this.#o.positions.sized(file.stream.generation, file.size);
    const state = file.compare(path);
    if (state === 'other') this.#o.lookAt(path);
    else if (state === 'shorter') this.#shorter(file);
    else if (state === 'written' || file.room) this.wake(file);
    else {
      file.noteSum();
      if (performance.now() - file.grown > REST_MS) file.stream.rest();
    }
  }

  seen(file: TrackedFile, stat: BigIntStats): void {
    const size = Number(stat.size);
    const modified = Number(stat.mtimeMs);
    if (size === file.stored && modified === file.modified) return;
    if (file.seen(size, modified) === 'shorter') this.#shorter(file);
    else this.wake(file);
  }

  /** Less is there than was known of. That is judged at once: while the output is away nothing is read. */
  #shorter(file: TrackedFile): void {
    if (!file.held && !file.reading && !file.restarting) {
      const size = file.withOpen((fd) => fstatSync(fd).size) ?? file.size;
      const holds = file.holdsWhatWasRead();
      if (size === 0 || holds === false) this.#o.succession.restarted(file);
      else if (holds && size < file.size) this.#o.succession.shortened(file, size);
    }
    this.wake(file);
  }

  /** There may be something to read. */
  wake(file: TrackedFile): void {
    if (this.#o.names.fresh.has(file) && file.path !== null) this.judge(file, file.path);
    if (file.held) this.#o.succession.step(file);
    else this.#o.turns.ready(file);
  }

  /** A new file may have to wait as soon as it has bytes. A copy gets its first ones when it is made. */
  judge(file: TrackedFile, path: string): void {
    const young = performance.now() - file.grown < YOUNG_MS;
    file.measure();
    if (file.size === 0 && young) return;
    this.#o.names.fresh.delete(file);
    const others = young ? this.#o.names.beside(path) : [];
    // What was there before the agent started is no copy of what it found just now.
    try {
      this.#o.succession.holdNew(file, others, !this.#o.starting());
    } catch {
      // What cannot be read cannot be compared; when it is its turn, that is said.
    }
  }
}
