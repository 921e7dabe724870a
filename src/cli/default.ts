/**
 * The built-in configuration of `run --default`: this machine's metrics, StatsD and logs, into the local log. Started from
 * the sources, in a clone of the repository, it is a try-out, and keeps what it has in a folder of its own: the agent that
 * is installed on the same machine, whoever runs it, is never reached.
 */
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Env } from '../config/config.ts';
import { type Config, configFrom } from '../options.ts';
import { hasJournal } from './own-journal.ts';

/** Whether this is the program of a clone, run as its sources are. */
export const IN_CLONE = import.meta.url.endsWith('.ts');

const SYSTEM_LOGS = [
  '/var/log/*.log',
  '/var/log/syslog',
  '/var/log/messages',
  '/var/log/secure',
  '/var/log/maillog',
  '/var/log/cron',
];

/** What rsyslog writes of what the journal has, too. */
const FROM_JOURNAL = ['auth.log', 'cron.log', 'daemon.log', 'kern.log', 'mail.log', 'user.log'];

/** The journal, where there is one, with the files that are not made of it; else all files. */
function ownLogs(journal: boolean): Record<string, unknown>[] {
  if (!journal) return [{ name: 'system', include: SYSTEM_LOGS, start_at: 'end' }];
  return [
    { name: 'journal', journald: {}, start_at: 'end' },
    { name: 'system', include: ['/var/log/*.log'], exclude: FROM_JOURNAL, start_at: 'end' },
  ];
}

/** Data goes under the user's state directory; root's that is no try-out where an installed agent has it. */
export function defaultConfig({
  root,
  tryOut = IN_CLONE,
  env = process.env,
  journal = hasJournal(),
}: {
  root: boolean;
  tryOut?: boolean;
  env?: Env;
  /** Whether this machine has a journal that may be read. */
  journal?: boolean;
}): Config {
  const state = env.XDG_STATE_HOME?.startsWith('/') ? env.XDG_STATE_HOME : join(homeOf(root), '.local/state');
  return configFrom(
    {
      data_dir: tryOut ? join(state, 'runnel-try') : root ? '/var/lib/runnel' : join(state, 'runnel'),
      logs: ownLogs(journal),
    },
    env,
  );
}

/** Under `sudo` HOME may be that of somebody else, in whose directories root believes nothing. */
function homeOf(root: boolean): string {
  return root ? userInfo().homedir : homedir();
}
