/** Time of all processors by mode, context switches and interrupts, from /proc/stat. */
import type { Meter } from './check.ts';
import { readProc } from './proc.ts';

/** What /proc/stat counts in: USER_HZ, which is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface CpuStat {
  /** Seconds since boot, over all processors, by OpenTelemetry's `cpu.mode`. */
  seconds: Record<'user' | 'nice' | 'system' | 'idle' | 'iowait' | 'interrupt' | 'steal', number>;
  count: number;
  contextSwitches: number;
  interrupts: number;
}

/** `cpu  user nice system idle iowait irq softirq steal guest guest_nice`; a guest's time is in user's and nice's too. */
export function parseCpuStat(text: string): CpuStat {
  const lines = text.split('\n');
  const [user, nice, system, idle, iowait, irq, softirq, steal] = (lines[0] ?? '')
    .split(/\s+/)
    .slice(1)
    .map((ticks) => Number(ticks) / TICKS_PER_SECOND);
  if (!lines[0]?.startsWith('cpu ') || idle === undefined)
    throw new Error('/proc/stat does not begin with the line cpu');
  const stat: CpuStat = {
    seconds: {
      user: user!,
      nice: nice!,
      system: system!,
      idle,
      iowait: iowait ?? 0,
      interrupt: round((irq ?? 0) + (softirq ?? 0)),
      steal: steal ?? 0,
    },
    count: 0,
    contextSwitches: Number.NaN,
    interrupts: Number.NaN,
  };
  for (const line of lines) {
    if (/^cpu\d/.test(line)) stat.count++;
    else if (line.startsWith('ctxt ')) stat.contextSwitches = Number(line.slice(5));
    // The total comes first; the hundreds of single interrupts behind it are not looked at.
    else if (line.startsWith('intr ')) stat.interrupts = Number.parseInt(line.slice(5, 30), 10);
  }
  return stat;
}

function round(seconds: number): number {
  return Math.round(seconds * TICKS_PER_SECOND) / TICKS_PER_SECOND;
}

export function reportCpu(meter: Meter, stat: CpuStat): void {
  const increases: [string, number][] = [];
  for (const [mode, seconds] of Object.entries(stat.seconds)) {
    const increase = meter.monotonic('system.cpu.time', seconds, 's', { 'cpu.mode': mode });
    if (increase !== undefined) increases.push([mode, increase]);
  }
  const all = increases.reduce((sum, [, increase]) => sum + increase, 0);
  if (all > 0) {
    for (const [mode, increase] of increases) {
      meter.gauge('system.cpu.utilization', Math.round((increase / all) * 1e6) / 1e6, '1', { 'cpu.mode': mode });
    }
  }
  meter.gauge('system.cpu.logical.count', stat.count, '{cpu}');
  meter.monotonic('system.linux.context_switches', stat.contextSwitches, '{switch}');
  meter.monotonic('system.linux.interrupts', stat.interrupts, '{interrupt}');
}

export async function cpu(meter: Meter): Promise<void> {
  reportCpu(meter, parseCpuStat(readProc('stat')));
}
