/** `GET /view`: what the page shows, as text and tables; what it looks like is the page's (main.js). */
import type { AnyKind, FileRow } from '../../core/input.ts';
import { LOSSES, type Meaning } from '../../core/losses.ts';
import { failure, faults, formatCount, type Table, type TableCell } from '../../core/table.ts';
import { formatDuration, formatSize } from '../../core/units.ts';
import { INPUTS } from '../../sources/all.ts';
import type { History } from '../history.ts';
import type { Books, LiveStatus } from '../shape.ts';
import { statusJson } from '../status-json.ts';
import { type Advice, adviceOf } from './advice.ts';

/** Files of each input that are looked at for those that are listed. */
export const FILES = 20;

export interface PageView {
  host: string;
  version: string;
  ready: boolean;
  /** Seconds that it is, or is not. */
  since: number;
  facts: [name: string, value: string][];
  advice: Advice[];
  tables: Table[];
  /** `GET /names` has something to say. */
  names: boolean;
}

export function viewOf(
  status: LiveStatus,
  history: Pick<History, 'since' | 'plotted'>,
  kinds: readonly AnyKind[] = INPUTS,
): PageView {
  // Its files are made one by one, once.
  const said = JSON.parse([...statusJson(status)].join(''));
  const since = history.since(status);
  const own = kinds.flatMap((kind) => kind.tables(said));
  const { host, version, ready } = status;
  return {
    host,
    version,
    ready,
    since: since.ready,
    facts: factsOf(status, history.plotted().cpu.at(-1) ?? 0),
    advice: adviceOf(said, kinds, since),
    tables: [
      ...own.filter(({ urgent }) => urgent),
      booksTable(status),
      ...filesTable(kinds.flatMap((kind) => kind.rows(said)).flatMap(({ files }) => files)),
      ...topicsTable(status),
      lossesTable(status),
      ...own.filter(({ urgent, folded }) => !urgent && !folded),
      ...own.filter(({ urgent, folded }) => !urgent && folded),
      listenersTable(status),
    ],
    names: said.statsd?.listeners.length > 0,
  };
}

function factsOf(s: LiveStatus, cpu: number): PageView['facts'] {
  const ack = s.kafka.last_ack_seconds === null ? '' : `, acknowledged ${formatDuration(s.kafka.last_ack_seconds)} ago`;
  return [
    ['Kafka', `${s.kafka.state.replaceAll('_', ' ')}${ack}`],
    ['Up', formatDuration(s.uptime_seconds)],
    ['CPU', `${cpu.toFixed(1)} %`],
    ['Memory', formatSize(s.process.rss_bytes)],
    ['Free in data_dir', formatSize(s.process.data_dir_free_bytes)],
    ['Configuration', s.config.path ?? 'built in'],
    ['Process', `${s.pid}`],
  ];
}

/** One balance line an input; that of all last. */
function booksTable({ conservation: { inputs, total } }: LiveStatus): Table {
  const row = (name: string, b: Books): TableCell[] => [
    name,
    formatCount(b.received),
    formatCount(b.recovered),
    formatCount(b.forwarded),
    formatCount(b.filtered),
    faults(b.dropped),
    formatCount(b.in_flight - b.in_local_log),
    formatCount(b.in_local_log),
    b.unaccounted === 0 ? '✓' : { bad: `≠ ${formatCount(b.unaccounted)}` },
  ];
  return {
    title: 'Books',
    heads: [
      '',
      'received',
      '+ recovered',
      '= forwarded',
      '+ filtered',
      '+ dropped',
      '+ on their way',
      '+ in the local log',
      'adds up',
    ],
    rows: [...Object.entries(inputs).map(([name, books]) => row(name, books)), row('all', total)],
  };
}

/** The worst first: those that fail, then the most behind. */
function filesTable(files: readonly FileRow[]): Table[] {
  if (files.length === 0) return [];
  const worse = (a: FileRow, b: FileRow) =>
    Number(b.error !== null) - Number(a.error !== null) ||
    b.lag_bytes - a.lag_bytes ||
    b.lag_seconds - a.lag_seconds ||
    (a.path < b.path ? -1 : 1);
  const rows = [...files].sort(worse).slice(0, FILES);
  return [
    {
      title: 'Files, the worst first',
      heads: ['', 'lines', 'size', 'waiting', 'behind', ''],
      rows: rows.map((f) => [
        f.path,
        formatCount(f.lines),
        formatSize(f.size),
        f.lag_bytes > 0 ? formatSize(f.lag_bytes) : '-',
        f.lag_bytes > 0 ? formatDuration(f.lag_seconds) : '-',
        failure(f.error),
      ]),
    },
  ];
}

function topicsTable({ topics }: LiveStatus): Table[] {
  if (topics.length === 0) return [];
  return [
    {
      title: 'Topics',
      heads: [
        '',
        'records',
        'bytes',
        'on their way',
        'acknowledged',
        'sent again',
        'throttled',
        'maybe twice',
        'cut',
        '',
      ],
      rows: topics.map((t) => [
        `${t.topic}/${t.partition}`,
        formatCount(t.records),
        formatSize(t.bytes),
        formatCount(t.in_flight),
        t.last_ack_seconds === null ? 'never' : `${formatDuration(t.last_ack_seconds)} ago`,
        formatCount(t.retries),
        formatDuration(t.throttled_seconds),
        faults(t.possible_duplicates),
        faults(t.cut),
        failure(t.error),
      ]),
    },
  ];
}

function lossesTable({ lost }: LiveStatus): Table {
  const meanings: Readonly<Record<string, Meaning>> = LOSSES;
  return {
    title: 'Lost',
    heads: ['', 'input', 'records', 'bytes', 'last', 'what it means', 'what to do'],
    rows: lost.map(({ input, reason, records, bytes, last }) => {
      const { meaning = '', remedy = '' } = Object.hasOwn(meanings, reason) ? meanings[reason]! : {};
      return [reason, input, faults(records), formatSize(bytes), last, meaning, remedy];
    }),
  };
}

function listenersTable({ admin: { listeners } }: LiveStatus): Table {
  return {
    title: 'HTTP',
    heads: ['', 'connections', 'requests', 'refused'],
    rows: listeners.map(({ address, connections, requests, refused }) => {
      const why = Object.entries(refused).map(([reason, n]) => `${formatCount(n)} ${reason}`);
      return [address, formatCount(connections), formatCount(requests), why.join(', ')];
    }),
    folded: true,
  };
}
