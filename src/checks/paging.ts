/** Swap, page faults and kills for want of memory, from /proc/swaps and /proc/vmstat. */
import { unescaped } from '../mounts/mountinfo.ts';
import type { Check, Meter } from './check.ts';
import type { HostFiles } from './files.ts';
import { numberAt, share } from './text.ts';

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

/** `vmstat`: the text of /proc/vmstat, `name value` a line. */
export function reportPaging(meter: Meter, swaps: readonly Swap[], vmstat: string): void {
  for (const s of swaps) {
    const device = { 'system.device': s.device };
    meter.gauge('system.paging.usage', s.used, 'By', { ...device, 'system.paging.state': 'used' });
    meter.gauge('system.paging.usage', s.bytes - s.used, 'By', { ...device, 'system.paging.state': 'free' });
    if (s.bytes > 0) meter.gauge('system.paging.utilization', share(s.used, s.bytes), '1', device);
  }
  const of = (name: string) => numberAt(vmstat, name);
  const fault = 'system.paging.fault.type';
  const direction = 'system.paging.direction';
  meter.monotonic('system.paging.operations', of('pswpin'), '{operation}', { [direction]: 'in', [fault]: 'major' });
  meter.monotonic('system.paging.operations', of('pswpout'), '{operation}', { [direction]: 'out', [fault]: 'major' });
  meter.monotonic('system.paging.faults', of('pgmajfault'), '{fault}', { [fault]: 'major' });
  meter.monotonic('system.paging.faults', of('pgfault') - of('pgmajfault'), '{fault}', { [fault]: 'minor' });
  // Of all that goes between disks and memory, in kB.
  meter.monotonic('system.linux.paging.io', of('pgpgin') * 1024, 'By', { [direction]: 'in' });
  meter.monotonic('system.linux.paging.io', of('pgpgout') * 1024, 'By', { [direction]: 'out' });
  meter.monotonic('system.linux.oom_kills', of('oom_kill'), '{kill}');
}

export function paging(host: HostFiles): Check {
  return (meter) =>
    reportPaging(meter, parseSwaps(host.tryRead('/proc/swaps') ?? ''), host.tryRead('/proc/vmstat') ?? '');
}
