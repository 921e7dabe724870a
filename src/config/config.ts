/** The configuration as the agent uses it: durations in milliseconds, sizes in bytes, `never` null, every default filled in. */
import { hostname } from 'node:os';
import type { RawConfig } from './schema.ts';

type RawLog = RawConfig['logs'][number];

export type Env = Readonly<Record<string, string | undefined>>;

export type LogConfig = RawLog & { name: string; topic: string };
export type KafkaConfig = RawConfig['kafka'];
export type MetricsConfig = Omit<RawConfig['metrics'], 'topic'> & { topic: string };
export type StatsdConfig = RawConfig['statsd'];
export type SpoolConfig = RawConfig['spool'];
export type AdminConfig = RawConfig['admin'];

export interface Config extends Omit<RawConfig, 'host' | 'logs' | 'metrics'> {
  host: string;
  logs: LogConfig[];
  metrics: MetricsConfig;
}

/** Fills in the defaults that depend on other options, on the environment or on the machine. */
export function complete(raw: RawConfig, env: Env): Config {
  const prefix = raw.kafka.topic_prefix;
  const names = new Set(raw.logs.map((l) => l.name).filter((n) => n !== undefined));
  return {
    ...raw,
    host: raw.host ?? (env.RUNNEL_HOST || env.NODE_NAME || hostname()),
    logs: raw.logs.map((l) => ({
      ...l,
      name: l.name ?? unusedName(l.include[0] ?? 'logs', names),
      topic: l.topic ?? `${prefix}.logs`,
    })),
    metrics: { ...raw.metrics, topic: raw.metrics.topic ?? `${prefix}.metrics` },
  };
}

/** `/var/log/nginx/*.log` gives nginx, `/var/log/syslog` syslog; a name that is taken gets a number. */
function unusedName(include: string, taken: Set<string>): string {
  const parts = include.split('/').filter((part) => part !== '' && !/[*?[{]/.test(part));
  const base = (parts.at(-1) ?? 'logs').replace(/\.[^.]*$/, '').replace(/[^A-Za-z0-9._-]/g, '_') || 'logs';
  let candidate = base;
  for (let n = 2; taken.has(candidate); n++) candidate = `${base}-${n}`;
  taken.add(candidate);
  return candidate;
}

/** Every topic that this configuration writes to. */
export function topicsOf(config: Config): string[] {
  return [...new Set([...config.logs.map((l) => l.topic), config.metrics.topic])];
}
