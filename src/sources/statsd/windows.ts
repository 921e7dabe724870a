/**
 * When a listener's windows begin and end, and how they go to the main thread: a piece at a time, the next one when the
 * last has found its place, so a flush of many series needs little memory and does not hold up receiving.
 *
 *   open ---- end reached ----> closed ---- id ----> piece, next, piece, next ... last ----> (the next may close)
 *
 * Windows end at multiples of the interval on the wall clock. While one is still being written out the open one goes on
 * past its end, to the next multiple: its documents say so in `start` and `interval`, and nothing is lost.
 */
import type { Aggregator } from './aggregator.ts';
import type { FromWorker, ToWorker } from './protocol.ts';

/** Series in a piece: about 300 KB of documents. */
const PIECE = 1000;
/** The socket waits meanwhile: its buffer of 8 MiB holds 50 ms of a million lines a second. */
const PIECE_MS = 5;

export class Windows {
  readonly #aggregator: Aggregator;
  readonly #interval: number;
  readonly #post: (message: FromWorker) => void;
  #start: number;
  #end: number;
  #closed: { start: number; end: number } | null = null;
  #mayPost = false;
  #finished = false;

  constructor(aggregator: Aggregator, interval: number, now: number, post: (message: FromWorker) => void) {
    this.#aggregator = aggregator;
    this.#interval = interval;
    this.#post = post;
    this.#start = now;
    this.#end = this.#boundary(now);
  }

  /** A window is on its way to the main thread. */
  get busy(): boolean {
    return this.#closed !== null;
  }

  /** To be called before samples are counted that came at `now`. */
  tick(now: number): void {
    // A clock that was set back ends the window as well, or it would last until the clock is there again.
    if (now < this.#end && now >= this.#start - this.#interval) return;
    if (this.busy) {
      this.#end = this.#boundary(now);
      return;
    }
    // Nobody looked in the meantime (nothing came, or the machine slept): what is in it came before its end.
    this.#close(now < this.#start ? this.#start : this.#boundary(now) - this.#interval);
    this.#start = this.#boundary(now) - this.#interval;
    this.#end = this.#start + this.#interval;
  }

  /** Closes the open window before its time; its documents carry `now` as its end. No sample may come after it. */
  finish(now: number): void {
    if (this.busy || this.#finished) return;
    this.#finished = true;
    this.#close(Math.max(now, this.#start));
  }

  /** Everything there was has been posted. */
  get finished(): boolean {
    return this.#finished && !this.busy;
  }

  heard(message: ToWorker): void {
    if (message.type === 'id' && this.#closed) this.#aggregator.begin({ ...this.#closed, id: message.id });
    this.#mayPost = true;
  }

  /** Posts the next piece when it may. */
  step(): void {
    if (!this.#closed || !this.#mayPost) return;
    this.#mayPost = false;
    const piece = this.#aggregator.piece(PIECE, PIECE_MS);
    this.#post({ type: 'piece', ...piece });
    if (piece.last) this.#closed = null;
  }

  #close(end: number): void {
    if (!this.#aggregator.close()) return;
    this.#closed = { start: this.#start, end };
    this.#mayPost = false;
    this.#post({ type: 'window' });
  }

  /** The first end of a window after `now`. */
  #boundary(now: number): number {
    return (Math.floor(now / this.#interval) + 1) * this.#interval;
  }
}
