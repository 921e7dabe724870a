/** `otlp` in the status, and how it is shown. */
import type { Figures } from '../../core/figures.ts';
import type { InputRow } from '../../core/input.ts';
import { failure, faults, formatCount, type Table } from '../../core/table.ts';
import { count, formatSize } from '../../core/units.ts';
import type { ServedStatus } from '../../http/listeners.ts';
import type { SlowOperation } from './red/red.ts';

export interface OtlpSaid {
  otlp: {
    listeners: ServedStatus[];
    /** Taken: answered, and on the medium. */
    spans: number;
    data_points: number;
    log_records: number;
    sampled_away: number;
    /** Of them, by rule. */
    sampled: { rule: string; spans: number }[];
    /** Left out: without good ids. */
    invalid: number;
    /** Bytes of text that were no UTF-8, and became `?`. */
    sanitized: number;
    /** Spans and log records that were larger than a record may be, or had more parts than a span may. */
    cut: number;
    /** Metrics that were, and became several. */
    split: number;
    /** Requests that wait for room in the local log. */
    held: number;
    /** Operations with the longest spans of the last window, the slowest first. */
    slowest: SlowOperation[];
  };
}

export const NOTHING: OtlpSaid = {
  otlp: {
    listeners: [],
    spans: 0,
    data_points: 0,
    log_records: 0,
    sampled_away: 0,
    sampled: [],
    invalid: 0,
    sanitized: 0,
    cut: 0,
    split: 0,
    held: 0,
    slowest: [],
  },
};

export function figures({ otlp }: OtlpSaid, to: Figures): void {
  const { listeners } = otlp;
  const each = (of: (listener: ServedStatus) => number) =>
    listeners.map((listener): [number, string] => [of(listener), listener.address]);
  to.counter(
    'otlp_requests',
    'Requests and calls that came.',
    ['listener'],
    each(({ requests }) => requests),
  );
  to.counter(
    'otlp_refused',
    'Requests and connections that were not served.',
    ['listener', 'reason'],
    listeners.flatMap(({ address, reasons }) =>
      Object.entries(reasons).map(([reason, n]): [number, string, string] => [n, address, reason]),
    ),
  );
  to.counter(
    'otlp_bytes',
    'Bytes of requests, as they came.',
    ['listener'],
    each(({ bytes }) => bytes),
  );
  to.gauge(
    'otlp_connections',
    'Connections that are open.',
    ['listener'],
    each(({ connections }) => connections),
  );
  to.counter(
    'otlp_items',
    'Spans, data points and log records that were taken.',
    ['signal'],
    [
      [otlp.spans, 'traces'],
      [otlp.data_points, 'metrics'],
      [otlp.log_records, 'logs'],
    ],
  );
  to.counter(
    'otlp_sampled_away',
    'Spans that sampling has left out.',
    ['rule'],
    otlp.sampled.map(({ rule, spans }) => [spans, rule]),
  );
  to.counter('otlp_sanitized', 'Bytes of text that were no UTF-8, and became a question mark.', [], [[otlp.sanitized]]);
  to.counter('otlp_cut', 'Spans and log records that were cut, as they were too large.', [], [[otlp.cut]]);
  to.counter('otlp_split', 'Metrics that became several, as they were too large.', [], [[otlp.split]]);
  to.gauge('otlp_held', 'Requests that wait for room in the local log.', [], [[otlp.held]]);
}

export function lines({ otlp }: OtlpSaid): string[] {
  if (otlp.listeners.length === 0) return [];
  const { spans, data_points, log_records, sampled_away, invalid, held, slowest } = otlp;
  const more = [
    ...(sampled_away > 0 ? [`${sampled_away} sampled away`] : []),
    ...(invalid > 0 ? [`${invalid} invalid`] : []),
    ...(held > 0 ? [`${count(held, 'request waits', 'requests wait')} for room`] : []),
  ];
  const taken = [count(spans, 'span'), count(data_points, 'data point'), count(log_records, 'log record')];
  return [
    '',
    `otlp: ${[...taken, ...more].join(', ')}`,
    ...otlp.listeners.map(({ address, requests, bytes, refused, error }) => {
      const bad = refused > 0 ? `, ${refused} refused` : '';
      return `  ${address}: ${count(requests, 'request')}, ${formatSize(bytes)}${bad}${error === null ? '' : `: ${error}`}`;
    }),
    ...slowest
      .slice(0, MOST_LINES)
      .map((slow) => `  slow: ${nameOf(slow)}: ${secondsOf(slow)}, trace ${slow.trace_id}`),
  ];
}

/** Slow operations in the text. */
const MOST_LINES = 3;

/** Not all say of what service they are. */
function nameOf({ operation, service }: SlowOperation): string {
  return service === '' ? operation : `${operation} of ${service}`;
}

function secondsOf({ seconds }: SlowOperation): string {
  return `${Number(seconds.toPrecision(3))} s`;
}

export function rows({ otlp: { listeners } }: OtlpSaid): InputRow[] {
  const none = { lag_bytes: null, lag_seconds: 0, files_total: null, files: [] };
  return listeners.map(({ address, requests, bytes, refused, error }) => {
    const note = [...(refused > 0 ? [`${refused} refused`] : []), ...(error === null ? [] : [error])].join(', ');
    return { name: `otlp ${address}`, lines: requests, bytes, ...none, note };
  });
}

export function tables({ otlp }: OtlpSaid): Table[] {
  const { listeners, spans, sampled_away, invalid, held, slowest } = otlp;
  if (listeners.length === 0) return [];
  const said = `${count(spans, 'span')}, ${sampled_away} sampled away, ${invalid} invalid, ${held} held`;
  return [
    {
      title: `OTLP (${said})`,
      heads: ['', 'connections', 'requests', 'bytes', 'refused', ''],
      rows: listeners.map((l) => [
        l.address,
        formatCount(l.connections),
        formatCount(l.requests),
        formatSize(l.bytes),
        faults(l.refused),
        failure(l.error),
      ]),
    },
    ...(slowest.length === 0
      ? []
      : [
          {
            title: 'Slowest operations of the last window',
            heads: ['service', 'operation', 'kind', 'longest', 'calls', 'trace'],
            rows: slowest.map((slow) => [
              slow.service,
              slow.operation,
              slow.kind.replace('SPAN_KIND_', '').toLowerCase(),
              secondsOf(slow),
              `${Math.round(slow.calls)}`,
              slow.trace_id,
            ]),
            folded: true,
          },
        ]),
  ];
}
