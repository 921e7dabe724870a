/**
 * Process groups that must not outlive this process, however it ends: SIGKILL and a crash let nothing be done here any
 * more. A shell reads which there are from a pipe, and ends them when the pipe does. Where there is no shell there is none.
 */
import { type ChildProcess, spawn } from 'node:child_process';

/** `+7` a line: the group 7 is there; `-7`: it is no longer. */
const PROGRAM = `groups=' '
while read -r line; do
  group=\${line#?}
  case $line in
    +*) groups="$groups$group " ;;
    *) case $groups in *" $group "*) groups="\${groups%%" $group "*} \${groups#*" $group "}" ;; esac ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done 2>/dev/null`;

let guard: ChildProcess | null = null;

function say(line: string): void {
  if (!guard) {
    const made = spawn('/bin/sh', ['-c', PROGRAM], {
      cwd: '/',
      detached: true,
      env: {},
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const gone = () => {
      if (guard === made) guard = null;
    };
    made.on('error', gone).on('exit', gone);
    made.stdin?.on('error', gone);
    made.unref();
    (made.stdin as { unref?(): void } | null)?.unref?.();
    guard = made;
  }
  guard.stdin?.write(`${line}\n`);
}

/** It leads a group, all of which ends with this process. */
export function guardGroup(leader: number | undefined): void {
  if (leader !== undefined) say(`+${leader}`);
}

/** Ends a process that leads a group, and all that it has started and that is still in it. */
export function endGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // There is nobody left.
  }
  if (guard) say(`-${leader}`);
}
