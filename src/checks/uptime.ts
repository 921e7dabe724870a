/** Seconds since boot, from /proc/uptime (`11543.21 22310.09`), and when that was, from /proc/stat. */
import type { Check } from './check.ts';
import type { HostFiles } from './files.ts';
import { numberAt } from './text.ts';

export function parseUptime(text: string): number {
  return Number(text.slice(0, text.indexOf(' ')));
}

export function uptime(host: HostFiles): Check {
  return (meter) => {
    meter.gauge('system.uptime', parseUptime(host.read('/proc/uptime')), 's');
    meter.gauge('system.linux.boot_time', numberAt(host.tryRead('/proc/stat') ?? '', 'btime'), 's');
  };
}
