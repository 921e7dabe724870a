/**
 * The one HTTP server: admin is on it, and what else listens for HTTP. A listener each.
 *
 *   connection --head--> admit --> handler --> answer --> the next head
 *
 * One request at a time a connection: those that a peer sends ahead wait, and are bounded. Nothing that a peer does or
 * leaves undone keeps others out: a connection that does not get on is ended (looked at every second), and where there
 * is no room for one more, the one that has been still for longest makes it.
 */
import type { IncomingMessage, Server as Parser, ServerResponse } from 'node:http';
import { createServer as createListener, type Server, type Socket } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import { createServer } from '../builtin.ts';
import { log } from '../log.ts';
import type { Access } from './access.ts';
import type { Handler } from './answer.ts';
import { Budget } from './body.ts';
import { HttpConnection, peerOf } from './connection.ts';
import { type Context, exchange, plainRefusal } from './exchange.ts';
import { LIMITS, type Limits } from './limits.ts';
import { listen, type Where } from './listen.ts';
import { servePlainly } from './plain.ts';
import { ReadTurns } from './read-turns.ts';
import { makeRoom, stillestOf } from './stillest.ts';
import { type TlsFiles, type TlsIdentity, tlsServer } from './tls.ts';

const MAX_HEAD = 16 << 10;
/** At the end answers on their way are waited for so long. */
const DRAIN_MS = 500;

export interface HttpOptions {
  where: Where;
  access: Access;
  tls?: TlsFiles;
  handler: Handler;
  limits?: Partial<Limits>;
  /** Shared with other servers; default: one of its own, of `limits.bodies`. */
  budget?: Budget;
  /** Shared with other servers, too. */
  turns?: ReadTurns;
  /** How it is said that a request is not served; default: as text. */
  refusal?: Context['refusal'];
}

/** What is said, once an hour, of peers that take more than they should. */
const SAID: Record<string, string> = {
  connections: 'there are too many connections: those that do nothing for longest are closed',
  peer: 'one peer has too many connections: those that do nothing for longest are closed',
  ahead: 'too many requests were sent ahead of the answers: the connection with most of them is closed',
  sending: 'too much is to be sent to peers that do not take it: the slowest connection is closed',
  timeout: 'a peer did not send its request, or take its answer, in time: its connection is closed',
};

export class HttpServer implements Context {
  /** `127.0.0.1:8687`, or the path of a unix socket. */
  address = '';
  /** Begun. */
  requests = 0;
  /** Of bodies, as they came. */
  bytes = 0;
  /** Connections and requests that were not served, by the reason. */
  readonly refused = new Map<string, number>();
  readonly access: Access;
  readonly handler: Handler;
  readonly budget: Budget;
  readonly streams = new Set<ServerResponse>();
  readonly limits: Limits;
  readonly refusal: Context['refusal'];
  closing = false;
  readonly #turns: ReadTurns;
  readonly #listener: Server;
  readonly #parser: Parser;
  readonly #connections = new Set<HttpConnection>();
  /** By what requests come on. */
  readonly #of = new WeakMap<Socket, HttpConnection>();
  /** Answers on their way: their size, and to how many connections each is; and the size of all of them. */
  readonly #sending = new Map<readonly Buffer[], { bytes: number; to: number }>();
  #sendingBytes = 0;
  #ahead = 0;
  #looking: NodeJS.Timeout | undefined;
  #identity: TlsIdentity | null = null;

  private constructor({ access, handler, limits, budget, turns, refusal }: HttpOptions, tls: TlsServer | null) {
    this.access = access;
    this.handler = handler;
    this.limits = { ...LIMITS, ...limits };
    this.refusal = refusal ?? plainRefusal;
    this.budget = budget ?? new Budget(this.limits.bodies, this.limits.slow_ms);
    this.#turns = turns ?? new ReadTurns();
    const listening = { allowHalfOpen: true, noDelay: true };
    this.#listener = createListener(listening, (socket) => this.#accept(socket, tls));
    // Its own timeouts see less than #look does.
    const untimed = { keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0, maxHeaderSize: MAX_HEAD };
    this.#parser = createServer(untimed, (request, response) => this.#onRequest(request, response, false));
    // Who has said all that it has to say may still get its answer.
    Object.assign(this.#parser, { httpAllowHalfOpen: true });
    this.#parser.on('checkContinue', (request, response) => this.#onRequest(request, response, true));
    this.#parser.on('clientError', (error, socket) => this.#onClientError(error, socket as Socket));
    tls?.on('secureConnection', (socket) => this.#onSecure(socket));
    tls?.on('tlsClientError', () => this.refuse('tls'));
  }

  /** Listens; rejects with the reason in words. */
  static async open(options: HttpOptions): Promise<HttpServer> {
    const tls = options.tls ? await tlsServer(options.tls) : null;
    const server = new HttpServer(options, tls?.server ?? null);
    server.#identity = tls?.identity ?? null;
    server.address = await listen(server.#listener, options.where);
    server.#listener.on('error', (error) => server.#say('accept', `cannot accept: ${error.message}`));
    return server;
  }

  get connections(): number {
    return this.#connections.size;
  }

  get problem(): string | null {
    return this.#identity?.problem ?? null;
  }

  refuse(reason: string): void {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
    const said = SAID[reason];
    if (said !== undefined) this.#say(reason, said);
  }

  hold(connection: HttpConnection, body: readonly Buffer[]): void {
    connection.sending = body;
    const held = this.#sending.get(body);
    if (held) {
      held.to++;
      return;
    }
    const bytes = body.reduce((sum, { length }) => sum + length, 0);
    this.#sending.set(body, { bytes, to: 1 });
    this.#sendingBytes += bytes;
    while (this.#heldBytes() > this.limits.sending) {
      const slowest = stillestOf(this.#connections, isStiller, (c) => c !== connection && c.sending !== null);
      if (!slowest) return;
      this.#drop(slowest, 'sending');
    }
  }

  release(connection: HttpConnection): void {
    const body = connection.sending;
    if (body === null) return;
    connection.sending = null;
    const held = this.#sending.get(body)!;
    if (--held.to > 0) return;
    this.#sending.delete(body);
    this.#sendingBytes -= held.bytes;
  }

  /** Of all answers on their way but the largest: one has to be possible, however large it is. */
  #heldBytes(): number {
    if (this.#sendingBytes <= this.limits.sending) return 0;
    let largest = 0;
    for (const { bytes } of this.#sending.values()) largest = Math.max(largest, bytes);
    return this.#sendingBytes - largest;
  }

  /** Listens no more; what is being answered is answered, within a time, then nobody is waited for. */
  async close(): Promise<void> {
    this.closing = true;
    const closed = new Promise((resolve) => this.#listener.close(resolve));
    for (const response of this.streams) response.end();
    for (const connection of this.#connections) if (!connection.busy) connection.destroy();
    const late = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
    }, DRAIN_MS);
    await closed;
    clearTimeout(late);
  }

  #accept(socket: Socket, tls: TlsServer | null): void {
    const peer = peerOf(socket);
    makeRoom(this.#connections, peer, this.limits, isStiller, (one, reason) => this.#drop(one, reason));
    const connection = new HttpConnection(socket, peer, tls ? 'shake' : 'head');
    this.#connections.add(connection);
    this.#of.set(socket, connection);
    this.#turns.add(socket);
    this.#looking ??= setInterval(() => this.#look(), this.limits.look_ms).unref();
    // What went wrong shows in what does not come: the close is enough to know.
    socket.on('error', () => undefined);
    socket.once('close', () => this.#forget(connection));
    if (tls) tls.emit('connection', socket);
    else this.#listen(connection);
  }

  /** Behind the TLS socket is one that was accepted: the one with its port. */
  #onSecure(socket: Socket): void {
    const { remoteAddress, remotePort } = socket;
    for (const connection of this.#connections) {
      const { socket: raw } = connection;
      if (raw.remotePort !== remotePort || raw.remoteAddress !== remoteAddress) continue;
      connection.socket = socket;
      connection.enter('head');
      this.#of.set(socket, connection);
      this.#listen(connection);
      return;
    }
    socket.destroy();
  }

  #listen(connection: HttpConnection): void {
    servePlainly({
      connection,
      context: this,
      serve: (exchange, url) => this.#tried(connection, exchange, url).then(() => this.#isServed(connection)),
      handOn: () => this.#parser.emit('connection', connection.socket),
    });
  }

  #forget(connection: HttpConnection): void {
    this.#connections.delete(connection);
    this.release(connection);
    this.#ahead -= connection.ahead.length;
    connection.ahead.length = 0;
    if (this.#connections.size > 0) return;
    clearInterval(this.#looking);
    this.#looking = undefined;
  }

  #drop(connection: HttpConnection, reason: string): void {
    this.refuse(reason);
    connection.destroy();
    this.#forget(connection);
  }

  #look(): void {
    const now = performance.now();
    for (const connection of this.#connections) {
      if (connection.phase === 'stream' && connection.socket.writableLength === 0) connection.touch();
      if (!connection.isOverdue(now, this.limits)) continue;
      if (this.#turns.isLate(connection.raw, now - this.limits.head_ms)) continue;
      const { phase } = connection;
      // A connection that is kept for a next request, and gets none, is nobody's fault.
      if (phase === 'last' || (phase === 'head' && !connection.spoke)) connection.destroy();
      else if (phase !== 'head') this.#drop(connection, 'timeout');
      else {
        this.refuse('timeout');
        connection.refuse('408 Request Timeout');
      }
    }
  }

  #onRequest(request: IncomingMessage, response: ServerResponse, continues: boolean): void {
    const connection = this.#of.get(request.socket);
    if (!connection || !this.#connections.has(connection)) return;
    connection.ahead.push({ request, response, continues });
    this.#ahead++;
    if (!connection.busy) this.#serve(connection);
    else if (this.#ahead > this.limits.ahead) {
      let most = connection;
      for (const other of this.#connections) if (other.ahead.length > most.ahead.length) most = other;
      this.#drop(most, 'ahead');
    }
  }

  /** One after the other. */
  async #serve(connection: HttpConnection): Promise<void> {
    for (let next = connection.ahead.shift(); next; next = connection.ahead.shift()) {
      const begun = next;
      this.#ahead--;
      await this.#tried(connection, () => exchange(connection, begun, this), begun.request.url);
    }
    this.#isServed(connection);
  }

  async #tried(connection: HttpConnection, exchange: () => Promise<void>, url: string | undefined): Promise<void> {
    connection.busy = true;
    this.requests++;
    this.#turns.begin(connection.raw);
    try {
      await exchange();
    } catch (error) {
      // Not the peer's fault, but not worth the agent's life.
      this.#say('failed', `cannot answer ${url}: ${(error as Error).message}`);
      this.#drop(connection, 'failed');
    }
  }

  #isServed(connection: HttpConnection): void {
    connection.busy = false;
    if (!this.#connections.has(connection)) return;
    if (connection.wrong !== null) connection.refuse(connection.wrong);
    else if (this.closing) connection.socket.end();
    else connection.enter('head');
  }

  #onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    const connection = this.#of.get(socket);
    if (!connection || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    // Who goes away in the middle may do so.
    if (error.code !== 'HPE_INVALID_EOF_STATE') this.refuse('malformed');
    const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
    // A request whose body is wrong gets this as its answer, one that is answered already has it behind it.
    if (connection.busy && connection.phase !== 'body') connection.wrong = status;
    else connection.refuse(status);
  }

  #say(reason: string, what: string): void {
    log.warnOnce(`http ${this.address} ${reason}`, `${this.address}: ${what}`);
  }
}

/** Those that wait for us are the last. */
function isStiller(one: HttpConnection, other: HttpConnection): boolean {
  if ((one.phase === 'work') !== (other.phase === 'work')) return other.phase === 'work';
  return one.touched < other.touched;
}
