/** How long tasks stood still for want of cpu, memory and I/O, from /proc/pressure (absent where the kernel has no PSI). */
import type { Check } from './check.ts';
import type { HostFiles } from './files.ts';

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=1234` and the same of `full`; totals in microseconds, returned in seconds. */
export function parsePressure(text: string): { kind: string; seconds: number }[] {
  return [...text.matchAll(/^(some|full) .*total=(\d+)$/gm)].map(([, kind, total]) => ({
    kind: kind!,
    seconds: Number(total) / 1e6,
  }));
}

export function pressure(host: HostFiles): Check {
  return async (meter) => {
    for (const resource of ['cpu', 'memory', 'io', 'irq']) {
      for (const { kind, seconds } of parsePressure(host.tryRead(`/proc/pressure/${resource}`) ?? '')) {
        meter.monotonic('system.linux.pressure.stall_time', seconds, 's', { resource, kind });
      }
    }
  };
}
