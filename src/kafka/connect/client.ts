/**
 * The agent's view of a Kafka cluster: who leads which partition, and connections to it. Kafka being away is no error
 * here: what needs it waits, with pauses that double to 10 s, until it is back or the caller's signal aborts.
 *
 *   topic -> metadata -> leader -> link (produce)       two links a broker: an acks=all Produce that waits for replicas
 *   everything else    -> any node -> link (admin)      holds up whatever stands behind it on its connection
 *
 * Each topic has a state of its own: one that is missing or forbidden holds up nobody else, and is asked for again until
 * it is there.
 */

import { abortable } from '../../core/abort.ts';
import type { TopicCreation, TopicSettings } from '../../core/input.ts';
import type { TopicIdentity } from '../../core/topic-identity.ts';
import { log } from '../../log.ts';
import type { TopicLimit } from '../send/size-limit.ts';
import type { ProduceAnswer } from '../wire/produce.ts';
import { untilDone } from './attempts.ts';
import { Cluster, type ClusterStatus } from './cluster.ts';
import type { Link } from './connection.ts';
import { type Address, Links, type Purpose, parseAddress, shuffled } from './connections.ts';
import { makeMissing, makeTopic } from './creation.ts';
import { Presence } from './presence.ts';
import {
  type Coordinated,
  coordinatorOf,
  initProducerId,
  metadata,
  type Producer,
  topicLimit,
  topicSettings,
} from './requests.ts';
import type { TlsConfig } from './security.ts';
import type { SaslConfig } from './tokens.ts';
import { PartitionGone, type Topic, TopicError } from './topic.ts';
import { Topics } from './topics.ts';

const REQUEST_TIMEOUT = 30_000;
const CONNECT_TIMEOUT = 10_000;
/** In the request: how long the leader may wait for its replicas. */
const PRODUCE_TIMEOUT = 10_000;
const METADATA_MAX_AGE = 300_000;
const CHANGED = 'the configuration has changed';
const ELSEWHERE = 'the brokers are of another cluster now';

export type { Producer } from './requests.ts';

/** What connections go by; may change. */
export interface KafkaConnection {
  /** `host`, `host:port` or `[v6]:port`. */
  brokers: readonly string[];
  client_id: string;
  create_topics: boolean;
  tls?: TlsConfig | null | undefined;
  sasl?: SaslConfig | null | undefined;
}

export interface KafkaClientOptions extends KafkaConnection {
  /** Milliseconds. */
  request_timeout?: number;
  connect_timeout?: number;
  produce_timeout?: number;
  metadata_max_age?: number;
  /** How long answers must say that a partition is gone; see topic.ts. */
  gone_after?: number;
  /** Nothing is logged: whoever asks says what is wrong. */
  quiet?: boolean;
  /** The longest pause between two attempts, milliseconds. */
  longest_pause?: number;
  /** Records that are not in Kafka yet, to be said where no broker answers. */
  waiting?: () => number;
  /** How this topic is created, where not with the brokers' defaults. */
  creation?: (topic: string) => TopicCreation | undefined;
}

export class KafkaClient {
  #o: KafkaClientOptions;
  #bootstrap: Address[];
  readonly topics: Topics;
  readonly #closing = new AbortController();
  #links: Links;
  /** Ends the connections, open or being made, that go by options which hold no more. */
  #changing = new AbortController();
  readonly #cluster: Cluster;
  readonly #presence: Presence;
  /** By address: when the broker's certificate ends. */
  readonly #certificates = new Map<string, number>();
  #probing: Promise<void> | null = null;
  #aging: NodeJS.Timeout | undefined;

  constructor(options: KafkaClientOptions) {
    this.#o = options;
    this.topics = new Topics(options);
    this.#presence = new Presence(options.brokers, options.quiet ?? false, options.waiting ?? (() => 0));
    this.#cluster = new Cluster(options.quiet ?? false);
    this.#bootstrap = options.brokers.map(parseAddress);
    this.#links = this.#newLinks();
  }

  /** From now on these hold: connections are made anew, and what was asked on the old ones is asked again. */
  change(options: KafkaConnection): void {
    this.#o = { ...this.#o, ...options };
    this.#bootstrap = options.brokers.map(parseAddress);
    this.#cluster.forget();
    this.#certificates.clear();
    this.topics.invalidateAll();
    const [before, links] = [this.#links, this.#changing];
    this.#changing = new AbortController();
    this.#links = this.#newLinks();
    this.#presence.change(options.brokers);
    links.abort(new Error(CHANGED));
    before.end(CHANGED);
    this.connect().catch(() => undefined);
  }

  #newLinks(): Links {
    const { client_id, tls, sasl, connect_timeout, request_timeout } = this.#o;
    return new Links(
      {
        client_id,
        tls: tls ?? null,
        sasl: sasl ?? null,
        connectTimeout: connect_timeout ?? CONNECT_TIMEOUT,
        requestTimeout: request_timeout ?? REQUEST_TIMEOUT,
        opened: (link) => {
          this.#opened(link);
          if (link.certificateEnds !== null) this.#certificates.set(link.address, link.certificateEnds);
        },
        lost: (error) => this.#lost(error),
      },
      AbortSignal.any([this.#closing.signal, this.#changing.signal]),
    );
  }

  /** `connected` once a broker answered, until a connection breaks or cannot be made. */
  get state(): 'connected' | 'connecting' {
    return this.#presence.connected ? 'connected' : 'connecting';
  }

  /** Why there is no connection. */
  get error(): string | null {
    return this.#presence.error;
  }

  /** The id of the cluster that all connections are to, once it was reached. */
  get clusterId(): string | null {
    return this.#cluster.id;
  }

  /** Days that the certificates of brokers last, by address; empty without TLS. */
  get certificateDays(): Record<string, number> {
    const days = (ends: number) => Math.floor((ends - Date.now()) / 86_400_000);
    return Object.fromEntries([...this.#certificates].map(([address, ends]) => [address, days(ends)]));
  }

  get cluster(): ClusterStatus {
    return this.#cluster.status;
  }

  /** Which topic it is that has this name now, as far as is known. */
  topicIdentity(topic: string): TopicIdentity & { cluster: string | null } {
    return { cluster: this.#cluster.id, topicId: this.topics.get(topic)?.id ?? null };
  }

  /** Aborts when a broker answers after an outage: who waits for Kafka need not wait for its own next attempt. */
  get back(): AbortSignal {
    return this.#presence.back;
  }

  /** Resolves when some broker answers. */
  connect(signal?: AbortSignal): Promise<void> {
    this.#probing ??= this.#until(this.#closing.signal, () => this.#ask([])).finally(() => {
      this.#probing = null;
    });
    this.#probing.catch(() => undefined);
    return abortable(this.#probing, this.#signal(signal));
  }

  /** How many partitions the topic has; waits until it is there, and creates it where that is allowed. */
  partitions(topic: string, signal?: AbortSignal): Promise<number> {
    return this.#until(this.#signal(signal), async (signal) => {
      // What is known already is good enough while Kafka is away.
      const known = this.topics.known(topic);
      if (known) return known;
      const t = await this.#topic(topic, signal);
      if (t.partitions === 0) throw new TopicError(t);
      return t.partitions;
    });
  }

  /** The link to the partition's leader; waits until there is one. Rejects with PartitionGone when there never will be. */
  leader(topic: string, partition: number, signal?: AbortSignal, purpose: Purpose = 'produce'): Promise<Link> {
    return this.#until(this.#signal(signal), async (signal) => {
      const t = await this.#topic(topic, signal);
      if (t.problem !== null) throw new TopicError(t);
      const missing = t.missing(partition);
      if (missing !== null) {
        const gone = this.topics.gone(topic, partition);
        if (gone) throw new PartitionGone(t, partition, gone.sure);
        // Its other partitions are as good as before.
        t.stale = true;
        if (!this.#o.quiet) log.warnOnce(`missing ${topic} ${partition}`, `${missing}; its data waits`);
        throw new TopicError(t, missing);
      }
      const address = this.#cluster.nodes.get(t.leaders.get(partition) ?? -1);
      if (!address) {
        t.fail('no_leader', `partition ${partition} of topic ${topic} has no leader`);
        throw new TopicError(t);
      }
      try {
        return await this.#links.to(address, purpose, signal);
      } catch (error) {
        signal.throwIfAborted();
        // Others may lead other partitions: whether Kafka is there at all is seen when metadata is asked for again.
        t.fail('leader_unreachable', `cannot reach the leader of ${topic}: ${(error as Error).message}`);
        throw new TopicError(t);
      }
    });
  }

  /** Sends one sealed batch to the partition's leader. Rejects with a LinkError when the connection fails on the way. */
  produceOn(
    link: Link,
    topic: string,
    partition: number,
    batch: { header: Buffer; body: Buffer },
    transactionalId: string | null = null,
  ): Promise<ProduceAnswer> {
    const timeout = this.#o.produce_timeout ?? PRODUCE_TIMEOUT;
    return link.produce({ topic, partition, ...batch, transactionalId, timeout });
  }

  /** Tries until it works, as everything here does. */
  attempt<T>(work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#until(this.#signal(signal), work);
  }

  /**
   * A new producer id; waits for Kafka, and says why to `waits`. Rejects with a BrokerError when the right to one is
   * missing.
   */
  initProducerId(signal?: AbortSignal, waits?: (error: Error) => void): Promise<Producer & { cluster: string | null }> {
    const attempt = async (signal: AbortSignal) => {
      const link = await this.#anyLink(signal);
      return { ...(await initProducerId(link)), cluster: link.cluster };
    };
    return this.#until(this.#signal(signal), attempt, waits);
  }

  /**
   * The link to the broker that coordinates this id's transactions, or this group; waits until there is one, and says why
   * to `waits`. Rejects with a BrokerError when the right to the id is missing.
   */
  coordinator(
    id: string,
    signal?: AbortSignal,
    waits?: (error: Error) => void,
    { of = 'transaction', purpose = 'admin' }: { of?: Coordinated; purpose?: Purpose } = {},
  ): Promise<Link> {
    const attempt = async (signal: AbortSignal) => {
      const link = await this.#anyLink(signal);
      return await this.#links.to(await coordinatorOf(link, id, of), purpose, signal);
    };
    return this.#until(this.#signal(signal), attempt, waits);
  }

  /** Asks once for these topics: afterwards `known` and `topicIdentity` say what is so now. Rejects where no broker answers. */
  async refresh(topics: readonly string[], signal?: AbortSignal): Promise<void> {
    for (const topic of topics) this.topics.named(topic);
    await abortable(this.#ask([...topics]), this.#signal(signal));
  }

  /** Creates a topic as it is to be, else with the brokers' defaults, once. Rejects where that is refused. */
  async createTopic(topic: string, signal?: AbortSignal): Promise<void> {
    const s = this.#signal(signal);
    const { controller } = this.#cluster;
    const link = controller ? await this.#links.to(controller, 'admin', s) : await this.#anyLink(s);
    await makeTopic(link, topic, this.#o.creation?.(topic));
  }

  /** A topic that is there, or is made, as it is now: these of its settings, by Kafka's names. Rejects where nobody tells. */
  async topicFacts(topic: string, settings: readonly string[], signal: AbortSignal): Promise<TopicSettings> {
    await this.partitions(topic, signal).catch((error: Error) => {
      throw new Error(this.topics.error(topic)?.detail ?? this.error ?? error.message);
    });
    const s = this.#signal(signal);
    return await abortable(topicSettings(await this.#anyLink(s), topic, settings), s);
  }

  /** How large a batch the topic takes, and how it stores it; null where that cannot be learned. */
  async topicLimit(topic: string, signal?: AbortSignal): Promise<TopicLimit | null> {
    const s = this.#signal(signal);
    return await abortable(topicLimit(await this.#anyLink(s), topic), s);
  }

  /** The cluster's clock, once; null where it does not tell. Rejects where no broker answers. */
  async clock(signal?: AbortSignal): Promise<{ time: number; at: number; error: number } | null> {
    const s = this.#signal(signal);
    const link = await this.#anyLink(s);
    const asked = performance.now();
    const time = await abortable(link.clusterTime(), s);
    const half = (performance.now() - asked) / 2;
    return time === null ? null : { time, at: asked + half, error: half };
  }

  /** Ends every connection and every wait. */
  close(): void {
    clearTimeout(this.#aging);
    this.#closing.abort(new Error('the Kafka client is closed'));
    this.#links.end('closed');
  }

  #signal(signal: AbortSignal | undefined): AbortSignal {
    return signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal;
  }

  #until<T>(
    signal: AbortSignal,
    attempt: (signal: AbortSignal) => Promise<T>,
    waits?: (error: Error) => void,
  ): Promise<T> {
    const how = {
      presence: this.#presence,
      changing: () => this.#changing.signal,
      longestPause: this.#o.longest_pause,
    };
    return untilDone(how, signal, attempt, waits);
  }

  /** The topic's state, asked for when it is not known, stale, or was not good. */
  async #topic(name: string, signal: AbortSignal): Promise<Topic> {
    const topic = this.topics.named(name);
    if (topic.stale || topic.problem !== null) {
      // Lanes of one topic ask together.
      topic.asking ??= this.#ask([name]).finally(() => {
        topic.asking = null;
      });
      await abortable(topic.asking, signal);
    }
    return topic;
  }

  /** Asks any broker for the nodes and for these topics, and creates those that are missing where that is allowed. */
  async #ask(names: string[]): Promise<void> {
    const signal = this.#closing.signal;
    const link = await this.#anyLink(signal);
    const answer = await metadata(link, names);
    if (link.cluster !== null && link.cluster !== this.#cluster.id) throw new Error(ELSEWHERE);
    this.#cluster.learn(answer);
    this.#presence.answered();
    this.#age();
    const make = this.#o.create_topics ? (topic: string) => this.createTopic(topic) : null;
    for (const said of answer.topicMetadata) {
      const topic = this.topics.get(said.topic);
      if (topic && !topic.learn(said)) await makeMissing(topic, make && (() => make(topic.name)));
    }
  }

  /** What is known grows old: partitions are added, leaders move. */
  #age(): void {
    clearTimeout(this.#aging);
    this.#aging = setTimeout(() => {
      this.#ask(this.topics.names).catch((error: Error) => {
        if (this.#closing.signal.aborted) return;
        log.debug(`kafka: cannot refresh metadata: ${error.message}`);
        this.#age();
      });
    }, this.#o.metadata_max_age ?? METADATA_MAX_AGE);
    this.#aging.unref();
  }

  /** A link to any node that is known, else to any broker of the configuration. */
  #anyLink(signal: AbortSignal): Promise<Link> {
    const addresses = [...shuffled([...this.#cluster.nodes.values()]), ...shuffled(this.#bootstrap)];
    return this.#links.any(addresses, 'admin', signal);
  }

  /** Where it leads to another cluster than the others, nothing that is known holds, and all begins anew. */
  #opened({ address, cluster }: Link): void {
    if (!this.#cluster.recognize(address, cluster)) return;
    this.topics.invalidateAll();
    this.#links.end(ELSEWHERE);
    throw new Error(ELSEWHERE);
  }

  /** A connection ended by itself: find out at once whether Kafka is there, so that what we say of it is true. */
  #lost(error: Error): void {
    if (this.#closing.signal.aborted) return;
    log.debug(`kafka: ${error.message}`);
    this.topics.invalidateAll();
    this.connect().catch(() => undefined);
  }
}
