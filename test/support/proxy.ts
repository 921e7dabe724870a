/**
 * A TCP proxy that misbehaves on demand, before a server that does not.
 *
 *   client --requests--> proxy --requests--> server
 *          <--replies---       <--replies---
 *
 * What is held or delayed is passed on later; what is cut is gone, and both ends see a reset.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type Direction = 'requests' | 'replies';

export class TcpProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Where new connections go: a port of 127.0.0.1. */
  target: number;
  readonly #bytes: Record<Direction, number> = { requests: 0, replies: 0 };
  #cutAt: { direction: Direction; at: number; done: () => void } | null = null;
  #held = new Set<Direction>();
  #healed = Promise.withResolvers<void>();
  #delay = 0;
  #refusing = false;
  /** Connections accepted since the start. */
  accepted = 0;
  /** Times that `cut` or `cutAfter` closed at least one connection. */
  cuts = 0;

  private constructor(target: number) {
    this.target = target;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
  }

  /** A proxy on 127.0.0.1:`port` (0: any free one) before 127.0.0.1:`target`. */
  static async start(target: number, port = 0): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    proxy.#server.listen(port, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Connections open now. */
  get connections(): number {
    return this.#sockets.size / 2;
  }

  /** Bytes passed on since the start. */
  get bytes(): Readonly<Record<Direction, number>> {
    return this.#bytes;
  }

  /** Resets every open connection; new ones are taken as before. */
  cut(): void {
    if (this.#sockets.size > 0) this.cuts++;
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#sockets.clear();
  }

  /** Passes `bytes` more, counted over all connections, then cuts. Resolves when that has happened. */
  cutAfter(bytes: number, direction: Direction = 'requests'): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#cutAt = { direction, at: this.#bytes[direction] + bytes, done: resolve };
    return promise;
  }

  /** Passes everything on `ms` later, from now on. */
  delay(ms: number): void {
    this.#delay = ms;
  }

  /** Holds back what comes from now on: connections stay open, nothing arrives. */
  hold(...directions: Direction[]): void {
    for (const direction of directions.length > 0 ? directions : (['requests', 'replies'] as const)) {
      this.#held.add(direction);
    }
  }

  /** Cuts, and resets every new connection at once. */
  refuse(): void {
    this.#refusing = true;
    this.cut();
  }

  /** Ends `delay`, `hold` and `refuse`; what was held is passed on. */
  heal(): void {
    this.#delay = 0;
    this.#refusing = false;
    this.#held.clear();
    this.#healed.resolve();
    this.#healed = Promise.withResolvers();
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.refuse();
    this.heal();
    await once(this.#server, 'close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    this.accepted++;
    const server = connect({ port: this.target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    this.#sockets.add(client).add(server);
    const end = () => {
      for (const socket of [client, server]) {
        socket.resetAndDestroy();
        this.#sockets.delete(socket);
      }
    };
    // Either end may go away at any time: the other is told in the same way.
    client.on('error', end);
    server.on('error', end);
    Promise.all([this.#pass(client, server, 'requests'), this.#pass(server, client, 'replies')]).then(() => {
      this.#sockets.delete(client);
      this.#sockets.delete(server);
    }, end);
  }

  async #pass(from: Socket, to: Socket, direction: Direction): Promise<void> {
    // Its end is not the end of the socket: the other direction may go on.
    for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      if (this.#delay > 0) await sleep(this.#delay);
      while (this.#held.has(direction)) await this.#healed.promise;
      const cut = this.#cutAt;
      const room = cut?.direction === direction ? cut.at - this.#bytes[direction] : Number.POSITIVE_INFINITY;
      const passed = chunk.length < room ? chunk : chunk.subarray(0, room);
      this.#bytes[direction] += passed.length;
      if (passed.length > 0 && !to.write(passed)) await Promise.race([once(to, 'drain'), once(to, 'close')]);
      if (chunk.length < room) continue;
      this.#cutAt = null;
      // The part that was let through is on its way: the reset must not overtake it.
      await sleep(5);
      this.cut();
      cut?.done();
      return;
    }
    to.end();
  }
}
