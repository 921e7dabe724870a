/**
 * The agent's own HTTP endpoint: on `admin.listen` numbers only, on the unix socket also what shows records.
 *
 *   GET /health          200 once the listeners are bound and the positions read
 *   GET /ready[?strict]  the same; with `strict` also that everything works, Kafka included
 *   GET /status[?files=N]   the status as JSON
 *   GET /metrics         Prometheus text
 *   GET /                the page
 *   GET /tap[?match=P]   records as they leave, as lines of JSON; on the socket only
 *
 * Nothing here changes anything. A page of a stranger that makes a name of its own point at us (DNS rebinding) is
 * refused by the Host header.
 */
import { existsSync, unlinkSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type AddressInfo, connect, isIP } from 'node:net';
import { createServer } from '../builtin.ts';
import type { Status } from './status.ts';
import type { Tap } from './tap.ts';

const MAX_CONNECTIONS = 64;

export interface AdminOptions {
  /** `host:port`; port 0 takes a free one. */
  listen: string;
  /** Path of the unix socket; null: none. */
  socket: string | null;
  /** Further names that a Host header may have. */
  hosts: readonly string[];
  /** True once the listeners are bound and the positions read. */
  healthy: () => boolean;
  /** Why it is not ready, or does less than configured. */
  reasons: () => string[];
  /** With at most so many files of each input, the most behind first. */
  status: (files: number) => Status;
  tap: Tap;
}

export interface AdminServer {
  /** `127.0.0.1:8687`; null when it could not be bound. */
  readonly address: string | null;
  readonly socket: string | null;
  /** One sentence for each that could not be bound. */
  readonly errors: readonly string[];
  close(): Promise<void>;
}

/** Binds what it can; never rejects. */
export async function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const errors: string[] = [];
  const servers: Server[] = [];
  let address: string | null = null;
  let socket: string | null = null;
  // Streams that a close must end.
  const taps = new Set<ServerResponse>();

  try {
    const server = newServer(options, taps, false);
    await bind(server, splitAddress(options.listen));
    servers.push(server);
    const bound = server.address() as AddressInfo;
    address = `${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`;
  } catch (error) {
    errors.push(`cannot serve status on ${options.listen}: ${reason(error)}`);
  }
  if (options.socket !== null) {
    try {
      await removeStale(options.socket);
      const server = newServer(options, taps, true);
      await bindSocket(server, options.socket);
      servers.push(server);
      socket = options.socket;
    } catch (error) {
      errors.push(`cannot serve status on ${options.socket}: ${reason(error)}`);
    }
  }

  return {
    address,
    socket,
    errors,
    async close() {
      for (const response of taps) response.end();
      await Promise.all(
        servers.map((server) => {
          const closed = new Promise((resolve) => server.close(resolve));
          // What was answered just now still goes out; then no connection is waited for.
          setImmediate(() => server.closeAllConnections());
          return closed;
        }),
      );
    },
  };
}

function newServer(options: AdminOptions, taps: Set<ServerResponse>, local: boolean): Server {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000, keepAliveTimeout: 5000 });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('request', (request, response) => {
    answer(request, response, options, taps, local).catch((error: Error) => {
      if (response.headersSent) response.destroy();
      else text(response, 500, `${error.message}\n`);
    });
  });
  return server;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: AdminOptions,
  taps: Set<ServerResponse>,
  local: boolean,
): Promise<void> {
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  if (!local && !mayBeCalled(request.headers.host, options)) {
    return text(response, 421, 'This name is not one of the agent: add it to admin.hosts to use it.\n');
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return text(response, 405, 'Nothing here changes anything: only GET and HEAD.\n');
  }
  const url = parse(request.url);
  if (url === null) return text(response, 400, 'This is no path.\n');
  switch (url.pathname) {
    case '/health': {
      const healthy = options.healthy();
      return json(response, healthy ? 200 : 503, { healthy });
    }
    case '/ready': {
      const healthy = options.healthy();
      const reasons = options.reasons();
      const ready = reasons.length === 0;
      const strict = url.searchParams.has('strict') && url.searchParams.get('strict') !== 'false';
      return json(response, healthy && (ready || !strict) ? 200 : 503, { ready: healthy && ready, reasons });
    }
    case '/status': {
      const files = url.searchParams.get('files');
      if (files !== null && !/^\d{1,9}$/.test(files)) return text(response, 400, 'files must be a number.\n');
      return json(response, 200, options.status(files === null ? Number.POSITIVE_INFINITY : Number(files)));
    }
    case '/metrics': {
      const { metricsText, METRICS_TYPE } = await import('./metrics.ts');
      return text(response, 200, await metricsText(options.status(0)), METRICS_TYPE);
    }
    case '/': {
      const { PAGE, PAGE_POLICY } = await import('./page.ts');
      response.setHeader('Content-Security-Policy', PAGE_POLICY);
      return text(response, 200, PAGE, 'text/html; charset=utf-8');
    }
    case '/tap':
      if (!local) return text(response, 403, 'Records are shown on the unix socket only: runnel tap uses it.\n');
      return stream(request, response, options.tap, taps, url.searchParams.get('match'));
    default:
      return text(response, 404, 'There is /, /health, /ready, /status and /metrics.\n');
  }
}

function stream(
  request: IncomingMessage,
  response: ServerResponse,
  tap: Tap,
  taps: Set<ServerResponse>,
  pattern: string | null,
): void {
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const stop = tap.listen(response, pattern);
  if (stop === null) {
    text(response, 503, 'Too many listen already.\n');
    return;
  }
  response.setHeader('Content-Type', 'application/x-ndjson');
  taps.add(response);
  response.on('close', () => {
    stop();
    taps.delete(response);
  });
  response.flushHeaders();
}

/** Whether a browser that sends this Host header was sent here on purpose. Without one it is no browser. */
function mayBeCalled(header: string | undefined, options: AdminOptions): boolean {
  if (header === undefined || header === options.listen) return true;
  const name = splitAddress(header.includes(':') ? header : `${header}:80`).host.toLowerCase();
  if (isIP(name) > 0 || name === 'localhost' || name.endsWith('.localhost')) return true;
  if (name === splitAddress(options.listen).host.toLowerCase()) return true;
  return options.hosts.some((host) => host.toLowerCase() === name || host.toLowerCase() === header.toLowerCase());
}

/** `host:port` or `[::1]:port`. */
function splitAddress(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  const bare = address.endsWith(']');
  const host = (bare ? address : address.slice(0, colon)).replace(/^\[(.*)\]$/, '$1');
  return { host, port: bare ? 80 : Number(address.slice(colon + 1)) };
}

function parse(url: string | undefined): URL | null {
  return URL.canParse(url ?? '', 'http://agent') ? new URL(url ?? '', 'http://agent') : null;
}

function bind(server: Server, where: { host: string; port: number } | { path: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Binds with mode 0660 from the first moment: listen(2) on a path happens within the call. */
function bindSocket(server: Server, path: string): Promise<void> {
  const before = process.umask(0o117);
  try {
    return bind(server, { path });
  } finally {
    process.umask(before);
  }
}

/** Removes a socket that a killed agent left behind; one that answers is in use. */
async function removeStale(path: string): Promise<void> {
  if (!existsSync(path)) return;
  const answers = await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
  if (answers) throw Object.assign(new Error('address already in use'), { code: 'EADDRINUSE' });
  unlinkSync(path);
}

const REASONS: Record<string, string> = {
  EADDRINUSE: 'address already in use',
  EACCES: 'permission denied',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOENT: 'the directory does not exist',
};

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return REASONS[code ?? ''] ?? message;
}

function json(response: ServerResponse, code: number, body: object): void {
  text(response, code, `${JSON.stringify(body)}\n`, 'application/json');
}

function text(response: ServerResponse, code: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(code, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
  // To HEAD node sends no body by itself.
  response.end(body);
}
