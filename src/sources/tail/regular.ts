/**
 * Every file is looked at once in ten seconds, whatever is told of it: those with a name a share at each tick, those
 * without one and the compressed ones as often as there is time for. What is quiet is closed, or let go.
 */
import type { Ahead } from './ahead/ahead.ts';
import type { Unpacking } from './compressed/unpacking.ts';
import { descriptors } from './file/descriptors.ts';
import type { TrackedFile } from './file/file.ts';
import type { Pump } from './pump.ts';
import type { Tracker } from './rotation/tracker.ts';
import { Rounds } from './rounds.ts';
import type { Turns } from './turns.ts';

/** Every file, and every directory, is looked at once in so many ticks: ten seconds. */
const ROUND = 40;
const CLOSE_MS = 300_000;

export interface RegularOptions {
  tracker: Tracker;
  turns: Turns;
  unpacking: Unpacking;
  pump: Pump;
  ahead: Ahead | undefined;
  rotate_wait: number;
  close_after: number | undefined;
  round: number | undefined;
}

export class Regular {
  readonly #o: RegularOptions;
  readonly #round: number;
  readonly #packed: Rounds<TrackedFile>;
  readonly #nameless: Rounds<TrackedFile>;
  #tick = 0;
  /** Goes over the tracker's files; in this round it has come so far. */
  #turn: Iterator<TrackedFile> | null = null;

  constructor(options: RegularOptions) {
    const { tracker, round } = options;
    this.#o = options;
    this.#round = round ?? ROUND;
    this.#packed = new Rounds(() => tracker.packed.values());
    this.#nameless = new Rounds(() => tracker.nameless.values());
  }

  tick(ticks: number, now: number): void {
    const rounds = Math.floor(this.#tick / this.#round);
    this.#tick += ticks;
    this.#o.unpacking.sweep();
    this.#packed.step((file) => this.#o.unpacking.tick(file, now));
    this.#nameless.step((file) => this.#watchNameless(file, now));
    // Always one: an iterator that rests keeps what was deleted in memory.
    const share = Math.max(1, Math.ceil(this.#o.tracker.files.size / this.#round));
    for (let left = share * ticks; left > 0; left--) {
      this.#turn ??= this.#o.tracker.files.values();
      const { value: file, done } = this.#turn.next();
      if (!done) this.#look(file, now);
      else this.#turn = null;
    }
    this.#o.pump.tick();
    this.#o.ahead?.tick();
    this.#o.tracker.tick(now);
    if (Math.floor(this.#tick / this.#round) > rounds) this.#o.tracker.again();
  }

  #look(file: TrackedFile, now: number): void {
    if (file.path === null) return;
    this.#o.tracker.check(file, file.path);
    if (file.size > file.position && !file.held && this.#o.pump.isHeldUp(file)) file.noteUnread();
    // What was not read of it could not be read any more if it were deleted meanwhile.
    if (file.packed || file.fd === null || file.busy || file.size > file.position) return;
    if (now - file.grown > (this.#o.close_after ?? CLOSE_MS)) descriptors.close(file);
  }

  #watchNameless(file: TrackedFile, now: number): void {
    if (file.packed || file.fd === null || file.busy || file.queued || file.reading || file.restarting) return;
    const unread = file.size > file.position;
    const { size, nlink } = file.now();
    if (size !== file.stored || (unread && !this.#o.turns.isDue(file))) this.#o.turns.ready(file);
    // Renamed back before all of it is settled, it would be read again from what is.
    else if (!unread && (nlink === 0 || file.stream.sentLast === undefined)) {
      if (now - lastNews(file) >= this.#o.rotate_wait) this.#o.tracker.finish(file, 0);
    }
  }
}

function lastNews({ grown, gone }: TrackedFile): number {
  return Math.max(grown, gone ?? 0);
}
