/** Swap, page faults and kills for want of memory, from /proc/swaps and /proc/vmstat. */
import { unescaped } from '../mounts/mountinfo.ts';
import type { Meter } from './check.ts';
import { parsePairs, tryReadProc } from './proc.ts';

export interface Swap {
  device: string;
  bytes: number;
  used: number;
}

/** A heading, then `/dev/sda2  partition  8388604  1024  -2` (sizes in kB). */
export function parseSwaps(text: string): Swap[] {
  const swaps: Swap[] = [];
  for (const line of text.split('\n').slice(1)) {
    const [device, , size, used] = line.split(/\s+/);
    if (device && used !== undefined)
      swaps.push({ device: unescaped(device), bytes: Number(size) * 1024, used: Number(used) * 1024 });
  }
  return swaps;
}

export function reportPaging(meter: Meter, swaps: readonly Swap[], vmstat: Map<string, number>): void {
  for (const s of swaps) {
    const device = { 'system.device': s.device };
    meter.gauge('system.paging.usage', s.used, 'By', { ...device, 'system.paging.state': 'used' });
    meter.gauge('system.paging.usage', s.bytes - s.used, 'By', { ...device, 'system.paging.state': 'free' });
    if (s.bytes > 0) meter.gauge('system.paging.utilization', s.used / s.bytes, '1', device);
  }
  const of = (name: string) => vmstat.get(name) ?? Number.NaN;
  const fault = 'system.paging.fault.type';
  const direction = 'system.paging.direction';
  meter.monotonic('system.paging.operations', of('pswpin'), '{operation}', { [direction]: 'in', [fault]: 'major' });
  meter.monotonic('system.paging.operations', of('pswpout'), '{operation}', { [direction]: 'out', [fault]: 'major' });
  meter.monotonic('system.paging.faults', of('pgmajfault'), '{fault}', { [fault]: 'major' });
  meter.monotonic('system.paging.faults', of('pgfault') - of('pgmajfault'), '{fault}', { [fault]: 'minor' });
  meter.monotonic('system.linux.oom_kills', of('oom_kill'), '{kill}');
}

export async function paging(meter: Meter): Promise<void> {
  reportPaging(meter, parseSwaps(tryReadProc('swaps') ?? ''), parsePairs(tryReadProc('vmstat') ?? ''));
}
