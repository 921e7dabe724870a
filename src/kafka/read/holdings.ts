/**
 * The partitions that a member has now: taken when the group gives them, lost when it takes them back, renewed when their
 * topic is another one under the same name.
 *
 * Invariant: a partition that stays keeps its place only when the group's generation went up by one: else another member may
 * have had it meanwhile, and it is lost and taken anew, from the committed offset.
 */
import { pause } from '../../core/abort.ts';
import { log } from '../../log.ts';
import type { KafkaClient } from '../connect/client.ts';
import type { TopicPartition } from '../transactions/coordinator.ts';
import type { Isolation } from '../wire/fetch.ts';
import type { MemberSays } from './assignor.ts';
import { ReadBudget } from './budget.ts';
import type { ConsumerHandler } from './consumer.ts';
import { Fetcher } from './fetcher.ts';
import type { LaneHost } from './lane.ts';
import type { Joined } from './member.ts';
import { Tables } from './opening.ts';
import { type CommittedOffset, GroupPartition, type LostReason } from './partition.ts';
import { offsetOf } from './reading.ts';

/** Ends of partitions of which nothing was fetched for so long are asked for. */
const END_AGE_MS = 10_000;
const METADATA_WITHIN_MS = 5000;

export interface HoldingsOptions {
  client: KafkaClient;
  group: string;
  topics: readonly string[];
  budget: number;
  isolation: Isolation;
  outOfRange: 'first' | 'end';
  handler: ConsumerHandler;
  /** What the group has of these; rejects only when the signal aborts. */
  offsets: (places: readonly TopicPartition[], signal: AbortSignal) => Promise<CommittedOffset[]>;
  /** Whether this member is sure to be one. */
  isSure: () => boolean;
  /** The handler threw, or a fault of ours. */
  failed: (error: Error) => void;
}

export class Holdings {
  readonly #o: HoldingsOptions;
  readonly #partitions = new Map<string, GroupPartition>();
  readonly #fetcher: Fetcher;
  readonly #host: LaneHost;
  readonly #closing = new AbortController();
  readonly budget: ReadBudget;
  /** Records may be handed out: the group does not rebalance. */
  #open = false;
  /** In which the partitions were assigned; -1: none. */
  #generation = -1;
  /** How many partitions each topic had when that was told to the group. */
  #told: Record<string, number> = {};
  #aborted = 0;
  skipped = 0;

  constructor(options: HoldingsOptions) {
    this.#o = options;
    const { client, group, isolation, outOfRange, handler, failed } = options;
    this.budget = new ReadBudget(options.budget);
    this.#fetcher = new Fetcher({
      client,
      group,
      isolation,
      budget: this.budget,
      outOfRange,
      recreated: ({ partition }) => {
        this.#renew(partition).catch(failed);
      },
      gone: ({ partition }) => this.#lose([partition], 'gone'),
    });
    this.#host = {
      budget: this.budget,
      tables: new Tables(),
      isolation,
      mayHand: () => this.#open && options.isSure(),
      records: (set) => handler.records(set),
      skipped: (partition, from, to) => this.#moved(partition, from, to),
      wants: (lane) => this.#fetcher.wants(lane),
      unreadable: (lane, error) => this.#fetcher.damaged(lane, error),
      failed,
    };
  }

  get partitions(): GroupPartition[] {
    return [...this.#partitions.values()];
  }

  get aborted(): number {
    return this.partitions.reduce((sum, { lane }) => sum + lane.aborted, this.#aborted);
  }

  /** What the other members are to know. Metadata is asked for first, so that all see the same. */
  async says(signal: AbortSignal): Promise<MemberSays> {
    const { client, topics } = this.#o;
    await this.#refresh(signal);
    this.#told = Object.fromEntries(topics.map((topic) => [topic, client.topics.known(topic)]));
    const owned: Record<string, number[]> = {};
    for (const { topic, partition } of this.#partitions.values()) {
      const of = owned[topic] ?? [];
      of.push(partition);
      owned[topic] = of;
    }
    return { generation: this.#generation, owned, partitions: this.#told };
  }

  /** Takes what the group gives, and goes on. False: the group is to be joined again, since not all of it can be had now. */
  async assign({ generation, assignment }: Joined, signal: AbortSignal): Promise<boolean> {
    const before = this.#generation;
    const stays = before >= 0 && (generation === before || generation === before + 1);
    if (!stays) this.loseAll('expired');
    const given = new Set(assignment.map(keyOf));
    const moved = [...this.#partitions].filter(([key]) => !given.has(key));
    this.#lose(
      moved.map(([, partition]) => partition),
      'revoked',
    );
    this.#generation = generation;
    const whole = await this.#take(
      assignment.filter((place) => !this.#partitions.has(keyOf(place))),
      signal,
    );
    this.#open = true;
    this.look();
    return whole;
  }

  /** Whether the group gave nothing of a topic that there is, or something that was not asked for. */
  differs({ assignment }: Joined): boolean {
    const { topics } = this.#o;
    const nothing = topics.some((topic) => this.#told[topic]! > 0 && !assignment.some((p) => p.topic === topic));
    return nothing || assignment.some(({ topic }) => !topics.includes(topic));
  }

  /** Nothing is handed out until the next assignment. */
  hold(): void {
    this.#open = false;
  }

  /** What could not be handed out may be now. */
  look(): void {
    for (const { lane } of this.#partitions.values()) lane.look();
  }

  loseAll(why: LostReason): void {
    this.#lose(this.partitions, why);
    if (why === 'expired') this.#generation = -1;
  }

  close(): void {
    this.hold();
    this.loseAll('closed');
    this.#closing.abort(new Error('the consumer is closed'));
    this.#fetcher.close();
  }

  /** Looks for new partitions, and other topics of the same names. True: there is something to tell the group. */
  async review(): Promise<boolean> {
    const { client, topics } = this.#o;
    await this.#refresh(this.#closing.signal);
    for (const partition of this.partitions) {
      const { topicId } = client.topicIdentity(partition.topic);
      if (topicId !== null && partition.topicId !== null && topicId !== partition.topicId) await this.#renew(partition);
    }
    this.#hearEnds().catch((error: Error) => log.debug(`cannot learn the ends of partitions: ${error.message}`));
    return topics.some((topic) => client.topics.known(topic) !== (this.#told[topic] ?? 0));
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    const within = AbortSignal.any([signal, AbortSignal.timeout(METADATA_WITHIN_MS)]);
    const { client, topics } = this.#o;
    await client
      .refresh(topics, within)
      .catch((error: Error) => log.debug(`cannot refresh metadata: ${error.message}`));
  }

  /** False: not all are seen here yet. */
  async #take(places: readonly TopicPartition[], signal: AbortSignal): Promise<boolean> {
    if (places.length === 0) return true;
    const { client, handler, failed } = this.#o;
    if (places.some(({ topic }) => client.topics.known(topic) === 0)) await this.#refresh(signal);
    const seen = places.filter(({ topic }) => client.topics.known(topic) > 0);
    const generation = this.#generation;
    const committed = await this.#o.offsets(seen, signal);
    if (generation !== this.#generation || this.#closing.signal.aborted) return true;
    const fresh: GroupPartition[] = [];
    for (const [i, { topic, partition }] of seen.entries()) {
      if (this.#partitions.has(keyOf({ topic, partition }))) continue;
      const { topicId } = client.topicIdentity(topic);
      fresh.push(new GroupPartition({ topic, partition, topicId }, committed[i]!, this.#host));
    }
    for (const partition of fresh) {
      this.#partitions.set(keyOf(partition), partition);
      partition.lane.run().catch(failed);
      this.#fetcher.add(partition.lane);
    }
    this.#share();
    Promise.resolve(handler.assigned(fresh)).catch(failed);
    return seen.length === places.length;
  }

  #lose(partitions: readonly GroupPartition[], why: LostReason): void {
    const mine = partitions.filter((partition) => this.#partitions.get(keyOf(partition)) === partition);
    if (mine.length === 0) return;
    for (const partition of mine) {
      this.#partitions.delete(keyOf(partition));
      this.#aborted += partition.lane.aborted;
      partition.lose(why);
    }
    this.#share();
    try {
      this.#o.handler.lost(mine, why);
    } catch (error) {
      this.#o.failed(error as Error);
    }
  }

  #share(): void {
    this.budget.sharers = Math.max(1, this.#partitions.size);
  }

  async #renew(partition: GroupPartition): Promise<void> {
    if (this.#partitions.get(keyOf(partition)) !== partition) return;
    const { topic, topicId } = partition;
    const now = this.#o.client.topicIdentity(topic).topicId;
    log.warnOnce(
      `recreated ${topic} ${now}`,
      `topic ${topic} is another one now (id ${now}, it was ${topicId}): what was not read of the old one is lost, reading the new one`,
    );
    this.#lose([partition], 'recreated');
    await this.#take([partition], this.#closing.signal).catch((error: Error) => {
      if (!this.#closing.signal.aborted) throw error;
    });
  }

  #moved(partition: GroupPartition, from: number, to: number): void {
    const where = `${partition.topic}/${partition.partition}`;
    if (to > from) {
      this.skipped += to - from;
      log.warn(`${where} does not have offset ${from} any more: going on at ${to}, ${to - from} offsets are skipped`);
    } else {
      log.warn(
        `${where} does not have offset ${from} (it ends before it: it was truncated or made anew): going on at ${to}`,
      );
    }
    this.#o.handler.skipped(partition, from, to);
  }

  /** Of those that are paused, or wait for room. */
  async #hearEnds(): Promise<void> {
    const { client, isolation } = this.#o;
    for (const { topic, partition, signal, lane } of this.partitions) {
      if (performance.now() - lane.endAt < END_AGE_MS) continue;
      const within = AbortSignal.any([signal, AbortSignal.timeout(METADATA_WITHIN_MS)]);
      lane.heardEnd(await offsetOf(client, topic, partition, 'end', isolation, within));
      await pause(0);
    }
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
