/** Builds what the agent says about itself from its parts. */
import { statfsSync } from 'node:fs';
import type { CommonConfig } from '../config/config.ts';
import type { Accounts } from '../core/account.ts';
import type { AnyKind } from '../core/input.ts';
import { residentBytes } from '../core/memory.ts';
import type { Pipeline } from '../core/pipeline.ts';
import { count } from '../core/units.ts';
import type { Delivery } from '../delivery/delivery.ts';
import type { Inputs } from '../inputs.ts';
import type { KafkaClient } from '../kafka/connect/client.ts';
import type { ExactlyOnce } from '../kafka/transactions/exactly-once.ts';
import { INPUTS } from '../sources/all.ts';
import type { Spools } from '../spool/spools.ts';
import type { HttpStatus, LiveStatus, Status } from './shape.ts';

export interface StatusParts {
  version: string;
  config: CommonConfig;
  path: string | null;
  hash: string;
  loadedAt: Date;
  accounts: Accounts;
  pipeline: Pipeline;
  delivery: Delivery;
  spool: Spools;
  client: KafkaClient | null;
  exactlyOnce: ExactlyOnce | null;
  inputs: Pick<Inputs, 'problems' | 'status' | 'inFlight'>;
  /** Its listeners. */
  admin: () => HttpStatus[];
  /** What went wrong at the start or since and still holds. */
  troubles: () => string[];
}

/** Why the agent is not ready, or does less than configured; what is not given is asked for. */
export function reasonsOf(parts: StatusParts, conservation = books(parts), topics = parts.delivery.topics()): string[] {
  const { config, client, spool } = parts;
  const reasons = [...parts.troubles(), ...parts.inputs.problems()];
  if (client?.state === 'connecting') {
    const waiting = conservation.total.in_flight;
    const waits = waiting === 0 ? '' : `; ${count(waiting, 'record waits', 'records wait')}`;
    reasons.push(`kafka: ${client.error ?? `connecting to ${config.kafka.brokers.join(', ')}`}${waits}`);
  }
  for (const { topic, error } of topics) if (error) reasons.push(`topic ${topic}: ${error}`);
  reasons.push(...parts.delivery.problems(), ...spool.errors());
  reasons.push(...imbalances(conservation));
  return reasons;
}

/** At most `files` files of each input are listed, the most behind first. */
export function buildStatus(parts: StatusParts, files: number): LiveStatus {
  const { config, client, spool, delivery } = parts;
  const conservation = books(parts);
  const topics = delivery.topics();
  const waiting = spool.waiting();
  const spooled = new Map<string, number>();
  for (const each of spool.partitions()) {
    spooled.set(each.topic, (spooled.get(each.topic) ?? 0) + each.waiting().records);
  }
  const reasons = reasonsOf(parts, conservation, topics);
  const acks = topics.map(({ lastAck }) => lastAck).filter((time) => time !== null);
  const lastAck = acks.length > 0 ? Math.max(...acks) : null;
  const cpu = process.cpuUsage();
  const said = parts.inputs.status(files);
  const notices = INPUTS.flatMap((kind: AnyKind) => kind.notices?.(said) ?? []);
  return {
    version: parts.version,
    host: config.host,
    pid: process.pid,
    time: new Date().toISOString(),
    uptime_seconds: round(process.uptime()),
    ready: reasons.length === 0,
    reasons: [...reasons, ...notices],
    config: { path: parts.path, hash: parts.hash, loaded_at: parts.loadedAt.toISOString() },
    process: {
      rss_bytes: residentBytes(),
      cpu_seconds: (cpu.user + cpu.system) / 1e6,
      data_dir_free_bytes: freeBytes(config.data_dir),
    },
    ...said,
    kafka: {
      cluster: client?.cluster ?? null,
      state: client ? client.state : 'not_configured',
      last_ack_seconds: ageOf(lastAck),
      retries: sum(topics, ({ retries }) => retries),
      throttled_seconds: sum(topics, ({ throttled_seconds }) => throttled_seconds),
      transactions: parts.exactlyOnce?.status ?? null,
      certificate_days_left: client?.certificateDays ?? {},
    },
    topics: topics.map(({ lastAck, ...sent }) => ({
      ...sent,
      in_local_log: Math.min(sent.in_flight, spooled.get(sent.topic) ?? 0),
      last_ack_seconds: ageOf(lastAck),
    })),
    spool: {
      bytes: waiting.bytes,
      records: waiting.records,
      oldest_seconds: round(waiting.oldest_seconds),
      budgets: spool.budgets(),
    },
    lost: losses(parts.accounts),
    conservation,
    admin: { listeners: parts.admin() },
  };
}

function losses(accounts: Accounts): Status['lost'] {
  return [...accounts].flatMap(({ input, losses }) =>
    [...losses].map(([reason, { records, bytes, last }]) => {
      return { input, reason, records, bytes, last: new Date(last).toISOString() };
    }),
  );
}

/** received + recovered = forwarded + filtered + dropped + in_flight, of each input and of all; what is missing to that. */
export function books(
  parts: Pick<StatusParts, 'accounts' | 'pipeline' | 'delivery' | 'inputs'>,
): Status['conservation'] {
  const { accounts, pipeline, delivery, inputs: open } = parts;
  const inFlight = new Map<string, number>();
  const add = (input: string, items: number) => inFlight.set(input, (inFlight.get(input) ?? 0) + items);
  const kept = delivery.spooled();
  for (const { stream, weight } of pipeline.pending()) add(stream.account.input, weight);
  for (const { input, weight } of delivery.pending()) add(input, weight);
  for (const { input, weight } of open.inFlight()) add(input, weight);

  const total = {
    received: 0,
    recovered: 0,
    forwarded: 0,
    filtered: 0,
    dropped: 0,
    in_flight: 0,
    in_local_log: 0,
    unaccounted: 0,
  };
  const inputs: Status['conservation']['inputs'] = {};
  for (const { input, received, recovered, forwarded, filtered, dropped } of accounts) {
    const in_local_log = kept.get(input) ?? 0;
    const in_flight = (inFlight.get(input) ?? 0) + in_local_log;
    const unaccounted = received + recovered - forwarded - filtered - dropped - in_flight;
    const of = { received, recovered, forwarded, filtered, dropped, in_flight, in_local_log, unaccounted };
    inputs[input] = of;
    for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += of[key];
  }
  return { total, inputs };
}

/** One sentence for each input whose books do not add up. */
export function imbalances({ inputs }: Status['conservation']): string[] {
  return Object.entries(inputs)
    .filter(([, { unaccounted }]) => unaccounted !== 0)
    .map(([input, { unaccounted }]) =>
      unaccounted > 0
        ? `books of ${input}: ${unaccounted} items are neither forwarded, dropped nor on their way; please report this`
        : `books of ${input}: ${-unaccounted} items are counted twice; please report this`,
    );
}

function freeBytes(dir: string): number {
  try {
    const { bavail, bsize } = statfsSync(dir);
    return bavail * bsize;
  } catch {
    // The directory went away under us: then there is no room in it.
    return 0;
  }
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

/** Seconds since a time of the monotonic clock. */
function ageOf(time: number | null): number | null {
  return time === null ? null : round((performance.now() - time) / 1000);
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
