/**
 * Datagrams by the batch: recvmmsg(2) straight into the kernel's arena. Whoever is told that something came calls
 * `readAll`; where that happens often it stays and waits in the call itself, until nothing comes for POLL_MS.
 */
import { fstatSync } from 'node:fs';
import { DatagramReader, setWaiting } from '../../native.ts';
import { kernelDrops } from './drops.ts';
import { POLL_MS } from './protocol.ts';

/** Datagrams a call. */
const SLOTS = 64;
/** The largest datagram and room behind it; no power of two, so the places do not share cache lines. */
const SLOT_BYTES = 65_536 + 256;
export const ARENA_BYTES = SLOTS * SLOT_BYTES;
/** Where this many came at once, or two receives were this close, more will come: after a pause a call brings more. */
const BUSY = 4;
const CLOSE_MS = 0.25;
const PAUSE_MS = 1;
const DROPS_EVERY_MS = 1000;
/** After the order to stop, what the socket holds is read for this long at most. */
const LAST_READ_MS = 1000;

/** What is done between two receives. */
export interface Between {
  /** Hears what the main thread has said. */
  hear(): void;
  stopping(): boolean;
  /** A window is being written out: the main thread will say something soon. */
  busy(): boolean;
  /** Something came now; it is taken next. */
  tick(): void;
  /** A datagram in the memory that is read into. */
  take(at: number, length: number): void;
  taken(): void;
  /** Datagrams that the kernel had no room for, since the socket was opened. */
  drops(count: number): void;
  /** Waits; ends early when the main thread says something (`messages`) or to stop. */
  pause(until: 'messages' | 'stop', ms: number): void;
}

export class Batches {
  readonly #fd: number;
  readonly #at: number;
  readonly #reader: DatagramReader;
  readonly #inode: number;
  readonly #between: Between;
  #lookAgain = 0;
  #received = 0;
  #woken = Number.NEGATIVE_INFINITY;
  #lastRead = Number.POSITIVE_INFINITY;

  /** `memory` has ARENA_BYTES from `at` on, and does not move. */
  constructor(fd: number, memory: Buffer, at: number, between: Between) {
    this.#fd = fd;
    this.#at = at;
    this.#reader = new DatagramReader(fd, memory, at, SLOTS, SLOT_BYTES);
    this.#inode = fstatSync(fd).ino;
    this.#between = between;
  }

  /** Takes what there is, and what comes while it waits. */
  readAll(): void {
    const now = performance.now();
    const often = now - this.#woken < POLL_MS;
    if (often) setWaiting(this.#fd, true);
    try {
      while (this.#turn(often));
    } finally {
      if (often) setWaiting(this.#fd, false);
    }
    this.#woken = performance.now();
    if (this.#woken >= this.#lookAgain) this.look();
  }

  look(): void {
    this.#between.drops(kernelDrops(this.#inode));
    this.#lookAgain = performance.now() + DROPS_EVERY_MS;
  }

  /** One receive; true while there may be more to read. */
  #turn(wait: boolean): boolean {
    const between = this.#between;
    between.hear();
    const last = between.stopping();
    const n = this.#reader.receive(wait && !last && !between.busy());
    between.tick();
    for (let i = 0; i < n; i++) between.take(this.#at + i * SLOT_BYTES, this.#reader.length(i));
    between.taken();
    const now = performance.now();
    const close = now - this.#received < CLOSE_MS;
    this.#received = now;
    if (now >= this.#lookAgain) this.look();
    if (last) {
      this.#lastRead = Math.min(this.#lastRead, now + LAST_READ_MS);
      return n > 0 && now < this.#lastRead;
    }
    if (n === 0 && !(wait && between.busy())) return false;
    if (n === 0) between.pause('messages', PAUSE_MS);
    else if (n < SLOTS && (close || n >= BUSY)) between.pause('stop', PAUSE_MS);
    return true;
  }
}
