/** Time of all processors by mode, context switches and interrupts, from /proc/stat; and of each processor by itself. */
import type { Attributes, Check, Meter } from './check.ts';
import type { HostFiles } from './files.ts';
import { numberAt, share } from './text.ts';

/** What /proc/stat counts in: USER_HZ, which is 100 on every Linux that Node runs on. */
export const TICKS_PER_SECOND = 100;

/** Seconds since boot by OpenTelemetry's `cpu.mode`. */
export type CpuTimes = Record<'user' | 'nice' | 'system' | 'idle' | 'iowait' | 'interrupt' | 'steal', number>;

export interface CpuStat {
  /** Over all processors. */
  seconds: CpuTimes;
  /** Of those for virtual machines, by the mode in which they are counted, too. */
  guest: { user: number; nice: number };
  count: number;
  contextSwitches: number;
  interrupts: number;
}

/** `cpu  user nice system idle iowait irq softirq steal guest guest_nice`; a guest's time is in user's and nice's too. */
export function parseCpuStat(text: string): CpuStat {
  if (!text.startsWith('cpu ')) throw new Error('/proc/stat does not begin with the line cpu');
  const ticks = ticksOf(text.slice(0, text.indexOf('\n')));
  if (ticks.length < 4) throw new Error('/proc/stat does not begin with the line cpu');
  return {
    seconds: timesOf(ticks),
    guest: { user: (ticks[8] ?? 0) / TICKS_PER_SECOND, nice: (ticks[9] ?? 0) / TICKS_PER_SECOND },
    count: processorsIn(text).length,
    contextSwitches: numberAt(text, 'ctxt'),
    // The total comes first; the hundreds of single interrupts behind it are not looked at.
    interrupts: numberAt(text, 'intr'),
  };
}

/** Each processor that is online, by its number. */
export function parseCpus(text: string): { number: number; seconds: CpuTimes }[] {
  return processorsIn(text).map((line) => ({
    number: Number.parseInt(line.slice(3), 10),
    seconds: timesOf(ticksOf(line)),
  }));
}

function processorsIn(text: string): string[] {
  const lines: string[] = [];
  for (let at = text.indexOf('\ncpu'); at >= 0; at = text.indexOf('\ncpu', at + 1)) {
    const end = text.indexOf('\n', at + 1);
    lines.push(text.slice(at + 1, end < 0 ? text.length : end));
  }
  return lines;
}

function ticksOf(line: string): number[] {
  return line.trim().split(/\s+/).slice(1).map(Number);
}

function timesOf([user, nice, system, idle, iowait, irq, softirq, steal]: readonly number[]): CpuTimes {
  const seconds = (ticks = 0) => ticks / TICKS_PER_SECOND;
  return {
    user: seconds(user),
    nice: seconds(nice),
    system: seconds(system),
    idle: seconds(idle),
    iowait: seconds(iowait),
    interrupt: seconds((irq ?? 0) + (softirq ?? 0)),
    steal: seconds(steal),
  };
}

export function reportCpu(meter: Meter, stat: CpuStat): void {
  reportTimes(meter, stat.seconds);
  for (const [mode, seconds] of Object.entries(stat.guest)) {
    meter.monotonic('system.linux.cpu.guest_time', seconds, 's', { 'cpu.mode': mode });
  }
  meter.gauge('system.cpu.logical.count', stat.count, '{cpu}');
  meter.monotonic('system.linux.context_switches', stat.contextSwitches, '{switch}');
  meter.monotonic('system.linux.interrupts', stat.interrupts, '{interrupt}');
}

function reportTimes(meter: Meter, times: CpuTimes, processor: Attributes = {}): void {
  const increases: [string, number][] = [];
  let all = 0;
  for (const [mode, seconds] of Object.entries(times)) {
    const increase = meter.monotonic('system.cpu.time', seconds, 's', { 'cpu.mode': mode, ...processor });
    if (increase === undefined) continue;
    increases.push([mode, increase]);
    all += increase;
  }
  if (all <= 0) return;
  for (const [mode, increase] of increases) {
    meter.gauge('system.cpu.utilization', share(increase, all), '1', { 'cpu.mode': mode, ...processor });
  }
}

export function cpu(host: HostFiles): Check {
  return async (meter) => reportCpu(meter, parseCpuStat(host.read('/proc/stat')));
}

/** Beside the sum over all, which has no number: who adds up asks for the one or the others. */
export function cpuPerCore(host: HostFiles): Check {
  return async (meter) => {
    for (const { number, seconds } of parseCpus(host.read('/proc/stat'))) {
      reportTimes(meter, seconds, { 'cpu.logical_number': number });
    }
  };
}

/** kHz of the governor, where there is one; else what /proc/cpuinfo says, in MHz. */
export function cpuFrequency(host: HostFiles): Check {
  const DIRECTORY = '/sys/devices/system/cpu';
  return async (meter) => {
    let found = false;
    const tell = (number: number, hertz: number) => {
      if (!Number.isFinite(hertz)) return;
      found = true;
      meter.gauge('system.cpu.frequency', hertz, 'Hz', { 'cpu.logical_number': number });
    };
    for (const name of host.list(DIRECTORY)) {
      if (!/^cpu\d+$/.test(name)) continue;
      tell(Number(name.slice(3)), host.number(`${DIRECTORY}/${name}/cpufreq/scaling_cur_freq`) * 1000);
    }
    if (found) return;
    for (const [i, hertz] of parseCpuinfo(host.tryRead('/proc/cpuinfo') ?? '').entries()) tell(i, hertz);
    if (!found) meter.lack('this machine does not say the frequency of its processors');
  };
}

/** Hertz of each processor, of the lines `cpu MHz : 2400.000`. */
export function parseCpuinfo(text: string): number[] {
  return [...text.matchAll(/^cpu MHz\s*:\s*([\d.]+)$/gm)].map(([, mhz]) => Math.round(Number(mhz) * 1e6));
}
