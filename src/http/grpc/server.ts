/**
 * Unary gRPC over HTTP/2, by node:http2: a call is one message each way, so all that gRPC adds is five bytes before a
 * message, and trailers.
 *
 *   connection --first bytes--> HTTP/2: session --streams--> call --> method --> message, trailers
 *                               else:   is told what is spoken here, in HTTP/1.1
 *
 * An error is Trailers-Only: one HEADERS frame with all of it, as some clients read the status from nowhere else. The
 * limits are those of the other server (limits.ts): connections a peer and in all, calls that wait, bytes of bodies in one
 * budget, and whoever does not get on is ended, looked at every second. A connection without calls is kept, as exporters have one for
 * as long as they live; where there is no room for one more, the one that has been still for longest makes it.
 */
import type {
  Http2Server,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
  ServerOptions,
} from 'node:http2';
import { createServer as createListener, type Server, type Socket } from 'node:net';
import type { TLSSocket, Server as TlsServer } from 'node:tls';
import { log } from '../../log.ts';
import type { Access } from '../access.ts';
import { Budget } from '../body.ts';
import { peerOf } from '../connection.ts';
import { LIMITS, type Limits } from '../limits.ts';
import { listen, type Where } from '../listen.ts';
import { ReadTurns } from '../read-turns.ts';
import { makeRoom } from '../stillest.ts';
import { certificateOf, type TlsFiles, type TlsIdentity, tlsServer } from '../tls.ts';
import { type GrpcCall, serve } from './call.ts';
import { Watchers } from './health.ts';
import { SessionReads } from './reads.ts';

/** Calls of one connection at a time. */
const STREAMS = 16;
const WINDOW = 1 << 20;
const SESSION_WINDOW = 4 << 20;
const MAX_HEAD = 16 << 10;
const DRAIN_MS = 500;
/** Of HTTP/2 (RFC 9113, section 7). */
const CANCEL = 8;

/** Answers one message with one. Throws a GrpcError, or a Refusal. */
export type Method = (call: GrpcCall) => Promise<Buffer>;

export interface GrpcOptions {
  where: Where;
  access: Access;
  tls?: TlsFiles;
  /** By path: `/package.Service/Method`. */
  methods: ReadonlyMap<string, Method>;
  /** What is said to who does not speak HTTP/2. */
  elsewhere: string;
  limits?: Partial<Limits>;
  /** Shared with other servers; default: one of its own, of `limits.bodies`. */
  budget?: Budget;
  /** Shared with other servers, too. */
  turns?: ReadTurns;
}

interface Connection {
  socket: Socket;
  readonly raw: Socket;
  readonly peer: string | null;
  session: ServerHttp2Session | null;
  readonly reads: SessionReads;
  calls: number;
  since: number;
  touched: number;
}

/** A call until it is answered. */
export interface OpenCall {
  readonly stream: ServerHttp2Stream;
  readonly connection: Connection;
  /** What it waits for: its message, us, or that the peer takes the answer. */
  phase: 'message' | 'work' | 'send';
  since: number;
  touched: number;
}

const SAID: Record<string, string> = {
  connections: 'there are too many connections: those that do nothing for longest are closed',
  peer: 'one peer has too many connections: those that do nothing for longest are closed',
  calls: 'there are too many calls at a time: the connection with most of them is closed',
  timeout: 'a peer did not send its message, or take its answer, in time: its call is ended',
};

export class GrpcServer {
  /** `127.0.0.1:4317`, or the path of a unix socket. */
  address = '';
  requests = 0;
  /** Of messages, as they came. */
  bytes = 0;
  readonly refused = new Map<string, number>();
  readonly access: Access;
  readonly methods: ReadonlyMap<string, Method>;
  readonly budget: Budget;
  readonly limits: Limits;
  readonly watchers = new Watchers();
  closing = false;
  readonly #o: GrpcOptions;
  readonly #turns: ReadTurns;
  readonly #listener: Server;
  readonly #h2: Http2Server;
  readonly #connections = new Set<Connection>();
  readonly #of = new WeakMap<ServerHttp2Session, Connection>();
  readonly #calls = new Set<OpenCall>();
  #accepting: Connection | null = null;
  #identity: TlsIdentity | null = null;
  #looking: NodeJS.Timeout | undefined;

  private constructor(
    options: GrpcOptions,
    createServer: (options: ServerOptions) => Http2Server,
    tls: TlsServer | null,
  ) {
    this.#o = options;
    this.access = options.access;
    this.methods = options.methods;
    this.limits = { ...LIMITS, ...options.limits };
    this.budget = options.budget ?? new Budget(this.limits.bodies, this.limits.slow_ms);
    this.#turns = options.turns ?? new ReadTurns();
    const settings = { enablePush: false, initialWindowSize: WINDOW, maxConcurrentStreams: STREAMS };
    this.#h2 = createServer({ settings: { ...settings, maxHeaderListSize: MAX_HEAD }, unknownProtocolTimeout: 1000 });
    this.#h2.on('session', (session) => this.#onSession(session));
    this.#h2.on('stream', (stream, headers) => this.#onStream(stream as ServerHttp2Stream, headers));
    this.#h2.on('sessionError', () => undefined);
    this.#listener = createListener({ noDelay: true }, (socket) => this.#accept(socket, tls));
    tls?.on('secureConnection', (socket) => this.#onSecure(socket));
    tls?.on('tlsClientError', () => this.refuse('tls'));
  }

  /** Listens; rejects with the reason in words. */
  static async open(options: GrpcOptions): Promise<GrpcServer> {
    const { createServer } = await import('node:http2');
    const tls = options.tls ? await tlsServer(options.tls, ['h2', 'http/1.1']) : null;
    const server = new GrpcServer(options, createServer, tls?.server ?? null);
    server.#identity = tls?.identity ?? null;
    server.address = await listen(server.#listener, options.where);
    server.#listener.on('error', (error) => server.say('accept', `cannot accept: ${error.message}`));
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
    if (said !== undefined) this.say(reason, said);
  }

  say(reason: string, what: string): void {
    log.warnOnce(`grpc ${this.address} ${reason}`, `${this.address}: ${what}`);
  }

  /** Listens no more; what is being answered is answered, within a time, then nobody is waited for. */
  async close(): Promise<void> {
    this.closing = true;
    const closed = new Promise((resolve) => this.#listener.close(resolve));
    this.watchers.end();
    for (const connection of this.#connections) {
      if (connection.session) connection.session.close();
      else this.#destroy(connection);
    }
    const late = setTimeout(() => {
      for (const connection of this.#connections) this.#destroy(connection);
    }, DRAIN_MS);
    await closed;
    clearTimeout(late);
  }

  #accept(socket: Socket, tls: TlsServer | null): void {
    const peer = peerOf(socket);
    makeRoom(this.#connections, peer, this.limits, isStiller, (one, reason) => this.#drop(one, reason));
    const now = performance.now();
    const reads = new SessionReads();
    const connection = { socket, raw: socket, peer, session: null, reads, calls: 0, since: now, touched: now };
    this.#connections.add(connection);
    this.#turns.add(socket);
    this.#looking ??= setInterval(() => this.#look(), this.limits.look_ms).unref();
    socket.on('error', () => undefined);
    socket.once('close', () => this.#forget(connection));
    if (tls) tls.emit('connection', socket);
    else this.#listen(connection);
  }

  #onSecure(socket: TLSSocket): void {
    const { remoteAddress, remotePort } = socket;
    for (const connection of this.#connections) {
      const { raw } = connection;
      if (raw.remotePort !== remotePort || raw.remoteAddress !== remoteAddress) continue;
      connection.socket = socket;
      socket.on('error', () => undefined);
      if (socket.alpnProtocol === 'h2') this.#begin(connection);
      else this.#listen(connection);
      return;
    }
    socket.destroy();
  }

  /** What it speaks shows in its first bytes. */
  #listen(connection: Connection): void {
    const { socket } = connection;
    socket.once('readable', () => {
      const head = socket.read() as Buffer | null;
      if (head === null) return;
      socket.unshift(head);
      if (head[0] === 0x50 && (head.length < 3 || head.toString('latin1', 0, 3) === 'PRI')) this.#begin(connection);
      else this.#tellElsewhere(connection);
    });
  }

  #begin(connection: Connection): void {
    this.#accepting = connection;
    this.#h2.emit('connection', connection.socket);
    this.#accepting = null;
  }

  /** HTTP/1.1, most likely. */
  #tellElsewhere({ socket }: Connection): void {
    this.refuse('protocol');
    const body = `${this.#o.elsewhere}\n`;
    const head = `HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n`;
    socket.resume();
    socket.end(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  #onSession(session: ServerHttp2Session): void {
    const connection = this.#accepting;
    if (!connection) {
      session.destroy();
      return;
    }
    connection.session = session;
    this.#of.set(session, connection);
    connection.touched = performance.now();
    session.setLocalWindowSize(SESSION_WINDOW);
    session.on('error', () => undefined);
    session.once('close', () => this.#destroy(connection));
    if (this.closing) session.close();
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on('error', () => undefined);
    const connection = stream.session && this.#of.get(stream.session as ServerHttp2Session);
    if (!connection || !this.#connections.has(connection)) {
      stream.close();
      return;
    }
    this.requests++;
    this.#turns.begin(connection.raw);
    const now = performance.now();
    const open: OpenCall = { stream, connection, phase: 'work', since: now, touched: now };
    this.#calls.add(open);
    connection.reads.watch(stream);
    connection.calls++;
    connection.touched = now;
    stream.once('close', () => {
      this.#calls.delete(open);
      connection.calls--;
      connection.touched = performance.now();
    });
    if (this.#calls.size > this.limits.calls) this.#dropBusiest();
    if (stream.destroyed) return;
    void serve(this, open, headers, certificateOf(connection.socket));
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size > 0) return;
    clearInterval(this.#looking);
    this.#looking = undefined;
  }

  #destroy(connection: Connection): void {
    connection.session?.destroy();
    connection.socket.destroy();
    connection.raw.destroy();
  }

  #drop(connection: Connection, reason: string): void {
    this.refuse(reason);
    this.#destroy(connection);
    this.#forget(connection);
  }

  /** Each call takes some ten kilobytes before a byte of it has come, and connections may have many. */
  #dropBusiest(): void {
    let most: Connection | null = null;
    for (const connection of this.#connections) if (most === null || connection.calls > most.calls) most = connection;
    if (!most) return;
    this.#drop(most, 'calls');
    for (const call of this.#calls) if (call.connection === most) this.#calls.delete(call);
  }

  #look(): void {
    const now = performance.now();
    const { head_ms, still_ms, whole_ms } = this.limits;
    for (const { stream, connection, phase, since, touched } of this.#calls) {
      if (phase === 'work' || (now - touched < still_ms && now - since < whole_ms)) continue;
      if (this.#turns.isLate(connection.raw, now - still_ms)) continue;
      this.refuse('timeout');
      stream.close(CANCEL);
    }
    for (const connection of this.#connections) {
      // It says nothing, or nothing that is HTTP/2.
      if (connection.session === null && now - connection.since >= head_ms) this.#drop(connection, 'timeout');
    }
  }
}

/** Those with calls are the last. */
function isStiller(one: Connection, other: Connection): boolean {
  const idle = one.calls === 0;
  if (idle !== (other.calls === 0)) return idle;
  return one.touched < other.touched;
}
