/**
 * Sockets by state, and what TCP and UDP lost, from /proc/net/{sockstat,sockstat6,snmp,snmp6,netstat,udp,udp6}: sums that
 * the kernel keeps. No connection is looked at one by one; UDP's sockets are, for the bytes that wait in them.
 */
import { pageBytes } from '../native/processes.ts';
import type { Check, Meter } from './check.ts';
import type { HostFiles } from './files.ts';
import { numberAt, numbersAt } from './text.ts';

/** `TCP: inuse 10 orphan 0 tw 2 alloc 15 mem 3`: the number behind a word of the line with that title; NaN: none is. */
export function parseSockstat(text: string): (title: string, word: string) => number {
  return (title, word) => {
    const begin = text.startsWith(`${title}: `) ? 0 : text.indexOf(`\n${title}: `) + 1;
    if (begin === 0 && !text.startsWith(`${title}: `)) return Number.NaN;
    const end = text.indexOf('\n', begin);
    const at = text.indexOf(` ${word} `, begin);
    return at < 0 || (end >= 0 && at > end) ? Number.NaN : Number.parseInt(text.slice(at + word.length + 2), 10);
  };
}

/** A kernel has some ten; what has more is no such file. */
const MOST_TABLES = 100;
const MOST_COLUMNS = 512;

interface SnmpTable {
  /** Its line of names, with the line feed: the same as long as the kernel runs. */
  head: string;
  /** Those that are wanted, by their column. */
  wanted: readonly (readonly [string, number])[];
}

/** Two lines each, `Tcp: RtoAlgorithm RtoMin ...` and `Tcp: 1 200 ...`: numbers by `Tcp.RtoMin`. */
export class SnmpTables {
  readonly #known: SnmpTable[] = [];
  readonly #wanted: ReadonlySet<string>;
  readonly #row = new Float64Array(MOST_COLUMNS);

  constructor(wanted: Iterable<string>) {
    this.#wanted = new Set(wanted);
  }

  parse(text: string, numbers = new Map<string, number>()): Map<string, number> {
    let at = 0;
    for (let feed = text.indexOf('\n'); feed >= 0; feed = text.indexOf('\n', at)) {
      const { wanted } =
        this.#known.find(({ head }) => text.startsWith(head, at)) ?? this.#meet(text.slice(at, feed + 1));
      if (wanted.length > 0) {
        const count = numbersAt(text, text.indexOf(' ', feed), this.#row);
        for (const [name, column] of wanted) if (column < count) numbers.set(name, this.#row[column]!);
      }
      at = text.indexOf('\n', feed + 1) + 1;
      if (at === 0) break;
    }
    return numbers;
  }

  #meet(head: string): SnmpTable {
    const [title = '', ...words] = head.trimEnd().split(' ');
    const names = words.map((word, column) => [title.replace(':', '.') + word, column] as const);
    const table = { head, wanted: names.filter(([name]) => this.#wanted.has(name)) };
    if (this.#known.length < MOST_TABLES) this.#known.push(table);
    return table;
  }
}

export interface UdpQueues {
  receive: number;
  transmit: number;
}

/** `sl local_address rem_address st tx_queue:rx_queue ...`, queues in hexadecimal. */
export function parseUdpQueues(text: string): UdpQueues {
  let receive = 0;
  let transmit = 0;
  let end = text.indexOf('\n');
  while (end >= 0 && end + 1 < text.length) {
    const begin = end + 1;
    end = text.indexOf('\n', begin);
    const line = text.slice(begin, end < 0 ? text.length : end);
    // Most are empty.
    if (line.includes(' 00000000:00000000 ')) continue;
    const queues = line.trim().split(/\s+/)[4]?.split(':') ?? [];
    transmit += Number.parseInt(queues[0] ?? '0', 16);
    receive += Number.parseInt(queues[1] ?? '0', 16);
  }
  return { receive, transmit };
}

/** Metric, unit, counter, attributes. */
type Row = readonly [string, string, string, Record<string, string>?];

const UDP_ERRORS = [
  ['rcvbuf', 'RcvbufErrors'],
  ['sndbuf', 'SndbufErrors'],
  ['no_port', 'NoPorts'],
  ['in_csum', 'InCsumErrors'],
  ['in_errors', 'InErrors'],
] as const;
const COUNTERS: readonly Row[] = [
  ['system.linux.tcp.segments', '{segment}', 'Tcp.InSegs', { 'network.io.direction': 'receive' }],
  ['system.linux.tcp.segments', '{segment}', 'Tcp.OutSegs', { 'network.io.direction': 'transmit' }],
  ['system.linux.tcp.retransmits', '{segment}', 'Tcp.RetransSegs'],
  ['system.linux.tcp.errors', '{segment}', 'Tcp.InErrs'],
  ['system.linux.tcp.resets', '{segment}', 'Tcp.OutRsts'],
  ['system.linux.tcp.opens', '{connection}', 'Tcp.ActiveOpens', { direction: 'active' }],
  ['system.linux.tcp.opens', '{connection}', 'Tcp.PassiveOpens', { direction: 'passive' }],
  ['system.linux.tcp.failed_attempts', '{connection}', 'Tcp.AttemptFails'],
  ['system.linux.tcp.reset_connections', '{connection}', 'Tcp.EstabResets'],
  ['system.linux.tcp.listen_drops', '{connection}', 'TcpExt.ListenDrops'],
  ['system.linux.tcp.listen_overflows', '{connection}', 'TcpExt.ListenOverflows'],
  ['system.linux.tcp.syn_retransmits', '{segment}', 'TcpExt.TCPSynRetrans'],
  ['system.linux.tcp.timeouts', '{timeout}', 'TcpExt.TCPTimeouts'],
  ['system.linux.tcp.out_of_order', '{segment}', 'TcpExt.TCPOFOQueue'],
  ['system.linux.tcp.receive_drops', '{segment}', 'TcpExt.TCPRcvQDrop'],
  ['system.linux.tcp.syncookies', '{packet}', 'TcpExt.SyncookiesSent', { result: 'sent' }],
  ['system.linux.tcp.syncookies', '{packet}', 'TcpExt.SyncookiesRecv', { result: 'received' }],
  ['system.linux.tcp.syncookies', '{packet}', 'TcpExt.SyncookiesFailed', { result: 'failed' }],
  ['system.linux.udp.datagrams', '{packet}', 'Udp.InDatagrams', { 'network.io.direction': 'receive' }],
  ['system.linux.udp.datagrams', '{packet}', 'Udp.OutDatagrams', { 'network.io.direction': 'transmit' }],
  ...UDP_ERRORS.map(
    ([type, name]): Row => ['system.linux.udp.errors', '{packet}', `Udp.${name}`, { 'error.type': type }],
  ),
];
/** Of IPv6, whose counters are apart: `Udp6InDatagrams   12` a line. */
const OF_IPV6 = COUNTERS.map(([, , counter]) => (counter.startsWith('Udp.') ? counter.replace('.', '6') : null));

export interface SocketStat {
  sockstat: (title: string, word: string) => number;
  counters: Map<string, number>;
  /** The text of snmp6; empty where there is no IPv6. */
  snmp6: string;
  queues: UdpQueues;
  /** Of a page of memory, in which it counts that. */
  pageBytes: number;
}

export function reportSockets(meter: Meter, stat: SocketStat): void {
  const { sockstat, counters, snmp6, queues } = stat;
  const both = (title: string) => sockstat(title, 'inuse') + (sockstat(`${title}6`, 'inuse') || 0);
  for (const [transport, state, count] of [
    ['tcp', 'in_use', both('TCP')],
    ['tcp', 'orphan', sockstat('TCP', 'orphan')],
    ['tcp', 'time_wait', sockstat('TCP', 'tw')],
    ['tcp', 'allocated', sockstat('TCP', 'alloc')],
    ['tcp', 'established', counters.get('Tcp.CurrEstab') ?? Number.NaN],
    ['udp', 'in_use', both('UDP')],
  ] as const) {
    const attributes = { 'network.transport': transport, 'network.connection.state': state };
    meter.gauge('system.network.connection.count', count, '{connection}', attributes);
  }
  meter.gauge('system.linux.socket.count', sockstat('sockets', 'used'), '{socket}');
  for (const transport of ['tcp', 'udp']) {
    const pages = sockstat(transport.toUpperCase(), 'mem');
    meter.gauge('system.linux.socket.memory', pages * stat.pageBytes, 'By', { 'network.transport': transport });
  }
  for (const [i, [name, unit, counter, attributes]] of COUNTERS.entries()) {
    const six = OF_IPV6[i]!;
    const more = six === null ? 0 : numberAt(snmp6, six);
    const value = counters.get(counter) ?? Number.NaN;
    meter.monotonic(name, value + (Number.isNaN(more) ? 0 : more), unit, attributes);
  }
  for (const direction of ['receive', 'transmit'] as const) {
    meter.gauge('system.linux.udp.queue', queues[direction], 'By', { 'network.io.direction': direction });
  }
}

const FILES = ['sockstat', 'sockstat6', 'snmp', 'snmp6', 'netstat', 'udp', 'udp6'] as const;
type SocketFile = (typeof FILES)[number];

export function sockets(host: HostFiles): Check {
  const tables = new SnmpTables([...COUNTERS.map(([, , counter]) => counter), 'Tcp.CurrEstab']);
  const page = pageBytes();
  const directory = `${host.view}/net`;
  const at = Object.fromEntries(FILES.map((name) => [name, `${directory}/${name}`])) as Record<SocketFile, string>;
  const net = (name: SocketFile) => host.tryRead(at[name]) ?? '';
  return (meter) => {
    const sockstat = parseSockstat(`${net('sockstat')}${net('sockstat6')}`);
    const counters = tables.parse(net('netstat'), tables.parse(net('snmp')));
    // The kernel goes through a table of thousands of places for each list, whatever is in it.
    const listed = (title: string, name: SocketFile) => parseUdpQueues(sockstat(title, 'inuse') === 0 ? '' : net(name));
    const [four, six] = [listed('UDP', 'udp'), listed('UDP6', 'udp6')];
    const queues = { receive: four.receive + six.receive, transmit: four.transmit + six.transmit };
    reportSockets(meter, { sockstat, counters, snmp6: net('snmp6'), queues, pageBytes: page });
  };
}
