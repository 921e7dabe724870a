/**
 * How many processes and threads there are, and how many run or wait for a disk, from /proc/stat and /proc/loadavg: no
 * process is looked at one by one. Where it is asked for, all are, for their states, or those that are named.
 */
import type { Check, Meter } from './check.ts';
import type { HostFiles } from './files.ts';
import type { ProcessMatch } from './match-process.ts';
import { parsePidStat } from './pid-stat.ts';
import { numberAt } from './text.ts';
import { parseUptime } from './uptime.ts';
import { areHidden, HIDDEN, pidsIn, WatchedProcesses } from './watched.ts';

export interface ProcessOptions {
  readonly states?: boolean;
  readonly match?: readonly ProcessMatch[];
}

export interface ProcessStat {
  created: number;
  running: number;
  blocked: number;
}

export function parseProcessStat(text: string): ProcessStat {
  const of = (name: string) => numberAt(text, name);
  return { created: of('processes'), running: of('procs_running'), blocked: of('procs_blocked') };
}

/** `0.26 0.09 0.02 1/98 7069`: all threads there are. */
export function parseThreads(loadavg: string): number {
  return Number(/\/(\d+)/.exec(loadavg)?.[1] ?? Number.NaN);
}

export function reportProcesses(meter: Meter, stat: ProcessStat, threads: number): void {
  meter.monotonic('system.process.created', stat.created, '{process}');
  meter.gauge('system.linux.thread.count', threads, '{thread}');
  reportStates(meter, { running: stat.running, blocked: stat.blocked });
}

function reportStates(meter: Meter, counts: Readonly<Record<string, number>>): void {
  for (const [state, count] of Object.entries(counts)) {
    meter.gauge('system.process.count', count, '{process}', { 'process.state': state });
  }
}

/** By the letter of /proc/PID/stat. `running` and `blocked` are of threads, from /proc/stat. */
const STATES: Readonly<Record<string, string>> = {
  S: 'sleeping',
  I: 'idle',
  T: 'stopped',
  t: 'stopped',
  Z: 'zombie',
};

export function countStates(letters: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = { sleeping: 0, idle: 0, stopped: 0, zombie: 0 };
  for (const letter of letters) {
    const state = STATES[letter];
    if (state !== undefined) counts[state]!++;
  }
  return counts;
}

function* statesOf(host: HostFiles, pids: Iterable<number>): Iterable<string> {
  for (const pid of pids) {
    // One that has ended meanwhile is none.
    const text = host.once(`/proc/${pid}/stat`);
    if (text) yield parsePidStat(text).state;
  }
}

export function processes(host: HostFiles, { processes: options }: { readonly processes?: unknown }): Check {
  const { states = false, match = [] } = typeof options === 'object' ? (options as ProcessOptions) : {};
  const watched = match.length > 0 ? new WatchedProcesses(host, match) : null;
  return (meter) => {
    const stat = parseProcessStat(host.read('/proc/stat'));
    const threads = parseThreads(host.tryRead('/proc/loadavg') ?? '');
    reportProcesses(meter, stat, threads);
    if (states) {
      const pids = pidsIn(host);
      if (areHidden(pids)) meter.lack(HIDDEN);
      reportStates(meter, countStates(statesOf(host, pids)));
    }
    watched?.report(meter, parseUptime(host.read('/proc/uptime')), stat.created, threads);
  };
}
