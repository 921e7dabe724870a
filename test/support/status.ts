/** A status with something in every part. */
import type { Status } from '../../src/report/shape.ts';

const OTLP = {
  listeners: [
    {
      address: 'http://127.0.0.1:4318',
      connections: 1,
      requests: 3,
      refused: 1,
      reasons: { malformed: 1 },
      bytes: 4000,
      error: null,
    },
  ],
  spans: 9,
  data_points: 2,
  log_records: 1,
  sampled_away: 1,
  sampled: [{ rule: 'probability', spans: 1 }],
  invalid: 1,
  sanitized: 0,
  cut: 0,
  split: 0,
  held: 0,
  slowest: [],
};

const AUDIT = {
  listeners: [
    {
      address: 'unix:///run/runnel/audit.sock',
      connections: 1,
      requests: 5,
      refused: 1,
      reasons: { malformed: 1 },
      bytes: 0,
      error: null,
    },
  ],
  streams: [{ stream: 'orders', id: '0123456789abcdef', sequence: 4, head: 'ab'.repeat(32), sealed_to: 2, waiting: 1 }],
  topic_errors: [],
  events: 4,
  duplicates: 1,
  seals: 1,
  held: 0,
};

export function statusOf(change: Partial<Status> = {}): Status {
  const file = {
    id: '8:1:2',
    size: 900,
    position: 900,
    lines: 9,
    truncated: 0,
    error: null,
    waits_for: null,
    waiting: null,
  };
  const books = {
    received: 24,
    recovered: 0,
    forwarded: 20,
    filtered: 0,
    dropped: 1,
    in_flight: 3,
    in_local_log: 1,
    unaccounted: 0,
  };
  return {
    version: '1.0.0',
    host: 'web-1',
    pid: 1,
    time: '2026-11-22T14:00:00.000Z',
    uptime_seconds: 12.3,
    ready: true,
    reasons: [],
    otlp: OTLP,
    audit: AUDIT,
    config: { path: '/etc/runnel/runnel.yaml', hash: 'abc', loaded_at: '2026-11-22T13:59:48.000Z' },
    process: { rss_bytes: 90_000_000, cpu_seconds: 1.2, data_dir_free_bytes: 5_000_000_000 },
    logs: [
      {
        name: 'nginx',
        files_total: 3,
        lines: 9,
        bytes: 900,
        watching: 'inotify',
        unreadable: 0,
        left_out: { max_files: 0, directories: 0, foreign_link: 0, special: 0, compressed: 0 },
        idle_patterns: { include: [], exclude: [] },
        masked: {},
        reread_bytes: 0,
        not_found: 0,
        deleted: 0,
        truncated: 2,
        replaced: 5,
        malformed: 3,
        steps: [{ step: 1, verb: 'drop', in: 9, out: 7, failed: 0 }],
        lag_bytes: 1000,
        lag_seconds: 90,
        left_seconds: 0,
        files: [
          { ...file, path: '/var/log/nginx/a.log', committed: 800, lag_bytes: 100, lag_seconds: 0.2 },
          {
            ...file,
            path: '/var/log/nginx/b<script>.log',
            committed: 0,
            lag_bytes: 900,
            lag_seconds: 90,
            error: 'EACCES',
            waits_for: null,
            waiting: { reason: 'error', seconds: 12 },
          },
          { ...file, path: '/var/log/nginx/c\u001b[31m.log', committed: 900, lag_bytes: 0, lag_seconds: 0 },
        ],
      },
    ],
    mounts: [{ mountpoint: '/mnt/logs', type: 'nfs4', hanging: '2026-11-22T13:59:55.000Z', hangs: 2 }],
    statsd: {
      listeners: [
        {
          address: 'udp://127.0.0.1:8125',
          packets: 1,
          lines: 15,
          bytes: 900,
          rejected: 2,
          kernel_drops: 4,
          error: null,
        },
      ],
      contexts: 12,
      replaced: 1,
      overflowed: 7,
      coarser: 3,
      forward: [{ address: 'udp://127.0.0.1:8126', packets: 5, lost: 1, error: null }],
      unknown_fields: 2,
      clients: { packets_dropped: 3 },
      filtered: [{ rule: 'deny debug.*', samples: 4 }],
    },
    alerts: {
      firing: 0,
      pending: 0,
      no_data: 0,
      rules: 0,
      receivers: [],
      list: [],
      silences: [],
    },
    checks: [
      {
        name: 'cpu',
        runs: 3,
        errors: 0,
        warnings: 0,
        criticals: 0,
        skipped: 0,
        last_seconds: 0.0002,
        last_error: null,
        lacks: null,
      },
    ],
    kafka: {
      cluster: { id: 'kraft-1', changes: 0, before: null, since: null },
      state: 'connected',
      last_ack_seconds: 0.1,
      retries: 0,
      throttled_seconds: 0,
      transactions: null,
      certificate_days_left: {},
    },
    topics: [
      {
        topic: 'runnel.logs',
        partition: 0,
        records: 9,
        bytes: 400,
        in_flight: 0,
        in_local_log: 0,
        possible_duplicates: 0,
        cut: 0,
        last_ack_seconds: 0.1,
        retries: 0,
        throttled_seconds: 0,
        error: null,
      },
    ],
    spool: { bytes: 10, records: 2, oldest_seconds: 3, budgets: [{ group: null, bytes: 10, max_size: 1 << 30 }] },
    lost: [{ input: 'statsd', reason: 'kernel_drop', records: 1, bytes: 40, last: '2026-11-22T13:59:59.000Z' }],
    admin: {
      listeners: [{ address: '127.0.0.1:8687', connections: 1, requests: 5, refused: { timeout: 2 } }],
    },
    conservation: { total: books, inputs: { 'logs.nginx': books } },
    ...change,
  };
}

/** The same with at most so many files of each input, the most behind first. */
export function withFiles(status: Status, files: number): Status {
  const logs = status.logs.map((input) => {
    const sorted = [...input.files].sort((a, b) => b.lag_bytes - a.lag_bytes);
    return { ...input, files: sorted.slice(0, files) };
  });
  return { ...status, logs };
}
