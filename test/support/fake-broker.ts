/**
 * A strict Kafka broker of one node, for faults that a real one cannot be made to have: it keeps the rules for sequence
 * numbers and checksums, remembers five batches of a producer, and does to each Produce what its script says.
 *
 *   await using broker = await FakeBroker.start((batch) => (batch.number === 3 ? 'lose' : null));
 *
 * Versions of requests that are not flexible only. A request that it does not know closes the connection.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { checkCrc, readHeader, records } from '../../src/records/record-batch.ts';

/**
 * What to do with a batch: an error code to answer without taking it, `lose`: take it and close the connection before
 * the answer, `drop`: close it without taking it, `silence`: take it and never answer, `ignore`: neither. Null: as a
 * broker does.
 */
export type Fault = number | 'lose' | 'drop' | 'silence' | 'ignore' | null;

export interface Batch {
  /** Counts the Produce requests from 0. */
  number: number;
  partition: number;
  producerId: bigint;
  sequence: number;
  count: number;
  time: number;
  bytes: number;
  /** Of its records; of those that are not compressed only. */
  values: string[];
}

interface Remembered {
  sequence: number;
  count: number;
  offset: number;
}

const VERSIONS: Record<number, [number, number]> = {
  0: [3, 8],
  3: [0, 6],
  18: [0, 2],
  19: [2, 3],
  22: [0, 1],
  32: [1, 2],
};

export class FakeBroker {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #script: (batch: Batch) => Fault;
  readonly #known = new Map<bigint, Remembered[]>();
  /** The next producer id. */
  producers = 1000;
  clusterId = 'fake';
  /** How many partitions it says that each topic has. It takes what is for any. */
  partitions = 1;
  /** Values of the records that it took, in order. */
  readonly stored: string[] = [];
  /** Every batch that came, taken or not. */
  readonly seen: Batch[] = [];
  /** What `InitProducerId` answers. */
  initError = 0;
  /** Whether it answers InitProducerId. */
  initAnswers = true;
  /** Said with an error code, as `error_message`. */
  message: string | null = null;
  /** How long it asks to wait with each answer to a Produce, milliseconds. It takes what comes all the same. */
  throttle = 0;

  private constructor(script: (batch: Batch) => Fault) {
    this.#script = script;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** On `port`, 0: any free one. */
  static async start(script: (batch: Batch) => Fault = () => null, port = 0): Promise<FakeBroker> {
    const broker = new FakeBroker(script);
    broker.#server.listen(port, '127.0.0.1');
    await once(broker.#server, 'listening');
    return broker;
  }

  get #port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    let received: Buffer = Buffer.alloc(0);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0) && !socket.destroyed) {
        const end = 4 + received.readInt32BE(0);
        this.#handle(socket, new Reader(received.subarray(4, end)));
        received = received.subarray(end);
      }
    });
  }

  #handle(socket: Socket, request: Reader): void {
    const api = request.int16();
    const version = request.int16();
    const answer = new Writer().int32(0).int32(request.int32());
    request.string();
    const known = VERSIONS[api];
    if (!known || version < known[0] || version > known[1]) {
      socket.destroy();
      return;
    }
    if (api === 18) this.#apiVersions(answer, version);
    else if (api === 3) this.#metadata(answer, request);
    else if (api === 22) {
      if (!this.initAnswers) return;
      answer
        .int32(0)
        .int16(this.initError)
        .int64(BigInt(this.producers++))
        .int16(0);
    } else if (api === 0) {
      const sent = this.#produce(socket, answer, request, version);
      if (!sent) return;
    } else {
      socket.destroy();
      return;
    }
    socket.write(answer.sized());
  }

  #apiVersions(answer: Writer, version: number): void {
    const all = Object.entries(VERSIONS);
    answer.int16(0).int32(all.length);
    for (const [api, [low, high]] of all) answer.int16(Number(api)).int16(low).int16(high);
    if (version >= 1) answer.int32(0);
  }

  /** Version 6, the only one that kafkajs asks for where it may. */
  #metadata(answer: Writer, request: Reader): void {
    const topics = Array.from({ length: Math.max(0, request.int32()) }, () => request.string()!);
    answer
      .int32(0)
      .int32(1)
      .int32(1)
      .string('127.0.0.1')
      .int32(this.#port)
      .string(null)
      .string(this.clusterId)
      .int32(1);
    answer.int32(topics.length);
    for (const topic of topics) {
      answer.int16(0).string(topic).int8(0).int32(this.partitions);
      for (let partition = 0; partition < this.partitions; partition++) {
        answer.int16(0).int32(partition).int32(1).int32(1).int32(1).int32(1).int32(1).int32(0);
      }
    }
  }

  /** False: no answer. */
  #produce(socket: Socket, answer: Writer, request: Reader, version: number): boolean {
    request.string();
    request.int16();
    request.int32();
    request.int32();
    const topic = request.string();
    request.int32();
    const partition = request.int32();
    const bytes = request.bytes();
    const header = readHeader(bytes);
    const batch: Batch = {
      number: this.seen.length,
      partition,
      producerId: header?.producerId ?? -1n,
      sequence: header?.sequence ?? -1,
      count: header?.count ?? 0,
      time: header?.time ?? 0,
      bytes: bytes.length,
      values: header?.codec === 'none' ? [...records(bytes.subarray(61))].map(({ value }) => String(value)) : [],
    };
    const fault = this.#script(batch);
    this.seen.push(batch);
    if (fault === 'drop') {
      socket.destroy();
      return false;
    }
    if (fault === 'ignore') return false;
    const { code, offset } = typeof fault === 'number' ? { code: fault, offset: -1 } : this.#append(batch, bytes);
    if (fault === 'silence') return false;
    if (fault === 'lose') {
      socket.destroy();
      return false;
    }
    answer.int32(1).string(topic).int32(1).int32(partition).int16(code).int64(BigInt(offset)).int64(-1n);
    if (version >= 5) answer.int64(0n);
    if (version >= 8) answer.int32(0).string(code === 0 ? null : this.message);
    answer.int32(this.throttle);
    return true;
  }

  #append(batch: Batch, bytes: Buffer): { code: number; offset: number } {
    const header = readHeader(bytes);
    if (!header || !checkCrc(bytes) || header.lastOffsetDelta !== header.count - 1 || header.codec !== 'none') {
      return { code: 2, offset: -1 };
    }
    if (batch.producerId >= 0n) {
      let known = this.#known.get(batch.producerId);
      if (!known) {
        known = [];
        this.#known.set(batch.producerId, known);
      }
      const twin = known.find((k) => k.sequence === batch.sequence && k.count === batch.count);
      if (twin) return { code: 0, offset: twin.offset };
      const last = known.at(-1);
      // Of an id that it does not know a broker takes any number as the first.
      if (last && batch.sequence !== last.sequence + last.count) return { code: 45, offset: -1 };
      known.push({ sequence: batch.sequence, count: batch.count, offset: this.stored.length });
      if (known.length > 5) known.shift();
    }
    const offset = this.stored.length;
    for (const { value } of records(bytes.subarray(61))) this.stored.push(value!.toString());
    return { code: 0, offset };
  }
}

class Reader {
  readonly #b: Buffer;
  #at = 0;
  constructor(b: Buffer) {
    this.#b = b;
  }
  int16(): number {
    this.#at += 2;
    return this.#b.readInt16BE(this.#at - 2);
  }
  int32(): number {
    this.#at += 4;
    return this.#b.readInt32BE(this.#at - 4);
  }
  string(): string | null {
    const length = this.int16();
    if (length < 0) return null;
    this.#at += length;
    return this.#b.toString('utf8', this.#at - length, this.#at);
  }
  bytes(): Buffer {
    const length = this.int32();
    this.#at += length;
    return this.#b.subarray(this.#at - length, this.#at);
  }
}

class Writer {
  readonly #parts: Buffer[] = [];
  #add(bytes: number, write: (b: Buffer) => void): this {
    const b = Buffer.alloc(bytes);
    write(b);
    this.#parts.push(b);
    return this;
  }
  int8(n: number): this {
    return this.#add(1, (b) => b.writeInt8(n));
  }
  int16(n: number): this {
    return this.#add(2, (b) => b.writeInt16BE(n));
  }
  int32(n: number): this {
    return this.#add(4, (b) => b.writeInt32BE(n));
  }
  int64(n: bigint): this {
    return this.#add(8, (b) => b.writeBigInt64BE(n));
  }
  string(text: string | null): this {
    if (text === null) return this.int16(-1);
    this.int16(Buffer.byteLength(text));
    this.#parts.push(Buffer.from(text));
    return this;
  }
  /** The message with its size, the first i32, filled in. */
  sized(): Buffer {
    const out = Buffer.concat(this.#parts);
    out.writeInt32BE(out.length - 4, 0);
    return out;
  }
}
