/**
 * What stands where an agent's audit socket is, for what an agent does rarely: it answers wrongly, late or not at all. It
 * keeps numbers of producers and ids as an agent does, in its memory.
 */
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';

export interface TakenEvent {
  id: string;
  stream: string;
  text: string;
}

/** One request, as it came. */
export interface AuditRequest {
  headers: IncomingHttpHeaders;
  lines: string[];
  producer: string;
  epoch: number;
  sequence: number;
}

/** What to do with a request in place of taking it: an answer, or `lost`: it is taken, and nobody is told. */
export type Fault = { status: number; body?: object; headers?: Record<string, string> } | 'lost' | 'silent' | null;

export class AuditPeer implements AsyncDisposable {
  readonly socket: string;
  readonly taken: TakenEvent[] = [];
  readonly requests: AuditRequest[] = [];
  /** Asked before each request is taken. */
  fault: (request: AuditRequest) => Fault = () => null;
  onConnection: (socket: Socket) => void = () => undefined;
  readonly #producers = new Map<string, { epoch: number; last: number }>();
  #server: Server;

  private constructor(socket: string) {
    this.socket = socket;
    this.#server = createServer((request, response) => this.#serve(request, response));
  }

  static async start(socket: string): Promise<AuditPeer> {
    const peer = new AuditPeer(socket);
    await peer.listen();
    return peer;
  }

  async listen(): Promise<void> {
    rmSync(this.socket, { force: true });
    this.#server = createServer((request, response) => this.#serve(request, response));
    this.#server.on('connection', (socket) => this.onConnection(socket));
    await once(this.#server.listen(this.socket), 'listening');
  }

  /** It is gone; `listen` has it again. */
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await once(this.#server.close(), 'close');
  }

  /** As an agent whose data_dir is new. */
  forget(): void {
    this.#producers.clear();
  }

  get ids(): string[] {
    return this.taken.map(({ id }) => id);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { headers } = request;
    const parts = /^(\S+);epoch=(\d+);sequence=(\d+)$/.exec(String(headers['runnel-producer'] ?? ''));
    const [producer, epoch, sequence] = [parts?.[1] ?? '', Number(parts?.[2]), Number(parts?.[3])];
    const lines = Buffer.concat(chunks).toString().trim().split('\n');
    const came: AuditRequest = { headers, lines, producer, epoch, sequence };
    this.requests.push(came);
    const fault = this.fault(came);
    if (fault === 'silent') return;
    if (fault !== null && fault !== 'lost') {
      response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers });
      response.end(JSON.stringify(fault.body ?? {}));
      return;
    }
    const [status, body] = this.#take(came);
    if (fault === 'lost') return void response.destroy();
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  }

  #take({ headers, lines, producer, epoch, sequence }: AuditRequest): [number, object] {
    const stream = String(headers['runnel-stream'] ?? 'uid-0');
    const answer = {
      stream,
      first: this.taken.length + 1,
      last: this.taken.length + lines.length,
      hash: '0'.repeat(64),
    };
    if (producer !== '') {
      const known = this.#producers.get(producer) ?? { epoch: 0, last: 0 };
      if (epoch < known.epoch || sequence > known.last + 1) return [409, { expected: known.last + 1 }];
      this.#producers.set(producer, { epoch, last: Math.max(known.last, sequence + lines.length - 1) });
      if (sequence <= known.last) return [201, { ...answer, duplicate: true }];
    }
    for (const text of lines) this.taken.push({ id: JSON.parse(text).event.id, stream, text });
    return [201, { ...answer, durable: 'spool', duplicate: false }];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    rmSync(this.socket, { force: true });
  }
}
