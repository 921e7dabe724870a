/** Where the data of the agent that a command means is kept. */
import { join } from 'node:path';
import { ConfigError } from '../config/errors.ts';
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
