/** One request and its answer. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { type Access, authorize } from './access.ts';
import { type Answer, type Handler, Refusal, type StreamedAnswer, textAnswer } from './answer.ts';
import { type Budget, readBody, type Taken } from './body.ts';
import type { Exchange, HttpConnection } from './connection.ts';
import { HeldBody, passOver } from './held-body.ts';
import type { Limits } from './limits.ts';
import { certificateOf } from './tls.ts';

const HEADERS = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' };
const TEXT_TYPE = 'text/plain; charset=utf-8';
/** An answer is handed on in such parts: so it is seen whether the peer takes it. */
export const PART = 64 << 10;

/** What the server has for its exchanges. */
export interface Context {
  readonly access: Access;
  readonly handler: Handler;
  readonly budget: Budget;
  readonly limits: Limits;
  readonly streams: Set<ServerResponse>;
  /** Of bodies, as they came. */
  bytes: number;
  /** This is the last request of its connection. */
  readonly closing: boolean;
  /** How it is said that a request is not served. */
  readonly refusal: (asked: RequestHead, why: Refusal) => Answer;
  /** Counts a request that is not served. */
  refuse(reason: string): void;
  /** Makes room for what the connection will be sent. */
  hold(connection: HttpConnection, body: readonly Buffer[]): void;
  release(connection: HttpConnection): void;
}

/** What is asked, however it came. */
export interface RequestHead {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  socket: Socket;
  /** The body is. */
  wanted(): void;
}

/** What the handler says to it. */
export async function answerTo(
  connection: HttpConnection,
  asked: RequestHead,
  read: (max: number, taken: Taken) => HeldBody | Promise<HeldBody>,
  context: Context,
): Promise<Answer | StreamedAnswer> {
  const { method, url, headers, socket } = asked;
  const taken: Taken = {
    budget: context.budget,
    bytes: 0,
    held: null,
    onBegin() {
      connection.enter('body');
      asked.wanted();
    },
    onBytes(bytes) {
      context.bytes += bytes;
      connection.touch();
    },
  };
  const here = (body: HeldBody) => {
    connection.enter('work');
    return body;
  };
  /** What is here already is not waited for. */
  const body = (max: number) => {
    const held = read(max, taken);
    return held instanceof HeldBody ? here(held) : held.then(here);
  };
  connection.enter('work');
  try {
    const { host, authorization } = headers;
    authorize({ method, host, authorization, ...certificateOf(socket) }, context.access);
    return await context.handler({
      ...target(url),
      method,
      headers,
      socket,
      body(max) {
        const held = body(max);
        return held instanceof HeldBody ? held.joined() : held.then((whole) => whole.joined());
      },
      pieces: async (max) => (await body(max)).pieces,
      discard: () => taken.held?.letGo(),
    });
  } catch (error) {
    return said(asked, error as Error, context);
  } finally {
    context.budget.give(taken.bytes);
  }
}

/** Resolves when the answer has left, or the peer. */
export async function exchange(
  connection: HttpConnection,
  { request, response, continues }: Exchange,
  context: Context,
) {
  const closed = new Promise<void>((resolve) => response.once('close', resolve));
  // The close tells it.
  response.on('error', () => undefined);
  const { method = '', url = '', headers, socket } = request;
  let told = !continues;
  const wanted = () => {
    if (continues) response.writeContinue();
    told = true;
  };
  const read = (max: number, taken: Taken) => readBody(request, max, taken);
  const answer = await answerTo(connection, { method, url, headers, socket, wanted }, read, context);
  if (response.destroyed || response.socket === null) return;
  if ('begin' in answer) beginStream(connection, request, response, answer, context);
  else await send(connection, { request, response, continues: !told }, answer, context);
  await closed;
  context.release(connection);
}

/** Nobody changes what was asked. */
const NO_QUERY = new URLSearchParams();
/** What URL would leave as it is. */
const PLAIN_PATH = /^(?:\/[\w-]+)+$/;

function target(url: string): { path: string; query: URLSearchParams } {
  if (PLAIN_PATH.test(url)) return { path: url, query: NO_QUERY };
  if (!URL.canParse(url, 'http://agent')) throw new Refusal(400, 'malformed', 'This is no path.');
  const { pathname: path, searchParams: query } = new URL(url, 'http://agent');
  return { path, query };
}

function said(asked: RequestHead, error: Error, context: Context): Answer {
  const refusal = error instanceof Refusal ? error : new Refusal(500, 'failed', error.message);
  if (refusal === error) context.refuse(refusal.reason);
  return context.refusal(asked, refusal);
}

/** As text, where a server has no form of its own for it. */
export function plainRefusal(_: RequestHead, error: Refusal): Answer {
  return { ...textAnswer(error.code, error.message), headers: error.headers };
}

/** `continues`: the peer waits to be told to send its body, and will not be. */
async function send(
  connection: HttpConnection,
  { request, response, continues }: Exchange,
  answer: Answer,
  context: Context,
): Promise<void> {
  const { code, body } = answer;
  const pieces = typeof body === 'string' ? [Buffer.from(body)] : body;
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  response.writeHead(code, answerFields(answer, length, response.shouldKeepAlive, context));
  connection.enter('send');
  // Closed while the peer is sending, it would be reset, and the peer would never read why.
  const early = !response.shouldKeepAlive && !request.complete && !continues;
  if (request.method !== 'HEAD') {
    context.hold(connection, pieces);
    if (pieces.length === 1 && length <= PART && !early) {
      // Head and text leave in one piece.
      response.end(typeof body === 'string' ? body : pieces[0]);
      return;
    }
    await inParts(connection, response, pieces, written);
  }
  if (early) await passed(connection, request);
  response.end();
}

/** Of an answer of so many bytes. */
export function answerFields(
  { type = TEXT_TYPE, headers }: Answer,
  length: number,
  keeps: boolean,
  context: Context,
): Record<string, string | number> {
  return { ...kept(keeps, context), ...HEADERS, 'Content-Type': type, 'Content-Length': length, ...headers };
}

/** Resolves when the rest of the request's body has come, which nobody wants, or the peer is gone. */
function passed(connection: HttpConnection, request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    if (request.complete || request.destroyed) return resolve();
    request.once('end', resolve).once('close', resolve);
    request.on('data', (piece: Buffer) => {
      connection.touch();
      passOver(piece);
    });
    request.resume();
  });
}

/** What becomes of the connection. */
function kept(keeps: boolean, { closing, limits }: Context): Record<string, string> {
  if (closing) return { Connection: 'close' };
  return keeps ? { 'Keep-Alive': `timeout=${Math.floor(limits.keep_ms / 1000)}` } : {};
}

/** Resolves when all of it has left, or the peer. */
export async function inParts<S extends Writable>(
  connection: HttpConnection,
  to: S,
  pieces: readonly Buffer[],
  written: (to: S, part: Buffer) => Promise<void>,
): Promise<void> {
  for (const piece of pieces) {
    for (let at = 0; at < piece.length && !to.destroyed; at += PART) {
      await written(to, piece.subarray(at, at + PART));
      connection.touch();
    }
  }
}

/** Resolves when the part has left, or the peer. */
function written(response: ServerResponse, part: Buffer): Promise<void> {
  return new Promise((resolve) => {
    response.once('close', resolve);
    response.write(part, () => {
      response.off('close', resolve);
      resolve();
    });
  });
}

function beginStream(
  connection: HttpConnection,
  { method }: IncomingMessage,
  response: ServerResponse,
  { type, begin }: StreamedAnswer,
  context: Context,
): void {
  const { streams } = context;
  response.writeHead(200, { ...kept(response.shouldKeepAlive, context), ...HEADERS, 'Content-Type': type });
  if (method === 'HEAD') {
    response.end();
    return;
  }
  // Who has said all that it has to say may wait for an answer, but not for one that has no end: it may be gone.
  const { socket } = connection;
  if (socket.readableEnded) connection.destroy();
  socket.once('end', () => connection.destroy());
  connection.enter('stream');
  response.flushHeaders();
  const stop = begin(response);
  streams.add(response);
  response.once('close', () => {
    stop();
    streams.delete(response);
  });
}
