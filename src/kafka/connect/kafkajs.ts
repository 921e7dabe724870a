/**
 * The door to kafkajs 2.2.4. Of it this agent uses the connection (framing, correlation, SASL), the negotiation of
 * versions and the encoding of small requests; not its producer, cluster or retries. The package has no `exports` map, so
 * its inner modules can be required; the version is pinned, and they are described here as far as they are used.
 *
 * Faults that are mended here: a queue without work set a timer every millisecond (kafkajs 1704, 1751); a request that
 * was made in the moment in which a throttle ends overtook those that waited for that; a clock that was set back by an
 * hour made a throttle an hour longer; an answer that is no Kafka protocol threw in a socket's event handler, which ends
 * the process; room was made for as many elements as an answer claimed to have; and a broker could ask for any number of
 * rounds of SCRAM, each connection on a thread that all file work needs.
 *
 * What a broker may answer is bounded by what was asked, whatever it says of itself: see `mostBytes`.
 */
import { createRequire } from 'node:module';
import type net from 'node:net';
import { log } from '../../log.ts';
import { FETCH } from '../wire/fetch.ts';
import { METADATA } from '../wire/metadata.ts';
import { GatheredAnswer, LARGE_ANSWER } from './gather.ts';

export interface Logger {
  namespace(): Logger;
  debug(message: string, extra?: object): void;
  info(message: string, extra?: object): void;
  warn(message: string, extra?: object): void;
  error(message: string, extra?: object): void;
}

interface PushedRequest {
  entry: {
    apiKey: number;
    apiName: string;
    apiVersion: number;
    correlationId: number;
    resolve: (answer: { payload: Buffer }) => void;
    reject: (error: Error) => void;
  };
  expectResponse: boolean;
  requestTimeout: null;
  sendRequest: () => void;
}

export interface RequestQueue {
  pending: unknown[];
  /** By correlation id, in the order in which they were sent: that of their answers. */
  inflight: Map<number, { entry: { apiKey: number } }>;
  /** Monotonic milliseconds. */
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  push(request: PushedRequest): void;
  createSocketRequest(request: PushedRequest): unknown;
  canSendSocketRequestImmediately(): boolean;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
  fulfillRequest(answer: { correlationId: number }): void;
  maybeThrottle(milliseconds: number | null): void;
  destroy(): void;
}

export interface Connection {
  readonly clientId: string;
  readonly requestQueue: RequestQueue;
  socket: net.Socket;
  /** Of the next answer, what has come of it and how much that is. The length in front counts. */
  bytesNeeded: number;
  chunks: Buffer[];
  bytesBuffered: number;
  connectionStatus: string;
  isConnected(): boolean;
  /** Of the SASL session, in milliseconds; a Long, 0 when it does not end. */
  sessionLifetime: { toString(): string };
  nextCorrelationId(): number;
  processData(data: Buffer): void;
  rejectRequests(error: Error): void;
  send<T>(message: { request: unknown; response: Response<T>; logResponseError: boolean }): Promise<T>;
}

interface Response<T> {
  decode(payload: Buffer): Promise<T>;
  parse(decoded: T): Promise<T>;
}

interface Protocol {
  request: unknown;
  response: Response<unknown>;
}

export interface Broker {
  /** Minimum and maximum version by api key; null until connected. */
  versions: Record<number, { minVersion: number; maxVersion: number }> | null;
  connectionPool: { pool: Connection[] };
  connect(): Promise<void>;
  lookupRequest(apiKey: number, definition: unknown): (body: object) => Protocol;
}

export type SocketFactory = (target: {
  host: string;
  port: number;
  ssl: object | null;
  onConnect: () => void;
}) => net.Socket;

export interface PoolOptions {
  host: string;
  port: number;
  rack: null;
  ssl: object | null;
  sasl: object | null;
  clientId: string;
  socketFactory: SocketFactory;
  connectionTimeout: number;
  requestTimeout: number;
  enforceRequestTimeout: boolean;
  reauthenticationThreshold: number;
  maxInFlightRequests: null;
  logger: Logger;
}

export type Api =
  | 'Metadata'
  | 'CreateTopics'
  | 'InitProducerId'
  | 'DescribeConfigs'
  | 'GroupCoordinator'
  | 'ListOffsets'
  | 'AddPartitionsToTxn'
  | 'EndTxn'
  | 'JoinGroup'
  | 'SyncGroup'
  | 'Heartbeat'
  | 'LeaveGroup'
  | 'OffsetCommit'
  | 'OffsetFetch';

interface Kafkajs {
  Broker: new (options: { connectionPool: unknown; logger: Logger; allowAutoTopicCreation: boolean }) => Broker;
  ConnectionPool: new (options: PoolOptions) => unknown;
  apiKeys: Record<string, number>;
  requests: Record<string, unknown>;
  /** What members of a group tell each other: what they want, and what they get. */
  MemberMetadata: {
    encode(metadata: { version: number; topics: readonly string[]; userData: Buffer }): Buffer;
    decode(bytes: Buffer): { topics: string[]; userData: Buffer | null };
  };
  MemberAssignment: {
    encode(assignment: { version: number; assignment: Record<string, readonly number[]> }): Buffer;
    decode(bytes: Buffer): { assignment: Record<string, number[]> } | null;
  };
}

/** kafkajs's decoder. Each of these reads a length first, with the method beside it. */
const LENGTHS = {
  readString: 'readInt16',
  readBytes: 'readInt32',
  readArray: 'readInt32',
  readArrayAsync: 'readInt32',
  readVarIntString: 'readVarInt',
  readVarIntBytes: 'readVarInt',
  readVarIntArray: 'readVarInt',
  readUVarIntString: 'readUVarInt',
  readUVarIntBytes: 'readUVarInt',
  readUVarIntArray: 'readUVarInt',
} as const;

type Decoder = { buffer: Buffer; offset: number } & Record<
  keyof typeof LENGTHS | (typeof LENGTHS)[keyof typeof LENGTHS],
  (argument?: unknown) => unknown
>;

interface Scram {
  hi(password: string, salt: Buffer, iterations: number, digest: object): Promise<Buffer>;
}

const NO_KAFKA = "does not speak Kafka's protocol: is the port right?";
const ONLY_TLS = 'speaks TLS at this port: write tls: {} into kafka, or ca_file where the authority is your own';
/** A record of TLS, an alert: what is said to who does not speak it. */
const isAlert = (data: Buffer) => data[0] === 0x15 && data[1] === 3;
const MIB = 1 << 20;
const LENGTH_BYTES = 4;
const MOST_SAID = 200;
/** A hundred partitions of a topic take 5 KB. */
const MOST_METADATA = 8 * MIB;
/** The leader of a group is told what each of its members has. */
const MOST_MEMBERS = 8 * MIB;
/** Of a record batch there is all or nothing, so one may be larger than what was asked for. */
const MOST_FETCHED = 64 * MIB;
/** Brokers have 4,096, and take at most 16,384. */
const MOST_ITERATIONS = 200_000;

const JOIN_GROUP = 11;
const MOST_BYTES: Readonly<Record<number, number>> = {
  [FETCH]: MOST_FETCHED,
  [METADATA]: MOST_METADATA,
  [JOIN_GROUP]: MOST_MEMBERS,
};

/** Bytes of an answer to this request; undefined: none was asked, or SASL's. */
function mostBytes(apiKey: number | undefined): number {
  return MOST_BYTES[apiKey ?? -1] ?? MIB;
}

interface Exchange {
  request: { encode(): Promise<Buffer> };
  response: { decode(bytes: Buffer): Promise<Buffer>; parse(bytes: Buffer): Promise<void> };
}

/**
 * `sasl` for kafkajs, to log in with a token (RFC 7628). Its own way takes the broker's refusal for a success: that is an
 * answer with a reason in it, after which the broker closes the connection.
 */
export function tokenLogin(token: () => Promise<string>): object {
  return {
    mechanism: 'oauthbearer',
    authenticationProvider: ({ saslAuthenticate }: { saslAuthenticate(exchange: Exchange): Promise<void> }) => ({
      async authenticate(): Promise<void> {
        const said = Buffer.from(`n,,\x01auth=Bearer ${await token()}\x01\x01`);
        const length = Buffer.alloc(LENGTH_BYTES);
        length.writeInt32BE(said.length);
        await saslAuthenticate({
          request: { encode: async () => Buffer.concat([length, said]) },
          response: { decode: async (bytes) => bytes.subarray(LENGTH_BYTES), parse: async (bytes) => accepted(bytes) },
        });
      },
    }),
  };
}

function accepted(answer: Buffer): void {
  if (answer.length === 0) return;
  const why = answer.toString('utf8', 0, MOST_SAID).replace(/[^\x20-\x7e]/g, '?');
  throw new Error(`SASL OAUTHBEARER authentication failed: the broker refuses the token: ${why}`);
}

/** kafkajs's own words: of use to whoever debugs, noise to everybody else. */
export const quietLogger: Logger = {
  namespace: () => quietLogger,
  debug: () => undefined,
  info: (message) => log.debug(`kafkajs: ${message}`),
  warn: (message) => log.debug(`kafkajs: ${message}`),
  error: (message) => log.debug(`kafkajs: ${message}`),
};

let loaded: Kafkajs | undefined;

/** kafkajs, loaded when first asked for: an agent without brokers never pays for it. */
export function kafkajs(): Kafkajs {
  loaded ??= load();
  return loaded;
}

function load(): Kafkajs {
  const require = createRequire(import.meta.url);
  mendQueue(require('kafkajs/src/network/requestQueue').prototype);
  mendConnection(require('kafkajs/src/network/connection').prototype);
  mendDecoder(require('kafkajs/src/protocol/decoder').prototype);
  mendScram(require('kafkajs/src/broker/saslAuthenticator/scram').SCRAM);
  return {
    Broker: require('kafkajs/src/broker'),
    ConnectionPool: require('kafkajs/src/network/connectionPool'),
    apiKeys: require('kafkajs/src/protocol/requests/apiKeys'),
    requests: require('kafkajs/src/protocol/requests').requests,
    ...require('kafkajs/src/consumer/assignerProtocol'),
  };
}

/** A timer only while something waits for a throttle to end; first in, first out; the number in flight is not limited. */
function mendQueue(queue: RequestQueue): void {
  queue.maybeThrottle = function throttle(this: RequestQueue, milliseconds) {
    if (milliseconds) this.throttledUntil = Math.max(this.throttledUntil, performance.now() + milliseconds);
  };
  queue.canSendSocketRequestImmediately = function canSend(this: RequestQueue) {
    return this.throttledUntil <= performance.now();
  };
  // A partition's batches must arrive in the order of their numbers, or the broker answers OUT_OF_ORDER_SEQUENCE_NUMBER.
  queue.push = function push(this: RequestQueue, request) {
    this.pending.push(this.createSocketRequest(request));
    this.checkPendingRequests();
  };
  const fulfill = queue.fulfillRequest;
  queue.fulfillRequest = function answered(this: RequestQueue, answer) {
    if (!this.inflight.has(answer.correlationId)) throw new RangeError('an answer to nothing that was asked');
    fulfill.call(this, answer);
  };
  queue.scheduleCheckPendingRequests = function schedule(this: RequestQueue) {
    if (this.throttleCheckTimeoutId || this.pending.length === 0) return;
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null;
        this.checkPendingRequests();
      },
      Math.max(10, this.throttledUntil - performance.now()),
    );
  };
}

/** What answers on the port may be anything. */
function mendConnection(connection: Connection): void {
  const processData = connection.processData;
  const gathered = new WeakMap<Connection, GatheredAnswer>();
  /** Gives what of the bytes is not of a large answer. */
  function gather(to: Connection, data: Buffer): Buffer {
    const answer = gathered.get(to);
    if (!answer) return data;
    const rest = answer.add(data);
    if (!answer.isWhole) return rest;
    gathered.delete(to);
    processData.call(to, answer.bytes);
    return rest;
  }
  connection.processData = function read(this: Connection, data: Buffer) {
    try {
      if (isAlert(data) && this.requestQueue.inflight.size === 1) throw new TypeError(ONLY_TLS);
      const rest = gather(this, data);
      if (rest.length > 0) processData.call(this, rest);
      const asked = this.requestQueue.inflight.values().next().value;
      if (this.bytesNeeded > LENGTH_BYTES + mostBytes(asked?.entry.apiKey))
        throw new RangeError('an answer is too long');
      if (this.bytesNeeded > LARGE_ANSWER && !gathered.has(this)) {
        gathered.set(this, new GatheredAnswer(this.bytesNeeded, this.chunks.splice(0)));
        this.bytesBuffered = 0;
      }
    } catch (error) {
      // What kafkajs says of it (null, outside of bounds) helps nobody.
      this.socket.destroy(new Error((error as Error).message === ONLY_TLS ? ONLY_TLS : NO_KAFKA));
    }
  };
}

/** A length that is above the bytes that are left is refused before anything is made of it. */
function mendDecoder(decoder: Decoder): void {
  for (const [name, length] of Object.entries(LENGTHS) as [keyof typeof LENGTHS, 'readInt32'][]) {
    const read = decoder[name];
    decoder[name] = function checked(this: Decoder, argument?: unknown) {
      // Bytes whose length is known already.
      if (typeof argument === 'number') return read.call(this, argument);
      const at = this.offset;
      const claimed = this[length]() as number;
      if (claimed > this.buffer.length - this.offset + 1) throw new RangeError(`a length of ${claimed} is impossible`);
      this.offset = at;
      return read.call(this, argument);
    };
  }
}

function mendScram(scram: Scram): void {
  const { hi } = scram;
  scram.hi = (password, salt, iterations, digest) => {
    if (iterations <= MOST_ITERATIONS) return hi(password, salt, iterations, digest);
    return Promise.reject(
      new Error(`the broker asks for ${iterations} iterations, at most ${MOST_ITERATIONS} are made`),
    );
  };
}
