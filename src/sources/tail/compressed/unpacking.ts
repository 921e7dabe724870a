/**
 * Compressed files of one input, on their way to their end: each is decompressed to its position before it is read,
 * a few at a time, and let go when it was read to its end and that is settled.
 *
 *   waiting -> decompressing -> at its end -> quiet: whole | cut | corrupt -> settled: closed
 */
import { log } from '../../../log.ts';
import type { TailContext } from '../context.ts';
import { descriptors } from '../file/descriptors.ts';
import type { TrackedFile } from '../file/file.ts';
import type { Tracker } from '../rotation/tracker.ts';
import type { Turns } from '../turns.ts';

/** Files that are decompressed at the same time; each takes a megabyte or two. */
const PLACES = 8;
/** After so long without a write it is looked whether a file is whole. */
const QUIET_MS = 2000;

/** A file that has no name, or is compressed: nothing else looks at it. */
export function cannotRead(file: TrackedFile, { message }: Error): void {
  file.fails(message);
  const { path } = file.stream.generation;
  log.warnOnce(`read ${file.key}`, `cannot read ${path}: ${message}; it is tried again every ten seconds`);
}

export class Unpacking {
  readonly #context: TailContext;
  readonly #tracker: Tracker;
  readonly #turns: Turns;
  readonly #places = new Set<TrackedFile>();
  readonly #waiting = new Set<TrackedFile>();

  constructor(context: TailContext, tracker: Tracker, turns: Turns) {
    this.#context = context;
    this.#tracker = tracker;
    this.#turns = turns;
  }

  /** True: the open file can be read at its position. False: later. */
  async prepare(file: TrackedFile): Promise<boolean> {
    if (file.held || !this.#place(file)) return false;
    try {
      const approach = await file.packed!.approach(file);
      if (approach === 'ready') return true;
      if (approach === 'restarted') this.#tracker.restarted(file);
      if (approach === 'nothing') {
        if (file.packed!.ending !== 'cut') this.#close(file);
      } else file.again = true;
    } catch (error) {
      cannotRead(file, error as Error);
    }
    return false;
  }

  /** Gives the places of files that were closed to others. */
  sweep(): void {
    for (const file of this.#places) if (!file.busy && !file.packed!.active) this.#leave(file);
  }

  /** Looks after a compressed file, four times a second. */
  tick(file: TrackedFile, now: number): void {
    const packed = file.packed!;
    if (file.busy || file.held) return;
    const { rotate_wait } = this.#context.input;
    const quiet = now - file.grown;
    const over = file.path === null && now - Math.max(file.grown, file.gone ?? 0) >= rotate_wait;
    if (file.fd === null) {
      if (over) this.#tracker.finish(file, 0);
      return;
    }
    const { size } = file.now();
    if (size !== packed.size) this.#turns.ready(file);
    else if (size === 0) {
      if (over) this.#tracker.finish(file, 0);
    } else if (packed.ending === 'open') {
      if (quiet < QUIET_MS) return;
      packed.concluding = true;
      this.#turns.ready(file);
    } else if (packed.ending === 'cut' && quiet < rotate_wait) return;
    else {
      if (packed.ending !== 'whole') this.#tell(file);
      // What is torn waits for the rest, as an unfinished line does in any file.
      if (file.size > file.position && (packed.ending !== 'cut' || over)) {
        file.flush = true;
        this.#turns.ready(file);
      } else if (file.committed >= file.position) this.#done(file, size, over);
    }
  }

  /** What was good is read: that is all there is. */
  #tell(file: TrackedFile): void {
    const packed = file.packed!;
    const { fault, bytes } = packed.damage;
    if (file.error === null) file.say(fault);
    if (packed.told) return;
    packed.told = true;
    this.#context.account.drop('corrupt', 0, bytes);
    log.warn(`${file.stream.generation.path}: ${fault}; what is good of it was read, up to ${file.size}`);
  }

  /** It was read to its end, and all is settled: it is not opened again while it has this size. */
  #done(file: TrackedFile, size: number, over: boolean): void {
    const { generation, persisted } = file.stream;
    const kind = file.packed!.ending === 'whole' ? 'whole' : 'damaged';
    if (generation[kind] !== size) {
      generation[kind] = size;
      if (persisted) this.#context.positions.described(generation);
      else void file.persist();
    }
    if (file.path !== null) this.#close(file);
    else if (over) this.#tracker.finish(file, 0);
  }

  #close(file: TrackedFile): void {
    if (file.path !== null) descriptors.close(file);
    else file.packed!.release();
    this.#leave(file);
  }

  #place(file: TrackedFile): boolean {
    if (this.#places.has(file)) return true;
    if (this.#places.size >= PLACES) {
      // One that waits for more to be written starts again when there is more.
      for (const other of this.#places) {
        if (other.busy || !other.packed!.atEnd || other.packed!.concluding) continue;
        other.packed!.release();
        this.#places.delete(other);
        break;
      }
    }
    if (this.#places.size >= PLACES) {
      this.#waiting.add(file);
      this.#turns.hold(file, 'decompression');
      return false;
    }
    this.#places.add(file);
    return true;
  }

  #leave(file: TrackedFile): void {
    if (!this.#places.delete(file)) return;
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      this.#turns.release(next, 'decompression');
      // It may have been let go.
      if (!this.#tracker.files.has(next)) continue;
      this.#turns.ready(next);
      return;
    }
  }
}
