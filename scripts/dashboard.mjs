/**
 * dashboards/runnel.json: a dashboard for Grafana on what Prometheus has of /metrics, one for a fleet and for a host. It is
 * generated, so that the panels are what differs between them.
 */

const OF = 'instance=~"$instance"';
const UNITS = {
  persecond: 'ops',
  seconds: 's',
  bytes: 'bytes',
  bytespersecond: 'Bps',
  share: 'percentunit',
  count: 'short',
};
const COLUMNS = 24;

/** A line a series: `[expression, legend]`. */
const graph = (title, unit, about, ...lines) => ({
  type: 'timeseries',
  title,
  unit,
  about,
  lines,
  width: 12,
  height: 8,
});
/** A number; red from `bad` on. */
const number = (title, unit, bad, about, expression) => ({
  type: 'stat',
  title,
  unit,
  bad,
  about,
  lines: [[expression, '']],
  width: 4,
  height: 4,
});
const row = (title) => ({ type: 'row', title, width: COLUMNS, height: 1 });
const rate = (name) => `rate(${name}{${OF}}[$__rate_interval])`;

const PANELS = [
  number('Agents', 'count', null, 'That are scraped.', `count(runnel_info{${OF}})`),
  number(
    'Not ready',
    'count',
    1,
    'Do less than they are configured to: runnel status says why.',
    `count(runnel_ready{${OF}} == 0) or vector(0)`,
  ),
  number(
    'Without Kafka',
    'count',
    1,
    'Files wait where they are, the rest is in the local log.',
    `count(runnel_kafka_connected{${OF}} == 0) or vector(0)`,
  ),
  number(
    'Largest lag',
    'seconds',
    300,
    'Age of the oldest byte of a file that Kafka does not have.',
    `max(runnel_log_lag_seconds{${OF}})`,
  ),
  number(
    'Lost in an hour',
    'count',
    1,
    'Each has its reason below, and what to do in docs/losses.md.',
    `sum(increase(runnel_dropped_total{${OF}}[1h]))`,
  ),
  number('Unaccounted', 'count', 1, 'Anything but 0 is a fault of the agent.', `sum(abs(runnel_unaccounted{${OF}}))`),

  row('What comes and goes'),
  graph(
    'Lines, samples, points',
    'persecond',
    'Received, and acknowledged by Kafka.',
    [`sum(${rate('runnel_received_total')})`, 'in'],
    [`sum(${rate('runnel_forwarded_total')})`, 'acknowledged'],
  ),
  graph('By input', 'persecond', 'Received.', [`sum by (input) (${rate('runnel_received_total')})`, '{{input}}']),
  graph('Lag', 'seconds', 'Of the inputs that are most behind.', [
    `topk(10, runnel_log_lag_seconds{${OF}})`,
    '{{instance}} {{input}}',
  ]),
  graph('Bytes behind', 'bytes', 'In files, and not acknowledged.', [
    `topk(10, runnel_log_lag_bytes{${OF}})`,
    '{{instance}} {{input}}',
  ]),

  row('Losses'),
  graph('Lost', 'persecond', 'By reason: docs/losses.md says what each means.', [
    `sum by (input, reason) (${rate('runnel_dropped_total')}) > 0`,
    '{{input}} {{reason}}',
  ]),
  graph('Left out on purpose', 'persecond', 'By steps of process.', [
    `sum by (input, step) (${rate('runnel_filtered_total')})`,
    '{{input}} step {{step}}',
  ]),

  row('Kafka and the local log'),
  graph('Local log', 'share', 'How full it is.', [
    `topk(10, runnel_spool_waiting_bytes{${OF}} / runnel_spool_max_bytes{${OF}})`,
    '{{instance}} {{log}}',
  ]),
  graph('Oldest record of the local log', 'seconds', '', [
    `topk(10, runnel_spool_oldest_seconds{${OF}})`,
    '{{instance}}',
  ]),
  graph('Records by topic', 'persecond', 'Acknowledged.', [
    `sum by (topic) (${rate('runnel_topic_records_total')})`,
    '{{topic}}',
  ]),
  graph('Bytes by topic', 'bytespersecond', 'A second, as sent.', [
    `sum by (topic) (${rate('runnel_topic_bytes_total')})`,
    '{{topic}}',
  ]),
  graph('Last acknowledgement', 'seconds', 'Its age.', [
    `topk(10, runnel_kafka_last_ack_seconds{${OF}})`,
    '{{instance}}',
  ]),
  graph(
    'Sent again, throttled',
    'persecond',
    'Requests, and seconds a second that brokers made agents wait.',
    [`sum(${rate('runnel_kafka_retries_total')})`, 'sent again'],
    [`sum(${rate('runnel_kafka_throttled_seconds_total')})`, 'throttled'],
  ),
  graph('Topics that cannot be written', 'count', 'runnel status says why.', [
    `sum by (topic) (runnel_topic_failing{${OF}}) > 0`,
    '{{topic}}',
  ]),
  graph(
    'Maybe twice, cut',
    'persecond',
    'Records that Kafka may have twice; those that were larger than a topic takes.',
    [`sum(${rate('runnel_topic_possible_duplicates_total')})`, 'maybe twice'],
    [`sum(${rate('runnel_topic_cut_total')})`, 'cut'],
  ),

  row('Inputs'),
  graph(
    'StatsD',
    'persecond',
    'Lines, those that are none, and packets that the kernel had no room for.',
    [`sum(${rate('runnel_statsd_lines_total')})`, 'lines'],
    [`sum(${rate('runnel_statsd_rejected_total')})`, 'rejected'],
    [`sum(${rate('runnel_statsd_kernel_drops_total')})`, 'dropped by the kernel'],
  ),
  graph('StatsD series', 'count', 'In a window, by host.', [`topk(10, runnel_statsd_contexts{${OF}})`, '{{instance}}']),
  graph('OTLP', 'persecond', 'Spans, data points and log records that were taken.', [
    `sum by (signal) (${rate('runnel_otlp_items_total')})`,
    '{{signal}}',
  ]),
  graph('Checks that fail', 'persecond', '', [
    `sum by (check) (${rate('runnel_check_errors_total')}) > 0`,
    '{{check}}',
  ]),
  graph(
    'Files',
    'count',
    'That are followed, and that cannot be read.',
    [`sum(runnel_log_files{${OF}})`, 'followed'],
    [`sum(runnel_log_files_unreadable{${OF}})`, 'cannot be read'],
  ),
  graph('Alerts of the agents', 'count', 'That fire.', [`sum by (rule) (runnel_alert_firing{${OF}}) > 0`, '{{rule}}']),

  row('What it takes'),
  graph('CPU', 'share', 'Of one core.', [`topk(10, ${rate('runnel_cpu_seconds_total')})`, '{{instance}}']),
  graph('Memory', 'bytes', '', [`topk(10, runnel_resident_memory_bytes{${OF}})`, '{{instance}}']),
  graph('Room on the disk of data_dir', 'bytes', 'Where it is least.', [
    `bottomk(10, runnel_data_dir_free_bytes{${OF}})`,
    '{{instance}}',
  ]),
  graph('Versions', 'count', 'Agents of each.', [`count by (version) (runnel_info{${OF}})`, '{{version}}']),
];

/** The dashboard as text. */
export function dashboard() {
  const source = { type: 'prometheus', uid: '${datasource}' };
  const made = {
    title: 'runnel',
    uid: 'runnel',
    tags: ['runnel'],
    schemaVersion: 39,
    editable: true,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' },
        {
          name: 'instance',
          label: 'Host',
          type: 'query',
          datasource: source,
          query: { query: 'label_values(runnel_info, instance)', refId: 'instance' },
          refresh: 2,
          sort: 1,
          multi: true,
          includeAll: true,
          allValue: '.*',
          current: { text: 'All', value: '$__all' },
        },
      ],
    },
    panels: placed(PANELS).map((panel, i) => ({ id: i + 1, ...panelOf(panel, source) })),
  };
  return `${JSON.stringify(made, null, 2)}\n`;
}

/** From left to right, the next line where there is no room. */
function placed(panels) {
  let [x, y, high] = [0, 0, 0];
  return panels.map((panel) => {
    if (x + panel.width > COLUMNS) [x, y, high] = [0, y + high, 0];
    const gridPos = { x, y, w: panel.width, h: panel.height };
    x += panel.width;
    high = Math.max(high, panel.height);
    return { ...panel, gridPos };
  });
}

function panelOf({ type, title, about, unit, bad, lines, gridPos }, datasource) {
  if (type === 'row') return { type, title, gridPos, collapsed: false, panels: [] };
  const targets = lines.map(([expr, legendFormat], i) => {
    return { refId: String.fromCharCode(65 + i), datasource, expr, legendFormat, instant: type === 'stat' };
  });
  const steps = [{ color: 'green', value: null }, ...(bad ? [{ color: 'red', value: bad }] : [])];
  const defaults = {
    unit: UNITS[unit],
    ...(type === 'stat' ? { thresholds: { mode: 'absolute', steps } } : { min: 0 }),
  };
  const options =
    type === 'stat'
      ? { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: bad ? 'background' : 'value', graphMode: 'none' }
      : { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } };
  return {
    type,
    title,
    description: about,
    datasource,
    gridPos,
    targets,
    fieldConfig: { defaults, overrides: [] },
    options,
  };
}
