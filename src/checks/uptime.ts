/** Seconds since boot, from /proc/uptime: `11543.21 22310.09`. */
import type { Meter } from './check.ts';
import { readProc } from './proc.ts';

export function parseUptime(text: string): number {
  return Number(text.slice(0, text.indexOf(' ')));
}

export async function uptime(meter: Meter): Promise<void> {
  meter.gauge('system.uptime', parseUptime(readProc('uptime')), 's');
}
