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
export const PIECE = 65_536;
const PREFIX = 4;
/** Accepted in one turn. */
const AT_ONCE = 64;
/** Bytes read in one turn, about: datagrams wait meanwhile. */
const TURN_BYTES = 1 << 20;
/** Where there is no descriptor or memory for a connection it waits for so long before it is tried again. */
const NO_ROOM_MS = 250;
const LF = 10;
const NOTHING = Buffer.alloc(0);

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
  /** Connections wait, as the system does not give them. */
  noRoom(listener: number, error: Error): void;
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
  /** The beginning of a line or message: the first `held` bytes. */
  rest: Buffer;
  held: number;
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
  /** Number of the connection that is read first in the next turn. */
  #next = 0;
  /** Nothing is accepted before that. */
  #acceptAt = 0;

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
    // poll(2) leaves out what is negative.
    const accepts = performance.now() >= this.#acceptAt;
    const listening = this.#listening.map(({ fd }) => (accepts ? fd : -1));
    return [...listening, ...this.#connections.map(({ fd }) => fd)];
  }

  /** When the next is closed for bringing nothing, or accepted although nothing comes, by `performance.now()`. */
  get due(): number {
    let due = this.#acceptAt > performance.now() ? this.#acceptAt : Number.POSITIVE_INFINITY;
    for (const { from, heard } of this.#connections) {
      if (!from.local) due = Math.min(due, heard + this.#limits.idle);
    }
    return due;
  }

  /** Reads those that can be read, each once at most; returns the bytes, or 1 when something else has happened. */
  turn(isReadable: (i: number) => boolean): number {
    const many = this.#listening.length;
    const connections = this.#connections;
    const asking = this.#listening.filter((_, i) => isReadable(i));
    const first = this.#next;
    let bytes = 0;
    for (let n = 0; n < connections.length && bytes < TURN_BYTES; n++) {
      const i = (first + n) % connections.length;
      if (!isReadable(many + i)) continue;
      bytes += this.#read(connections[i]!);
      this.#next = i + 1;
    }
    for (const listening of asking) if (this.#accept(listening)) bytes ||= 1;
    return bytes;
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
      const fd = this.#accepted(from);
      if (fd === null) return n > 0;
      if (this.#connections.length >= this.#limits.connections) {
        closeSocket(fd);
        this.#taking.refused(from.listener);
        continue;
      }
      this.#open[this.#open.indexOf(0)] = fd + 1;
      const origin = from.origin ? this.#origins.of(peerProcess(fd)) : null;
      const framing = from.local ? 'unknown' : 'lines';
      const [rest, heard] = [NOTHING, performance.now()];
      const opened: Connection = { from, fd, origin, framing, rest, held: 0, skipping: false, heard };
      this.#connections = [...this.#connections, opened];
      this.#taking.opened(from.listener);
    }
    return true;
  }

  #accepted(from: ListeningStream): number | null {
    try {
      return acceptOn(from.fd);
    } catch (error) {
      // It can be read as long as one waits: asking again at once would take a whole core.
      this.#acceptAt = performance.now() + NO_ROOM_MS;
      this.#taking.noRoom(from.listener, error as Error);
      return null;
    }
  }

  /** Bytes; 1 when it has ended. */
  #read(connection: Connection): number {
    const { fd, held } = connection;
    // Behind the place for what was left, which comes there only if something is whole now.
    const at = this.#at + held;
    const got = receiveInto(fd, this.#memory, at, PIECE);
    if (got === null) return 0;
    if (got === 0) {
      this.#end(connection);
      return 1;
    }
    connection.heard = performance.now();
    if (this.#isPart(connection, at, got)) {
      this.#hold(connection, at, got);
      return got;
    }
    connection.rest.copy(this.#memory, this.#at, 0, held);
    const from = this.#take(connection, at + got);
    connection.held = 0;
    if (from === null) this.#end(connection);
    else this.#hold(connection, from, at + got - from);
    this.#taking.taken(connection.from.listener);
    return got;
  }

  /** Nothing is whole with these bytes, and nothing too long. */
  #isPart({ framing, rest, held, skipping }: Connection, at: number, got: number): boolean {
    if (framing === 'messages') return held >= PREFIX && held + got < PREFIX + rest.readUInt32LE();
    if (framing === 'unknown' || skipping || held + got >= LONGEST_MESSAGE) return false;
    return !this.#memory.subarray(at, at + got).includes(LF);
  }

  /** Puts `length` bytes to what is held. One that brings them singly costs no copy of all for each of them. */
  #hold(connection: Connection, at: number, length: number): void {
    const { rest, held } = connection;
    if (held + length === 0) connection.rest = NOTHING;
    else if (held + length > rest.length) {
      const room = Math.min(PREFIX + LONGEST_MESSAGE, (held + length) * 2);
      connection.rest = Buffer.allocUnsafeSlow(room);
      rest.copy(connection.rest, 0, 0, held);
    }
    this.#memory.copy(connection.rest, held, at, at + length);
    connection.held = held + length;
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
    const { rest, held, framing, skipping, from, fd } = connection;
    if (held > 0 && framing !== 'messages' && !skipping) {
      rest.copy(this.#memory, this.#at, 0, held);
      this.#give(connection, this.#at, held);
    } else if (held > 0 && !skipping) this.#taking.tooLong(from.listener);
    this.#taking.taken(from.listener);
    closeSocket(fd);
    this.#open[this.#open.indexOf(fd + 1)] = 0;
    this.#connections = this.#connections.filter((other) => other !== connection);
    this.#taking.closed(from.listener);
  }
}
