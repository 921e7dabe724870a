/** How many processes run, wait for a disk, and were created, from /proc/stat: no process is looked at one by one. */
import type { Meter } from './check.ts';
import { readProc } from './proc.ts';

export interface ProcessStat {
  created: number;
  running: number;
  blocked: number;
}

export function parseProcessStat(text: string): ProcessStat {
  const of = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
  return { created: of('processes'), running: of('procs_running'), blocked: of('procs_blocked') };
}

export function reportProcesses(meter: Meter, stat: ProcessStat): void {
  meter.monotonic('system.process.created', stat.created, '{process}');
  meter.gauge('system.process.count', stat.running, '{process}', { 'process.state': 'running' });
  meter.gauge('system.process.count', stat.blocked, '{process}', { 'process.state': 'blocked' });
}

export async function processes(meter: Meter): Promise<void> {
  reportProcesses(meter, parseProcessStat(readProc('stat')));
}
