/**
 * One connection to one broker. It is opened once, fails once, and is then thrown away: no state survives a
 * connection, so nothing has to be repaired.
 *
 *   open -> (dial, TLS, ApiVersions, SASL, which cluster) -> requests, answered in order -> fail(reason)
 *
 * A broker that answers nothing for the request timeout while something is asked is taken for dead, and the socket is
 * destroyed: a half-open connection would otherwise be written to for a quarter of an hour.
 */
import net from 'node:net';
import tls from 'node:tls';
import { abortable } from '../../core/abort.ts';
import {
  clusterTimeIn,
  DESCRIBE_QUORUM,
  DESCRIBE_QUORUM_VERSION,
  describeQuorumRequest,
} from '../wire/describe-quorum.ts';
import {
  DESCRIBE_TRANSACTIONS,
  DESCRIBE_TRANSACTIONS_VERSION,
  describedTransaction,
  describeTransactionsRequest,
  type TransactionState,
} from '../wire/describe-transactions.ts';
import { LinkError } from '../wire/errors.ts';
import {
  FETCH,
  FETCH_BY_ID_VERSION,
  FETCH_MAX_VERSION,
  FETCH_MIN_VERSION,
  type Fetch,
  type FetchAnswer,
  fetchAnswer,
  fetchRequest,
} from '../wire/fetch.ts';
import { METADATA, METADATA_VERSION, type Metadata, metadataAnswer, metadataRequest } from '../wire/metadata.ts';
import {
  PRODUCE_MAX_VERSION,
  PRODUCE_MIN_VERSION,
  type ProduceAnswer,
  produceAnswer,
  producePrefix,
} from '../wire/produce.ts';
import { dial } from './dial.ts';
import { type Api, type Broker, type Connection, kafkajs, quietLogger, type SocketFactory } from './kafkajs.ts';
import { Patience } from './patience.ts';
import { metadata } from './requests.ts';
import { closedBy, inWords, type LinkProgress } from './words.ts';

const PRODUCE = 0;
const KEEP_ALIVE_MS = 30_000;
/** The part of a SASL session (`connections.max.reauth.ms`) after which another connection takes over. */
const SESSION_USED = 0.8;

export interface LinkOptions {
  host: string;
  port: number;
  clientId: string;
  tls: tls.ConnectionOptions | null;
  /** As kafkajs takes it: see security.ts. */
  login: object | null;
  /** Who logs in, for people. */
  who: LinkProgress['login'];
  /** For everything until the connection can be used, milliseconds. */
  connectTimeout: number;
  /** How long a broker may answer nothing, milliseconds. */
  requestTimeout: number;
  /** Called once, when the link has failed or was closed. */
  failed: (link: Link, error: Error) => void;
}

export interface Produce {
  topic: string;
  partition: number;
  /** A sealed batch header, and the records section. Both must not change until the answer or the link's failure. */
  header: Buffer;
  body: Buffer;
  transactionalId: string | null;
  /** How long the leader may wait for its replicas, milliseconds. */
  timeout: number;
}

export class Link {
  readonly address: string;
  /** The id of the cluster that the broker is of; null: it does not tell it. */
  cluster: string | null = null;
  /** Why the link is of no more use. */
  error: Error | null = null;
  /** How long the broker asked to wait, added up, milliseconds. */
  throttled = 0;
  readonly #o: LinkOptions;
  readonly #broker: Broker;
  readonly #connection: Connection;
  /** Aborts with why the link is of no more use. */
  readonly #ending = new AbortController();
  #tcp: net.Socket | null = null;
  /** When the broker's certificate ends, milliseconds since the epoch; null: without TLS. */
  certificateEnds: number | null = null;
  #at: LinkProgress['at'] = 'dial';
  /** Monotonic milliseconds. */
  #expiresAt = Number.POSITIVE_INFINITY;
  readonly #patience: Patience;
  #drain: PromiseWithResolvers<void> | null = null;
  #produceVersion = PRODUCE_MAX_VERSION;

  private constructor(options: LinkOptions) {
    const { Broker: KafkajsBroker, ConnectionPool } = kafkajs();
    this.#o = options;
    this.address = `${options.host}:${options.port}`;
    const connectionPool = new ConnectionPool({
      host: options.host,
      port: options.port,
      rack: null,
      ssl: options.tls,
      // kafkajs keeps its authenticator in this object.
      sasl: options.login && { ...options.login },
      clientId: options.clientId,
      socketFactory: this.#socket,
      connectionTimeout: options.connectTimeout,
      requestTimeout: options.requestTimeout,
      enforceRequestTimeout: false,
      // Never on an open link: that would answer into the requests that are in flight.
      reauthenticationThreshold: 0,
      maxInFlightRequests: null,
      logger: quietLogger,
    });
    this.#broker = new KafkajsBroker({ connectionPool, logger: quietLogger, allowAutoTopicCreation: false });
    this.#connection = this.#broker.connectionPool.pool[0]!;
    const { requestQueue } = this.#connection;
    const throttle = () => requestQueue.throttledUntil - performance.now();
    this.#patience = new Patience(options.requestTimeout, throttle, (why) => this.fail(why));
  }

  /** A link that is ready for requests. Rejects with the reason, or the signal's when that aborts first. */
  static async open(options: LinkOptions, signal: AbortSignal): Promise<Link> {
    const link = new Link(options);
    const seconds = options.connectTimeout / 1000;
    const late = setTimeout(() => link.fail(link.#late(seconds)), options.connectTimeout);
    try {
      await abortable(abortable(link.#connect(), link.#ending.signal), signal);
    } catch (error) {
      link.fail(link.#reason(error as Error));
      signal.throwIfAborted();
      throw link.error;
    } finally {
      clearTimeout(late);
    }
    link.#at = 'open';
    const lifetime = Number(link.#connection.sessionLifetime.toString());
    if (lifetime > 0) link.#expiresAt = performance.now() + lifetime * SESSION_USED;
    const { maxVersion } = link.#broker.versions?.[PRODUCE] ?? { maxVersion: 0 };
    link.#produceVersion = Math.min(PRODUCE_MAX_VERSION, maxVersion);
    if (maxVersion < PRODUCE_MIN_VERSION) {
      link.fail('the broker is older than Kafka 0.11');
      throw link.error;
    }
    return link;
  }

  async #connect(): Promise<void> {
    const { host, port } = this.#o;
    const tcp = await dial(host, port, this.#ending.signal);
    this.#tcp = tcp;
    tcp.setNoDelay(true);
    tcp.setKeepAlive(true, KEEP_ALIVE_MS);
    this.#at = this.#o.tls ? 'tls' : 'hello';
    tcp.on('error', (error) => this.fail(this.#reason(error)));
    tcp.once('close', () => this.fail(closedBy(this.#progress())));
    await this.#broker.connect();
    this.cluster = (await metadata(this, [])).clusterId;
  }

  /** The link is of no more use: what was asked is rejected, the socket destroyed. Later calls do nothing. */
  fail(why: string): void {
    if (this.error) return;
    const error = new LinkError(this.address, why);
    this.error = error;
    this.#patience.end();
    this.#connection.rejectRequests(error);
    this.#connection.requestQueue.destroy();
    // With an error: kafkajs clears its own timer when the socket reports one.
    this.#connection.socket?.destroy(error);
    this.#tcp?.destroy();
    this.#ending.abort(error);
    this.#connection.connectionStatus = 'disconnected';
    this.#drain?.reject(error);
    if (this.#at === 'open') this.#o.failed(this, error);
  }

  /** The SASL session ends soon: what is asked should be finished, and another link opened. */
  get expiring(): boolean {
    return performance.now() > this.#expiresAt;
  }

  /** Requests without an answer. */
  get asked(): number {
    return this.#patience.asked;
  }

  /** One of kafkajs's requests; resolves with the decoded answer, whose error codes are not looked at. */
  async request<T>(api: Api, body: object): Promise<T> {
    if (this.error) throw this.error;
    const { apiKeys, requests } = kafkajs();
    const { request, response } = this.#broker.lookupRequest(apiKeys[api]!, requests[api])(body);
    this.#patience.ask();
    try {
      const sent = this.#connection.send({
        request,
        response: { decode: (payload) => response.decode(payload), parse: async (decoded) => decoded },
        logResponseError: false,
      });
      return (await abortable(sent, this.#ending.signal)) as T;
    } catch (error) {
      this.fail(this.#reason(error as Error));
      throw this.error;
    } finally {
      this.#patience.answered();
    }
  }

  /** Sends a batch. Rejects only when the link fails. Calls go out in their order; see `writable` first. */
  async produce(job: Produce): Promise<ProduceAnswer> {
    const version = this.#produceVersion;
    const { transactionalId, timeout, topic, partition, header, body } = job;
    const fields = { version, transactionalId, timeout, topic, partition, bodyBytes: body.length };
    return this.#exchange(
      { apiKey: PRODUCE, apiName: 'Produce', apiVersion: version },
      (correlationId, clientId) => [producePrefix({ ...fields, correlationId, clientId }), header, body],
      (payload) => produceAnswer(payload, version),
    );
  }

  /** Reads batches of partitions, of topics by their ids where all are given. Rejects only when the link fails. */
  async fetch(job: Fetch): Promise<FetchAnswer> {
    const { maxVersion } = this.#broker.versions?.[FETCH] ?? { maxVersion: 0 };
    const byId = maxVersion >= FETCH_BY_ID_VERSION && job.partitions.every(({ topicId }) => topicId !== null);
    const version = byId ? FETCH_BY_ID_VERSION : Math.min(FETCH_MAX_VERSION, maxVersion);
    if (version < FETCH_MIN_VERSION) this.fail('the broker is older than Kafka 0.11');
    return this.#exchange(
      { apiKey: FETCH, apiName: 'Fetch', apiVersion: version },
      (correlationId, clientId) => [fetchRequest({ ...job, version, correlationId, clientId })],
      (payload) => fetchAnswer(payload, version, job.partitions),
    );
  }

  /** The nodes and these topics with their ids; null where the broker does not tell those. Rejects only when the link fails. */
  async metadata(topics: readonly string[], rights = false): Promise<Metadata | null> {
    const { minVersion, maxVersion } = this.#broker.versions?.[METADATA] ?? { minVersion: 0, maxVersion: 0 };
    if (minVersion > METADATA_VERSION || maxVersion < METADATA_VERSION) return null;
    return this.#exchange(
      { apiKey: METADATA, apiName: 'Metadata', apiVersion: METADATA_VERSION },
      (correlationId, clientId) => [metadataRequest({ correlationId, clientId, topics, rights })],
      metadataAnswer,
    );
  }

  /** The time by the cluster's clock, milliseconds since the epoch; null where it does not tell. Rejects only when the link fails. */
  async clusterTime(): Promise<number | null> {
    const { minVersion, maxVersion } = this.#broker.versions?.[DESCRIBE_QUORUM] ?? { minVersion: 0, maxVersion: 0 };
    if (minVersion > DESCRIBE_QUORUM_VERSION || maxVersion < DESCRIBE_QUORUM_VERSION) return null;
    const answer = await this.#exchange(
      { apiKey: DESCRIBE_QUORUM, apiName: 'DescribeQuorum', apiVersion: DESCRIBE_QUORUM_VERSION },
      (correlationId, clientId) => [describeQuorumRequest({ correlationId, clientId })],
      clusterTimeIn,
    );
    return answer.time;
  }

  /** What the broker, its coordinator, has of the last transaction under this id; null where it is too old to tell. Rejects only when the link fails. */
  async describeTransaction(id: string): Promise<TransactionState | null> {
    if ((this.#broker.versions?.[DESCRIBE_TRANSACTIONS]?.minVersion ?? 1) > DESCRIBE_TRANSACTIONS_VERSION) return null;
    const answer = await this.#exchange(
      {
        apiKey: DESCRIBE_TRANSACTIONS,
        apiName: 'DescribeTransactions',
        apiVersion: DESCRIBE_TRANSACTIONS_VERSION,
      },
      (correlationId, clientId) => [describeTransactionsRequest({ correlationId, clientId, id })],
      describedTransaction,
    );
    return answer.described;
  }

  /** Sends a request that is encoded here, and waits for its answer. */
  async #exchange<T extends { throttleTime: number }>(
    api: { apiKey: number; apiName: string; apiVersion: number },
    encode: (correlationId: number, clientId: string) => Buffer[],
    decode: (payload: Buffer) => T,
  ): Promise<T> {
    if (this.error) throw this.error;
    if (!this.#connection.isConnected()) this.fail('the broker closed the connection');
    if (this.error) throw this.error;
    const connection = this.#connection;
    const correlationId = connection.nextCorrelationId();
    const parts = encode(correlationId, connection.clientId);
    const { promise, resolve, reject } = Promise.withResolvers<{ payload: Buffer }>();
    this.#patience.ask();
    try {
      connection.requestQueue.push({
        entry: { ...api, correlationId, resolve, reject },
        expectResponse: true,
        requestTimeout: null,
        sendRequest: () => {
          const { socket } = connection;
          socket.cork();
          for (const part of parts) socket.write(part);
          socket.uncork();
        },
      });
      const { payload } = await promise;
      const answer = decode(payload);
      if (answer.throttleTime > 0) {
        this.throttled += answer.throttleTime;
        connection.requestQueue.maybeThrottle(answer.throttleTime);
      }
      return answer;
    } catch (error) {
      // kafkajs rejects what it has in hand just before the socket's own end is seen.
      this.fail(this.#reason(error as Error));
      throw this.error;
    } finally {
      this.#patience.answered();
    }
  }

  #progress(): LinkProgress {
    const { host, tls, who } = this.#o;
    const at = this.#at === 'hello' && this.#broker.versions ? 'login' : this.#at;
    return { host, tls: tls !== null, login: who, at };
  }

  #reason(error: Error): string {
    return inWords(error, this.#progress());
  }

  #late(seconds: number): string {
    if (this.#at === 'dial')
      return `does not answer within ${seconds} s: is the port right, and does a firewall let it through?`;
    return `no connection within ${seconds} s: it takes one and says nothing`;
  }

  /** Waits until the socket takes more; rejects when the link fails. Null when it does already. */
  writable(): Promise<void> | null {
    const { socket } = this.#connection;
    if (!socket.writableNeedDrain) return null;
    if (!this.#drain) {
      const drain = Promise.withResolvers<void>();
      this.#drain = drain;
      socket.once('drain', () => {
        this.#drain = null;
        drain.resolve();
      });
    }
    return this.#drain.promise;
  }

  /** All that was given to it is written. */
  get flushed(): boolean {
    return this.#connection.socket.writableLength === 0;
  }

  /** kafkajs asks for it when there is a connection already. */
  readonly #socket: SocketFactory = ({ host, onConnect }) => {
    const { tls: options } = this.#o;
    const socket = this.#tcp!;
    if (!options) {
      process.nextTick(onConnect);
      return socket;
    }
    const secure = tls.connect({ socket, host, ...(net.isIP(host) ? {} : { servername: host }), ...options }, () => {
      this.#at = 'hello';
      const ends = Date.parse(secure.getPeerCertificate().valid_to ?? '');
      this.certificateEnds = Number.isNaN(ends) ? null : ends;
      onConnect();
    });
    secure.on('error', (error) => this.fail(this.#reason(error)));
    secure.once('close', () => this.fail(closedBy(this.#progress())));
    return secure;
  };
}
