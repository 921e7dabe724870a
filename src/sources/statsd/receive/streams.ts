/**
 * Connections: lines, or (over a path, told by its first bytes) messages with their length before them, four bytes little
 * endian, as Datadog's clients have it. Each is read a piece at a time when it can be, so none waits for another.
 *
 *   listening socket --accept--> connection --receive--> | what was left | piece | -> lines, the rest is kept
 */
import { acceptOn, closeSocket, peerProcess, receiveInto } from '../../../native/sockets.ts';
import type { Origins, SampleOrigin } from './origins.ts';

/** Bytes of a line or a message; a connection that has a longer message is closed, of a line the end is left out. */
export const LONGEST_MESSAGE = 65_536;
const PIECE = 65_536;
const PREFIX = 4;
/** Accepted in one turn. */
const AT_ONCE = 64;
const LF = 10;

/** What is done with what comes. */
export interface Taking {
  /** Lines in the memory that is read into; the byte behind them may be written to. */
  take(listener: number, at: number, length: number, origin: SampleOrigin | null): void;
  taken(listener: number): void;
  /** A line, or all that would follow, is too long, or what there is of it is no message. */
  tooLong(listener: number): void;
  opened(listener: number): void;
  closed(listener: number): void;
  refused(listener: number): void;
}

export interface StreamLimits {
  /** Connections at once, of all listeners. */
  connections: number;
  /** One over TCP that brings nothing is closed after so long. Milliseconds. */
  idle: number;
}

export interface ListeningStream {
  listener: number;
  fd: number;
  /** A path: its other end is on this machine, and may send messages. */
  local: boolean;
  /** Whose it is shows in its samples. */
  origin: boolean;
}

interface Connection {
  readonly from: ListeningStream;
  readonly fd: number;
  readonly origin: SampleOrigin | null;
  framing: 'unknown' | 'lines' | 'messages';
  /** The beginning of a line or message. */
  rest: Buffer;
  /** The end of a line that is too long is to come. */
  skipping: boolean;
  heard: number;
}

export class Streams {
  readonly #memory: Buffer;
  readonly #at: number;
  readonly #taking: Taking;
  readonly #limits: StreamLimits;
  readonly #origins: Origins;
  /** The descriptors of the connections, for who closes them should this thread die: 0, or one more. */
  readonly #open: Int32Array;
  readonly #listening: ListeningStream[] = [];
  #connections: Connection[] = [];

  /** `memory` has LONGEST_MESSAGE + 65,536 bytes and one more from `at` on, and does not move. */
  constructor(
    memory: Buffer,
    at: number,
    taking: Taking,
    limits: StreamLimits & { origins: Origins; open: Int32Array },
  ) {
    this.#memory = memory;
    this.#at = at;
    this.#taking = taking;
    this.#limits = limits;
    this.#origins = limits.origins;
    this.#open = limits.open;
  }

  listen(stream: ListeningStream): void {
    this.#listening.push(stream);
  }

  /** What is to be waited for, in the order that `turn` asks in. It changes with each turn. */
  get descriptors(): number[] {
    return [...this.#listening, ...this.#connections].map(({ fd }) => fd);
  }

  /** When the next is closed for bringing nothing, by `performance.now()`. */
  get due(): number {
    let due = Number.POSITIVE_INFINITY;
    for (const { from, heard } of this.#connections) {
      if (!from.local) due = Math.min(due, heard + this.#limits.idle);
    }
    return due;
  }

  /** Reads each once that can be read; true when there was something. */
  turn(isReadable: (i: number) => boolean): boolean {
    const many = this.#listening.length;
    const readable = this.#connections.filter((_, i) => isReadable(many + i));
    const asking = this.#listening.filter((_, i) => isReadable(i));
    let any = false;
    for (const connection of readable) if (this.#read(connection)) any = true;
    for (const listening of asking) if (this.#accept(listening)) any = true;
    return any;
  }

  closeIdle(now: number): void {
    for (const connection of [...this.#connections]) {
      if (!connection.from.local && now - connection.heard >= this.#limits.idle) this.#end(connection);
    }
  }

  /** What was read of them is all. */
  close(): void {
    for (const connection of [...this.#connections]) this.#end(connection);
    this.#listening.length = 0;
  }

  #accept(from: ListeningStream): boolean {
    for (let n = 0; n < AT_ONCE; n++) {
      const fd = acceptOn(from.fd);
      if (fd === null) return n > 0;
      if (this.#connections.length >= this.#limits.connections) {
        closeSocket(fd);
        this.#taking.refused(from.listener);
        continue;
      }
      this.#open[this.#open.indexOf(0)] = fd + 1;
      const origin = from.origin ? this.#origins.of(peerProcess(fd)) : null;
      const framing = from.local ? 'unknown' : 'lines';
      const rest = Buffer.alloc(0);
      this.#connections.push({ from, fd, origin, framing, rest, skipping: false, heard: performance.now() });
      this.#taking.opened(from.listener);
    }
    return true;
  }

  /** False: there was nothing. */
  #read(connection: Connection): boolean {
    const { rest, fd } = connection;
    rest.copy(this.#memory, this.#at);
    const got = receiveInto(fd, this.#memory, this.#at + rest.length, PIECE);
    if (got === null) return false;
    if (got === 0) {
      this.#end(connection);
      return true;
    }
    connection.heard = performance.now();
    const end = this.#at + rest.length + got;
    const from = this.#take(connection, end);
    if (from === null) this.#end(connection);
    else connection.rest = Buffer.from(this.#memory.subarray(from, end));
    this.#taking.taken(connection.from.listener);
    return true;
  }

  /** Takes what is whole before `end`; returns where the rest begins, null when nothing more can be understood. */
  #take(connection: Connection, end: number): number | null {
    if (connection.framing === 'unknown') {
      if (end - this.#at < PREFIX) return this.#at;
      // No text has a NUL there, and no message is so long that there is none.
      connection.framing = this.#memory[this.#at + PREFIX - 1] === 0 ? 'messages' : 'lines';
    }
    return connection.framing === 'lines' ? this.#takeLines(connection, end) : this.#takeMessages(connection, end);
  }

  #takeLines(connection: Connection, end: number): number {
    const memory = this.#memory;
    let at = this.#at;
    if (connection.skipping) {
      const behind = memory.indexOf(LF, at);
      if (behind < 0 || behind >= end) return end;
      connection.skipping = false;
      at = behind + 1;
    }
    const last = memory.subarray(at, end).lastIndexOf(LF);
    if (last >= 0) {
      this.#give(connection, at, last + 1);
      at += last + 1;
    }
    if (end - at < LONGEST_MESSAGE) return at;
    connection.skipping = true;
    this.#taking.tooLong(connection.from.listener);
    return end;
  }

  #takeMessages(connection: Connection, end: number): number | null {
    let at = this.#at;
    while (end - at >= PREFIX) {
      const length = this.#memory.readUInt32LE(at);
      if (length > LONGEST_MESSAGE) {
        this.#taking.tooLong(connection.from.listener);
        return null;
      }
      if (end - at - PREFIX < length) break;
      this.#give(connection, at + PREFIX, length);
      at += PREFIX + length;
    }
    return at;
  }

  #give({ from, origin }: Connection, at: number, length: number): void {
    if (length === 0) return;
    const behind = this.#memory[at + length]!;
    this.#taking.take(from.listener, at, length, origin);
    this.#memory[at + length] = behind;
  }

  /** A last line that nothing ends is a line. */
  #end(connection: Connection): void {
    const { rest, framing, skipping, from, fd } = connection;
    if (rest.length > 0 && framing !== 'messages' && !skipping) {
      rest.copy(this.#memory, this.#at);
      this.#give(connection, this.#at, rest.length);
    } else if (rest.length > 0 && !skipping) this.#taking.tooLong(from.listener);
    this.#taking.taken(from.listener);
    closeSocket(fd);
    this.#open[this.#open.indexOf(fd + 1)] = 0;
    this.#connections = this.#connections.filter((other) => other !== connection);
    this.#taking.closed(from.listener);
  }
}
