/** Which processes an entry of `processes.match` means. */

export interface ProcessMatch {
  /** What they are called in metrics; unless something else is named, that of the process, too. */
  readonly name: string;
  /** Globs, of its name, its command line, its cgroup. */
  readonly process?: string | undefined;
  readonly cmdline?: string | undefined;
  readonly cgroup?: string | undefined;
  /** A name or a number. */
  readonly user?: string | undefined;
  readonly pidfile?: string | undefined;
  /** Metrics of each process by itself, instead of their sum. */
  readonly per_process?: boolean | undefined;
}

/** What is looked at, each only where it is asked for. */
export interface Candidate {
  readonly pid: number;
  readonly name: string;
  words(): readonly string[];
  uid(): number;
  cgroup(): string;
}

/** The kernel cuts names there. */
const NAME_LENGTH = 15;

/** `uidOf`: the number of a user's name; `pidIn`: what stands in a pid file, NaN where there is none. */
export function meansProcess(
  match: ProcessMatch,
  candidate: Candidate,
  uidOf: (user: string) => number,
  pidIn: (file: string) => number,
): boolean {
  const { cmdline, cgroup, user, pidfile } = match;
  const named = (match.process ?? (cmdline ?? cgroup ?? pidfile) === undefined) ? (match.process ?? match.name) : null;
  if (pidfile !== undefined && pidIn(pidfile) !== candidate.pid) return false;
  if (named !== null && !isNamed(named, candidate)) return false;
  if (cmdline !== undefined && !fitsGlob(cmdline, candidate.words().join(' '))) return false;
  if (user !== undefined && candidate.uid() !== (/^\d+$/.test(user) ? Number(user) : uidOf(user))) return false;
  return cgroup === undefined || fitsGlob(cgroup, candidate.cgroup());
}

function isNamed(pattern: string, candidate: Candidate): boolean {
  if (fitsGlob(pattern, candidate.name)) return true;
  if (candidate.name.length < NAME_LENGTH) return false;
  // What was cut is in its first word still, unless it has changed that.
  const [program = ''] = candidate.words();
  return fitsGlob(pattern, program.slice(program.lastIndexOf('/') + 1));
}

/** `*` is any text, `?` any character. Takes at most the product of both lengths. */
export function fitsGlob(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let from = 0;
  while (t < text.length) {
    if (p < pattern.length && pattern[p] !== '*' && (pattern[p] === '?' || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (pattern[p] === '*') {
      star = p++;
      from = t;
    } else if (star >= 0) {
      p = star + 1;
      t = ++from;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
