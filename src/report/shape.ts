/**
 * What the agent says about itself: `status --json`, `GET /status`, and the source of /metrics, the page and the
 * agent's own StatsD numbers. Built in one place, so that all of them say the same.
 */
import type { ClusterStatus } from '../kafka/connect/cluster.ts';
import type { TransactionsStatus } from '../kafka/transactions/sender.ts';
import type { INPUTS } from '../sources/all.ts';

export interface TopicStatus {
  topic: string;
  partition: number;
  records: number;
  bytes: number;
  /** Records. */
  in_flight: number;
  /** Of them, those that are in the local log until they are acknowledged. */
  in_local_log: number;
  /** Records that Kafka may have twice, because it forgot what it had of them. */
  possible_duplicates: number;
  /** Records that were cut, because alone they were larger than the topic takes. */
  cut: number;
  /** Age of its last acknowledgement; null before the first. */
  last_ack_seconds: number | null;
  /** Batches that were sent again. */
  retries: number;
  /** How long brokers made it wait. */
  throttled_seconds: number;
  error: string | null;
}

/** Of a listener for HTTP. */
export interface HttpStatus {
  address: string;
  /** Now open. */
  connections: number;
  requests: number;
  /** Connections and requests that were not served, by the reason. */
  refused: Record<string, number>;
}

export interface LossStatus {
  input: string;
  reason: string;
  records: number;
  bytes: number;
  /** ISO 8601. */
  last: string;
}

/** received + recovered = forwarded + filtered + dropped + in_flight + unaccounted */
export interface Books {
  received: number;
  recovered: number;
  forwarded: number;
  filtered: number;
  dropped: number;
  /** On its way to Kafka, or in the local log. */
  in_flight: number;
  /** Of that, what is in the local log. */
  in_local_log: number;
  /** 0. Anything else is a fault of the agent's: more than 0 is lost without a reason, less is counted twice. */
  unaccounted: number;
}

/** Beside what its inputs say. */
export interface CommonStatus {
  version: string;
  host: string;
  pid: number;
  time: string;
  uptime_seconds: number;
  ready: boolean;
  /** Why it is not ready, or does less than configured. */
  reasons: string[];
  config: { path: string | null; hash: string; loaded_at: string };
  process: { rss_bytes: number; cpu_seconds: number; data_dir_free_bytes: number };
  kafka: {
    /** Null: without brokers. */
    cluster: ClusterStatus | null;
    state: string;
    last_ack_seconds: number | null;
    retries: number;
    throttled_seconds: number;
    /** Null without exactly_once. */
    transactions: TransactionsStatus | null;
    /** By broker; empty without TLS. */
    certificate_days_left: Record<string, number>;
  };
  topics: TopicStatus[];
  spool: {
    bytes: number;
    records: number;
    oldest_seconds: number;
    /** How full each is; `group` is null for the one of all that has none of its own. */
    budgets: { group: string | null; bytes: number; max_size: number }[];
  };
  lost: LossStatus[];
  conservation: { total: Books; inputs: Record<string, Books> };
  admin: { listeners: HttpStatus[] };
}

type Whole<Each> = (Each extends unknown ? (one: Each) => void : never) extends (one: infer All) => void ? All : never;

/** With what the inputs say. */
export type Status = CommonStatus & Whole<(typeof INPUTS)[number]['nothing']>;
/** As it is built: with what its inputs say, of which the files are made one by one, as they are asked for. */
export type LiveStatus = CommonStatus;
