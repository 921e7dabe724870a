/**
 * Sockets by state, and what TCP and UDP lost, from /proc/net/{sockstat,sockstat6,snmp,snmp6,netstat,udp,udp6}: sums that
 * the kernel keeps. No connection is looked at one by one; UDP's sockets are, for the bytes that wait in them.
 */
import type { Check, Meter } from './check.ts';
import { type HostFiles, pageBytes } from './files.ts';
import { numberAt } from './text.ts';

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

/** Two lines each, `Tcp: RtoAlgorithm RtoMin ...` and `Tcp: 1 200 ...`: numbers by `Tcp.RtoMin`. */
export class SnmpTables {
  /** Where a line's names are, by the line: it is the same as long as the kernel runs. */
  readonly #names = new Map<string, string[]>();
  readonly #wanted: ReadonlySet<string>;

  constructor(wanted: Iterable<string>) {
    this.#wanted = new Set(wanted);
  }

  parse(text: string): Map<string, number> {
    const numbers = new Map<string, number>();
    const lines = text.split('\n');
    for (let i = 0; i + 1 < lines.length; i += 2) {
      const names = this.#namesIn(lines[i]!);
      if (names === null) continue;
      const values = lines[i + 1]!.split(' ');
      for (let at = 1; at < names.length; at++) {
        const name = names[at]!;
        if (name !== '' && values[at] !== undefined) numbers.set(name, Number(values[at]));
      }
    }
    return numbers;
  }

  /** Those that are wanted, at their place; null: none. */
  #namesIn(line: string): string[] | null {
    let names = this.#names.get(line);
    if (names === undefined) {
      const [title = '', ...words] = line.split(' ');
      const all = words.map((word) => title.replace(':', '.') + word);
      names = ['', ...all.map((name) => (this.#wanted.has(name) ? name : ''))];
      // A kernel has some ten; what grows is no such file.
      if (this.#names.size < 100) this.#names.set(line, names);
    }
    return names.some((name) => name !== '') ? names : null;
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
const WITH_IPV6 = /^Udp\./;

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
  for (const [name, unit, counter, attributes] of COUNTERS) {
    const more = WITH_IPV6.test(counter) ? numberAt(snmp6, counter.replace('.', '6')) : 0;
    const value = counters.get(counter) ?? Number.NaN;
    meter.monotonic(name, value + (Number.isNaN(more) ? 0 : more), unit, attributes);
  }
  for (const direction of ['receive', 'transmit'] as const) {
    meter.gauge('system.linux.udp.queue', queues[direction], 'By', { 'network.io.direction': direction });
  }
}

export function sockets(host: HostFiles): Check {
  const tables = new SnmpTables([...COUNTERS.map(([, , counter]) => counter), 'Tcp.CurrEstab']);
  const page = pageBytes();
  return async (meter) => {
    const net = (name: string) => host.tryRead(`${host.view}/net/${name}`) ?? '';
    const sockstat = parseSockstat(`${net('sockstat')}${net('sockstat6')}`);
    const counters = tables.parse(`${net('snmp')}${net('netstat')}`);
    // The kernel goes through a table of thousands of places for each list, whatever is in it.
    const listed = (title: string, name: string) => parseUdpQueues(sockstat(title, 'inuse') === 0 ? '' : net(name));
    const [four, six] = [listed('UDP', 'udp'), listed('UDP6', 'udp6')];
    const queues = { receive: four.receive + six.receive, transmit: four.transmit + six.transmit };
    reportSockets(meter, { sockstat, counters, snmp6: net('snmp6'), queues, pageBytes: page });
  };
}
