/**
 * `exec`: a program, its arguments as they are (no shell), in a process group of its own, which is ended as a whole at the
 * deadline, with what has left that group. What it prints is read up to a limit; more ends it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { aborted } from '../../core/abort.ts';
import { endGroup, guardGroup } from '../../native/groups.ts';
import { adoptOrphans, endMarked, newMark } from '../../native/orphans.ts';
import { goesFirst, startFault } from '../../native/processes.ts';
import { type CheckState, type CustomCheck, UNKNOWN, type Verdict } from './custom.ts';
import type { CustomCheckConfig } from './options.ts';
import { readOutput } from './output.ts';
import { needRunnable } from './runnable.ts';

const MOST_BYTES = 8 << 20;
/** Of what it complains. */
const SAID_BYTES = 4096;
/** What has left its group may hold its output open for ever. */
const AFTER_MS = 200;

export function execCheck(config: CustomCheckConfig): CustomCheck {
  const command = config.command!;
  const format = config.parse!;
  return {
    async run(to, signal): Promise<Verdict> {
      const { code, out, said } = await output(command, signal);
      if (format === 'nagios') {
        const message = await readOutput(format, out, config.name, to, signal);
        return { state: code <= UNKNOWN ? (code as CheckState) : UNKNOWN, message };
      }
      if (code !== 0) throw new Error(`${command[0]} ended with exit code ${code}${said === '' ? '' : `: ${said}`}`);
      await readOutput(format, out, config.name, to, signal);
      return { state: 0, message: null };
    },
  };
}

async function output([program, ...args]: readonly string[], signal: AbortSignal) {
  signal.throwIfAborted();
  needRunnable(program!);
  const { NOTIFY_SOCKET: _, WATCHDOG_USEC: __, LISTEN_FDS: ___, ...env } = process.env;
  adoptOrphans();
  const { mark, env: marked } = newMark();
  const stdio = ['ignore', 'pipe', 'pipe'] as const;
  const child = spawn(program!, args, { cwd: '/', detached: true, stdio: [...stdio], env: { ...env, ...marked } });
  try {
    return await heard(child, program!, signal);
  } finally {
    child.stdout?.destroy();
    child.stderr?.destroy();
    if (child.exitCode === null && child.signalCode === null) endGroup(child.pid);
    endMarked(mark);
  }
}

function heard(child: ChildProcess, program: string, signal: AbortSignal) {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let said = '';
  return new Promise<{ code: number; out: string; said: string }>((resolve, reject) => {
    aborted(signal).then(() => reject(signal.reason));
    child.once('error', (error) => reject(new Error(startFault(program, error))));
    child.once('spawn', () => goesFirst(child.pid));
    guardGroup(child.pid);
    const weigh = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) reject(new Error(`${program} prints more than ${MOST_BYTES >> 20} MiB`));
    };
    // There are none where no descriptor was left.
    child.stdout?.on('data', (chunk: Buffer) => {
      weigh(chunk);
      chunks.push(chunk);
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      weigh(chunk);
      if (said.length < SAID_BYTES) said += chunk.toString('utf8', 0, SAID_BYTES);
    });
    child.once('exit', (code, ended) => {
      // What it has left behind holds its output open no longer: then all of it is read.
      endGroup(child.pid);
      const after = setTimeout(done, AFTER_MS);
      child.once('close', done);
      function done() {
        clearTimeout(after);
        if (ended !== null && code === null) reject(new Error(`${program} was ended by ${ended}`));
        else resolve({ code: code!, out: Buffer.concat(chunks).toString(), said: said.trim() });
      }
    });
  });
}
