/** What a consumer process says of itself: `GET /status`, and the source of /metrics and of the reasons in /ready. */
import type { LocatedAs } from '../../config/load.ts';
import { Figures, type Sample } from '../../core/figures.ts';
import { residentBytes } from '../../core/memory.ts';
import type { KafkaClient } from '../../kafka/connect/client.ts';
import type { ClusterStatus } from '../../kafka/connect/cluster.ts';
import type { ConsumerAccount, SinkBooks } from '../account.ts';
import type { AnyConsumerKind, ConsumerSpec, OpenConsumer, PartitionState } from '../kind.ts';

/** A consumer of the process; `open` is null until it is. */
export interface Running {
  readonly spec: ConsumerSpec<unknown>;
  readonly account: ConsumerAccount;
  open: OpenConsumer | null;
}

export interface SinkStatusParts {
  version: string;
  kind: AnyConsumerKind;
  located: Pick<LocatedAs, 'config' | 'path' | 'hash'>;
  slot: number;
  client: KafkaClient;
  consumers: readonly Running[];
  /** What went wrong at the start or since and still holds. */
  troubles: readonly string[];
}

interface Counted {
  consumer: string;
  reason: string;
  records: number;
}

export interface SinkStatus {
  version: string;
  /** `opensearch` */
  sink: string;
  host: string;
  pid: number;
  slot: number;
  time: string;
  uptime_seconds: number;
  ready: boolean;
  reasons: string[];
  config: { path: string | null; hash: string };
  process: { rss_bytes: number; cpu_seconds: number };
  books: SinkBooks;
  partitions: (PartitionState & { group: string })[];
  dead_letter: Counted[];
  skipped: Counted[];
  lost: Counted[];
  kafka: { state: string; cluster: ClusterStatus };
  consumers: ({ id: string; group: string; topics: readonly string[]; books: SinkBooks } & Record<string, unknown>)[];
}

export function sinkReasons({ consumers, client, troubles, located }: SinkStatusParts): string[] {
  const several = consumers.length > 1;
  const of = ({ spec: { id } }: Running, said: string) => (several ? `${id}: ${said}` : said);
  const reasons = [...troubles];
  if (client.state === 'connecting') {
    reasons.push(`kafka: ${client.error ?? `connecting to ${located.config.kafka.brokers.join(', ')}`}`);
  }
  for (const one of consumers) {
    reasons.push(...(one.open?.problems() ?? ['it is not open yet']).map((said) => of(one, said)));
    const { unaccounted } = booksOf(one);
    if (unaccounted > 0) {
      reasons.push(of(one, `books: ${unaccounted} records are neither written nor on their way; please report this`));
    } else if (unaccounted < 0) {
      reasons.push(of(one, `books: ${-unaccounted} records are counted twice; please report this`));
    }
  }
  return reasons;
}

export function buildSinkStatus(parts: SinkStatusParts): SinkStatus {
  const { version, kind, located, slot, client, consumers } = parts;
  const { config, path, hash } = located;
  const cpu = process.cpuUsage();
  const reasons = sinkReasons(parts);
  const counted = (of: (account: ConsumerAccount) => Iterable<[string, number]>) =>
    consumers.flatMap(({ spec: { id }, account }) =>
      [...of(account)].map(([reason, records]) => ({ consumer: id, reason, records })),
    );
  return {
    version,
    sink: kind.name,
    host: config.host,
    pid: process.pid,
    slot,
    time: new Date().toISOString(),
    uptime_seconds: Math.round(process.uptime() * 1000) / 1000,
    ready: reasons.length === 0,
    reasons,
    config: { path, hash },
    process: { rss_bytes: residentBytes(), cpu_seconds: (cpu.user + cpu.system) / 1e6 },
    books: consumers.map(booksOf).reduce(sumOf, { ...EMPTY }),
    partitions: consumers.flatMap(({ spec: { group }, open }) =>
      (open?.partitions() ?? []).map((partition) => ({ ...partition, group })),
    ),
    dead_letter: counted(({ deadLetters }) => deadLetters),
    skipped: counted(({ skipped }) => skipped),
    lost: counted(({ lost }) => lost),
    kafka: { state: client.state, cluster: client.cluster },
    consumers: consumers.map((one) => {
      const { id, group, topics } = one.spec;
      return { ...one.open?.status(), id, group, topics, books: booksOf(one) };
    }),
  };
}

const EMPTY: SinkBooks = { read: 0, written: 0, present: 0, dead_letter: 0, skipped: 0, in_flight: 0, unaccounted: 0 };

function sumOf(sum: SinkBooks, one: SinkBooks): SinkBooks {
  for (const key of Object.keys(EMPTY) as (keyof SinkBooks)[]) sum[key] += one[key];
  return sum;
}

export function booksOf({ account, open }: Running): SinkBooks {
  return account.books(open?.inFlight() ?? 0);
}

export function sinkFigures(s: SinkStatus, kind: AnyConsumerKind): Figures {
  const to = new Figures();
  to.gauge('info', 'Always 1.', ['version', 'config_hash', 'sink'], [[1, s.version, s.config.hash, s.sink]]);
  to.gauge('ready', '1 when everything configured works, Kafka included.', [], [[s.ready ? 1 : 0]]);
  to.gauge('uptime_seconds', 'Since the start of the process.', [], [[s.uptime_seconds]]);
  to.gauge('resident_memory_bytes', 'Memory of the process.', [], [[s.process.rss_bytes]]);
  to.counter('cpu_seconds', 'Processor time of the process.', [], [[s.process.cpu_seconds]]);
  to.gauge('kafka_connected', '1 while Kafka answers.', [], [[s.kafka.state === 'connected' ? 1 : 0]]);

  const of = (key: keyof SinkBooks): Sample[] => s.consumers.map(({ id, books }) => [books[key], id]);
  const consumer = ['consumer'];
  to.counter('sink_read', 'Records read of Kafka.', consumer, of('read'));
  to.counter('sink_written', 'Records stored.', consumer, of('written'));
  to.counter('sink_present', 'Records that were stored already when they came.', consumer, of('present'));
  to.gauge('sink_in_flight', 'Records that were read and are not settled.', consumer, of('in_flight'));
  to.gauge(
    'sink_unaccounted',
    'read - written - present - dead_letter - skipped - in_flight: anything but 0 is a fault of the program.',
    consumer,
    of('unaccounted'),
  );
  const reason = ['consumer', 'reason'];
  const why = (list: Counted[]): Sample[] => list.map((l) => [l.records, l.consumer, l.reason]);
  to.counter('sink_dead_letter', 'Records that were refused for good.', reason, why(s.dead_letter));
  to.counter('sink_skipped', 'Records that are of no use to the consumer.', reason, why(s.skipped));
  to.counter('sink_lost', 'Records that Kafka had no more when they were to be read.', reason, why(s.lost));
  const place = ['consumer', 'topic', 'partition'];
  const at = (value: (p: PartitionState) => number | null): Sample[] =>
    s.partitions.map((p) => [value(p), p.group, p.topic, p.partition]);
  to.gauge(
    'sink_position',
    'The offset that is read next.',
    place,
    at(({ position }) => position),
  );
  to.gauge(
    'sink_committed',
    'The offset that is committed.',
    place,
    at(({ committed }) => committed),
  );
  to.gauge(
    'sink_lag_records',
    'Offsets between what is committed and the end of the partition.',
    place,
    at(({ position, committed, end }) => (end === null ? null : Math.max(0, end - (committed ?? position)))),
  );
  kind.figures(
    s.consumers.map((one) => ({ id: one.id, status: one })),
    to,
  );
  return to;
}
