/** Which configuration a command means: `-c`, else the installed one, else the built-in default. */
import { existsSync } from 'node:fs';
import { type LocatedConfig, loadConfig } from '../options.ts';
import { defaultConfig } from './default.ts';

export interface ConfigChoice {
  config?: string;
  /** Where an installed agent has its configuration. */
  defaultPath: string;
}

/** Throws ConfigError when the file cannot be used. */
export async function locateConfig(choice: ConfigChoice): Promise<LocatedConfig> {
  const path = choice.config ?? (existsSync(choice.defaultPath) ? choice.defaultPath : null);
  if (path === null) return builtIn();
  return { ...(await loadConfig(path)), path };
}

export function builtIn(): LocatedConfig {
  const config = defaultConfig({ root: process.getuid?.() === 0 });
  const says = (_: unknown, message: string) => ({ file: 'built-in', line: 1, column: 1, message });
  return { config, path: null, hash: 'built-in', warnings: [], says, isSet: () => false };
}
