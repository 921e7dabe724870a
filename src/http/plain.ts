/**
 * A connection as long as it sends plain requests (plain-head.ts), each in one piece, which is how clients that keep theirs
 * send small ones. The first thing that is otherwise, and all that follows, is node:http's.
 *
 *   piece -- plain? --> handler --> head and body by one write --> the next piece
 *              '-> not, or the answer before is not out: handed on, for good
 */
import type { Writable } from 'node:stream';
import { STATUS_CODES } from '../builtin.ts';
import type { Answer } from './answer.ts';
import { noRoom, tooLarge } from './answer.ts';
import type { Taken } from './body.ts';
import type { HttpConnection } from './connection.ts';
import { answerFields, answerTo, type Context, inParts, PART } from './exchange.ts';
import { HeldBody } from './held-body.ts';
import { type PlainHead, readPlainHead } from './plain-head.ts';

const HEAD_END = Buffer.from('\r\n\r\n');
/** What is written behind something leaves when that has. */
const NOTHING = Buffer.alloc(0);
/** Of a head; a longer one is node:http's. */
const MOST_HEAD = 2048;

export interface PlainOptions {
  connection: HttpConnection;
  context: Context;
  /** Serves it; resolves when that is over. Nothing else of the connection is served meanwhile. */
  serve(exchange: () => Promise<void>, url: string): Promise<void>;
  /** The connection is node:http's from now on; what has come is in the socket again. */
  handOn(): void;
}

export function servePlainly({ connection, context, serve, handOn }: PlainOptions): void {
  const { socket } = connection;
  /** The same head comes again and again: its bytes, and what they say. */
  let bytes = Buffer.alloc(0);
  let head: PlainHead | null = null;
  /** What came before the answer was out. */
  let early: Buffer | null = null;
  let serving = false;

  const leave = (piece: Buffer) => {
    socket.off('data', onData).off('end', onEnd);
    socket.unshift(piece);
    handOn();
    socket.resume();
  };
  const onData = (piece: Buffer) => {
    if (serving) {
      socket.pause();
      early = early === null ? piece : Buffer.concat([early, piece]);
      return;
    }
    const found = headOf(piece);
    if (!found) return leave(piece);
    serving = true;
    void serve(() => exchangePlainly(connection, found, piece, context), found.path).then(() => {
      serving = false;
      if (socket.destroyed) return;
      if (early !== null) leave(early);
      else if (socket.readableEnded) socket.end();
    });
  };
  const onEnd = () => {
    if (!serving) socket.end();
  };

  function headOf(piece: Buffer): PlainHead | null {
    const { length } = bytes;
    const again = length > 0 && piece.length >= length && bytes.compare(piece, 0, length) === 0;
    if (!again) {
      const end = piece.indexOf(HEAD_END);
      if (end < 0 || end > MOST_HEAD) return null;
      bytes = Buffer.from(piece.subarray(0, end + HEAD_END.length));
      head = readPlainHead(bytes.toString('latin1', 0, end + 2));
    }
    return head !== null && head.length + head.body === piece.length ? head : null;
  }

  socket.on('data', onData).on('end', onEnd);
}

async function exchangePlainly(
  connection: HttpConnection,
  { path, headers, length }: PlainHead,
  piece: Buffer,
  context: Context,
): Promise<void> {
  const { socket } = connection;
  const request = { method: 'POST', url: path, headers, socket, wanted: () => undefined };
  const read = (max: number, taken: Taken) => heldBody(piece, length, max, taken);
  const answer = await answerTo(connection, request, read, context);
  if (socket.destroyed) return;
  // Only what is asked for with GET goes on.
  if ('begin' in answer) throw new Error('an answer without an end goes to GET alone');
  const sending = send(connection, answer, context);
  if (sending === null) return;
  await sending;
  context.release(connection);
}

function heldBody(piece: Buffer, at: number, max: number, taken: Taken): HeldBody {
  const body = piece.subarray(at);
  if (body.length > max) throw tooLarge(max);
  taken.onBegin();
  taken.onBytes(body.length);
  if (!taken.budget.take(body.length)) throw noRoom();
  taken.bytes += body.length;
  const held = new HeldBody();
  held.own(body, piece.length);
  taken.held = held;
  return held;
}

/** Resolves when the answer has left, or the peer. Null: it has, which is how most do that are small. */
function send(connection: HttpConnection, answer: Answer, context: Context): Promise<void> | null {
  const { socket } = connection;
  const { body } = answer;
  const size = typeof body === 'string' ? Buffer.byteLength(body) : body.reduce((sum, { length }) => sum + length, 0);
  const head = headOf(answer, size, context);
  connection.enter('send');
  const whole = () => (typeof body === 'string' ? [Buffer.from(body)] : body);
  if (size <= PART) {
    const leaving = left(connection, typeof body === 'string' ? head + body : together(head, body, size));
    if (leaving !== null) context.hold(connection, whole());
    return leaving;
  }
  const pieces = whole();
  context.hold(connection, pieces);
  socket.write(head, 'latin1');
  return inParts(connection, socket, pieces, written);
}

function together(head: string, pieces: readonly Buffer[], size: number): Buffer {
  const bytes = Buffer.allocUnsafe(head.length + size);
  let at = bytes.write(head, 'latin1');
  for (const piece of pieces) at += piece.copy(bytes, at);
  return bytes;
}

/** As `written`; null: it has left at once. Nothing that TLS has to encrypt does. */
function left({ socket, raw }: HttpConnection, bytes: string | Buffer): Promise<void> | null {
  if (socket !== raw) return written(socket, bytes);
  socket.write(bytes);
  return socket.writableLength === 0 ? null : written(socket, NOTHING);
}

/** Of an answer of so many bytes. */
function headOf(answer: Answer, size: number, context: Context): string {
  const { code, type, headers } = answer;
  const { closing, limits } = context;
  const date = now();
  // Most say the same but for their length, within a second.
  const alike = headers === undefined && !closing;
  if (
    alike &&
    last.code === code &&
    last.type === type &&
    last.date === date &&
    last.size === size &&
    last.of === limits
  ) {
    return last.head;
  }
  const fields = answerFields(answer, size, !closing, context);
  let head = `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? 'unknown'}\r\n`;
  for (const name in fields) head += `${name}: ${fields[name]}\r\n`;
  head += closing ? `Date: ${date}\r\n\r\n` : `Date: ${date}\r\nConnection: keep-alive\r\n\r\n`;
  if (alike) last = { code, type, date, size, of: limits, head };
  return head;
}

interface Head {
  code: number;
  type: string | undefined;
  date: string;
  size: number;
  of: unknown;
  head: string;
}

let last: Head = { code: 0, type: '', date: '', size: 0, of: null, head: '' };

/** Resolves when the part has left, or the peer. */
function written(socket: Writable, part: string | Buffer): Promise<void> {
  return new Promise((resolve) => {
    socket.write(part, () => resolve());
  });
}

let second = 0;
let date = '';

/** As HTTP writes it. */
function now(): string {
  const at = Math.floor(Date.now() / 1000);
  if (at !== second) {
    second = at;
    date = new Date(at * 1000).toUTCString();
  }
  return date;
}
