/** The status as figures. */
import { type Figure, Figures, type Sample } from '../core/figures.ts';
import type { AnyKind } from '../core/input.ts';
import { INPUTS } from '../sources/all.ts';
import type { Books, LiveStatus } from './shape.ts';

export function figuresOf(s: LiveStatus, kinds: readonly AnyKind[] = INPUTS): Figure[] {
  const to = new Figures();
  to.gauge('info', 'Always 1.', ['version', 'config_hash'], [[1, s.version, s.config.hash]]);
  to.gauge('ready', '1 when everything configured works, Kafka included.', [], [[s.ready ? 1 : 0]]);
  to.gauge('uptime_seconds', 'Since the start of the agent.', [], [[s.uptime_seconds]]);
  to.gauge('resident_memory_bytes', 'Memory of the process.', [], [[s.process.rss_bytes]]);
  to.counter('cpu_seconds', 'Processor time of the process.', [], [[s.process.cpu_seconds]]);
  to.gauge('data_dir_free_bytes', 'Room left on the disk of data_dir.', [], [[s.process.data_dir_free_bytes]]);

  const books = Object.entries(s.conservation.inputs);
  const of = (key: keyof Books): Sample[] => books.map(([input, b]) => [b[key], input]);
  to.counter('received', 'Lines, samples and points that came in.', ['input'], of('received'));
  to.counter('recovered', 'What the process before left in the local log.', ['input'], of('recovered'));
  to.counter(
    'forwarded',
    'Acknowledged by Kafka. Without brokers everything stays in flight, in the local log.',
    ['input'],
    of('forwarded'),
  );
  to.gauge(
    'in_flight',
    'What was received and is not forwarded yet: on its way, or in the local log.',
    ['input'],
    of('in_flight'),
  );
  to.gauge('in_local_log', 'Of that, what is in the local log.', ['input'], of('in_local_log'));
  to.gauge(
    'unaccounted',
    'received + recovered - forwarded - filtered - dropped - in_flight: anything but 0 is a fault of the agent.',
    ['input'],
    of('unaccounted'),
  );
  const lost = (key: 'records' | 'bytes'): Sample[] => s.lost.map((l) => [l[key], l.input, l.reason]);
  to.counter('dropped', 'What was received and will not be forwarded.', ['input', 'reason'], lost('records'));
  to.counter(
    'dropped_bytes',
    'Bytes lost, those included that never became records.',
    ['input', 'reason'],
    lost('bytes'),
  );

  for (const kind of kinds) kind.figures(s, to);

  // Without brokers there is nothing to be connected to: an alert for 0 must not fire there.
  const connected: Sample[] = s.kafka.state === 'not_configured' ? [] : [[s.kafka.state === 'connected' ? 1 : 0]];
  to.gauge('kafka_connected', '1 while Kafka answers; without brokers it is left out.', [], connected);
  const certificates = Object.entries(s.kafka.certificate_days_left).map(([broker, days]) => [days, broker] as const);
  to.gauge('kafka_certificate_days_left', 'Days that the certificate of a broker lasts.', ['broker'], certificates);
  to.gauge('kafka_last_ack_seconds', 'Age of the last acknowledgement.', [], [[s.kafka.last_ack_seconds]]);
  to.counter('kafka_retries', 'Requests that were sent again.', [], [[s.kafka.retries]]);
  to.counter('kafka_throttled_seconds', 'How long brokers made the agent wait.', [], [[s.kafka.throttled_seconds]]);
  const changes = s.kafka.cluster?.changes ?? 0;
  to.counter('kafka_cluster_changes', 'How often the brokers were of another cluster than before.', [], [[changes]]);
  if (s.kafka.transactions) {
    const { open_seconds, commits, aborts, fenced } = s.kafka.transactions;
    to.gauge('kafka_transaction_open_seconds', 'Age of the oldest open transaction.', [], [[open_seconds ?? 0]]);
    to.counter('kafka_transaction_commits', 'Transactions committed.', [], [[commits]]);
    to.counter(
      'kafka_transaction_aborts',
      'Transactions that ended without a commit and were sent again.',
      [],
      [[aborts]],
    );
    to.counter(
      'kafka_transaction_fenced',
      'Of them, those that Kafka ended because they took too long.',
      [],
      [[fenced]],
    );
  }
  const topic = ['topic', 'partition'];
  to.counter(
    'topic_records',
    'Records acknowledged.',
    topic,
    s.topics.map((t) => [t.records, t.topic, t.partition]),
  );
  to.counter(
    'topic_bytes',
    'Bytes acknowledged, as sent.',
    topic,
    s.topics.map((t) => [t.bytes, t.topic, t.partition]),
  );
  to.gauge(
    'topic_in_flight',
    'Records on their way and not acknowledged.',
    topic,
    s.topics.map((t) => [t.in_flight, t.topic, t.partition]),
  );
  to.counter(
    'topic_possible_duplicates',
    'Records that Kafka may have twice, because it forgot what it had of them.',
    topic,
    s.topics.map((t) => [t.possible_duplicates, t.topic, t.partition]),
  );
  to.counter(
    'topic_cut',
    'Records that were cut, because alone they were larger than the topic takes.',
    topic,
    s.topics.map((t) => [t.cut, t.topic, t.partition]),
  );
  to.gauge(
    'topic_failing',
    '1 while the topic cannot be written.',
    topic,
    s.topics.map((t) => [t.error === null ? 0 : 1, t.topic, t.partition]),
  );
  const { listeners: http } = s.admin;
  to.gauge(
    'http_connections',
    'Connections to the listener for HTTP.',
    ['listener'],
    http.map((l) => [l.connections, l.address]),
  );
  to.counter(
    'http_requests',
    'Requests to the listener for HTTP.',
    ['listener'],
    http.map((l) => [l.requests, l.address]),
  );
  to.counter(
    'http_refused',
    'Connections and requests that were not served.',
    ['listener', 'reason'],
    http.flatMap((l) => Object.entries(l.refused).map(([reason, n]): Sample => [n, l.address, reason])),
  );
  to.gauge('spool_bytes', 'Size of the local log.', [], [[s.spool.bytes]]);
  to.gauge('spool_records', 'Records in the local log.', [], [[s.spool.records]]);
  const budgets = (of: 'bytes' | 'max_size'): Sample[] => {
    return s.spool.budgets.map((budget) => [budget[of], budget.group ?? 'common']);
  };
  to.gauge('spool_waiting_bytes', 'What waits in each local log.', ['log'], budgets('bytes'));
  to.gauge('spool_max_bytes', 'How much each may hold.', ['log'], budgets('max_size'));
  to.gauge('spool_oldest_seconds', 'Age of its oldest record.', [], [[s.spool.oldest_seconds]]);
  return to.all;
}
