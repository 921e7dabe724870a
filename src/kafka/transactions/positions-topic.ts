/**
 * The topic `<topic_prefix>.positions`: how far each agent's files and local logs are committed. It is compacted, and
 * each transaction writes to it what the transaction's records bring it to; so records and positions are there together
 * or not at all.
 *
 *   key    <agent id>/file/<file id>      value  {"v":1,"by":"<instance>", ...what the source needs to go on from there}
 *          <agent id>/spool/<topic>              ... {"spool":"<its id>","acknowledged":N}
 *          <agent id>/topic/<topic>              of a transaction that moved no position
 *          <agent id>/owner                      {"v":1,"by":"<instance>","host","pid","at"}: see below
 *
 * Values are JSON; without one the key is no longer of interest. `v` is the format: higher ones are left alone. `by` is
 * the process that wrote it, a random number drawn at its start. All keys of an agent are in one partition, murmur2 of
 * its id; which one that is stays in data_dir when partitions are added.
 *
 * **Reading.** Offsets are read up to the high watermark, records of open transactions too, and each is believed when its
 * transaction's commit marker comes by. So an open transaction of another agent holds up nobody. One of our own agent id
 * that is still open belongs to a topic that is not configured any more: its end is waited for (its timeout at most).
 *
 * **Who owns the agent id.** Two processes may have the same one: a copy of data_dir. A process first writes its name under
 * `owner`, acknowledged by all replicas, and only then asks for producer ids, which ends the other's transactions. Whoever
 * lost a producer id asks for a new one and *then* reads what is new here: is there an `owner` after its own, then the
 * other one took over, and this one ends; whatever it would have sent was not committed. If not, the coordinator itself
 * had ended its transaction (it took too long), and it goes on. Both asking at the same time changes nothing: the later
 * owner finds no other after itself, the earlier one always does.
 */
import { abortable, pause } from '../../core/abort.ts';
import type { Checkpoint } from '../../core/block.ts';
import { sameTopic, type TopicIdentity } from '../../core/topic-identity.ts';
import { log } from '../../log.ts';
import { decompress } from '../../records/codecs.ts';
import { partitionFor } from '../../records/murmur2.ts';
import { HEADER_BYTES, readHeader, sealedHeader } from '../../records/record-batch.ts';
import type { KafkaClient } from '../connect/client.ts';
import { fetchOne, offsetOf } from '../read/reading.ts';
import { BrokerError, OFFSET_OUT_OF_RANGE } from '../wire/errors.ts';
import { type Author, batchesOf, foundIn, isCommit, type PositionRecord } from './positions-records.ts';

/** Of one batch, at first: below what most topics take. */
const BATCH_BYTES = 500_000;
const FETCH_BYTES = 4 << 20;
/** How long a broker may wait for the end of a transaction before it answers with nothing, milliseconds. */
const MAX_WAIT = 250;
/** So many answers without a batch, one after the other, where there should be one. */
const EMPTY_ANSWERS = 10;
/** Positions of one agent that are held while they are read; it has at most `max_files` files an input. */
const MOST_POSITIONS = 2_000_000;
const OWNER = 'owner';

/** Keeps a compacted topic of many small records short enough to be read from its beginning. */
export const POSITIONS_SETTINGS = {
  'cleanup.policy': 'compact',
  'segment.bytes': String(32 << 20),
  'min.cleanable.dirty.ratio': '0.1',
} as const;

export interface PositionsTopicOptions extends Author {
  topic: string;
  /** For people, in the owner's record. */
  host: string;
  /** Where to read from: what is before it is known. Null: everything is read. */
  from: (TopicIdentity & { partition: number; offset: bigint }) | null;
  /** Told when the topic is another one than before: what was known of it is over, and what is in it does not count. */
  renewed?: () => void;
}

/** What another process of this agent id has committed, by key without the agent id. */
export type Committed = Map<string, Record<string, unknown> | null>;

/** Another process works under this agent id. */
export class Superseded extends Error {}

/** A batch of a transaction that is not decided yet. */
interface Pending {
  base: bigint;
  found: PositionRecord[];
}

/** A batch of this process, of a transaction whose end is not known. */
export interface Watch {
  readonly base: bigint;
  committed: boolean;
}

/** One partition as it is read: its place, and what is not decided there. */
class Reading {
  next: bigint;
  readonly pending = new Map<bigint, Pending[]>();
  constructor(next: bigint) {
    this.next = next;
  }

  /** Positions in transactions that are not decided. */
  get undecided(): number {
    let sum = 0;
    for (const batches of this.pending.values()) for (const { found } of batches) sum += found.length;
    return sum;
  }
}

/** The last position of each key. */
type Latest = Map<string, PositionRecord>;

/** Takes in what is in another partition. There is no order between two but that of the clock. */
function addOlder(latest: Latest, others: Latest): void {
  for (const [key, found] of others) {
    const known = latest.get(key);
    if (!known || known.time < found.time) latest.set(key, found);
  }
}

export class PositionsTopic {
  readonly #client: KafkaClient;
  readonly #o: PositionsTopicOptions;
  #partition: number | null = null;
  #from: PositionsTopicOptions['from'];
  #reading: Reading | null = null;
  /** Which topic all of this is of; null: it was not reached yet. */
  #of: TopicIdentity | null = null;
  /** Counts the topics that it was. */
  #generation = 0;
  #batchBytes = BATCH_BYTES;
  /** By the offset of their first record. */
  readonly #watched = new Map<bigint, Watch>();
  #claimed: Promise<void> | null = null;
  #catchingUp: Promise<unknown> = Promise.resolve();
  #foreign: Record<string, unknown> | null = null;

  constructor(client: KafkaClient, options: PositionsTopicOptions) {
    this.#client = client;
    this.#o = options;
    this.#from = options.from;
  }

  get topic(): string {
    return this.#o.topic;
  }

  /** Which topic, of which cluster, is known here; null: it was not reached yet. */
  get identity(): TopicIdentity | null {
    return this.#of;
  }

  /** Everything before this offset has been read; null before `catchUp`. */
  get readTo(): bigint | null {
    return this.#reading?.next ?? null;
  }

  /** The partition of this agent; null before it is known. */
  get ownPartition(): number | null {
    return this.#partition;
  }

  /** The partition of this agent; waits until the topic is there. */
  async partition(signal: AbortSignal): Promise<number> {
    if (this.#partition === null) {
      const count = await this.#client.partitions(this.topic, signal);
      const now = this.#client.topicIdentity(this.topic);
      if (this.#from && (this.#from.partition >= count || !sameTopic(this.#from, now))) {
        log.warn(`${this.topic} is another one than data_dir knows (a new cluster?): reading all of it`);
        this.#from = null;
      }
      this.#partition ??= this.#from?.partition ?? partitionFor(this.#o.agentId, count);
    }
    return this.#partition;
  }

  /**
   * Asks which topic it is now. One of another cluster, or one that was made anew, is begun with anew: what is known of the
   * earlier one means nothing there.
   */
  async recognize(signal: AbortSignal): Promise<void> {
    await this.#client.leader(this.topic, 0, signal, 'admin');
    const now = this.#client.topicIdentity(this.topic);
    const before = this.#of;
    this.#of = now;
    if (before === null || sameTopic(before, now)) return;
    log.warn(`${this.topic} is another one than before (another cluster?): going on with what data_dir has`);
    this.#generation++;
    this.#partition = null;
    this.#from = null;
    this.#reading = null;
    this.#claimed = null;
    this.#foreign = null;
    this.#watched.clear();
    this.#o.renewed?.();
  }

  /** Writes down that this process works under the agent id; once. */
  claim(signal: AbortSignal): Promise<void> {
    this.#claimed ??= this.#claim(signal).catch((error) => {
      this.#claimed = null;
      throw error;
    });
    return this.#claimed;
  }

  /**
   * Reads to the end of what is there, and resolves when `restore` is done with what other processes of this agent id
   * have committed since it was last called. Throws Superseded when one of them has taken over.
   */
  catchUp(restore: (committed: Committed) => Promise<void>, signal: AbortSignal): Promise<void> {
    // One after the other: each gets what is new, and none goes on before what another got is in force.
    const next = this.#catchingUp.then(async () => restore(await this.#catchUp(signal)));
    this.#catchingUp = next.catch(() => undefined);
    return next;
  }

  /** From now on it is noticed when the batch at `base`, which is of an open transaction, is committed. */
  watch(base: bigint): Watch {
    const watch = { base, committed: false };
    this.#watched.set(base, watch);
    return watch;
  }

  /** Whether the batch that was watched is committed, as far as was read. It is watched no longer. */
  unwatch(watch: Watch): boolean {
    if (this.#watched.get(watch.base) === watch) this.#watched.delete(watch.base);
    return watch.committed;
  }

  /** The topic does not take so large ones: from here on smaller ones are made. False: they are of one position each. */
  shrink(): boolean {
    if (this.#batchBytes < 1) return false;
    this.#batchBytes = Math.floor(this.#batchBytes / 2);
    return true;
  }

  /** The records sections of the batches that say this. */
  batches(checkpoints: Iterable<Checkpoint>): { body: Buffer; count: number }[] {
    return batchesOf(checkpoints, this.#o, this.#batchBytes);
  }

  async #claim(signal: AbortSignal): Promise<void> {
    const partition = await this.partition(signal);
    const { host } = this.#o;
    const value = { host, pid: process.pid, at: new Date().toISOString() };
    const [batch] = this.batches([{ key: OWNER, value }]);
    const { body, count } = batch!;
    const header = sealedHeader(body, { count, codec: 'none', time: Date.now() });
    const link = await this.#client.leader(this.topic, partition, signal);
    const answer = await abortable(this.#client.produceOn(link, this.topic, partition, { header, body }), signal);
    if (answer.errorCode !== 0) {
      this.#client.topics.invalidate(this.topic);
      throw new BrokerError(`${this.topic}: cannot write`, answer.errorCode, answer.message);
    }
  }

  async #catchUp(signal: AbortSignal): Promise<Committed> {
    const latest: Latest = new Map();
    const own = await this.partition(signal);
    const generation = this.#generation;
    if (this.#reading === null) {
      const from = this.#from;
      const reading = new Reading(from?.offset ?? 0n);
      const before = from === null ? await this.#readOthers(own, signal) : null;
      await this.#read(own, reading, latest, signal);
      if (before) addOlder(latest, before);
      if (generation !== this.#generation) throw new Error(`${this.topic} became another one while it was read`);
      this.#reading = reading;
      if (from === null && latest.size > 0) {
        log.warn(`${this.topic}: read from its beginning, because data_dir does not say what it reflects of it`);
      }
    } else await this.#read(own, this.#reading, latest, signal);
    if (this.#foreign) throw new Superseded(this.#taken(this.#foreign));
    return new Map([...latest].map(([key, { value }]) => [key, value]));
  }

  /** Where nothing is known, the agent's keys may be in another partition: there were fewer of them then. */
  async #readOthers(own: number, signal: AbortSignal): Promise<Latest> {
    const latest: Latest = new Map();
    const count = await this.#client.partitions(this.topic, signal);
    for (let partition = 0; partition < count; partition++) {
      if (partition === own) continue;
      const there: Latest = new Map();
      await this.#read(partition, new Reading(0n), there, signal);
      addOlder(latest, there);
    }
    // An owner before this process is only history; in its own partition the order says who came later.
    this.#foreign = null;
    return latest;
  }

  async #read(partition: number, reading: Reading, latest: Latest, signal: AbortSignal): Promise<void> {
    let end: bigint | null = null;
    let empty = 0;
    const take = (found: PositionRecord) => this.#take(found, latest);
    while (end === null || reading.next < end || this.#undecided(reading)) {
      const link = await this.#client.leader(this.topic, partition, signal, 'admin');
      const waiting = end !== null && reading.next >= end;
      const asked = performance.now();
      const fetching = fetchOne(link, {
        topic: this.topic,
        partition,
        offset: Number(reading.next),
        isolation: 'read_uncommitted',
        maxWait: waiting ? MAX_WAIT : 0,
        maxBytes: FETCH_BYTES,
      });
      const answer = await abortable(fetching, signal);
      if (answer.errorCode === OFFSET_OUT_OF_RANGE) {
        if (reading.next > 0n)
          log.warn(`${this.topic} does not have offset ${reading.next} any more: reading all of it`);
        reading.next = BigInt(await offsetOf(this.#client, this.topic, partition, 'first', 'read_uncommitted', signal));
        reading.pending.clear();
        continue;
      }
      if (answer.errorCode !== 0) {
        this.#client.topics.invalidate(this.topic);
        throw new BrokerError(`${this.topic}: cannot read`, answer.errorCode);
      }
      end ??= BigInt(answer.highWatermark);
      const before = reading.next;
      await this.#understand(answer.batches, reading, take);
      if (latest.size + reading.undecided > MOST_POSITIONS) {
        throw new Error(`${this.topic} has more than ${MOST_POSITIONS} positions of this agent`);
      }
      if (reading.next > before) empty = 0;
      else if (waiting) await pause(Math.max(0, MAX_WAIT - (performance.now() - asked)), signal);
      else if (reading.next < end && ++empty === EMPTY_ANSWERS) {
        throw new Error(`${this.topic}: offset ${before} does not come, though the partition ends at ${end}`);
      }
    }
  }

  /** Takes whole batches into account, and leaves the reading's place behind the last of them. */
  async #understand(data: Buffer, reading: Reading, take: (found: PositionRecord) => void): Promise<void> {
    for (let at = 0; ; ) {
      const header = readHeader(data, at);
      if (!header || data.length - at < header.bytes) return;
      const { baseOffset, producerId, codec } = header;
      const body = data.subarray(at + HEADER_BYTES, at + header.bytes);
      at += header.bytes;
      const next = baseOffset + BigInt(header.lastOffsetDelta) + 1n;
      // A batch that ends before the place where reading began.
      if (next <= reading.next) continue;
      reading.next = next;
      if (header.control) {
        const decided = reading.pending.get(producerId) ?? [];
        reading.pending.delete(producerId);
        if (!isCommit(body)) continue;
        for (const { base, found } of decided) {
          const watch = this.#watched.get(base);
          if (watch) watch.committed = true;
          for (const one of found) take(one);
        }
        continue;
      }
      // Ours are not compressed; the topic's compression.type may change that.
      const found = foundIn(codec === 'none' ? body : await decompress(codec, body), this.#o.agentId, header.maxTime);
      if (found.length === 0) continue;
      if (header.transactional) {
        const pending = reading.pending.get(producerId);
        if (pending) pending.push({ base: baseOffset, found });
        else reading.pending.set(producerId, [{ base: baseOffset, found }]);
      } else for (const one of found) take(one);
    }
  }

  #take(found: PositionRecord, latest: Latest): void {
    const { key, by, value } = found;
    if (key === OWNER) {
      if (by === this.#o.instance) this.#foreign = null;
      else this.#foreign = value;
      return;
    }
    if (by === this.#o.instance) return;
    // Whoever comes later is later, whatever the clock was set to meanwhile.
    latest.set(key, found);
  }

  /** A transaction of this agent id is open that this process did not begin. */
  #undecided(reading: Reading): boolean {
    for (const batches of reading.pending.values()) {
      for (const { found } of batches) if (found.some(({ by }) => by !== '' && by !== this.#o.instance)) return true;
    }
    return false;
  }

  #taken(owner: Record<string, unknown>): string {
    const who = `pid ${owner.pid} on ${owner.host}, since ${owner.at}`;
    return `another agent works under the id of this one, ${this.#o.agentId} (${who}): is data_dir a copy? Delete agent.json in one of them`;
  }
}
