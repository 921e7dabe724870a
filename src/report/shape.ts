/**
 * What the agent says about itself: `status --json`, `GET /status`, and the source of /metrics, the page and the
 * agent's own StatsD numbers. Built in one place, so that all of them say the same.
 */
import type { CheckStatus } from '../checks/runner.ts';

export interface FileStatus {
  path: string;
  id: string;
  size: number;
  position: number;
  committed: number;
  lag_bytes: number;
  /** Age of the oldest byte that is not acknowledged. */
  lag_seconds: number;
  lines: number;
  truncated: number;
  error: string | null;
}

export interface LogStatus<Files = FileStatus[]> {
  name: string;
  files_total: number;
  lines: number;
  bytes: number;
  /** How changes become known: `polling` where inotify cannot be used, or tells not all, for some of the directories. */
  watching: 'inotify' | 'polling';
  /** Files that cannot be read now. */
  unreadable: number;
  /** Files that match and are not read, by reason; directories that are not looked into count one each. */
  left_out: Record<string, number>;
  /** Patterns that have named no file yet, and those that have left nothing out. */
  idle_patterns: { include: string[]; exclude: string[] };
  /** Lines that were cut because they were too long. */
  truncated: number;
  /** Sequences of bytes that were no UTF-8 and became U+FFFD. */
  replaced: number;
  /** Bytes of files that may be copies of others, and were read as files of their own. */
  reread_bytes: number;
  /** Files that had gone away when the agent started: what was written to them at last is not known. */
  not_found: number;
  /** Files that were deleted because `delete_after` says so. */
  deleted: number;
  /** Lines that were not of the configured format (cri, docker), and passed as they were. */
  malformed: number;
  /** Of all its files together; the age is that of the oldest byte. */
  lag_bytes: number;
  lag_seconds: number;
  /** The most behind first; `GET /status?files=N` lists the first N. */
  files: Files;
}

/** A mount of a kind that may hang, on which there is something to read. */
export interface MountStatus {
  mountpoint: string;
  type: string;
  /** Since when it does not answer, ISO 8601; null: it does. */
  hanging: string | null;
  /** How often it did not. */
  hangs: number;
}

export interface ListenerStatus {
  address: string;
  packets: number;
  lines: number;
  bytes: number;
  rejected: number;
  kernel_drops: number;
  error: string | null;
}

export interface TopicStatus {
  topic: string;
  partition: number;
  records: number;
  bytes: number;
  /** Records. */
  in_flight: number;
  /** Records that Kafka may have twice, because it forgot what it had of them. */
  possible_duplicates: number;
  /** Records that were cut, because alone they were larger than the topic takes. */
  cut: number;
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

export interface ClusterStatus {
  /** Null: not reached yet, or it does not tell its id. */
  id: string | null;
  /** How often the brokers were of another cluster than before. */
  changes: number;
  /** The one before, and since when (ISO 8601) it is another; null: there was none. */
  before: string | null;
  since: string | null;
}

export interface TransactionsStatus {
  /** Age of the oldest open transaction; null: none is open. */
  open_seconds: number | null;
  commits: number;
  /** Ended without a commit; what they held was sent again. */
  aborts: number;
  /** Of them, those that Kafka had ended, because they took too long. */
  fenced: number;
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
  in_flight: number;
  /** 0. Anything else is a fault of the agent's: more than 0 is lost without a reason, less is counted twice. */
  unaccounted: number;
}

export interface Status<Files = FileStatus[]> {
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
  logs: LogStatus<Files>[];
  mounts: MountStatus[];
  statsd: {
    listeners: ListenerStatus[];
    contexts: number;
    replaced: number;
    /** Samples that were added to a series of their name alone, `runnel.overflow`. */
    overflowed: number;
    /** Sketches and sets that were kept coarser for want of memory. */
    coarser: number;
  };
  checks: CheckStatus[];
  kafka: {
    /** Null: without brokers. */
    cluster: ClusterStatus | null;
    state: string;
    last_ack_seconds: number | null;
    retries: number;
    throttled_seconds: number;
    /** Null without exactly_once. */
    transactions: TransactionsStatus | null;
  };
  topics: TopicStatus[];
  spool: { bytes: number; records: number; oldest_seconds: number };
  lost: LossStatus[];
  conservation: { total: Books; inputs: Record<string, Books> };
  admin: { listeners: HttpStatus[] };
}

/** As it is built: its files are made one by one, as they are asked for. */
export type LiveStatus = Status<Iterable<FileStatus>>;
