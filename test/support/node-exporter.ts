/**
 * node_exporter, started here, and what the checks say beside what Prometheus' node_exporter says of the same moment. It is scraped between two of our
 * runs: a counter must lie between its values in both, whatever runs on the machine meanwhile; a gauge too, or as near to
 * them as is said, since what goes up and down may do both in between.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { availableChecks, isOn } from '../../src/checks/all.ts';
import type { Attributes, Meter } from '../../src/checks/check.ts';
import type { HostFiles } from '../../src/checks/files.ts';
import { freePort } from './ports.ts';
import { until } from './until.ts';

const PROGRAM = 'prometheus-node-exporter';
/** Why it cannot be compared with; false: it can. */
export const noExporter =
  spawnSync(PROGRAM, ['--version']).status === 0
    ? false
    : `NOT COMPARED: ${PROGRAM} is not installed (apt-get install it)`;

/** Each value as it is, counters since boot. */
class Totals implements Meter {
  readonly values: { name: string; attributes: Attributes; value: number }[] = [];
  gauge(name: string, value: number, _: string, attributes: Attributes = {}): void {
    this.values.push({ name, attributes, value });
  }
  monotonic(name: string, value: number, unit: string, attributes: Attributes = {}): undefined {
    this.gauge(name, value, unit, attributes);
  }
  increase(): void {}
  lack(): void {}

  /** The sum of what has these attributes; NaN: there is none. */
  sum(name: string, wanted: Attributes): number {
    const found = this.values.filter(
      (one) => one.name === name && Object.entries(wanted).every(([key, value]) => one.attributes[key] === value),
    );
    return found.length === 0 ? Number.NaN : found.reduce((sum, { value }) => sum + value, 0);
  }
}

type Labels = Readonly<Record<string, string>>;

function parseScrape(text: string): { name: string; labels: Labels; value: number }[] {
  return [...text.matchAll(/^([a-zA-Z_]\w*)(?:\{(.*)\})? (\S+)$/gm)].map(([, name, inner = '', value]) => ({
    name: name!,
    labels: Object.fromEntries([...inner.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text!])),
    value: Number(value),
  }));
}

interface Pair {
  ours: string;
  /** What is added up of ours, and of theirs. */
  attributes?: Attributes;
  theirs: string | readonly string[];
  labels?: Labels;
  /** Theirs times this is ours. */
  scale?: number;
  /** By so much it may lie outside; a share of it where it is below 1. */
  within?: number;
  why?: string;
}

const TICK = 'each processor is rounded to a tick of 10 ms by itself';
const MOVES = 'it goes up and down while both look';
const MOVING_BYTES = 64 << 20;

const PAIRS: Pair[] = [
  ...(['user', 'nice', 'system', 'idle', 'iowait', 'steal'] as const).map((mode) => ({
    ours: 'system.cpu.time',
    attributes: { 'cpu.mode': mode },
    theirs: 'node_cpu_seconds_total',
    labels: { mode },
    within: 0.1 * Math.max(2, navigator.hardwareConcurrency),
    why: TICK,
  })),
  { ours: 'system.linux.context_switches', theirs: 'node_context_switches_total' },
  { ours: 'system.linux.interrupts', theirs: 'node_intr_total' },
  { ours: 'system.process.created', theirs: 'node_forks_total' },
  { ours: 'system.linux.boot_time', theirs: 'node_boot_time_seconds', within: 1.5, why: 'it is now less the uptime' },
  { ours: 'system.cpu.load_average.1m', theirs: 'node_load1' },
  { ours: 'system.cpu.load_average.15m', theirs: 'node_load15' },
  { ours: 'system.memory.limit', theirs: 'node_memory_MemTotal_bytes' },
  {
    ours: 'system.memory.usage',
    attributes: { 'system.memory.state': 'free' },
    theirs: 'node_memory_MemFree_bytes',
    within: MOVING_BYTES,
    why: MOVES,
  },
  {
    ours: 'system.memory.usage',
    attributes: { 'system.memory.state': 'cached' },
    theirs: ['node_memory_Cached_bytes', 'node_memory_SReclaimable_bytes'],
    within: MOVING_BYTES,
    why: MOVES,
  },
  {
    ours: 'system.memory.usage',
    attributes: { 'system.memory.state': 'buffers' },
    theirs: 'node_memory_Buffers_bytes',
    within: MOVING_BYTES,
    why: MOVES,
  },
  { ours: 'system.memory.linux.available', theirs: 'node_memory_MemAvailable_bytes', within: MOVING_BYTES, why: MOVES },
  { ours: 'system.memory.linux.anonymous', theirs: 'node_memory_AnonPages_bytes', within: MOVING_BYTES, why: MOVES },
  { ours: 'system.memory.linux.commit_limit', theirs: 'node_memory_CommitLimit_bytes' },
  { ours: 'system.paging.faults', theirs: 'node_vmstat_pgfault' },
  {
    ours: 'system.paging.faults',
    attributes: { 'system.paging.fault.type': 'major' },
    theirs: 'node_vmstat_pgmajfault',
  },
  {
    ours: 'system.linux.paging.io',
    attributes: { 'system.paging.direction': 'out' },
    theirs: 'node_vmstat_pgpgout',
    scale: 1024,
  },
  { ours: 'system.linux.oom_kills', theirs: 'node_vmstat_oom_kill' },
  { ours: 'system.linux.file_handle.count', theirs: 'node_filefd_allocated', within: 500, why: MOVES },
  { ours: 'system.linux.file_handle.limit', theirs: 'node_filefd_maximum' },
  {
    ours: 'system.linux.tcp.segments',
    attributes: { 'network.io.direction': 'receive' },
    theirs: 'node_netstat_Tcp_InSegs',
  },
  { ours: 'system.linux.tcp.retransmits', theirs: 'node_netstat_Tcp_RetransSegs' },
  { ours: 'system.linux.tcp.listen_drops', theirs: 'node_netstat_TcpExt_ListenDrops' },
  {
    ours: 'system.linux.udp.datagrams',
    attributes: { 'network.io.direction': 'receive' },
    theirs: ['node_netstat_Udp_InDatagrams', 'node_netstat_Udp6_InDatagrams'],
  },
  {
    ours: 'system.linux.udp.errors',
    attributes: { 'error.type': 'rcvbuf' },
    theirs: ['node_netstat_Udp_RcvbufErrors', 'node_netstat_Udp6_RcvbufErrors'],
  },
  {
    ours: 'system.network.connection.count',
    attributes: { 'network.connection.state': 'time_wait' },
    theirs: 'node_sockstat_TCP_tw',
    within: 200,
    why: MOVES,
  },
  {
    ours: 'system.linux.pressure.stall_time',
    attributes: { resource: 'cpu', kind: 'some' },
    theirs: 'node_pressure_cpu_waiting_seconds_total',
  },
  {
    ours: 'system.linux.pressure.stall_time',
    attributes: { resource: 'io', kind: 'full' },
    theirs: 'node_pressure_io_stalled_seconds_total',
  },
];

/** Of each device that they have, too. */
const BY_DEVICE: (Pair & { device: string })[] = [
  ...(['read', 'write'] as const).flatMap((direction) => {
    const [done, bytes] = direction === 'read' ? ['reads', 'read'] : ['writes', 'written'];
    const of = { device: 'system.device', attributes: { 'disk.io.direction': direction } };
    return [
      { ...of, ours: 'system.disk.io', theirs: `node_disk_${bytes}_bytes_total` },
      { ...of, ours: 'system.disk.operations', theirs: `node_disk_${done}_completed_total` },
      { ...of, ours: 'system.disk.merged', theirs: `node_disk_${done}_merged_total` },
      { ...of, ours: 'system.disk.operation_time', theirs: `node_disk_${direction}_time_seconds_total` },
    ];
  }),
  { device: 'system.device', ours: 'system.disk.io_time', theirs: 'node_disk_io_time_seconds_total' },
  ...(['receive', 'transmit'] as const).flatMap((direction) => {
    const of = { device: 'network.interface.name', attributes: { 'network.io.direction': direction } };
    return [
      { ...of, ours: 'system.network.io', theirs: `node_network_${direction}_bytes_total` },
      { ...of, ours: 'system.network.packet.count', theirs: `node_network_${direction}_packets_total` },
      { ...of, ours: 'system.network.packet.dropped', theirs: `node_network_${direction}_drop_total` },
      { ...of, ours: 'system.network.errors', theirs: `node_network_${direction}_errs_total` },
    ];
  }),
];

/** Of each mount point that they have, too. */
const BY_MOUNT: Pair[] = [
  { ours: 'system.filesystem.limit', theirs: 'node_filesystem_size_bytes' },
  { ours: 'system.filesystem.readonly', theirs: 'node_filesystem_readonly' },
  {
    ours: 'system.filesystem.usage',
    attributes: { 'system.filesystem.state': 'free' },
    theirs: 'node_filesystem_avail_bytes',
    within: MOVING_BYTES,
    why: MOVES,
  },
  { ours: 'system.filesystem.inodes.usage', theirs: 'node_filesystem_files' },
  {
    ours: 'system.filesystem.inodes.usage',
    attributes: { 'system.filesystem.state': 'free' },
    theirs: 'node_filesystem_files_free',
    within: 10_000,
    why: MOVES,
  },
];

async function measured(host: HostFiles): Promise<Totals> {
  host.newRound();
  const totals = new Totals();
  for (const [name, check] of await availableChecks(host)) {
    if (!isOn(name, {})) continue;
    // What cannot be measured here is no matter of this test.
    await (async () => check(totals, new AbortController().signal))().catch(() => undefined);
  }
  return totals;
}

export async function startExporter(): Promise<{ scrape: () => Promise<string> } & Disposable> {
  const port = await freePort();
  const child: ChildProcess = spawn(PROGRAM, [`--web.listen-address=127.0.0.1:${port}`], { stdio: 'ignore' });
  const scrape = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  let up = false;
  const knock = async () => {
    while (!up && child.exitCode === null) {
      up = await scrape().then(
        () => true,
        () => false,
      );
    }
  };
  void knock();
  await until('node_exporter answers', () => up);
  return { scrape, [Symbol.dispose]: () => void child.kill('SIGKILL') };
}

/** How many series were compared; throws what differs. */
export async function compareWith(host: HostFiles, scrape: () => Promise<string>): Promise<number> {
  const before = await measured(host);
  const theirs = parseScrape(await scrape());
  const after = await measured(host);

  let compared = 0;
  const compare = (pair: Pair, more: { attributes?: Attributes; labels?: Labels } = {}) => {
    const attributes = { ...pair.attributes, ...more.attributes };
    const labels = { ...pair.labels, ...more.labels };
    const names = [pair.theirs].flat();
    const found = theirs.filter(
      ({ name, labels: has }) =>
        names.includes(name) && Object.entries(labels).every(([key, value]) => has[key] === value),
    );
    const [low, high] = [before.sum(pair.ours, attributes), after.sum(pair.ours, attributes)].sort((a, b) => a - b);
    // What this kernel, or their version, does not have.
    if (found.length === 0 || Number.isNaN(low)) return;
    const value = found.reduce((sum, one) => sum + one.value, 0) * (pair.scale ?? 1);
    const slack = (pair.within ?? 0) + Math.abs(value) * 1e-9;
    const what = `${pair.ours} ${JSON.stringify(attributes)}: ${low} to ${high}, ${names}: ${value} ${pair.why ?? ''}`;
    assert.ok(value >= low! - slack && value <= high! + slack, what);
    compared++;
  };
  for (const pair of PAIRS) compare(pair);
  const devices = new Set(theirs.flatMap(({ labels: { device } }) => (device === undefined ? [] : [device])));
  for (const pair of BY_DEVICE) {
    for (const device of devices) compare(pair, { attributes: { [pair.device]: device }, labels: { device } });
  }
  const mounts = new Set(
    theirs.flatMap(({ labels: { mountpoint } }) => (mountpoint === undefined ? [] : [mountpoint])),
  );
  for (const pair of BY_MOUNT) {
    for (const mountpoint of mounts) {
      compare(pair, { attributes: { 'system.filesystem.mountpoint': mountpoint }, labels: { mountpoint } });
    }
  }
  assert.ok(compared >= 40, `only ${compared} series could be compared`);
  return compared;
}
