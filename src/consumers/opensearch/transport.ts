/**
 * Requests to OpenSearch or Elasticsearch, over connections that are kept.
 *
 *   send   bytes as they are: the next node that does not rest; any status resolves
 *   json   JSON both ways: a status of failure rejects
 *
 * What could not even be asked (no connection) is asked of the other nodes at once. What was asked and not answered may
 * have been carried out: it rejects with `unknown`, and whoever asked decides.
 */
import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import { request } from '../../builtin.ts';
import type { TlsConfig } from '../../kafka/connect/security.ts';
import { connectionsTo, NoConnection } from './connections.ts';
import { type Node, Nodes } from './nodes.ts';

const TIMEOUT = 60_000;
const MOST_BYTES = 64 << 20;
const JSON_BODY = 'application/json';

export interface TransportOptions {
  urls: readonly string[];
  username?: string | undefined;
  password?: string | undefined;
  api_key?: string | undefined;
  tls?: TlsConfig | undefined;
  /** What the TLS options are called, in messages; default `sink.opensearch.tls`. */
  tlsOption?: string;
}

export interface Send {
  method: string;
  /** With its query. */
  path: string;
  /** Written as they are, and not copied: they stay as they are until it resolves. */
  body?: readonly Uint8Array[] | string;
  /** Content-Type; default: JSON. */
  type?: string;
  /** What the body is compressed with. */
  encoding?: 'gzip' | 'zstd';
  /** Milliseconds for all of it; default a minute. */
  timeout?: number;
  signal?: AbortSignal | undefined;
  /** Bytes of the answer, at most; default 64 MiB. */
  max?: number;
}

export interface NodeAnswer {
  status: number;
  body: Buffer;
  /** Who answered. */
  url: string;
}

/** There is no answer. `unknown`: it was asked, and may have been carried out. */
export class TransportError extends Error {
  readonly kind: 'connect' | 'cut' | 'timeout' | 'size';
  readonly unknown: boolean;
  readonly url: string;

  constructor(kind: TransportError['kind'], unknown: boolean, url: string, message: string) {
    super(`${url} ${message}`);
    this.kind = kind;
    this.unknown = unknown;
    this.url = url;
  }
}

/** The answer is a refusal. */
export class RefusedRequest extends Error {
  readonly status: number;
  /** `security_exception` and the like; empty where it says none. */
  readonly type: string;
  readonly reason: string;

  constructor(status: number, type: string, reason: string, url: string, what: string) {
    super(`${what}: ${refusal(status, type, reason, url)}`);
    this.status = status;
    this.type = type;
    this.reason = reason;
  }
}

export interface JsonOptions {
  /** Statuses of failure that are answers, too. */
  allow?: readonly number[];
  timeout?: number;
  signal?: AbortSignal | undefined;
  max?: number;
  /** What was to be done, as the sentence of a failure begins: `cannot make the stream ds-1`. */
  what?: string;
}

// biome-ignore lint/suspicious/noExplicitAny: what an answer says its reader knows
export type Json = any;

export class Transport {
  readonly #nodes: Nodes;
  readonly #agents: ReadonlyMap<Node, Agent>;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(options: TransportOptions) {
    const { urls, tls, tlsOption = 'sink.opensearch.tls', username, password, api_key } = options;
    this.#nodes = new Nodes(urls);
    this.#agents = new Map(
      this.#nodes.all.map((node) => [node, connectionsTo(node.address, tls ?? null, tlsOption)] as const),
    );
    const login = Buffer.from(`${username}:${password ?? ''}`).toString('base64');
    this.#headers = {
      Accept: JSON_BODY,
      ...(api_key !== undefined && { Authorization: `ApiKey ${api_key}` }),
      ...(username !== undefined && { Authorization: `Basic ${login}` }),
    };
  }

  async send(message: Send): Promise<NodeAnswer> {
    const tried = new Set<Node>();
    const [until, signal] = [performance.now() + (message.timeout ?? TIMEOUT), message.signal];
    let last: TransportError | null = null;
    for (let node = this.#nodes.next(tried); node; node = this.#nodes.next(tried)) {
      signal?.throwIfAborted();
      tried.add(node);
      try {
        const received = await this.#ask(node, message, Math.max(1, until - performance.now()));
        this.#nodes.answered(node);
        return received;
      } catch (error) {
        if (!(error instanceof TransportError)) throw error;
        if (error.kind !== 'size') this.#nodes.failed(node, error.message);
        last = error;
        const again = !error.unknown || /^(GET|HEAD)$/.test(message.method);
        if (!again || performance.now() >= until) break;
      }
    }
    throw last!;
  }

  async json(
    method: string,
    path: string,
    body?: object,
    options: JsonOptions = {},
  ): Promise<{ status: number; body: Json }> {
    const { allow = [], what = `cannot ask for ${path.replace(/\?.*/, '')}`, ...rest } = options;
    const text = body === undefined ? {} : { body: JSON.stringify(body) };
    let received: NodeAnswer;
    try {
      received = await this.send({ method, path, ...text, ...rest });
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      error.message = `${what}: ${error.message}`;
      throw error;
    }
    const { status, url } = received;
    const answer = parsed(received.body);
    if (status >= 400 && !allow.includes(status)) {
      const { type = '', reason = answer === null ? received.body.toString('utf8', 0, 300) : '' } = errorIn(answer);
      throw new RefusedRequest(status, type, reason, url, what);
    }
    return { status, body: answer };
  }

  /** Of each node: why it could not be asked at last, and whether it rests. */
  status(): { url: string; error: string | null; resting: boolean }[] {
    const now = performance.now();
    return this.#nodes.all.map(({ url, error, restsUntil }) => ({ url, error, resting: restsUntil > now }));
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  #ask(node: Node, message: Send, timeout: number): Promise<NodeAnswer> {
    const { method, path, body, type = JSON_BODY, encoding, signal, max = MOST_BYTES } = message;
    const { promise, resolve, reject } = Promise.withResolvers<NodeAnswer>();
    const { address, url } = node;
    const parts = typeof body === 'string' ? [Buffer.from(body)] : (body ?? []);
    const length = parts.reduce((sum, { length }) => sum + length, 0);
    const carries = body !== undefined && { 'Content-Type': type, 'Content-Length': length };
    let asked = false;
    const asking: ClientRequest = request({
      agent: this.#agents.get(node)!,
      method,
      host: address.hostname,
      path: `${address.pathname.replace(/\/$/, '')}${path}`,
      headers: {
        Host: address.host,
        ...this.#headers,
        ...carries,
        ...(encoding && { 'Content-Encoding': encoding }),
      },
      signal,
    });
    const fail = (kind: TransportError['kind'], said: string) => reject(new TransportError(kind, asked, url, said));
    const limit = setTimeout(() => {
      fail('timeout', `did not answer in ${Math.round(timeout / 1000)} s`);
      asking.destroy();
    }, timeout);
    // A connection is only given where there is one: from here on something may have been carried out.
    asking.once('socket', () => {
      asked = true;
    });
    asking.once('response', (response) => {
      collect(response, max, (body) => resolve({ status: response.statusCode!, body, url }), fail);
    });
    asking.on('error', (error) => {
      if (signal?.aborted) reject(signal.reason);
      else if (error instanceof NoConnection) fail('connect', error.message);
      else fail('cut', `ended the connection without an answer (${error.message})`);
    });
    for (const part of parts) asking.write(part);
    asking.end();
    return promise.finally(() => clearTimeout(limit));
  }
}

function collect(
  response: IncomingMessage,
  max: number,
  done: (body: Buffer) => void,
  fail: (kind: TransportError['kind'], said: string) => void,
): void {
  const pieces: Buffer[] = [];
  let bytes = 0;
  response.on('data', (piece: Buffer) => {
    bytes += piece.length;
    pieces.push(piece);
    if (bytes <= max) return;
    fail('size', `answers with more than ${max >> 20} MiB`);
    response.destroy();
  });
  response.on('end', () => done(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)));
  response.on('error', (error) => fail('cut', `ended the connection within its answer (${error.message})`));
}

/** Null: it is no JSON. */
export function parsed(body: Buffer): Json {
  try {
    return JSON.parse(body.toString());
  } catch {
    // What is between may answer in HTML: its reader sees that there is no JSON.
    return null;
  }
}

/** The cause says more than what it led to. */
export function errorIn(answer: Json): { type?: string; reason?: string } {
  const error = answer?.error;
  if (typeof error === 'string') return { reason: error };
  const cause = error?.root_cause?.[0];
  return { type: error?.type, reason: cause?.reason ?? error?.reason };
}

function refusal(status: number, type: string, reason: string, url: string): string {
  const why = [type, reason].filter((text) => text !== '').join(': ');
  const said = why === '' ? '' : ` (${why})`;
  if (status === 401) return `${url} refuses the login${said}: are username and password, or api_key, right?`;
  if (status === 403) return `${url} does not allow it${said}: give this user the right to it`;
  return `${url} answers ${status}${said}`;
}

export interface Product {
  name: 'opensearch' | 'elasticsearch';
  /** `2.19.1` */
  version: string;
}

/** What answers there. Rejects with a sentence where it is something else. */
export async function productOf(transport: Transport, signal?: AbortSignal): Promise<Product> {
  const what = 'cannot tell what is there';
  const { body } = await transport.json('GET', '/', undefined, { signal, what });
  const version = body?.version?.number;
  if (typeof version !== 'string') throw new Error(`${what}: its answer is neither OpenSearch's nor Elasticsearch's`);
  return { name: body.version.distribution === 'opensearch' ? 'opensearch' : 'elasticsearch', version };
}
