/**
 * Runs a program: JSON on its standard input, no shell, one at a time, killed with all it began at its deadline: what it left
 * running when it ended before, too. A daemon has a session of its own, and goes on; of the rest nothing outlives the agent,
 * which tells it again after its next start.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { abortable } from '../../core/abort.ts';
import { endGroup, guardGroup } from '../../native/groups.ts';
import { startFault } from '../../native/processes.ts';
import type { Notification } from '../notification.ts';
import { type Channel, type Delivered, statusOf } from './channel.ts';
import { messageOf } from './webhook.ts';

/** What is kept of what it says. */
const LONGEST = 4096;
/** After its end so long more of its output is waited for, milliseconds. */
const LINGER_MS = 200;
/** What the machine, or the agent, had too little of: it may have it later. */
const SHORT = ['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM'];
const PASSED = ['PATH', 'HOME', 'LANG', 'TZ'];

export function exec([program, ...args]: readonly string[], name: string, timeout: number): Channel {
  return {
    async tell(notification, signal) {
      let child: ChildProcess;
      try {
        child = spawn(program!, args, { detached: true, stdio: 'pipe', env: environment(notification) });
      } catch (error) {
        return notRun(program!, error as Error);
      }
      const closed = once(child, 'close');
      closed.catch(() => undefined);
      guardGroup(child.pid);
      const began = performance.now();
      const said: string[] = [];
      let length = 0;
      for (const stream of outputsOf(child)) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          if (length < LONGEST) said.push(text);
          length += text.length;
        });
      }
      // It need not read what it is told.
      child.stdin?.on('error', () => undefined).end(JSON.stringify(messageOf(notification, name)));
      const limit = AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
      try {
        const [code, by] = await abortable(once(child, 'exit'), limit);
        // What it began and left behind may hold its output open, and need not end: it is the program that says how it went.
        await abortable(closed, AbortSignal.any([limit, AbortSignal.timeout(LINGER_MS)])).catch(() => undefined);
        for (const stream of outputsOf(child)) stream.destroy();
        const rest = isAlive(child) ? began + timeout - performance.now() : 0;
        setTimeout(() => endGroup(child.pid), rest).unref();
        if (code === 0) return { done: true };
        const words = said
          .join('')
          .trim()
          .slice(0, 200)
          .replace(/[\x00-\x1f\x7f]+/g, ' ');
        return { done: 'refused', error: `${program} ended with ${code ?? by}${words === '' ? '' : `: ${words}`}` };
      } catch (error) {
        killAll(child);
        if (signal.aborted) throw error;
        if (!limit.aborted) return notRun(program!, error as Error);
        return { done: 'refused', error: `${program} did not end in ${timeout / 1000} s and was killed` };
      }
    },
  };
}

function notRun(program: string, fault: NodeJS.ErrnoException): Delivered {
  const error = `cannot run ${startFault(program, fault)}`;
  return SHORT.includes(fault.code ?? '') ? { done: false, error } : { done: 'refused', error };
}

/** Something of its group is there. */
function isAlive({ pid }: ChildProcess): boolean {
  try {
    return pid !== undefined && process.kill(-pid, 0);
  } catch {
    return false;
  }
}

/** With all that it began, as far as that has not left its group. */
function killAll(child: ChildProcess): void {
  endGroup(child.pid);
  // What has left its group may hold them open.
  for (const stream of outputsOf(child)) stream.destroy();
}

/** There are none where no descriptor was left. */
function outputsOf({ stdout, stderr }: ChildProcess) {
  return [stdout, stderr].filter((stream) => stream !== null && stream !== undefined);
}

function environment(notification: Notification): NodeJS.ProcessEnv {
  const [first] = notification.alerts;
  const own = Object.fromEntries(
    PASSED.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
  return {
    ...own,
    RUNNEL_ALERT: notification.rule,
    RUNNEL_ALERT_STATUS: statusOf(notification.alerts),
    RUNNEL_ALERT_COUNT: String(notification.alerts.length),
    RUNNEL_ALERT_SEVERITY: first?.severity ?? '',
    RUNNEL_ALERT_HOST: first?.host ?? '',
    RUNNEL_ALERT_SUMMARY: (first?.summary ?? '').replaceAll('\0', ''),
    RUNNEL_ALERT_FINGERPRINT: first?.fingerprint ?? '',
  };
}
