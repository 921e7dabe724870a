/** `statsd` in the status, and how it is shown. */
import type { Figures } from '../../core/figures.ts';
import type { InputRow } from '../../core/input.ts';
import { failure, faults, formatCount, type Table } from '../../core/table.ts';
import { count, formatSize } from '../../core/units.ts';
import type { ForwardStatus } from './forwards.ts';
import type { ListenerStatus } from './listener.ts';

export interface StatsdSaid {
  statsd: {
    listeners: ListenerStatus[];
    /** Where packets are repeated to. */
    forward: ForwardStatus[];
    contexts: number;
    /** Sequences of bytes that were no UTF-8 and became U+FFFD. */
    replaced: number;
    /** Samples that were added to a series of their name alone, `runnel.overflow`. */
    overflowed: number;
    /** Sketches and sets that were kept coarser for want of memory. */
    coarser: number;
    /** Fields of no known meaning, which are ignored; once a spelling. */
    unknown_fields: number;
    /** What Datadog's clients say of themselves (packets_dropped ...), what is not 0. */
    clients: Record<string, number>;
    /** Samples that `allow` and `deny` have left out, by rule. */
    filtered: { rule: string; samples: number }[];
  };
}

export const NOTHING: StatsdSaid = {
  statsd: {
    listeners: [],
    forward: [],
    contexts: 0,
    overflowed: 0,
    coarser: 0,
    replaced: 0,
    unknown_fields: 0,
    clients: {},
    filtered: [],
  },
};

export function figures(s: StatsdSaid, to: Figures): void {
  const listeners = s.statsd.listeners;
  to.counter(
    'statsd_packets',
    'Packets received.',
    ['listener'],
    listeners.map((l) => [l.packets, l.address]),
  );
  to.counter(
    'statsd_lines',
    'Lines received.',
    ['listener'],
    listeners.map((l) => [l.lines, l.address]),
  );
  to.counter(
    'statsd_bytes',
    'Bytes received.',
    ['listener'],
    listeners.map((l) => [l.bytes, l.address]),
  );
  to.counter(
    'statsd_rejected',
    'Lines that could not be parsed.',
    ['listener'],
    listeners.map((l) => [l.rejected, l.address]),
  );
  to.counter(
    'statsd_kernel_drops',
    'Packets that the kernel had no room for.',
    ['listener'],
    listeners.map((l) => [l.kernel_drops, l.address]),
  );
  to.counter('statsd_replaced', 'Sequences of bytes that were no UTF-8 and became U+FFFD.', [], [[s.statsd.replaced]]);
  to.counter('statsd_overflowed', 'Samples added to a series of their name alone.', [], [[s.statsd.overflowed]]);
  to.counter('statsd_coarser', 'Histograms and sets kept coarser for want of memory.', [], [[s.statsd.coarser]]);
  to.counter('statsd_unknown_fields', 'Fields of no known meaning, once a spelling.', [], [[s.statsd.unknown_fields]]);
  to.counter(
    'statsd_filtered',
    'Samples that allow and deny have left out.',
    ['rule'],
    s.statsd.filtered.map(({ rule, samples }) => [samples, rule]),
  );
  to.counter(
    'statsd_forwarded',
    'Packets repeated to another server.',
    ['address'],
    s.statsd.forward.map(({ packets, address }) => [packets, address]),
  );
  to.counter(
    'statsd_forward_lost',
    'Packets that could not be repeated.',
    ['address'],
    s.statsd.forward.map(({ lost, address }) => [lost, address]),
  );
  to.counter(
    'statsd_clients',
    'What Datadog’s clients say of themselves.',
    ['figure'],
    Object.entries(s.statsd.clients).map(([figure, value]) => [value, figure]),
  );
  to.gauge('statsd_contexts', 'Series in the current window.', [], [[s.statsd.contexts]]);
}

export function lines({ statsd: { listeners, forward, contexts, clients } }: StatsdSaid): string[] {
  if (listeners.length === 0) return [];
  const lost = Object.entries(clients).filter(([name]) => name.includes('dropped'));
  const said = lost.map(([name, value]) => `${name} ${value}`).join(', ');
  return [
    '',
    `statsd: ${count(contexts, 'series', 'series')} in this window`,
    ...listeners.map((l) => {
      const bad = faultsOf(l).map((fault) => `, ${fault}`);
      const error = l.error === null ? '' : `: ${l.error}`;
      return `  ${l.address}: ${count(l.packets, 'packet')}, ${count(l.lines, 'line')}, ${formatSize(l.bytes)}${bad.join('')}${error}`;
    }),
    ...forward.map(({ address, packets, lost, error }) => {
      const bad = lost > 0 ? `, ${lost} lost` : '';
      return `  repeated to ${address}: ${count(packets, 'packet')}${bad}${error === null ? '' : `: ${error}`}`;
    }),
    ...(said === '' ? [] : [`  its clients say what they could not send: ${said}`]),
  ];
}

export function rows({ statsd: { listeners } }: StatsdSaid): InputRow[] {
  const none = { lag_bytes: null, lag_seconds: 0, files_total: null, files: [] };
  return listeners.map((l) => {
    const note = [...faultsOf(l), ...(l.error === null ? [] : [l.error])].join(', ');
    return { name: `statsd ${l.address}`, lines: l.lines, bytes: l.bytes, ...none, note };
  });
}

export function tables({ statsd: { listeners, contexts } }: StatsdSaid): Table[] {
  if (listeners.length === 0) return [];
  return [
    {
      title: `StatsD (${count(contexts, 'series', 'series')})`,
      heads: ['', 'packets', 'lines', 'rejected', 'kernel drops', ''],
      rows: listeners.map((l) => [
        l.address,
        formatCount(l.packets),
        formatCount(l.lines),
        faults(l.rejected),
        faults(l.kernel_drops),
        failure(l.error),
      ]),
    },
  ];
}

function faultsOf({ rejected, kernel_drops }: ListenerStatus): string[] {
  return [
    ...(rejected > 0 ? [`${rejected} rejected`] : []),
    ...(kernel_drops > 0 ? [`${kernel_drops} dropped by the kernel`] : []),
  ];
}
