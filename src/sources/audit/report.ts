/** `audit` in the status, and how it is shown. */
import type { Figures } from '../../core/figures.ts';
import type { InputRow } from '../../core/input.ts';
import { failure, formatCount, type Table } from '../../core/table.ts';
import { count } from '../../core/units.ts';
import type { ServedStatus } from '../../http/listeners.ts';

export interface AuditStreamStatus {
  stream: string;
  /** 16 hex digits. */
  id: string;
  /** Number of the last event. */
  sequence: number;
  /** Its hash, hex. */
  head: string;
  /** Events up to this number are sealed. */
  sealed_to: number;
  /** Events that Kafka does not have yet, as far as is known. */
  waiting: number;
}

export interface AuditSaid {
  audit: {
    listeners: ServedStatus[];
    streams: AuditStreamStatus[];
    /** What is wrong with the topic, a sentence each. */
    topic_errors: string[];
    events: number;
    duplicates: number;
    seals: number;
    /** Requests that wait for room in the local log. */
    held: number;
  };
}

export const NOTHING: AuditSaid = {
  audit: { listeners: [], streams: [], topic_errors: [], events: 0, duplicates: 0, seals: 0, held: 0 },
};

export function figures({ audit }: AuditSaid, to: Figures): void {
  const { listeners, streams } = audit;
  to.counter(
    'audit_requests',
    'Requests that came.',
    ['listener'],
    listeners.map(({ requests, address }): [number, string] => [requests, address]),
  );
  to.counter(
    'audit_refused',
    'Requests and connections that were not served.',
    ['listener', 'reason'],
    listeners.flatMap(({ address, reasons }) =>
      Object.entries(reasons).map(([reason, n]): [number, string, string] => [n, address, reason]),
    ),
  );
  to.counter('audit_events', 'Events that were taken.', [], [[audit.events]]);
  to.counter('audit_duplicates', 'Events that had been taken before.', [], [[audit.duplicates]]);
  to.counter('audit_seals', 'Seals that were written.', [], [[audit.seals]]);
  to.gauge(
    'audit_sequence',
    'Number of the last event of a stream.',
    ['stream'],
    streams.map(({ sequence, stream }): [number, string] => [sequence, stream]),
  );
  to.gauge(
    'audit_waiting',
    'Events of a stream that Kafka does not have yet.',
    ['stream'],
    streams.map(({ waiting, stream }): [number, string] => [waiting, stream]),
  );
  to.gauge('audit_held', 'Requests that wait for room in the local log.', [], [[audit.held]]);
  to.gauge('audit_topic_errors', 'What is wrong with the settings of the topic.', [], [[audit.topic_errors.length]]);
}

export function lines({ audit }: AuditSaid): string[] {
  const { listeners, streams, topic_errors, events, duplicates, held } = audit;
  if (listeners.length === 0) return [];
  const waits = held > 0 ? `, ${count(held, 'request waits', 'requests wait')} for room` : '';
  return [
    '',
    `audit: ${count(events, 'event')}, ${duplicates} once more${waits}`,
    ...listeners.map(({ address, requests, refused, error }) => {
      const bad = refused > 0 ? `, ${refused} refused` : '';
      return `  ${address}: ${count(requests, 'request')}${bad}${error === null ? '' : `: ${error}`}`;
    }),
    ...streams.map(({ stream, sequence, sealed_to, waiting }) => {
      return `  ${stream}: ${sequence}, sealed to ${sealed_to}${waiting > 0 ? `, ${waiting} wait` : ''}`;
    }),
    ...topic_errors.map((error) => `  ${error}`),
  ];
}

export function rows({ audit: { listeners } }: AuditSaid): InputRow[] {
  const none = { bytes: null, lag_bytes: null, lag_seconds: 0, files_total: null, files: [] };
  return listeners.map(({ address, requests, refused, error }) => {
    const note = [...(refused > 0 ? [`${refused} refused`] : []), ...(error === null ? [] : [error])].join(', ');
    return { name: `audit ${address}`, lines: requests, ...none, note };
  });
}

export function tables({ audit }: AuditSaid): Table[] {
  const { listeners, streams, topic_errors, events } = audit;
  if (listeners.length === 0) return [];
  return [
    {
      title: `Audit (${count(events, 'event')})`,
      heads: ['stream', 'last', 'sealed to', 'waiting', 'head'],
      rows: [
        ...streams.map(({ stream, sequence, sealed_to, waiting, head }) => {
          return [stream, `${sequence}`, `${sealed_to}`, formatCount(waiting), head.slice(0, 16)];
        }),
        ...topic_errors.map((error) => [failure(error), '', '', '', '']),
        ...listeners.flatMap(({ address, error }) =>
          error === null ? [] : [[failure(`${address}: ${error}`), '', '', '', '']],
        ),
      ],
    },
  ];
}

export function notices({ audit: { topic_errors } }: AuditSaid): string[] {
  return topic_errors.map((error) => `audit: ${error}`);
}
