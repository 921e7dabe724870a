/** How long tasks stood still for want of cpu, memory and I/O, from /proc/pressure (absent where the kernel has no PSI). */
import type { Check } from './check.ts';
import type { HostFiles } from './files.ts';

const TOTAL = ' total=';

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=1234` and the same of `full`; totals in microseconds, returned in seconds. */
export function parsePressure(text: string): { kind: string; seconds: number }[] {
  const found: { kind: string; seconds: number }[] = [];
  for (const kind of ['some', 'full']) {
    const line = text.startsWith(kind) ? 0 : text.indexOf(`\n${kind} `) + 1;
    const total = text.indexOf(TOTAL, line);
    if (total < 0 || !text.startsWith(kind, line)) continue;
    found.push({ kind, seconds: Number.parseInt(text.slice(total + TOTAL.length, total + 32), 10) / 1e6 });
  }
  return found;
}

export function pressure(host: HostFiles): Check {
  return (meter) => {
    for (const resource of ['cpu', 'memory', 'io', 'irq']) {
      for (const { kind, seconds } of parsePressure(host.tryRead(`/proc/pressure/${resource}`) ?? '')) {
        meter.monotonic('system.linux.pressure.stall_time', seconds, 's', { resource, kind });
      }
    }
  };
}
