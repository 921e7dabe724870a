/** The status as figures with names and labels: what /metrics shows and what the agent's own StatsD client sends. */
import type { Books, LiveStatus } from './shape.ts';

export interface Figure {
  /** Without `runnel_`; that of a counter ends in `_total`. */
  name: string;
  kind: 'counter' | 'gauge';
  help: string;
  labels: readonly string[];
  samples: { labels: Record<string, string>; value: number }[];
}

type Sample = readonly [value: number | null, ...labels: (string | number)[]];

export function figures(s: LiveStatus): Figure[] {
  const all: Figure[] = [];
  function figure(
    kind: Figure['kind'],
    name: string,
    help: string,
    labels: readonly string[],
    samples: Sample[],
  ): void {
    const filled = samples
      .filter(([value]) => value !== null && Number.isFinite(value))
      .map(([value, ...texts]) => ({
        labels: Object.fromEntries(labels.map((label, i) => [label, String(texts[i])])),
        value: value!,
      }));
    all.push({ name, kind, help, labels, samples: filled });
  }
  const gauge = (name: string, help: string, labels: readonly string[], samples: Sample[]) =>
    figure('gauge', name, help, labels, samples);
  const counter = (name: string, help: string, labels: readonly string[], samples: Sample[]) =>
    figure('counter', `${name}_total`, help, labels, samples);

  gauge('info', 'Always 1.', ['version', 'config_hash'], [[1, s.version, s.config.hash]]);
  gauge('ready', '1 when everything configured works, Kafka included.', [], [[s.ready ? 1 : 0]]);
  gauge('uptime_seconds', 'Since the start of the agent.', [], [[s.uptime_seconds]]);
  gauge('resident_memory_bytes', 'Memory of the process.', [], [[s.process.rss_bytes]]);
  counter('cpu_seconds', 'Processor time of the process.', [], [[s.process.cpu_seconds]]);
  gauge('data_dir_free_bytes', 'Room left on the disk of data_dir.', [], [[s.process.data_dir_free_bytes]]);

  const books = Object.entries(s.conservation.inputs);
  const of = (key: keyof Books): Sample[] => books.map(([input, b]) => [b[key], input]);
  counter('received', 'Lines, samples and points that came in.', ['input'], of('received'));
  counter('recovered', 'What the process before left in the local log.', ['input'], of('recovered'));
  counter(
    'forwarded',
    'Acknowledged by Kafka. Without brokers everything stays in flight, in the local log.',
    ['input'],
    of('forwarded'),
  );
  counter('filtered', 'What the configuration said to leave out.', ['input'], of('filtered'));
  gauge('in_flight', 'What was received and is not forwarded yet.', ['input'], of('in_flight'));
  gauge(
    'unaccounted',
    'received + recovered - forwarded - filtered - dropped - in_flight: anything but 0 is a fault of the agent.',
    ['input'],
    of('unaccounted'),
  );
  const lost = (key: 'records' | 'bytes'): Sample[] => s.lost.map((l) => [l[key], l.input, l.reason]);
  counter('dropped', 'What was received and will not be forwarded.', ['input', 'reason'], lost('records'));
  counter('dropped_bytes', 'Bytes lost, those included that never became records.', ['input', 'reason'], lost('bytes'));

  counter(
    'log_lines',
    'Lines read.',
    ['input'],
    s.logs.map((l) => [l.lines, l.name]),
  );
  counter(
    'log_bytes',
    'Bytes read.',
    ['input'],
    s.logs.map((l) => [l.bytes, l.name]),
  );
  counter(
    'log_truncated',
    'Lines cut because they were too long.',
    ['input'],
    s.logs.map((l) => [l.truncated, l.name]),
  );
  counter(
    'log_replaced',
    'Sequences of bytes that were no UTF-8 and became U+FFFD.',
    ['input'],
    s.logs.map((l) => [l.replaced, l.name]),
  );
  counter(
    'log_reread_bytes',
    'Bytes of files that may be copies of others, and were read as files of their own.',
    ['input'],
    s.logs.map((l) => [l.reread_bytes, l.name]),
  );
  counter(
    'log_not_found',
    'Files that had gone away when the agent started: what was written to them at last is not known.',
    ['input'],
    s.logs.map((l) => [l.not_found, l.name]),
  );
  counter(
    'log_files_deleted',
    'Files deleted because delete_after says so.',
    ['input'],
    s.logs.map((l) => [l.deleted, l.name]),
  );
  counter(
    'log_malformed',
    'Lines that were not of the configured format, and passed as they were.',
    ['input'],
    s.logs.map((l) => [l.malformed, l.name]),
  );
  gauge(
    'log_files',
    'Files that are followed.',
    ['input'],
    s.logs.map((l) => [l.files_total, l.name]),
  );
  gauge(
    'log_files_unreadable',
    'Files that cannot be read now.',
    ['input'],
    s.logs.map((l) => [l.unreadable, l.name]),
  );
  gauge(
    'log_left_out',
    'Files that match and are not read; directories that are not looked into count one each.',
    ['input', 'reason'],
    s.logs.flatMap((l) => Object.entries(l.left_out).map(([reason, n]): Sample => [n, l.name, reason])),
  );
  gauge(
    'mount_hanging',
    '1: the file system does not answer, and its files wait.',
    ['mountpoint'],
    s.mounts.map((m) => [m.hanging === null ? 0 : 1, m.mountpoint]),
  );
  counter(
    'mount_hangs',
    'How often the file system did not answer.',
    ['mountpoint'],
    s.mounts.map((m) => [m.hangs, m.mountpoint]),
  );
  gauge(
    'log_lag_bytes',
    'Bytes in the files that are not acknowledged.',
    ['input'],
    s.logs.map((l) => [l.lag_bytes, l.name]),
  );
  gauge(
    'log_lag_seconds',
    'Age of the oldest byte that is not acknowledged.',
    ['input'],
    s.logs.map((l) => [l.lag_seconds, l.name]),
  );

  const listeners = s.statsd.listeners;
  counter(
    'statsd_packets',
    'Packets received.',
    ['listener'],
    listeners.map((l) => [l.packets, l.address]),
  );
  counter(
    'statsd_lines',
    'Lines received.',
    ['listener'],
    listeners.map((l) => [l.lines, l.address]),
  );
  counter(
    'statsd_bytes',
    'Bytes received.',
    ['listener'],
    listeners.map((l) => [l.bytes, l.address]),
  );
  counter(
    'statsd_rejected',
    'Lines that could not be parsed.',
    ['listener'],
    listeners.map((l) => [l.rejected, l.address]),
  );
  counter(
    'statsd_kernel_drops',
    'Packets that the kernel had no room for.',
    ['listener'],
    listeners.map((l) => [l.kernel_drops, l.address]),
  );
  counter('statsd_replaced', 'Sequences of bytes that were no UTF-8 and became U+FFFD.', [], [[s.statsd.replaced]]);
  counter('statsd_overflowed', 'Samples added to a series of their name alone.', [], [[s.statsd.overflowed]]);
  counter('statsd_coarser', 'Histograms and sets kept coarser for want of memory.', [], [[s.statsd.coarser]]);
  gauge('statsd_contexts', 'Series in the current window.', [], [[s.statsd.contexts]]);

  counter(
    'check_runs',
    'Runs of a check.',
    ['check'],
    s.checks.map((c) => [c.runs, c.name]),
  );
  counter(
    'check_errors',
    'Runs that failed.',
    ['check'],
    s.checks.map((c) => [c.errors, c.name]),
  );
  counter(
    'check_skipped',
    'Runs that were left out because the one before had not ended.',
    ['check'],
    s.checks.map((c) => [c.skipped, c.name]),
  );
  gauge(
    'check_last_seconds',
    'How long the last run took.',
    ['check'],
    s.checks.map((c) => [c.last_seconds, c.name]),
  );

  gauge('kafka_connected', '1 while Kafka answers.', [], [[s.kafka.state === 'connected' ? 1 : 0]]);
  gauge('kafka_last_ack_seconds', 'Age of the last acknowledgement.', [], [[s.kafka.last_ack_seconds]]);
  counter('kafka_retries', 'Requests that were sent again.', [], [[s.kafka.retries]]);
  counter('kafka_throttled_seconds', 'How long brokers made the agent wait.', [], [[s.kafka.throttled_seconds]]);
  const changes = s.kafka.cluster?.changes ?? 0;
  counter('kafka_cluster_changes', 'How often the brokers were of another cluster than before.', [], [[changes]]);
  if (s.kafka.transactions) {
    const { open_seconds, commits, aborts, fenced } = s.kafka.transactions;
    gauge('kafka_transaction_open_seconds', 'Age of the oldest open transaction.', [], [[open_seconds ?? 0]]);
    counter('kafka_transaction_commits', 'Transactions committed.', [], [[commits]]);
    counter(
      'kafka_transaction_aborts',
      'Transactions that ended without a commit and were sent again.',
      [],
      [[aborts]],
    );
    counter('kafka_transaction_fenced', 'Of them, those that Kafka ended because they took too long.', [], [[fenced]]);
  }
  const topic = ['topic', 'partition'];
  counter(
    'topic_records',
    'Records acknowledged.',
    topic,
    s.topics.map((t) => [t.records, t.topic, t.partition]),
  );
  counter(
    'topic_bytes',
    'Bytes acknowledged, as sent.',
    topic,
    s.topics.map((t) => [t.bytes, t.topic, t.partition]),
  );
  gauge(
    'topic_in_flight',
    'Records on their way and not acknowledged.',
    topic,
    s.topics.map((t) => [t.in_flight, t.topic, t.partition]),
  );
  counter(
    'topic_possible_duplicates',
    'Records that Kafka may have twice, because it forgot what it had of them.',
    topic,
    s.topics.map((t) => [t.possible_duplicates, t.topic, t.partition]),
  );
  counter(
    'topic_cut',
    'Records that were cut, because alone they were larger than the topic takes.',
    topic,
    s.topics.map((t) => [t.cut, t.topic, t.partition]),
  );
  gauge(
    'topic_failing',
    '1 while the topic cannot be written.',
    topic,
    s.topics.map((t) => [t.error === null ? 0 : 1, t.topic, t.partition]),
  );
  const { listeners: http } = s.admin;
  gauge(
    'http_connections',
    'Connections to the listener for HTTP.',
    ['listener'],
    http.map((l) => [l.connections, l.address]),
  );
  counter(
    'http_requests',
    'Requests to the listener for HTTP.',
    ['listener'],
    http.map((l) => [l.requests, l.address]),
  );
  counter(
    'http_refused',
    'Connections and requests that were not served.',
    ['listener', 'reason'],
    http.flatMap((l) => Object.entries(l.refused).map(([reason, n]): Sample => [n, l.address, reason])),
  );
  gauge('spool_bytes', 'Size of the local log.', [], [[s.spool.bytes]]);
  gauge('spool_records', 'Records in the local log.', [], [[s.spool.records]]);
  gauge('spool_oldest_seconds', 'Age of its oldest record.', [], [[s.spool.oldest_seconds]]);
  return all;
}
