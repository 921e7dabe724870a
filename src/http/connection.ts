/**
 * A peer's connection: the requests that it sent, in their order, what it is at, and by when it must have got on.
 *
 *   shake   TLS is being agreed on
 *   head    a request is awaited: from the start, or from the last answer, to the end of the next request's head
 *   body    the request's body is awaited
 *   work    the request is being answered
 *   send    the peer takes the answer
 *   stream  an answer that goes on
 *   last    what was wrong has been said, and nothing more is expected
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Limits } from './limits.ts';

export type Phase = 'shake' | 'head' | 'body' | 'work' | 'send' | 'stream' | 'last';

export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** The peer sends the body when it is told to (`Expect: 100-continue`). */
  continues: boolean;
}

export class HttpConnection {
  /** What requests come on: the TLS one where there is TLS. */
  socket: Socket;
  /** Address; null: this machine. */
  readonly peer: string | null;
  phase: Phase;
  /** When it got on last, by the monotonic clock. */
  touched = performance.now();
  /** Sent and not begun. */
  readonly ahead: Exchange[] = [];
  busy = false;
  /** Behind the requests in `ahead` something came that is none: what is answered to it. */
  wrong: string | null = null;
  /** What it is being sent. */
  sending: readonly Buffer[] | null = null;
  /** It had a request. */
  #kept = false;
  /** When it was seen that the next head has begun. */
  #spoke: number | null = null;
  /** As it was accepted. */
  readonly raw: Socket;
  #since = this.touched;
  /** Bytes that had come when the phase began. */
  #read = 0;

  constructor(socket: Socket, peer: string | null, phase: Phase) {
    this.phase = phase;
    this.raw = socket;
    this.socket = socket;
    this.peer = peer;
  }

  enter(phase: Phase): void {
    this.phase = phase;
    this.touched = performance.now();
    this.#since = this.touched;
    this.#read = this.raw.bytesRead;
    this.#spoke = null;
    if (phase === 'work') this.#kept = true;
  }

  touch(): void {
    this.touched = performance.now();
  }

  /** It sent something in this phase. */
  get spoke(): boolean {
    return this.raw.bytesRead > this.#read;
  }

  /** It had its time. */
  isOverdue(now: number, { head_ms, keep_ms, still_ms, whole_ms }: Limits): boolean {
    const { phase, touched } = this;
    if (phase === 'head' && this.#kept) {
      if (!this.spoke) return now - this.#since >= keep_ms;
      this.#spoke ??= now;
      return now - this.#spoke >= head_ms;
    }
    if (phase === 'work' || phase === 'stream') return false;
    if (phase === 'shake' || phase === 'head' || phase === 'last') return now - this.#since >= head_ms;
    return now - touched >= still_ms || now - this.#since >= whole_ms;
  }

  /** Says what is wrong, and that this is the end. */
  refuse(status: string): void {
    this.enter('last');
    this.socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  }

  destroy(): void {
    this.socket.destroy();
    this.raw.destroy();
  }
}

const LOOPBACK = /^(?:::ffff:)?127\.|^::1$/;

/** The peer whose connections are counted together; null: this machine. */
export function peerOf({ remoteAddress }: Socket): string | null {
  return remoteAddress === undefined || LOOPBACK.test(remoteAddress) ? null : remoteAddress;
}
