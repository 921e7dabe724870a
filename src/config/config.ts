/** What holds for the whole agent, as it uses it: durations in milliseconds, sizes in bytes, `never` null, every default filled in. */
import { hostname } from 'node:os';
import type { RawConfig } from './schema.ts';

export type Env = Readonly<Record<string, string | undefined>>;

export type CommonConfig = Omit<RawConfig, 'host'> & { host: string };

/** Fills in the defaults that depend on the environment or on the machine. */
export function complete<Raw extends RawConfig>(raw: Raw, env: Env): Raw & CommonConfig {
  return { ...raw, host: raw.host ?? (env.RUNNEL_HOST || env.NODE_NAME || hostname()) };
}
