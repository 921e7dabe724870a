/** The built-in configuration of `run --default`: this machine's metrics, StatsD and logs, into the local log. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Env } from '../config/config.ts';
import { type Config, configFrom } from '../options.ts';

const SYSTEM_LOGS = [
  '/var/log/*.log',
  '/var/log/syslog',
  '/var/log/messages',
  '/var/log/secure',
  '/var/log/maillog',
  '/var/log/cron',
];

/** Without root, data goes under the user's state directory. */
export function defaultConfig({ root, env = process.env }: { root: boolean; env?: Env }): Config {
  const state = env.XDG_STATE_HOME?.startsWith('/') ? env.XDG_STATE_HOME : join(homedir(), '.local/state');
  return configFrom(
    {
      data_dir: root ? '/var/lib/runnel' : join(state, 'runnel'),
      logs: [{ name: 'system', include: SYSTEM_LOGS, start_at: 'end' }],
    },
    env,
  );
}
