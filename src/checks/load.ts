/** The load averages, from /proc/loadavg: `0.26 0.09 0.02 1/98 7069`. */
import type { Check, Meter } from './check.ts';
import type { HostFiles } from './files.ts';

/** The averages over 1, 5 and 15 minutes. */
export function parseLoadavg(text: string): [number, number, number] {
  const [one, five, fifteen] = text.split(' ').map(Number);
  return [one ?? Number.NaN, five ?? Number.NaN, fifteen ?? Number.NaN];
}

export function reportLoad(meter: Meter, [one, five, fifteen]: readonly number[]): void {
  meter.gauge('system.cpu.load_average.1m', one!, '{thread}');
  meter.gauge('system.cpu.load_average.5m', five!, '{thread}');
  meter.gauge('system.cpu.load_average.15m', fifteen!, '{thread}');
}

export function load(host: HostFiles): Check {
  return (meter) => reportLoad(meter, parseLoadavg(host.read('/proc/loadavg')));
}
