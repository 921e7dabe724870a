/**
 * A member of a consumer group, in the classic protocol: joins, tells that it lives, stores offsets.
 *
 *   coordinator -> JoinGroup (held until all members have joined) -> the leader assigns -> SyncGroup -> Heartbeat ...
 *                                                                                           27: join again
 *
 * JoinGroup and SyncGroup go over a connection of their own: what stands behind them would wait with them. `static`: with an
 * instance id a member that comes back within its session has its partitions at once, without a rebalance; of two processes
 * with one id the newer one has them, the older is fenced.
 */
import { abortable, Backoff } from '../../core/abort.ts';
import type { KafkaClient } from '../connect/client.ts';
import type { Link } from '../connect/connection.ts';
import type { Purpose } from '../connect/connections.ts';
import { type Api, kafkajs } from '../connect/kafkajs.ts';
import type { TopicPartition } from '../transactions/coordinator.ts';
import {
  BrokerError,
  COORDINATOR_LOAD_IN_PROGRESS,
  COORDINATOR_NOT_AVAILABLE,
  FENCED_INSTANCE_ID,
  ILLEGAL_GENERATION,
  LinkError,
  MEMBER_ID_REQUIRED,
  NOT_COORDINATOR,
  REBALANCE_IN_PROGRESS,
  UNKNOWN_MEMBER_ID,
} from '../wire/errors.ts';
import { ASSIGNOR, assign, decodeSays, encodeSays, type MemberSays } from './assignor.ts';
import type { CommittedOffset } from './partition.ts';

/** The coordinator holds a JoinGroup so long for the other members: less than a request may take. */
const REBALANCE_TIMEOUT_MS = 20_000;
const ASSIGNMENT_VERSION = 1;
/** Partitions in one OffsetFetch: each may have 4 KiB of metadata, and answers are bounded. */
const OFFSETS_AT_ONCE = 150;

export interface MemberOptions {
  client: KafkaClient;
  group: string;
  instance: string | null;
  topics: readonly string[];
  /** Milliseconds. */
  sessionTimeout: number;
}

export interface Joined {
  generation: number;
  assignment: TopicPartition[];
}

/** Another process has this member's instance id now. */
export class FencedError extends Error {
  constructor(group: string, instance: string | null) {
    super(
      `another process is a member of group ${group} as ${instance} now: this one ends; each process needs an instance id of its own`,
    );
    this.name = 'FencedError';
  }
}

export class GroupMember {
  readonly #o: MemberOptions;
  id = '';
  generation = -1;
  /** Why the coordinator cannot be asked, or refuses. */
  problem: string | null = null;
  readonly #links = new Map<Purpose, Link>();

  constructor(options: MemberOptions) {
    this.#o = options;
  }

  /**
   * Joins, and assigns where this member leads the group. Waits for as long as that takes. Rejects with FencedError;
   * `lost` is called when the group does not know this member any more.
   */
  async join(says: () => Promise<MemberSays>, lost: () => void, signal: AbortSignal): Promise<Joined> {
    const backoff = new Backoff();
    for (;;) {
      try {
        const joined = await this.#joinOnce(await says(), signal);
        this.problem = null;
        return joined;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof BrokerError || error instanceof LinkError)) throw error;
        const code = error instanceof BrokerError ? error.code : 0;
        if (code === MEMBER_ID_REQUIRED || code === REBALANCE_IN_PROGRESS) continue;
        if (code === ILLEGAL_GENERATION || code === UNKNOWN_MEMBER_ID) {
          lost();
          this.generation = -1;
          if (code === UNKNOWN_MEMBER_ID) this.id = '';
          continue;
        }
        this.problem = this.#explained(error);
        await backoff.wait(signal, this.#o.client.back);
      }
    }
  }

  async #joinOnce(says: MemberSays, signal: AbortSignal): Promise<Joined> {
    const { group, instance, topics, sessionTimeout } = this.#o;
    const { MemberMetadata, MemberAssignment } = kafkajs();
    const joined = await this.#ask<{
      errorCode: number;
      generationId: number;
      leaderId: string;
      memberId: string;
      members: { memberId: string; memberMetadata: Buffer }[];
    }>(
      'JoinGroup',
      {
        groupId: group,
        sessionTimeout,
        rebalanceTimeout: REBALANCE_TIMEOUT_MS,
        memberId: this.id,
        groupInstanceId: instance,
        protocolType: 'consumer',
        groupProtocols: [
          { name: ASSIGNOR, metadata: MemberMetadata.encode({ version: 1, topics, userData: encodeSays(says) }) },
        ],
      },
      signal,
      `join ${group}`,
      (answer) => {
        if (answer.errorCode === MEMBER_ID_REQUIRED) this.id = answer.memberId;
      },
    );
    const { memberId, generationId, leaderId, members } = joined;
    this.id = memberId;
    const assigned =
      leaderId === memberId
        ? assign(members.map(({ memberId, memberMetadata }) => ({ id: memberId, ...understood(memberMetadata) })))
        : new Map();
    const synced = await this.#ask<{ errorCode: number; memberAssignment: Buffer }>(
      'SyncGroup',
      {
        groupId: group,
        generationId,
        memberId,
        groupInstanceId: instance,
        groupAssignment: [...assigned].map(([memberId, assignment]) => ({
          memberId,
          memberAssignment: MemberAssignment.encode({
            version: ASSIGNMENT_VERSION,
            assignment: Object.fromEntries(assignment),
          }),
        })),
      },
      signal,
      `join ${group}`,
    );
    this.generation = generationId;
    const { assignment = {} } = MemberAssignment.decode(synced.memberAssignment) ?? {};
    const places = Object.entries(assignment).flatMap(([topic, partitions]) =>
      partitions.map((partition) => ({ topic, partition })),
    );
    return { generation: generationId, assignment: places };
  }

  /** Rejects with a BrokerError that says what became of the membership, a FencedError, or a LinkError. */
  async heartbeat(signal: AbortSignal): Promise<void> {
    const { group: groupId, instance: groupInstanceId } = this.#o;
    await this.#ask(
      'Heartbeat',
      { groupId, groupGenerationId: this.generation, memberId: this.id, groupInstanceId },
      signal,
    );
    this.problem = null;
  }

  /** Rejects as `heartbeat` does; by partition, the error codes of the answer. */
  async commit(
    entries: readonly (TopicPartition & { offset: number; metadata: string | null })[],
    signal: AbortSignal,
  ): Promise<number[]> {
    const { responses } = await this.#ask<{
      errorCode: number;
      responses: { topic: string; partitions: { partition: number; errorCode: number }[] }[];
    }>(
      'OffsetCommit',
      {
        groupId: this.#o.group,
        groupGenerationId: this.generation,
        memberId: this.id,
        topics: byTopic(entries, ({ partition, offset, metadata }) => ({ partition, offset: `${offset}`, metadata })),
      },
      signal,
      'group',
      (answer) => {
        const codes = answer.responses.flatMap(({ partitions }) => partitions.map((p) => p.errorCode));
        answer.errorCode = codes.find((code) => MOVED.has(code)) ?? 0;
      },
    );
    return entries.map(({ topic, partition }) => {
      const of = responses.find((r) => r.topic === topic)?.partitions.find((p) => p.partition === partition);
      return of?.errorCode ?? -1;
    });
  }

  /** What the group has of these, in their order. Waits until all of it is told. */
  async offsets(places: readonly TopicPartition[], signal: AbortSignal): Promise<CommittedOffset[]> {
    const found: CommittedOffset[] = [];
    const backoff = new Backoff();
    for (let at = 0; at < places.length; ) {
      const some = places.slice(at, at + OFFSETS_AT_ONCE);
      try {
        found.push(...(await this.#someOffsets(some, signal)));
        at += some.length;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof BrokerError || error instanceof LinkError)) throw error;
        this.problem = this.#explained(error);
        await backoff.wait(signal, this.#o.client.back);
      }
    }
    return found;
  }

  async #someOffsets(places: readonly TopicPartition[], signal: AbortSignal): Promise<CommittedOffset[]> {
    const { responses } = await this.#ask<{
      errorCode: number;
      responses: {
        topic: string;
        partitions: { partition: number; offset: string; metadata: string | null; errorCode: number }[];
      }[];
    }>('OffsetFetch', { groupId: this.#o.group, topics: byTopic(places, ({ partition }) => ({ partition })) }, signal);
    return places.map(({ topic, partition }) => {
      const of = responses.find((r) => r.topic === topic)?.partitions.find((p) => p.partition === partition);
      const code = of?.errorCode ?? -1;
      if (code !== 0) throw new BrokerError(`cannot learn the offset of ${topic}/${partition}`, code);
      const offset = Number(of!.offset);
      return { offset: offset < 0 ? null : offset, metadata: of!.metadata ?? '' };
    });
  }

  /** Gives the place in the group up. */
  async leave(signal: AbortSignal): Promise<void> {
    if (this.id === '') return;
    const { group: groupId, instance: groupInstanceId } = this.#o;
    await this.#ask('LeaveGroup', { groupId, memberId: this.id, groupInstanceId }, signal);
    this.id = '';
    this.generation = -1;
  }

  /** Asks the coordinator; another one is looked for when it is none any more, or its connection broke. */
  async #ask<T extends { errorCode: number }>(
    api: Api,
    body: object,
    signal: AbortSignal,
    purpose: Purpose = 'group',
    look?: (answer: T) => void,
  ): Promise<T> {
    const { group, instance } = this.#o;
    const link = await this.#link(purpose, signal);
    const answer = await abortable(link.request<T>(api, body), signal);
    look?.(answer);
    const { errorCode } = answer;
    if (errorCode === 0) return answer;
    if (MOVED.has(errorCode)) this.#links.clear();
    if (errorCode === FENCED_INSTANCE_ID) throw new FencedError(group, instance);
    throw new BrokerError(`group ${group}`, errorCode);
  }

  #explained(error: BrokerError | LinkError): string {
    const remedy = error instanceof BrokerError ? REMEDIES[error.code] : undefined;
    return remedy ? `cannot be a member of group ${this.#o.group}: ${remedy}` : error.message;
  }

  async #link(purpose: Purpose, signal: AbortSignal): Promise<Link> {
    const known = this.#links.get(purpose);
    if (known && !known.error && !known.expiring) return known;
    const waits = (error: Error) => {
      this.problem = error.message;
    };
    const link = await this.#o.client.coordinator(this.#o.group, signal, waits, { of: 'group', purpose });
    this.#links.set(purpose, link);
    return link;
  }
}

const MOVED: ReadonlySet<number> = new Set([COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR]);

function understood(metadata: Buffer): { topics: readonly string[]; says: MemberSays } {
  try {
    const { topics, userData } = kafkajs().MemberMetadata.decode(metadata);
    return { topics, says: decodeSays(userData) };
  } catch {
    // A member whose words cannot be read gets nothing.
    return { topics: [], says: decodeSays(null) };
  }
}

function byTopic<T extends TopicPartition, P>(
  places: readonly T[],
  each: (place: T) => P,
): { topic: string; partitions: P[] }[] {
  const topics = new Map<string, P[]>();
  for (const place of places) {
    const of = topics.get(place.topic);
    if (of) of.push(each(place));
    else topics.set(place.topic, [each(place)]);
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}

const REMEDIES: Readonly<Record<number, string>> = {
  23: `its members use another assignor than ${ASSIGNOR}: another program uses this group; give it another name`,
  24: 'the name is refused: give it another one',
  26: 'session_timeout lies outside of what the brokers allow (group.min.session.timeout.ms, group.max.session.timeout.ms)',
  30: 'no right to it: give Read on the group',
  81: 'it has as many members as the brokers allow (group.max.size)',
};
