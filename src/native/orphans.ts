/**
 * What programs leave behind that this process has started: it becomes their parent (PR_SET_CHILD_SUBREAPER, as PID 1 is
 * without that), so that nobody gets away by a session of his own.
 *
 *   program --- setsid, its parent ends ---> our child -- has the mark of a program that was ended? --> killed
 *                                                      -- has ended, and is nobody's whom we know ----> reaped
 *
 * The mark is a word in the environment. A program that empties that before it leaves its session is not told from
 * others, and stays; it is reaped when it ends.
 */
import { readFileSync } from 'node:fs';
import { type Call, loadLibc } from './libc.ts';

const MARK = 'RUNNEL_PROGRAM';
const MARK_LENGTH = 16;
const PR_SET_CHILD_SUBREAPER = 36;
const WNOHANG = 1;
/**
 * libuv takes back its own at once when they end. What is seen dead twice, this far apart and with turns of the loop
 * between, is none of them.
 */
const LOOK_MS = 1000;
/** Looks for what a program has left, after the last one that found something. */
const LOOKS = 3;

let waitpid: Call | null = null;
let looking: NodeJS.Timeout | undefined;
/** Children that had ended at the last look. */
let ended = new Set<number>();
/** Of programs that were ended: looks that are still to be made for what they have left. */
const marks = new Map<string, number>();

/** From now on this process is the parent of what its programs leave. False: that cannot be, on this system. */
export function adoptOrphans(): boolean {
  if (looking) return true;
  const libc = process.platform === 'linux' ? loadLibc() : null;
  if (!libc || children() === null) return false;
  const prctl = libc.call('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)');
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) !== 0) return false;
  waitpid = libc.call('int waitpid(int, void *, int)');
  looking = setInterval(look, LOOK_MS).unref();
  return true;
}

/** For the environment of a program, whose leavings are its own by that. */
export function newMark(): { mark: string; env: Record<string, string> } {
  // Two agents on one machine have others.
  const mark = Math.floor(Math.random() * 2 ** 52)
    .toString(16)
    .padStart(MARK_LENGTH, '0');
  return { mark, env: { [MARK]: mark } };
}

/** The program with this mark is over: what it has left is ended. */
export function endMarked(mark: string): void {
  if (!looking) return;
  marks.set(mark, LOOKS);
  endLeft();
}

function look(): void {
  if (marks.size > 0) endLeft();
  const now = new Set<number>();
  for (const pid of children() ?? []) {
    if (!hasEnded(pid)) continue;
    if (ended.has(pid)) waitpid?.(pid, null, WNOHANG);
    else now.add(pid);
  }
  ended = now;
}

/** Their own children are ours when they have ended: they are found by the next look. */
function endLeft(): void {
  const found = new Set<string>();
  for (const pid of children() ?? []) {
    const mark = markOf(pid);
    if (mark === null || !marks.has(mark)) continue;
    found.add(mark);
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended, or became another user's: that is not ours to end.
    }
  }
  for (const [mark, looks] of marks) {
    if (found.has(mark)) marks.set(mark, LOOKS);
    else if (looks > 1) marks.set(mark, looks - 1);
    else marks.delete(mark);
  }
}

/** Of the main thread, which has those that are adopted, too; null where the kernel does not tell. */
function children(): number[] | null {
  try {
    const text = readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1');
    return text.split(' ').filter(Boolean).map(Number);
  } catch {
    return null;
  }
}

function markOf(pid: number): string | null {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
    const at = `\0${environment}`.indexOf(`\0${MARK}=`);
    return at < 0 ? null : environment.slice(at + MARK.length + 1, at + MARK.length + 1 + MARK_LENGTH);
  } catch {
    // It has ended, or is another user's by now.
    return null;
  }
}

function hasEnded(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.charAt(stat.lastIndexOf(')') + 2) === 'Z';
  } catch {
    return false;
  }
}
