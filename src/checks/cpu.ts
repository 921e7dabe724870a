/** Time of all processors by mode, context switches and interrupts, from /proc/stat; and of each processor by itself. */
import type { Attributes, Check, Meter } from './check.ts';
import type { HostFiles } from './files.ts';
import { numberAt, numbersAt, share } from './text.ts';

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
  const ticks = ticksAt(text, 0);
  if (ticks === null) throw new Error('/proc/stat does not begin with the line cpu');
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
  return processorsIn(text).map((at) => ({
    number: Number.parseInt(text.slice(at + 3, at + 12), 10),
    seconds: timesOf(ticksAt(text, at) ?? []),
  }));
}

/** Where the lines of single processors begin. */
function processorsIn(text: string): number[] {
  const lines: number[] = [];
  for (let at = text.indexOf('\ncpu'); at >= 0; at = text.indexOf('\ncpu', at + 1)) lines.push(at + 1);
  return lines;
}

const row = new Float64Array(10);

/** Of the line that begins there; what older kernels do not count is 0. Null: it has not even the four that all have. */
function ticksAt(text: string, line: number): ArrayLike<number> | null {
  row.fill(0);
  return numbersAt(text, text.indexOf(' ', line), row) < 4 ? null : row;
}

/** `user nice system idle iowait irq softirq steal` */
function timesOf(ticks: ArrayLike<number>): CpuTimes {
  const seconds = (place: number) => (ticks[place] ?? 0) / TICKS_PER_SECOND;
  return {
    user: seconds(0),
    nice: seconds(1),
    system: seconds(2),
    idle: seconds(3),
    iowait: seconds(4),
    interrupt: ((ticks[5] ?? 0) + (ticks[6] ?? 0)) / TICKS_PER_SECOND,
    steal: seconds(7),
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
  return (meter) => reportCpu(meter, parseCpuStat(host.read('/proc/stat')));
}

/** Beside the sum over all, which has no number: who adds up asks for the one or the others. */
export function cpuPerCore(host: HostFiles): Check {
  return (meter) => {
    for (const { number, seconds } of parseCpus(host.read('/proc/stat'))) {
      reportTimes(meter, seconds, { 'cpu.logical_number': number });
    }
  };
}

/** kHz of the governor, where there is one; else what /proc/cpuinfo says, in MHz. */
export function cpuFrequency(host: HostFiles): Check {
  const DIRECTORY = '/sys/devices/system/cpu';
  return (meter) => {
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
