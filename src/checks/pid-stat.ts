/** What /proc says of one process: text to numbers. */

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

/** `pid (name) state ppid ...`; a name may hold blanks and brackets. proc_pid_stat(5) numbers its fields from 1. */
export function parsePidStat(text: string): PidStat {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const field = text.slice(close + 2).split(' ');
  if (open < 0 || field.length < 22) throw new Error('/proc/PID/stat has too few fields');
  const at = (number: number) => Number(field[number - 3]);
  return {
    name: text.slice(open + 1, close),
    state: field[0]!,
    minorFaults: at(10),
    majorFaults: at(12),
    userTicks: at(14),
    systemTicks: at(15),
    threads: at(20),
    started: at(22),
    virtualBytes: at(23),
    residentPages: at(24),
  };
}

/** `read_bytes: 12` a line: what went to and came from disks. */
export function parsePidIo(text: string): { read: number; written: number } {
  const of = (name: string) => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
  return { read: of('read_bytes'), written: of('write_bytes') };
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
