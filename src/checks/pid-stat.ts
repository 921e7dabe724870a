/** What /proc says of one process: text to numbers. */
import { numberAt, numbersAt } from './text.ts';

export interface PidStat {
  name: string;
  /** R running, S sleeping, D waiting for a disk, T and t stopped, Z ended but not waited for, I idle (of the kernel). */
  state: string;
  userTicks: number;
  systemTicks: number;
  minorFaults: number;
  majorFaults: number;
  threads: number;
  /** Ticks after the boot: with the number it tells a process from a later one. */
  started: number;
  virtualBytes: number;
  residentPages: number;
}

/** Its fields from the fourth on, as proc_pid_stat(5) numbers them. */
const fields = new Float64Array(21);
const FIRST = 4;

/** `pid (name) state ppid ...`; a name may hold blanks and brackets. */
export function parsePidStat(text: string): PidStat {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  if (numbersAt(text, close + 4, fields) < fields.length) throw new Error('/proc/PID/stat has too few fields');
  return {
    name: text.slice(open + 1, close),
    state: text.charAt(close + 2),
    minorFaults: fields[10 - FIRST]!,
    majorFaults: fields[12 - FIRST]!,
    userTicks: fields[14 - FIRST]!,
    systemTicks: fields[15 - FIRST]!,
    threads: fields[20 - FIRST]!,
    started: fields[22 - FIRST]!,
    virtualBytes: fields[23 - FIRST]!,
    residentPages: fields[24 - FIRST]!,
  };
}

/** `read_bytes: 12` a line: what went to and came from disks. */
export function parsePidIo(text: string): { read: number; written: number } {
  return { read: numberAt(text, 'read_bytes:'), written: numberAt(text, 'write_bytes:') };
}

/** Words parted by NUL; empty for a thread of the kernel. */
export function parseCmdline(text: string): string[] {
  const end = text.endsWith('\0') ? text.length - 1 : text.length;
  return end <= 0 ? [] : text.slice(0, end).split('\0');
}

/** `Uid:  real  effective ...` of /proc/PID/status: the effective one. */
export function parseUid(text: string): number {
  return Number(/^Uid:\t\d+\t(\d+)/m.exec(text)?.[1] ?? Number.NaN);
}

/** `0::/system.slice/nginx.service`, or the line of systemd's own hierarchy where there is cgroup v1. */
export function parsePidCgroup(text: string): string {
  return (/^0::(\/.+)$/m.exec(text) ?? /^\d+:name=systemd:(.*)$/m.exec(text) ?? /^0::(.*)$/m.exec(text))?.[1] ?? '';
}

/** Numbers by name, of `name:x:number:...` lines. */
export function parsePasswd(text: string): Map<string, number> {
  const numbers = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [name, , uid] = line.split(':');
    if (name && uid) numbers.set(name, Number(uid));
  }
  return numbers;
}
