/**
 * Datagrams by the batch: recvmmsg(2) straight into the kernel's arena. Whoever is told that something came calls
 * `readAll`; where that happens often it stays and waits in the call itself, until nothing comes for POLL_MS.
 *
 *   one socket    recvmmsg, which waits
 *   several       recvmmsg on each, none of which waits; when all are empty poll(2) waits for any of them
 *
 * So each socket has its turn, a batch at a time, whatever comes on the others.
 */
import { fstatSync } from 'node:fs';
import { DatagramReader, ReadableWait, setWaiting } from '../../../native/sockets.ts';
import { POLL_MS } from '../protocol.ts';
import { kernelDrops } from './drops.ts';

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
/** After the order to stop, what the sockets hold is read for this long at most. */
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
  take(listener: number, at: number, length: number): void;
  taken(listener: number): void;
  /** Datagrams that the kernel had no room for, since the socket was opened. */
  drops(listener: number, count: number): void;
  /** Waits; ends early when the main thread says something (`messages`) or to stop. */
  pause(until: 'messages' | 'stop', ms: number): void;
}

interface BatchSocket {
  listener: number;
  fd: number;
  inode: number;
  reader: DatagramReader;
}

export class Batches {
  readonly #memory: Buffer;
  readonly #at: number;
  readonly #between: Between;
  readonly #sockets: BatchSocket[] = [];
  #any = new ReadableWait([]);
  /** The only socket, while its receives wait. */
  #waiting: BatchSocket | null = null;
  #lookAgain = 0;
  #received = 0;
  #woken = Number.NEGATIVE_INFINITY;
  #lastRead = Number.POSITIVE_INFINITY;

  /** `memory` has ARENA_BYTES from `at` on, and does not move. All sockets are read into it, one after the other. */
  constructor(memory: Buffer, at: number, between: Between) {
    this.#memory = memory;
    this.#at = at;
    this.#between = between;
  }

  add(listener: number, fd: number): void {
    this.#block(null);
    const reader = new DatagramReader(fd, this.#memory, this.#at, SLOTS, SLOT_BYTES);
    this.#sockets.push({ listener, fd, inode: fstatSync(fd).ino, reader });
    this.#any = new ReadableWait(this.#sockets.map((socket) => socket.fd));
  }

  /** Takes what there is, and what comes while it waits. */
  readAll(): void {
    if (this.#sockets.length === 0) return;
    const now = performance.now();
    const often = now - this.#woken < POLL_MS;
    if (often && this.#sockets.length === 1) this.#block(this.#sockets[0]!);
    try {
      while (this.#turn(often));
    } finally {
      this.#block(null);
    }
    this.#woken = performance.now();
    if (this.#woken >= this.#lookAgain) this.look();
  }

  look(): void {
    for (const { listener, inode } of this.#sockets) this.#between.drops(listener, kernelDrops(inode));
    this.#lookAgain = performance.now() + DROPS_EVERY_MS;
  }

  /** Whose receives wait. */
  #block(socket: BatchSocket | null): void {
    if (this.#waiting === socket) return;
    if (this.#waiting) setWaiting(this.#waiting.fd, false);
    if (socket) setWaiting(socket.fd, true);
    this.#waiting = socket;
  }

  /** One receive of each; true while there may be more to read. */
  #turn(wait: boolean): boolean {
    const between = this.#between;
    between.hear();
    const last = between.stopping();
    const n = this.#receive(wait && !last && !between.busy());
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

  /** The most that one of them had. */
  #receive(wait: boolean): number {
    if (this.#waiting) return this.#batch(this.#waiting, wait);
    const most = this.#each();
    if (most > 0 || !wait) return most;
    this.#any.wait(POLL_MS);
    return this.#each();
  }

  #each(): number {
    let most = 0;
    for (const socket of this.#sockets) most = Math.max(most, this.#batch(socket, false));
    return most;
  }

  #batch({ listener, reader }: BatchSocket, wait: boolean): number {
    const between = this.#between;
    const n = reader.receive(wait);
    between.tick();
    for (let i = 0; i < n; i++) between.take(listener, this.#at + i * SLOT_BYTES, reader.length(i));
    between.taken(listener);
    return n;
  }
}
