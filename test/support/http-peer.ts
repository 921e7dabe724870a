/** The server with a handler, and peers that speak to it byte by byte. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { type Handler, textAnswer } from '../../src/http/answer.ts';
import { type HttpOptions, HttpServer } from '../../src/http/server.ts';
import { until } from './until.ts';

/** Short, so that a test need not wait. */
export const QUICK = { head_ms: 300, keep_ms: 300, still_ms: 300, whole_ms: 1000, look_ms: 50 };

export async function serve(
  t: TestContext,
  handler: Handler = ({ path }) => textAnswer(200, path),
  options: Partial<HttpOptions> = {},
): Promise<HttpServer> {
  const where = { host: '127.0.0.1', port: 0 };
  const server = await HttpServer.open({ where, access: { names: null }, handler, ...options });
  t.after(() => server.close());
  return server;
}

export const portOf = ({ address }: { address: string }) => Number(address.split(':').at(-1));

export class Peer {
  readonly socket: Socket;
  /** What it was sent. */
  text = '';
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
    });
  }

  /** `reads`: false takes nothing of what it is sent. */
  static async of(t: TestContext, server: { address: string }, reads = true, host = '127.0.0.1'): Promise<Peer> {
    const { address } = server;
    const where = address.startsWith('/') ? { path: address } : { host, port: portOf(server) };
    const peer = new Peer(connect({ ...where, allowHalfOpen: true }));
    t.after(() => peer.socket.destroy());
    await once(peer.socket, 'connect');
    if (!reads) peer.socket.pause();
    else {
      peer.socket.setEncoding('latin1').on('data', (some: string) => {
        peer.text += some;
      });
    }
    return peer;
  }

  send(...paths: string[]): this {
    this.socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
    return this;
  }

  /** Status codes of the answers so far. */
  get codes(): number[] {
    return [...this.text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, code]) => Number(code));
  }

  /** Lines of the bodies so far that are paths. */
  get paths(): string[] {
    return this.text.match(/^\/\S*$/gm) ?? [];
  }

  async answers(count: number): Promise<this> {
    await until(`${count} answers`, () => this.codes.length >= count);
    return this;
  }

  async ended(): Promise<this> {
    await until('the connection is closed', () => this.closed || this.socket.readableEnded);
    return this;
  }
}
