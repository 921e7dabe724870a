/** What a cgroup (v2) says of itself: text to numbers. What is not there is NaN, and is not reported. */
import type { Attributes, Meter } from './check.ts';
import type { HostFiles } from './files.ts';
import { numberAt } from './text.ts';

/** `250000 100000`, or `max 100000`: processors that it may use; NaN: as many as there are. */
export function parseCpuMax(text: string): number {
  const [quota, period] = text.trim().split(' ').map(Number);
  return quota! / period!;
}

/** `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0` a device: the sums. */
export function parseIoStat(text: string): { read: number; written: number; reads: number; writes: number } {
  const sum = (key: string) => {
    let all = 0;
    for (const [, value] of text.matchAll(new RegExp(`\\b${key}=(\\d+)`, 'g'))) all += Number(value);
    return all;
  };
  return { read: sum('rbytes'), written: sum('wbytes'), reads: sum('rios'), writes: sum('wios') };
}

/** `max` is no limit: NaN. */
function limitIn(text: string | undefined): number {
  return text === undefined || text === '' ? Number.NaN : Number(text);
}

/** `prefix`: `container` or `system.linux.cgroup`. False: it is gone. */
export function reportCgroup(
  meter: Meter,
  host: HostFiles,
  directory: string,
  prefix: string,
  attributes: Attributes,
): boolean {
  const file = (name: string) => host.tryRead(`${directory}/${name}`)?.trim();
  const cpu = file('cpu.stat');
  if (cpu === undefined) return false;
  const seconds = (name: string) => numberAt(cpu, name) / 1e6;
  for (const mode of ['user', 'system']) {
    meter.monotonic(`${prefix}.cpu.time`, seconds(`${mode}_usec`), 's', { ...attributes, 'cpu.mode': mode });
  }
  meter.monotonic(`${prefix}.cpu.throttled_time`, seconds('throttled_usec'), 's', attributes);
  meter.monotonic(`${prefix}.cpu.throttled_periods`, numberAt(cpu, 'nr_throttled'), '{period}', attributes);
  meter.gauge(`${prefix}.cpu.limit`, parseCpuMax(file('cpu.max') ?? ''), '{cpu}', attributes);
  const memory = limitIn(file('memory.current'));
  meter.gauge(`${prefix}.memory.usage`, memory, 'By', attributes);
  const inactive = numberAt(file('memory.stat') ?? '', 'inactive_file');
  // What is left when the files that nobody has used of late are forgotten.
  meter.gauge(`${prefix}.memory.working_set`, Math.max(0, memory - inactive), 'By', attributes);
  meter.gauge(`${prefix}.memory.limit`, limitIn(file('memory.max')), 'By', attributes);
  meter.gauge(`${prefix}.memory.swap`, limitIn(file('memory.swap.current')), 'By', attributes);
  meter.monotonic(`${prefix}.oom_kills`, numberAt(file('memory.events') ?? '', 'oom_kill'), '{kill}', attributes);
  const io = file('io.stat');
  if (io !== undefined) {
    const { read, written, reads, writes } = parseIoStat(io);
    for (const [direction, bytes, operations] of [
      ['read', read, reads],
      ['write', written, writes],
    ] as const) {
      const of = { ...attributes, 'disk.io.direction': direction };
      meter.monotonic(`${prefix}.disk.io`, bytes, 'By', of);
      meter.monotonic(`${prefix}.disk.operations`, operations, '{operation}', of);
    }
  }
  meter.gauge(`${prefix}.pids.count`, limitIn(file('pids.current')), '{pid}', attributes);
  meter.gauge(`${prefix}.pids.limit`, limitIn(file('pids.max')), '{pid}', attributes);
  return true;
}

/** What is kept open of it is given back. */
export function forgetCgroup(host: HostFiles, directory: string): void {
  for (const name of CGROUP_FILES) host.forget(`${directory}/${name}`);
}

const CGROUP_FILES = [
  ...['cpu.stat', 'cpu.max', 'memory.current', 'memory.stat', 'memory.max', 'memory.swap.current', 'memory.events'],
  ...['io.stat', 'pids.current', 'pids.max'],
];
