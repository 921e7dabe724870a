/** Which configuration a command means: `-c`, else the installed one, else the built-in default. */
import { existsSync } from 'node:fs';
import type { Config } from '../config/config.ts';
import { defaultConfig } from '../config/default.ts';
import { loadConfig } from '../config/load.ts';

export interface ConfigChoice {
  config?: string;
  /** Where an installed agent has its configuration. */
  defaultPath: string;
}

export interface LocatedConfig {
  config: Config;
  /** Null: the built-in default. */
  path: string | null;
  hash: string;
  warnings: string[];
  /** Whether the user set this option: a default may fail where a wish may not. */
  isSet: (option: string) => boolean;
}

/** Throws ConfigError when the file cannot be used. */
export async function locateConfig(choice: ConfigChoice): Promise<LocatedConfig> {
  const path = choice.config ?? (existsSync(choice.defaultPath) ? choice.defaultPath : null);
  if (path === null) return builtIn();
  return { ...(await loadConfig(path)), path };
}

export function builtIn(): LocatedConfig {
  const config = defaultConfig({ root: process.getuid?.() === 0 });
  return { config, path: null, hash: 'built-in', warnings: [], isSet: () => false };
}
