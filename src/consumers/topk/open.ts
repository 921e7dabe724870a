/**
 * The consumer: what the group gives it of the metrics' topics, counted in Redis.
 *
 *   GroupConsumer --records--> a Flow each partition --batches--> Store --> Redis
 *        ^                        |
 *        '---- seek, commit ------'     the group's offset only shows how far it is: Redis's position is the truth
 */
import { aborted } from '../../core/abort.ts';
import type { Answer, HttpRequest } from '../../http/answer.ts';
import { CommitRefused, GroupConsumer } from '../../kafka/read/consumer.ts';
import type { GroupPartition } from '../../kafka/read/partition.ts';
import type { RecordSet } from '../../kafka/read/record-set.ts';
import { COLUMNS, OFFSET, VALUE, VALUE_END } from '../../records/record-table.ts';
import type { ConsumerHost, ConsumerSpec, OpenConsumer, PartitionState } from '../kind.ts';
import { answerTopk } from './answer.ts';
import type { Plan } from './batch.ts';
import type { TopkStatus } from './figures.ts';
import { Flow, type FlowRows, newTotals } from './flow.ts';
import { RankingKeys } from './keys.ts';
import { durationName, type TopkOptions } from './options.ts';
import { Ranking } from './ranking.ts';
import type { RedisConnection } from './redis.ts';
import { Store } from './store.ts';
import { writtenOf } from './windows.ts';

const COMMIT_MS = 1000;
/** Bytes that are fetched and not counted yet. */
const BUDGET = 16 << 20;
/** Sentences about single partitions, of which there may be many. */
const MOST_ERRORS = 3;

export class TopkConsumer implements OpenConsumer {
  readonly #spec: ConsumerSpec<TopkOptions>;
  readonly #host: ConsumerHost;
  readonly #plan: Plan & { rankings: readonly Ranking[] };
  readonly #store: Store;
  readonly #group: GroupConsumer;
  readonly #flows = new Map<GroupPartition, Flow>();
  readonly #totals = newTotals();
  #committing = false;

  constructor(spec: ConsumerSpec<TopkOptions>, host: ConsumerHost) {
    const { options, group, topics, session_timeout } = spec;
    this.#spec = spec;
    this.#host = host;
    this.#plan = {
      rankings: options.rankings.map((ranking) => new Ranking(ranking)),
      windows: writtenOf(options.windows),
      keys: new RankingKeys(options.redis.prefix, group),
      cap: options.max_names,
    };
    this.#store = new Store(options.redis);
    this.#store.onLook = (redis) => this.#look(redis);
    this.#group = new GroupConsumer({
      client: host.client,
      group,
      instance: host.instanceId,
      topics,
      sessionTimeout: session_timeout,
      budget: BUDGET,
      outOfRange: 'first',
      handler: {
        assigned: (partitions) => this.#assigned(partitions),
        settle: (deadline) => this.#settle(deadline),
        lost: (partitions) => this.#lost(partitions),
        records: (set) => this.#records(set),
        skipped: (_, from, to) => host.account.lose('retention', Math.max(0, to - from)),
      },
    });
  }

  async run(stop: AbortSignal, deadline: AbortSignal): Promise<void> {
    const over = new AbortController();
    const store = this.#store.run(over.signal);
    const unfit = store.then(() => new Promise<never>(() => undefined));
    const commits = setInterval(() => void this.#commit(), COMMIT_MS);
    void aborted(stop).then(() => this.#group.close({ deadline }));
    try {
      await Promise.race([this.#group.run(), unfit]);
    } catch (error) {
      await this.#group.close({ deadline: AbortSignal.abort() }).catch(() => undefined);
      throw error;
    } finally {
      clearInterval(commits);
      over.abort();
    }
    await store;
  }

  inFlight(): number {
    let open = 0;
    for (const flow of this.#flows.values()) open += flow.open;
    return open;
  }

  partitions(): PartitionState[] {
    return this.#group.partitions.map((partition) => {
      const { topic, position, committed, end } = partition;
      const error = this.#flows.get(partition)?.error ?? null;
      return { topic, partition: partition.partition, position, committed, end, error };
    });
  }

  status(): TopkStatus {
    const { rankings, windows } = this.#spec.options;
    const { version, failures, warnings, name } = this.#store;
    return {
      redis: { address: name, version, failures, warnings },
      rankings: rankings.map(({ name, metric, by, value, field }, i) => {
        const { cutNames } = this.#plan.rankings[i]!;
        return { name, metric, by, value, field: field ?? (value === 'count' ? '' : 'value'), cut_names: cutNames };
      }),
      windows: windows.map(({ name, base, keep }) => {
        return { window: name, of: base === null ? null : durationName(base), kept_seconds: keep };
      }),
      ...this.#totals,
      positions_key: this.#plan.keys.positions,
      group: this.#group.status(),
    };
  }

  problems(): string[] {
    const errors = [...this.#flows.values()].flatMap(({ error }) => error ?? []);
    return [...this.#store.problems(), ...this.#group.problems(), ...new Set(errors.slice(0, MOST_ERRORS))];
  }

  answer(request: HttpRequest): Promise<Answer> | null {
    return answerTopk(request, this.#spec.options, {
      keys: this.#plan.keys,
      ask: (read) => this.#store.once(read),
      listen: this.#host.config.admin.listen,
    });
  }

  async close(): Promise<void> {
    this.#store.close();
  }

  #assigned(partitions: readonly GroupPartition[]): void {
    for (const partition of partitions) {
      const flow = new Flow({
        plan: this.#plan,
        store: this.#store,
        account: this.#host.account,
        totals: this.#totals,
        topic: partition.topic,
        partition: partition.partition,
        topicId: partition.topicId ?? '',
        signal: partition.signal,
        seek: (where) => partition.seek(where),
      });
      this.#flows.set(partition, flow);
      // Rejects when the partition is lost before Redis has answered.
      void flow.begin().catch(() => undefined);
    }
  }

  #lost(partitions: readonly GroupPartition[]): void {
    for (const partition of partitions) {
      this.#flows.get(partition)?.drop();
      this.#flows.delete(partition);
    }
  }

  async #records(set: RecordSet): Promise<void> {
    try {
      await this.#flows.get(set.partition)?.take(rowsOf(set));
    } finally {
      set.release();
    }
  }

  async #settle(deadline: AbortSignal): Promise<void> {
    await Promise.all([...this.#flows.values()].map((flow) => flow.flush(deadline)));
    await this.#commit(true);
  }

  /** `last`: also while the one before is not through. */
  async #commit(last = false): Promise<void> {
    if (this.#committing && !last) return;
    const entries = [...this.#flows].flatMap(([partition, flow]) => {
      const offset = flow.settled ? Math.max(flow.position ?? 0, partition.position) : (flow.position ?? 0);
      return offset > 0 && offset !== partition.committed ? [{ partition, offset, metadata: null }] : [];
    });
    if (entries.length === 0) return;
    this.#committing = true;
    try {
      await this.#group.commit(entries);
    } catch (error) {
      // It only shows how far this is; what Kafka refuses is said by the group.
      if (!(error instanceof CommitRefused)) this.#group.problems();
    } finally {
      this.#committing = false;
    }
  }

  /** Whether Redis has the positions that it should have: a fail-over may have taken it back, also where nothing new comes. */
  async #look(redis: RedisConnection): Promise<void> {
    const flows = [...this.#flows.values()].map((flow) => ({ flow, since: flow.look() }));
    const known = flows.filter(({ since }) => since !== null);
    if (known.length === 0) return;
    const fields = known.map(({ flow }) => flow.field);
    const positions = await redis.fields(this.#plan.keys.positions, fields);
    for (const [i, { flow, since }] of known.entries()) flow.compare(positions[i] ?? '', since);
  }
}

function rowsOf({ bytes, table, base, count }: RecordSet): FlowRows {
  return {
    bytes,
    count,
    offset: (row) => base + table[row * COLUMNS + OFFSET]!,
    from: (row) => table[row * COLUMNS + VALUE]!,
    to: (row) => table[row * COLUMNS + VALUE_END]!,
  };
}
