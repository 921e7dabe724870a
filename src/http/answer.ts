/** What a handler of the server is given, and what it gives back. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';

export interface HttpRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  /** What it came on. */
  socket: Socket;
  /**
   * What it carries, inflated; at once where that is here already. Throws a Refusal when that is more than `max` bytes, or
   * cannot be had.
   */
  body(max: number): Buffer | Promise<Buffer>;
  /** The same in the pieces that it came in. */
  pieces(max: number): Promise<readonly Buffer[]>;
  /** Nobody looks at its body any more, nor will: its memory is given back at once. */
  discard(): void;
}

export interface Answer {
  code: number;
  headers?: Record<string, string>;
  /** Content-Type; default: plain text. */
  type?: string;
  /** Buffers may be shared by any number of answers. */
  body: string | readonly Buffer[];
}

/** An answer that goes on until one side ends it. */
export interface StreamedAnswer {
  type: string;
  /** Begins to write; gives what stops that when the stream is over. */
  begin(sink: Sink): () => void;
}

export interface Sink {
  write(text: string | Uint8Array): unknown;
  /** Bytes that were written and did not leave yet. */
  readonly writableLength: number;
  /** Ends it at once. */
  destroy(): unknown;
}

export type Handler = (request: HttpRequest) => Answer | StreamedAnswer | Promise<Answer | StreamedAnswer>;

/** Why a request is not served, as the answer that says so; `reason` is what it is counted under. */
export class Refusal extends Error {
  readonly code: number;
  readonly reason: string;
  readonly headers: Record<string, string>;

  constructor(code: number, reason: string, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.headers = headers;
  }
}

export function tooLarge(max: number): Refusal {
  return new Refusal(413, 'too_large', `A body may have at most ${max} bytes.`);
}

export function noRoom(): Refusal {
  return new Refusal(503, 'memory', 'There is no room for this now.', { 'Retry-After': '1' });
}

export const JSON_TYPE = 'application/json';

export function textAnswer(code: number, body: string): Answer {
  return { code, body: `${body}\n` };
}

export function jsonAnswer(code: number, body: object): Answer {
  return { code, type: JSON_TYPE, body: `${JSON.stringify(body)}\n` };
}
