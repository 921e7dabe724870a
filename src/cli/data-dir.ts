/** Where the data of the agent that a command means is kept. */
import { join } from 'node:path';
import { ConfigError } from '../config/errors.ts';
import { isAgents } from '../data-dir/own-names.ts';
import { writableByOthers, writableWithin } from '../data-dir/writable.ts';
import { type ConfigChoice, locateConfig } from './locate.ts';
import { complain } from './output.ts';

/** The spool's directory; null when the configuration cannot be used, which has been said on stderr then. */
export async function spoolDirectory(choice: ConfigChoice): Promise<string | null> {
  try {
    return join((await locateConfig(choice)).config.data_dir, 'spool');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    complain(error.message);
    return null;
  }
}

/** Why nothing in a data_dir may be believed: others may write it, or what the agent has in it. Null: all may be. */
export function unsafeDataDir(dir: string): string | null {
  return writableByOthers(dir) ?? writableWithin(dir, isAgents);
}
