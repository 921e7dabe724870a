/**
 * Datagrams by the batch: recvmmsg(2) straight into the kernel's arena, and streams a piece at a time. `wait` waits until
 * something comes, or the bell is rung; `readAll` takes what there is, and where that happens often it stays and waits in
 * the call itself, until nothing comes for POLL_MS.
 *
 *   one socket    recvmmsg, which waits
 *   several       recvmmsg on each, none of which waits; when all are empty poll(2) waits for any of them
 *
 * So each socket has its turn, a batch at a time, whatever comes on the others.
 */
import { fstatSync, readFileSync } from 'node:fs';
import { DatagramReader } from '../../../native/datagrams.ts';
import { hush, ReadableWait } from '../../../native/poll.ts';
import { setWaiting } from '../../../native/sockets.ts';
import { POLL_MS } from '../protocol.ts';
import { kernelDrops } from './drops.ts';
import type { Origins, SampleOrigin } from './origins.ts';
import { type ListeningStream, PIECE, type Streams } from './streams.ts';

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
const LF = 10;
/** After the order to stop, what the sockets hold is read for this long at most. */
const LAST_READ_MS = 1000;

/** What is done between two receives. */
export interface Between {
  /** Hears what the main thread has said. */
  hear(): void;
  stopping(): boolean;
  /** Sees to what is done a piece at a time. */
  step(): void;
  /** Something is done a piece at a time: the next is due soon. */
  busy(): boolean;
  /** Something came now; it is taken next. */
  tick(): void;
  /** A datagram in the memory that is read into. */
  take(listener: number, at: number, length: number, origin: SampleOrigin | null): void;
  taken(listener: number): void;
  /** A datagram has come without its end. */
  tooLong(listener: number): void;
  /** Datagrams that the kernel had no room for, since the socket was opened. */
  drops(listener: number, count: number): void;
  /** Waits; ends early when the main thread says something (`messages`) or to stop. */
  pause(until: 'messages' | 'stop', ms: number): void;
}

interface BatchSocket {
  listener: number;
  fd: number;
  inode: number;
  /** UDP: the kernel counts what it had no room for. Over a path the sender waits, or is told. */
  drops: boolean;
  /** Where so many come at once over a path senders wait: what comes next is read without a pause, for a while. */
  many: number;
  pressed: number;
  reader: DatagramReader;
}

export interface BatchOptions {
  /** Has ARENA_BYTES from `at` on, and does not move. All is read into it, one after the other. */
  memory: Buffer;
  at: number;
  streams: Streams;
  origins: Origins;
  /** Rung when the main thread has said something; -1: there is none. */
  bell: number;
}

export class Batches {
  readonly #o: BatchOptions;
  readonly #between: Between;
  #sockets: BatchSocket[] = [];
  /** The bell, the sockets, the streams' descriptors. */
  #any = new ReadableWait([]);
  #waitedFor: readonly number[] = [];
  /** The only socket, while its receives wait. */
  #waiting: BatchSocket | null = null;
  #lookAgain = 0;
  #received = 0;
  #woken = Number.NEGATIVE_INFINITY;
  #lastRead = Number.POSITIVE_INFINITY;

  constructor(options: BatchOptions, between: Between) {
    this.#o = options;
    this.#between = between;
  }

  /** `origin`: datagrams say whose they are. */
  add(listener: number, fd: number, { drops, origin }: { drops: boolean; origin: boolean }): void {
    this.#block(null);
    const reader = new DatagramReader(fd, this.#o.memory, this.#o.at, SLOTS, SLOT_BYTES, origin);
    const many = drops ? Number.POSITIVE_INFINITY : Math.min(SLOTS, Math.ceil(queueLength() / 2));
    const pressed = Number.NEGATIVE_INFINITY;
    this.#sockets.push({ listener, fd, inode: fstatSync(fd).ino, drops, many, pressed, reader });
  }

  addStream(stream: ListeningStream): void {
    this.#block(null);
    this.#o.streams.listen(stream);
  }

  /** Waits until something comes, or the main thread says something; at most so long, -1: for ever. */
  wait(ms: number): void {
    const { streams, bell } = this.#o;
    const due = streams.due;
    const idle = due === Number.POSITIVE_INFINITY ? -1 : Math.max(0, Math.ceil(due - performance.now()));
    const any = this.#all();
    any.wait(ms < 0 ? idle : idle < 0 ? ms : Math.min(ms, idle));
    if (any.isReadable(0)) hush(bell);
    if (idle >= 0) streams.closeIdle(performance.now());
  }

  /** Takes what there is, and what comes while it waits. */
  readAll(): void {
    if (this.#sockets.length === 0 && this.#o.streams.descriptors.length === 0) return;
    const now = performance.now();
    const often = now - this.#woken < POLL_MS;
    const only = this.#sockets.length === 1 && this.#o.streams.descriptors.length === 0;
    if (often && only) this.#block(this.#sockets[0]!);
    try {
      while (this.#turn(often));
    } finally {
      this.#block(null);
    }
    this.#woken = performance.now();
    if (this.#woken >= this.#lookAgain) this.look();
  }

  look(): void {
    for (const { listener, inode, drops } of this.#sockets)
      if (drops) this.#between.drops(listener, kernelDrops(inode));
    const now = performance.now();
    // While something comes all the time nothing waits, so nothing else would see to them.
    this.#o.streams.closeIdle(now);
    this.#lookAgain = now + DROPS_EVERY_MS;
  }

  /** Nothing of them is read any more: only the bell is heard. */
  close(): void {
    this.#block(null);
    this.#o.streams.close();
    this.#sockets = [];
  }

  /** What is waited for now. */
  #all(): ReadableWait {
    const fds = [this.#o.bell, ...this.#sockets.map(({ fd }) => fd), ...this.#o.streams.descriptors];
    if (fds.length !== this.#waitedFor.length || fds.some((fd, i) => fd !== this.#waitedFor[i])) {
      this.#waitedFor = fds;
      this.#any = new ReadableWait(fds);
    }
    return this.#any;
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
    between.step();
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
    this.#all().wait(POLL_MS);
    return this.#each();
  }

  #each(): number {
    let most = 0;
    for (const socket of this.#sockets) most = Math.max(most, this.#batch(socket, false));
    const { streams } = this.#o;
    if (streams.descriptors.length === 0) return most;
    const any = this.#all();
    any.wait(0);
    this.#between.tick();
    const first = 1 + this.#sockets.length;
    const bytes = streams.turn((i) => any.isReadable(first + i));
    // Where there may be more it is read at once; what comes in small pieces is worth a pause.
    return bytes >= PIECE ? SLOTS : bytes > 0 ? Math.max(most, BUSY) : most;
  }

  #batch(socket: BatchSocket, wait: boolean): number {
    const { listener, reader } = socket;
    const between = this.#between;
    const { origins, memory, at } = this.#o;
    const n = reader.receive(wait);
    between.tick();
    for (let i = 0; i < n; i++) {
      const [from, length] = [at + i * SLOT_BYTES, reader.length(i)];
      const cut = reader.isCut(i);
      // The line that its end is missing of could be taken for another.
      const whole = cut ? memory.subarray(from, from + length).lastIndexOf(LF) + 1 : length;
      between.take(listener, from, whole, origins.of(reader.process(i)));
      if (cut) between.tooLong(listener);
    }
    between.taken(listener);
    if (socket.drops || n === 0) return n;
    const now = performance.now();
    if (n >= socket.many) socket.pressed = now;
    return now - socket.pressed < PAUSE_MS ? SLOTS : n;
  }
}

/** Datagrams that wait in a socket at a path, before its senders do. */
function queueLength(): number {
  try {
    return Number(readFileSync('/proc/sys/net/unix/max_dgram_qlen', 'latin1'));
  } catch {
    // Linux's own value; systemd sets 512.
    return 10;
  }
}
