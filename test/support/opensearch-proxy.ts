/**
 * An HTTP server before OpenSearch that misbehaves on demand. What is asked of it is answered by `behave`:
 *
 *   pass        as OpenSearch answers
 *   429, 503 .. with that status, and OpenSearch is not asked
 *   cut before  the connection is ended, and OpenSearch is not asked
 *   cut after   OpenSearch is asked, and the connection is ended in place of the answer
 *   late        the connection is ended, and OpenSearch is asked some time after that
 *   lost        OpenSearch is asked, and says 503 of each item: its shard's node was lost before it answered
 *   half        of a bulk request the first half is passed on; the other items are answered with 429
 */
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecure, Server as SecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type Behaviour = 'pass' | 'cut before' | 'cut after' | 'late' | 'lost' | 'half' | number;

export interface Asked {
  method: string;
  /** With its query. */
  target: string;
  /** Of a bulk request to one stream. */
  stream: string | null;
  body: Buffer;
  headers: IncomingMessage['headers'];
}

const LATE_MS = 300;

export class OpenSearchProxy {
  readonly #server: Server;
  readonly #target: URL;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #late = new Set<Promise<unknown>>();
  behave: (asked: Asked) => Behaviour | Promise<Behaviour> = () => 'pass';
  /** Called when OpenSearch has answered a bulk request, before that is passed on. */
  answered: (asked: Asked) => void | Promise<void> = () => {};
  /** How often it behaved how, of bulk requests. */
  readonly counts: Record<string, number> = {};

  private constructor(target: string, pem: Buffer | undefined) {
    this.#target = new URL(target);
    const serve = (asking: IncomingMessage, answer: ServerResponse) => {
      this.#serve(asking, answer).catch(() => asking.socket.destroy());
    };
    this.#server = pem ? createSecure({ key: pem, cert: pem }, serve) : createServer(serve);
  }

  /** `pem`: key and certificate, for HTTPS. */
  static async start(target: string, pem?: Buffer): Promise<OpenSearchProxy> {
    const proxy = new OpenSearchProxy(target, pem);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    const scheme = this.#server instanceof SecureServer ? 'https' : 'http';
    return `${scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Another key and certificate, for connections to come; those that there are it ends. */
  renew(pem: Buffer): void {
    (this.#server as SecureServer).setSecureContext({ key: pem, cert: pem });
    this.#server.closeAllConnections();
  }

  /** Resolves when what is late has been passed on. */
  async lateDone(): Promise<void> {
    while (this.#late.size > 0) await Promise.allSettled(this.#late);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    this.#server.closeAllConnections();
    await once(this.#server.close(), 'close');
  }

  async #serve(asking: IncomingMessage, answer: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of asking) parts.push(part);
    const target = asking.url!;
    const stream = /^\/([^/]+)\/_bulk/.exec(target)?.[1] ?? null;
    const body = Buffer.concat(parts);
    const asked = { method: asking.method!, target, stream, body, headers: asking.headers };
    const behaviour = await this.behave(asked);
    if (stream) this.counts[behaviour] = (this.counts[behaviour] ?? 0) + 1;
    const cut = () => asking.socket.destroy();
    const pass = (status: number, payload: Buffer) =>
      answer.writeHead(status, { 'content-type': 'application/json', 'content-length': payload.length }).end(payload);
    if (typeof behaviour === 'number') {
      pass(behaviour, Buffer.from(`{"status":${behaviour},"error":{"type":"made_up","reason":"by the test"}}`));
    } else if (behaviour === 'cut before') cut();
    else if (behaviour === 'late') {
      cut();
      const late = sleep(LATE_MS).then(() => this.#forward(asked, body));
      this.#late.add(late);
      await late.finally(() => this.#late.delete(late));
    } else if (behaviour === 'half') {
      const { first, items, rest } = halved(body);
      const { status, payload } = await this.#forward(asked, first);
      const said = JSON.parse(payload.toString());
      for (let i = 0; i < rest; i++) {
        said.items.push({ create: { status: 429, error: { type: 'rejected_execution_exception', reason: 'busy' } } });
      }
      if (said.items.length !== items) cut();
      else pass(status, Buffer.from(JSON.stringify({ ...said, errors: true })));
    } else {
      const { status, payload } = await this.#forward(asked, body);
      if (stream) await this.answered(asked);
      if (behaviour === 'cut after') cut();
      else if (behaviour === 'lost') {
        const error = { type: 'unavailable_shards_exception', reason: 'made up by the test' };
        const items = JSON.parse(payload.toString()).items.map(() => ({ create: { status: 503, error } }));
        pass(status, Buffer.from(JSON.stringify({ errors: true, items })));
      } else pass(status, payload);
    }
  }

  async #forward({ method, target, headers }: Asked, body: Buffer): Promise<{ status: number; payload: Buffer }> {
    const { hostname, port } = this.#target;
    const { host: _, 'content-length': __, connection: ___, ...rest } = headers;
    const length = body.length > 0 ? { 'content-length': body.length } : {};
    const asking = request({
      agent: this.#agent,
      host: hostname,
      port,
      method,
      path: target,
      headers: { ...rest, ...length },
    });
    asking.end(body);
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    const parts: Buffer[] = [];
    for await (const part of answer) parts.push(part);
    return { status: answer.statusCode!, payload: Buffer.concat(parts) };
  }
}

/** The first half of a bulk request's items, of which there are two at least. */
function halved(body: Buffer): { first: Buffer; items: number; rest: number } {
  const ends: number[] = [];
  for (let at = body.indexOf(10); at >= 0; at = body.indexOf(10, at + 1)) ends.push(at + 1);
  const items = ends.length / 2;
  const half = Math.max(1, items >> 1);
  return { first: body.subarray(0, ends[half * 2 - 1]), items, rest: items - half };
}
