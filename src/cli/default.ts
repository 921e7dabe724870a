/**
 * The built-in configuration of `run --default`: this machine's metrics, StatsD and logs, into the local log. Started from
 * the sources, in a clone of the repository, it is a try-out, and keeps what it has in a folder of its own: the agent that
 * is installed on the same machine, whoever runs it, is never reached.
 */
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Env } from '../config/config.ts';
import { type Config, configFrom } from '../options.ts';

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

/** Data goes under the user's state directory; root's that is no try-out where an installed agent has it. */
export function defaultConfig({
  root,
  tryOut = IN_CLONE,
  env = process.env,
}: {
  root: boolean;
  tryOut?: boolean;
  env?: Env;
}): Config {
  const state = env.XDG_STATE_HOME?.startsWith('/') ? env.XDG_STATE_HOME : join(homeOf(root), '.local/state');
  return configFrom(
    {
      data_dir: tryOut ? join(state, 'runnel-try') : root ? '/var/lib/runnel' : join(state, 'runnel'),
      logs: [{ name: 'system', include: SYSTEM_LOGS, start_at: 'end' }],
    },
    env,
  );
}

/** Under `sudo` HOME may be that of somebody else, in whose directories root believes nothing. */
function homeOf(root: boolean): string {
  return root ? userInfo().homedir : homedir();
}
