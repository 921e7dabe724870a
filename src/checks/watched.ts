/**
 * The processes that `processes.match` means, and what they use. /proc is listed at each run; a process is looked at when
 * it is new, once more soon after (it may have been before its exec), and then now and then, as what runs under a number
 * may become another. Those that are meant are read at each run, from files that stay open.
 *
 *   group   the sum over its processes: CPU, faults and I/O as increases (what a process used that ended since the last
 *           run is in none), memory, threads and descriptors as they are, the age of the oldest
 */

import { pageBytes } from '../native/processes.ts';
import type { Attributes, Meter } from './check.ts';
import { TICKS_PER_SECOND } from './cpu.ts';
import type { HostFiles } from './files.ts';
import { type Candidate, meansProcess, type ProcessMatch } from './match-process.ts';
import {
  type PidStat,
  parseCmdline,
  parsePasswd,
  parsePidCgroup,
  parsePidIo,
  parsePidStat,
  parseUid,
} from './pid-stat.ts';

/** Processes that are read at a run, at most. */
const MOST = 2000;
/** Runs after which one that stands still is read again: what it uses has not changed, but for memory that was taken from it. */
const AGAIN = 12;
/** One that stood still for so many runs is asked at every other one: what it uses then is told a run later, at most. */
const LONG_STILL = 6;
/** Runs after which one that is not meant is looked at again: few change what they are when they are that old. */
const LOOK_AGAIN = 30;

interface Known {
  readonly pid: number;
  readonly directory: string;
  readonly stat: string;
  readonly io: string;
  readonly schedstat: string;
  /** The run in which it was seen first. */
  readonly since: number;
  groups: readonly ProcessMatch[];
  now: Seen | null;
  /** Runs in a row in which it was found to stand still. */
  still: number;
  /** Its I/O may not be read. */
  closed: boolean;
}

/** At one run. */
interface Seen {
  /** What the scheduler says of its first thread: it is the same where that has not run. */
  ran: string;
  stat: PidStat;
  used: Used;
  descriptors: number;
}

/** What only grows. */
interface Used {
  user: number;
  system: number;
  minor: number;
  major: number;
  read: number;
  written: number;
}

const NOTHING: Used = { user: 0, system: 0, minor: 0, major: 0, read: 0, written: 0 };

interface Sum {
  attributes: Attributes;
  used: Used;
  count: number;
  threads: number;
  descriptors: number;
  resident: number;
  virtual: number;
  oldest: number;
}

export const HIDDEN = "other users' processes are not seen (/proc is mounted with hidepid)";

export function pidsIn(host: HostFiles): Set<number> {
  const pids = new Set<number>();
  for (const name of host.list('/proc/')) {
    const first = name.charCodeAt(0);
    if (first >= 48 && first <= 57) pids.add(Number(name));
  }
  return pids;
}

/** Those of others are: PID 1 is there always. */
export const areHidden = (pids: ReadonlySet<number>) => !pids.has(1);

export class WatchedProcesses {
  readonly #host: HostFiles;
  readonly #matches: readonly ProcessMatch[];
  readonly #page: number;
  readonly #known = new Map<number, Known>();
  readonly #byUser: boolean;
  #users = new Map<string, number>();
  #run = 0;
  /** How many were ever started when /proc was listed last. */
  #created = Number.NaN;
  /** How many threads there were then: one less, and none that was started, is one that has ended. */
  #threads = Number.NaN;
  #hidden = false;

  constructor(host: HostFiles, matches: readonly ProcessMatch[]) {
    this.#host = host;
    this.#matches = matches;
    this.#byUser = matches.some(({ user }) => user !== undefined);
    this.#page = pageBytes();
  }

  /**
   * `uptime`: seconds since boot; `created`: processes and threads that were ever started, `threads`: that there are; NaN
   * where that is not known.
   */
  report(meter: Meter, uptime: number, created: number, threads: number): void {
    this.#look(created, threads);
    if (this.#hidden) meter.lack(HIDDEN);
    const sums = new Map<string, Sum>();
    for (const match of this.#matches) {
      if (!match.per_process) sums.set(match.name, emptySum({ 'process.group': match.name }));
    }
    let closed = 0;
    let read = 0;
    for (const known of this.#known.values()) {
      if (known.groups.length === 0) continue;
      if (++read > MOST) continue;
      this.#add(known, sums, uptime);
      if (known.closed) closed++;
    }
    if (read > MOST) meter.lack(`${read - MOST} processes beyond the first ${MOST} that are meant are left out`);
    if (closed > 0) meter.lack(`I/O of others' processes may not be read (${closed} of them; it takes CAP_SYS_PTRACE)`);
    for (const sum of sums.values()) reportSum(meter, sum);
  }

  /** Finds out who is new, and who is gone: nobody is where nothing was started, and there are as many threads. */
  #look(created: number, threads: number): void {
    const run = this.#run++;
    const isSame = created === this.#created && threads === this.#threads;
    const now = isSame && run % LOOK_AGAIN !== 0 ? this.#known.keys() : this.#listed();
    this.#created = created;
    this.#threads = threads;
    const files = new Map<string, number>();
    if (this.#byUser && run % AGAIN === 0) this.#users = parsePasswd(this.#host.small('/etc/passwd') ?? '');
    for (const pid of now) {
      const known = this.#known.get(pid);
      const due =
        known === undefined ||
        (known.groups.length === 0 && (run - known.since <= 2 || (run + pid) % LOOK_AGAIN === 0));
      if (due) this.#consider(known ?? this.#meet(pid, run), files);
    }
  }

  #listed(): Set<number> {
    const now = pidsIn(this.#host);
    this.#hidden = areHidden(now);
    for (const known of this.#known.values()) if (!now.has(known.pid)) this.#forget(known);
    return now;
  }

  #meet(pid: number, run: number): Known {
    const directory = `/proc/${pid}`;
    const known: Known = {
      pid,
      directory,
      stat: `${directory}/stat`,
      io: `${directory}/io`,
      schedstat: `${directory}/schedstat`,
      since: run,
      groups: [],
      now: null,
      still: 0,
      closed: false,
    };
    this.#known.set(pid, known);
    return known;
  }

  #forget({ pid, stat, io, schedstat }: Known): void {
    this.#known.delete(pid);
    for (const path of [stat, io, schedstat]) this.#host.forget(path);
  }

  #consider(known: Known, pidfiles: Map<string, number>): void {
    const { directory, pid } = known;
    const once = (name: string) => this.#host.once(`${directory}/${name}`) ?? '';
    const text = once('stat');
    if (text === '') return;
    let words: readonly string[] | undefined;
    const candidate: Candidate = {
      pid,
      name: parsePidStat(text).name,
      words: () => {
        words ??= parseCmdline(once('cmdline'));
        return words;
      },
      uid: () => parseUid(once('status')),
      cgroup: () => parsePidCgroup(once('cgroup')),
    };
    const pidIn = (file: string) => {
      const had = pidfiles.get(file) ?? Number.parseInt(this.#host.small(file) ?? '', 10);
      pidfiles.set(file, had);
      return had;
    };
    const uidOf = (user: string) => this.#users.get(user) ?? Number.NaN;
    known.groups = this.#matches.filter((match) => meansProcess(match, candidate, uidOf, pidIn));
  }

  #add(known: Known, sums: Map<string, Sum>, uptime: number): void {
    const before = known.now;
    const now = this.#seen(known);
    if (now === null) {
      this.#forget(known);
      // What has its number now is found in the list.
      this.#created = Number.NaN;
      return;
    }
    known.now = now;
    const { stat, used, descriptors } = now;
    // One that began since the last run has used all of it since then.
    const from = before?.used ?? (known.since > 0 ? NOTHING : used);
    const age = uptime - stat.started / TICKS_PER_SECOND;
    for (const match of known.groups) {
      const sum = sumOf(sums, match, known.pid, stat.name);
      addIncrease(sum.used, from, used);
      sum.count++;
      sum.threads += stat.threads;
      sum.descriptors += descriptors;
      sum.resident += stat.residentPages * this.#page;
      sum.virtual += stat.virtualBytes;
      sum.oldest = Math.max(sum.oldest, age);
    }
  }

  /** What it is and has used; null: it has ended, or its number is another's now, whose turn comes at the next run. */
  #seen(known: Known): Seen | null {
    const { now: before, pid } = known;
    const turn = this.#run + pid;
    if (before && known.still >= LONG_STILL && turn % 2 !== 0) return before;
    const ran = this.#host.record(known.schedstat) ?? '';
    // Its one thread has not run since: it is as it was, but for memory that others took from it.
    const stood = ran !== '' && ran === before?.ran && !ran.startsWith('0 ') && before.stat.threads === 1;
    known.still = stood ? known.still + 1 : 0;
    if (stood && turn % AGAIN !== 0) return before;
    const text = this.#host.record(known.stat);
    const stat = text ? parsePidStat(text) : null;
    if (stat === null || (before && before.stat.started !== stat.started)) return null;
    return { ran, stat, used: this.#usedBy(known, stat), descriptors: this.#descriptorsOf(known) };
  }

  #usedBy(known: Known, stat: PidStat): Used {
    const user = stat.userTicks / TICKS_PER_SECOND;
    const system = stat.systemTicks / TICKS_PER_SECOND;
    const used = { user, system, minor: stat.minorFaults, major: stat.majorFaults, read: 0, written: 0 };
    if (known.closed) return used;
    try {
      const { read, written } = parsePidIo(this.#host.record(known.io) ?? '');
      used.read = read;
      used.written = written;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EACCES' && code !== 'EPERM') throw error;
      known.closed = true;
    }
    return used;
  }

  #descriptorsOf({ directory }: Known): number {
    // One that has ended, or may not be looked at: its descriptors are in no sum.
    return this.#host.entries(`${directory}/fd`) ?? 0;
  }
}

function addIncrease(sum: Used, before: Used, now: Used): void {
  sum.user += Math.max(0, now.user - before.user);
  sum.system += Math.max(0, now.system - before.system);
  sum.minor += Math.max(0, now.minor - before.minor);
  sum.major += Math.max(0, now.major - before.major);
  // NaN: it ended meanwhile.
  sum.read += Math.max(0, now.read - before.read) || 0;
  sum.written += Math.max(0, now.written - before.written) || 0;
}

function sumOf(sums: Map<string, Sum>, match: ProcessMatch, pid: number, name: string): Sum {
  const key = match.per_process ? `${match.name} ${pid}` : match.name;
  let sum = sums.get(key);
  if (!sum) {
    sum = emptySum({ 'process.group': match.name, 'process.pid': pid, 'process.executable.name': name });
    sums.set(key, sum);
  }
  return sum;
}

function emptySum(attributes: Attributes): Sum {
  const none = { count: 0, threads: 0, descriptors: 0, resident: 0, virtual: 0, oldest: 0 };
  return { attributes, used: { ...NOTHING }, ...none };
}

function reportSum(meter: Meter, { attributes, used, ...now }: Sum): void {
  meter.gauge('process.count', now.count, '{process}', attributes);
  meter.increase('process.cpu.time', used.user, 's', { ...attributes, 'cpu.mode': 'user' });
  meter.increase('process.cpu.time', used.system, 's', { ...attributes, 'cpu.mode': 'system' });
  meter.gauge('process.memory.usage', now.resident, 'By', attributes);
  meter.gauge('process.memory.virtual', now.virtual, 'By', attributes);
  meter.gauge('process.thread.count', now.threads, '{thread}', attributes);
  meter.gauge('process.unix.file_descriptor.count', now.descriptors, '{file_descriptor}', attributes);
  meter.increase('process.disk.io', used.read, 'By', { ...attributes, 'disk.io.direction': 'read' });
  meter.increase('process.disk.io', used.written, 'By', { ...attributes, 'disk.io.direction': 'write' });
  const fault = 'system.paging.fault.type';
  meter.increase('process.paging.faults', used.minor, '{fault}', { ...attributes, [fault]: 'minor' });
  meter.increase('process.paging.faults', used.major, '{fault}', { ...attributes, [fault]: 'major' });
  if (now.count > 0) meter.gauge('process.uptime', Math.round(now.oldest * 100) / 100, 's', attributes);
}
