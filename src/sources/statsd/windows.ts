/**
 * When a listener's windows begin and end, and how they go to the main thread: a piece at a time, the next one when the
 * last has found its place, so a flush of many series needs little memory and does not hold up receiving.
 *
 *   open ---- end reached ----> closed ---- id ----> piece, next, piece, next ... last, next ----> (the next may close)
 *
 * Windows end at multiples of the interval on the wall clock, and are as long as the monotonic clock says. While one is
 * still being written out the open one goes on past its end, to the next multiple: its documents say so in `start` and
 * `interval`, and nothing is lost.
 */
import { cutAt, type Span, untilNext, windowAt } from '../../aggregate/window.ts';
import type { Aggregator } from './aggregator.ts';
import { PIECE_RECORDS } from './flush.ts';
import type { FromThread, ToThread } from './protocol.ts';

/** The socket waits meanwhile: its buffer of 16 MiB holds 100 ms of a million lines a second. */
const PIECE_MS = 5;

export class TimeWindows {
  readonly #aggregator: Aggregator;
  readonly #interval: number;
  readonly #post: (message: FromThread) => void;
  /** On the monotonic clock. */
  #begun: number;
  #due: number;
  /** Length of the one before. */
  #before = 0;
  #closed: Span | null = null;
  #mayPost = false;
  /** Its last piece was posted. */
  #written = false;
  #finished = false;

  /**
   * `wall` and `now`: the wall clock and the monotonic one, milliseconds. `open`: for so long it has been listened, and
   * nothing had come: the first window begins with the interval, but not before that.
   */
  constructor(
    aggregator: Aggregator,
    interval: number,
    { wall, now, open }: { wall: number; now: number; open: number },
    post: (message: FromThread) => void,
  ) {
    this.#aggregator = aggregator;
    this.#interval = interval;
    this.#post = post;
    this.#begun = now - Math.min(open, wall % interval);
    this.#due = now + untilNext(wall, interval, 0);
  }

  /** A window is on its way to the main thread. */
  get busy(): boolean {
    return this.#closed !== null;
  }

  /** When the open one ends, by the monotonic clock. */
  get due(): number {
    return this.#due;
  }

  /** Seconds since the one before the open one began. */
  age(now: number): number {
    return (now - this.#begun + this.#before) / 1000;
  }

  /** To be called before samples are counted that came at this time. */
  tick(wall: number, now: number): void {
    if (now < this.#due) return;
    if (this.busy) {
      this.#due = now + untilNext(wall, this.#interval, 0);
      return;
    }
    // Nobody looked in the meantime (nothing came, or the process was stopped): what is in it came before its end.
    const end = now - ((now - this.#due) % this.#interval);
    const ended = Math.round(wall - (now - end));
    this.#close(windowAt(ended, end - this.#begun, this.#interval));
    this.#begun = end;
    // After a step of the wall clock the next multiple may be near.
    this.#due = end + untilNext(ended, this.#interval, this.#interval / 2);
  }

  /** Closes the open window before its time; its documents carry `wall` as its end. No sample may come after it. */
  finish(wall: number, now: number): void {
    if (this.busy || this.#finished) return;
    this.#finished = true;
    this.#close(cutAt(wall, now - this.#begun));
  }

  /** Everything there was has been posted. */
  get finished(): boolean {
    return this.#finished && !this.busy;
  }

  heard(message: ToThread): void {
    if (this.#written) {
      this.#closed = null;
      this.#written = false;
      return;
    }
    if (message.type === 'id' && this.#closed) this.#aggregator.begin({ ...this.#closed, id: message.id });
    this.#mayPost = true;
  }

  /** Posts the next piece when it may. */
  step(): void {
    if (!this.#closed || !this.#mayPost) return;
    this.#mayPost = false;
    const piece = this.#aggregator.piece(PIECE_RECORDS, PIECE_MS);
    this.#written = piece.last;
    this.#post({ type: 'piece', ...piece });
  }

  #close(window: Span): void {
    this.#before = window.end - window.start;
    if (!this.#aggregator.close()) return;
    this.#closed = window;
    this.#mayPost = false;
    this.#post({ type: 'window' });
  }
}
