/** Which configuration a command means: `-c`, else the installed one, else the built-in default. */
import { existsSync } from 'node:fs';
import { createConnection } from 'node:net';
import { socketPath } from '../admin/client.ts';
import { ConfigError } from '../config/errors.ts';
import { type Config, type LocatedConfig, loadConfig } from '../options.ts';
import { defaultConfig, IN_CLONE } from './default.ts';
import { complain } from './output.ts';

export interface ConfigChoice {
  config?: string;
  /** Where an installed agent has its configuration. */
  defaultPath: string;
}

/**
 * A try-out that runs is what a command in its clone asks for; elsewhere it is, where there is no other agent. Throws
 * ConfigError when the file cannot be used.
 */
export async function locateConfig(choice: ConfigChoice): Promise<LocatedConfig> {
  if (choice.config !== undefined) return { ...(await loadConfig(choice.config)), path: choice.config };
  if (IN_CLONE && (await runs(builtIn(true)))) return builtIn(true);
  if (existsSync(choice.defaultPath)) return { ...(await loadConfig(choice.defaultPath)), path: choice.defaultPath };
  if (!IN_CLONE && !(await runs(builtIn(false))) && (await runs(builtIn(true)))) return builtIn(true);
  return builtIn();
}

/** The configuration; null where it cannot be used, which was said. */
export async function configFor(choice: ConfigChoice): Promise<Config | null> {
  try {
    return (await locateConfig(choice)).config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    complain(error.message);
    return null;
  }
}

export function builtIn(tryOut = IN_CLONE): LocatedConfig {
  const config = defaultConfig({ root: process.getuid?.() === 0, tryOut });
  const says = (_: unknown, message: string) => ({ file: 'built-in', line: 1, column: 1, message });
  return { config, path: null, hash: 'built-in', warnings: [], says, isSet: () => false };
}

/** Whether somebody listens on the socket of an agent with this configuration. */
function runs({ config }: LocatedConfig): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = createConnection(socketPath(config));
  socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}
