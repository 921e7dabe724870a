/** How many processes run, wait for a disk, and were created, from /proc/stat: no process is looked at one by one. */
import type { Check, Meter } from './check.ts';
import type { HostFiles } from './files.ts';
import { numberAt } from './text.ts';

export interface ProcessStat {
  created: number;
  running: number;
  blocked: number;
}

export function parseProcessStat(text: string): ProcessStat {
  const of = (name: string) => numberAt(text, name);
  return { created: of('processes'), running: of('procs_running'), blocked: of('procs_blocked') };
}

export function reportProcesses(meter: Meter, stat: ProcessStat): void {
  meter.monotonic('system.process.created', stat.created, '{process}');
  meter.gauge('system.process.count', stat.running, '{process}', { 'process.state': 'running' });
  meter.gauge('system.process.count', stat.blocked, '{process}', { 'process.state': 'blocked' });
}

export function processes(host: HostFiles): Check {
  return async (meter) => reportProcesses(meter, parseProcessStat(host.read('/proc/stat')));
}
