/**
 * Whose turn it is to be read, and what is not to be read yet: all that waits is known here, and there is one timer.
 *
 *   told of --> ready --> queue --> may it be read? --yes--> a turn: one batch --> read to its end: what does it wait for?
 *                 ^                      | no                                                  |
 *                 '-- due, or let go --  it waits (file/wait.ts)  <----------------------------'
 *
 *   open record      a long one is read again now and then, as it may be longer
 *   unfinished line  of a file that has its name it waits for more: whoever opens the file goes on there
 *   reserved room    it is looked at again, the later the longer nothing came
 *   error            a file without a name, or a compressed one, is tried again here, others by the tracker's rounds
 */
import type { TrackedFile } from './file/file.ts';
import type { Rewrites } from './file/rewrites.ts';
import { type Hold, isHold, type WaitReason } from './file/wait.ts';
import { Queue } from './queue.ts';
import type { Order } from './rotation/order.ts';
import { Ticks } from './ticks.ts';

/** As often every file that has a name is looked at anyway. */
const REGULAR_MS = 10_000;
const SECOND = 1000;
const NEVER = Number.POSITIVE_INFINITY;

export interface TurnsOptions {
  rotate_wait: number;
  /** How long a file is silent when its open record is over; null: lines are records. */
  timeout: number | null;
  rewrites: Rewrites;
  order: Order;
  /** False: the file was let go. */
  tracked: (file: TrackedFile) => boolean;
  /** True: what is there is still looked for, and nothing is asked for that nobody tells of. */
  starting: () => boolean;
  /** So many ticks have gone by. */
  onTick: (ticks: number, now: number) => void;
  /** Goes on with what is hurried; true: there is more of it. */
  onStep: () => boolean;
  /** True: there is little to look after. */
  few: () => boolean;
}

export class Turns {
  readonly #o: TurnsOptions;
  readonly #queue = new Queue<TrackedFile>();
  /** Those that are asked for when they are due. */
  readonly #waiting = new Set<TrackedFile>();
  readonly #ticks: Ticks;
  #held = 0;
  #wake: () => void = () => undefined;

  constructor(options: TurnsOptions) {
    this.#o = options;
    this.#ticks = new Ticks({
      onTick: (ticks) => this.#onTick(ticks),
      onStep: options.onStep,
      mayBeCalm: () => this.#held === 0 && options.few() && !this.#isDueSoon(),
    });
  }

  start(): void {
    this.#ticks.start();
  }

  stop(): void {
    this.#ticks.stop();
  }

  /** What is held is to be looked at in short steps. */
  hurry(): void {
    this.#ticks.hurry();
  }

  /** There may be something to read. */
  ready(file: TrackedFile): void {
    this.#ticks.stir();
    if (isHold(file.wait)) return;
    if (file.busy) file.again = true;
    else this.#queue.add(file);
    this.#wake();
  }

  /** The file that comes next, if any is ready. */
  next(): TrackedFile | undefined {
    return this.#queue.take();
  }

  /** The next `count` of each kind. */
  upcoming(count: number): TrackedFile[] {
    return this.#queue.upcoming(count);
  }

  /** Until one is ready, or whoever waits is woken. */
  async come(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  wake(): void {
    this.#wake();
  }

  /** Nothing is read of the file before it is let go. Who looks for what it held goes before all others. */
  hold(file: TrackedFile, reason: Hold): void {
    if (isHold(file.wait)) {
      if (reason !== 'truncated') return;
    } else this.#held++;
    this.#waiting.delete(file);
    file.wait = { reason, since: performance.now(), due: NEVER };
    this.#ticks.stir();
  }

  release(file: TrackedFile, reason: Hold): void {
    if (file.wait?.reason !== reason) return;
    this.#held--;
    file.wait = null;
  }

  /** Whether the file, which is next, may be read; false: it waits. */
  mayRead(file: TrackedFile): boolean {
    if (isHold(file.wait)) return false;
    if (this.#rests(file) || this.#isReadLately(file)) {
      this.wait(file);
      return false;
    }
    if (this.#o.order.holds(file)) this.#put(file, 'predecessor', 0);
    else {
      if (file.wait?.reason === 'predecessor') this.#clear(file);
      return true;
    }
    return false;
  }

  /** It could not be opened under its name. */
  failed(file: TrackedFile): void {
    this.#put(file, 'error', NEVER);
  }

  /** The partition of its records takes nothing: whoever knows when it does says that it is ready. */
  stalled(file: TrackedFile): void {
    this.#put(file, 'partition', NEVER);
  }

  /** The file was read. `more`: not to what there is for now. `moved`: what it waited for at its end came. */
  read(file: TrackedFile, more: boolean, moved: boolean): void {
    if (file.unfinished) file.unfinished.close = false;
    if (more || moved) this.#clear(file);
    if (!more) this.wait(file);
    this.#o.order.read(file);
  }

  /** It is not read for now: for what does it wait, and when is it asked for? */
  wait(file: TrackedFile): void {
    if (file.failed !== null) {
      this.#put(file, 'error', retries(file) ? file.failed + REGULAR_MS : NEVER);
      return;
    }
    let reason: WaitReason | null = null;
    let due = NEVER;
    if (file.doubt) {
      reason = 'rewrite';
      due = this.#o.rewrites.dueAt(file, file.doubt);
    }
    if (file.size > file.position) {
      const over = this.#over(file);
      const silent = this.#recordDue(file);
      if (silent <= over && silent < due) {
        reason = 'open record';
        due = silent;
      } else if (over < due || reason === null) {
        reason = 'unfinished line';
        due = over;
      }
    }
    const again = file.room ? this.#roomDue(file) : NEVER;
    if (again < due) {
      reason = 'reserved room';
      due = again;
    }
    if (reason === null) this.#clear(file);
    else this.#put(file, reason, due);
  }

  /** True: it is asked for again without being told of. */
  isDue({ wait }: TrackedFile): boolean {
    return wait !== null && wait.due < NEVER;
  }

  /** Nothing more will come to its last line, as far as is known. */
  isOver(file: TrackedFile): boolean {
    return performance.now() >= this.#over(file);
  }

  #onTick(ticks: number): void {
    if (this.#o.starting()) return;
    const now = performance.now();
    this.#o.onTick(ticks, now);
    for (const file of this.#waiting) {
      const { wait } = file;
      if (wait === null || !this.#o.tracked(file)) this.#waiting.delete(file);
      else if (now >= wait.due && !file.busy) {
        if (wait.reason === 'open record' && file.unfinished) {
          file.unfinished.close = now - file.grown >= this.#o.timeout!;
        }
        this.ready(file);
      }
    }
  }

  #isDueSoon(): boolean {
    const soon = performance.now() + SECOND;
    for (const { wait } of this.#waiting) if (wait !== null && wait.due < soon) return true;
    return false;
  }

  #put(file: TrackedFile, reason: WaitReason, due: number): void {
    const { wait } = file;
    if (isHold(wait)) return;
    if (wait?.reason === reason) wait.due = due;
    else file.wait = { reason, since: performance.now(), due };
    if (due < NEVER) this.#waiting.add(file);
    else this.#waiting.delete(file);
  }

  #clear(file: TrackedFile): void {
    if (file.wait === null || isHold(file.wait)) return;
    file.wait = null;
    this.#waiting.delete(file);
  }

  /** It could not be read a moment ago, and is tried again soon enough. */
  #rests(file: TrackedFile): boolean {
    return file.failed !== null && retries(file) && performance.now() - file.failed < REGULAR_MS;
  }

  /** It was read a moment ago, and its open record is long: the next tick is soon enough. */
  #isReadLately(file: TrackedFile): boolean {
    const { unfinished } = file;
    if (!unfinished || unfinished.open === 0 || unfinished.close) return false;
    return !this.isOver(file) && performance.now() < unfinished.again;
  }

  /** When its open record is over, or read again. */
  #recordDue({ unfinished, grown }: TrackedFile): number {
    if (!unfinished || unfinished.open === 0) return NEVER;
    const silent = grown + this.#o.timeout!;
    return unfinished.again > 0 ? Math.min(silent, unfinished.again) : silent;
  }

  /** When nothing more is expected of its last line; what is compressed is looked after in unpacking.ts. */
  #over(file: TrackedFile): number {
    const { rotate_wait, timeout } = this.#o;
    if (file.packed || !file.lost) return NEVER;
    // What an open record goes on with in the next file is read before.
    return Math.max(file.written + rotate_wait, file.grown + Math.min(timeout ?? 0, rotate_wait));
  }

  #roomDue({ path, grown }: TrackedFile): number {
    const now = performance.now();
    const pause = (now - grown) / 4;
    // It is looked at anyway.
    if (path !== null && pause > REGULAR_MS) return NEVER;
    return now + Math.min(pause, path === null ? SECOND : REGULAR_MS);
  }
}

/** What has a name, and is not compressed, is tried again when the tracker goes over what could not be read. */
function retries({ path, packed }: TrackedFile): boolean {
  return path === null || packed !== null;
}
