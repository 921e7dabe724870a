/**
 * The door to kafkajs 2.2.4. Of it this agent uses the connection (framing, correlation, SASL), the negotiation of
 * versions and the encoding of small requests; not its producer, cluster or retries. The package has no `exports` map, so
 * its inner modules can be required; the version is pinned, and they are described here as far as they are used.
 *
 * Faults that are mended here: a queue without work set a timer every millisecond (kafkajs 1704, 1751); a request that
 * was made in the moment in which a throttle ends overtook those that waited for that; a clock that was set back by an
 * hour made a throttle an hour longer; and an answer that is no Kafka protocol threw in a socket's event handler, which
 * ends the process.
 */
import { createRequire } from 'node:module';
import type net from 'node:net';
import { log } from '../log.ts';

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
  /** Monotonic milliseconds. */
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  push(request: PushedRequest): void;
  createSocketRequest(request: PushedRequest): unknown;
  canSendSocketRequestImmediately(): boolean;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
  maybeThrottle(milliseconds: number | null): void;
  destroy(): void;
}

export interface Connection {
  readonly clientId: string;
  readonly requestQueue: RequestQueue;
  socket: net.Socket;
  bytesNeeded: number;
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
  | 'EndTxn';

interface Kafkajs {
  Broker: new (options: { connectionPool: unknown; logger: Logger; allowAutoTopicCreation: boolean }) => Broker;
  ConnectionPool: new (options: PoolOptions) => unknown;
  apiKeys: Record<string, number>;
  requests: Record<string, unknown>;
}

/** The largest answer that is believed; metadata of ten thousand partitions is under 1 MB. */
const MAX_ANSWER = 64 * 1024 * 1024;
const NO_KAFKA = "what listens here does not speak Kafka's protocol (or only over TLS)";

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
  return {
    Broker: require('kafkajs/src/broker'),
    ConnectionPool: require('kafkajs/src/network/connectionPool'),
    apiKeys: require('kafkajs/src/protocol/requests/apiKeys'),
    requests: require('kafkajs/src/protocol/requests').requests,
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
  connection.processData = function read(this: Connection, data: Buffer) {
    try {
      processData.call(this, data);
    } catch {
      // What kafkajs says of it (null, outside of bounds) helps nobody.
      this.socket.destroy(new Error(NO_KAFKA));
      return;
    }
    if (this.bytesNeeded > MAX_ANSWER) this.socket.destroy(new Error(NO_KAFKA));
  };
}
