/** What must hold between rules, and between them and what is measured. */
import { catalog } from '../checks/catalog.ts';
import type { CommonConfig } from '../config/config.ts';
import { nearest, type Path, type Saying } from '../config/errors.ts';
import type { AlertsConfig } from './options.ts';
import type { Rule } from './rule.ts';

/** What of the configuration says what is measured. */
interface Measuring {
  alerts: AlertsConfig;
  logs: readonly { name: string; process: readonly object[] }[];
  metrics: { interval: number; host: unknown; checks: readonly { name: string; interval?: number | undefined }[] };
  statsd: { flush_interval: number; listen: readonly unknown[] };
}

export function checkRules(config: CommonConfig, refuse: Saying): void {
  const { alerts, logs, metrics, statsd } = config as unknown as Measuring;
  for (const list of ['rules', 'receivers'] as const) {
    const names = alerts[list].map(({ name }) => name);
    for (const [i, name] of names.entries()) {
      if (names.indexOf(name) !== i)
        refuse(['alerts', list, i, 'name'], `is ${name}, as of another one: each needs its own`);
    }
  }
  for (const [i, receiver] of alerts.receivers.entries()) {
    if (receiver.name === '') refuse(['alerts', 'receivers', i, 'name'], 'must not be empty');
  }
  for (const [i, rule] of alerts.rules.entries()) {
    const at: Path = ['alerts', 'rules', i];
    const { log, check, value } = rule;
    for (const [key, metric] of [
      ['metric', rule.metric],
      ['of', rule.of ?? ''],
    ] as const) {
      const near = misspelt(metric);
      if (near !== null) refuse([...at, key], `is ${metric}, which no check yields: did you mean ${near}?`);
    }
    checkAttributes(rule, (key, message) => refuse([...at, ...key], message));
    if (log && !logs.some(({ name }) => name === log.input)) {
      const near = nearest(
        log.input,
        logs.map(({ name }) => name),
      );
      refuse(
        [...at, 'log', 'input'],
        `is ${log.input}, and there is none under logs${near ? `: did you mean ${near}?` : ''}`,
      );
    }
    const own = metrics.checks.find(({ name }) => name === check);
    if (check !== null && !own && statsd.listen.length === 0) {
      refuse(
        [...at, 'check'],
        `is ${check}: it is not under metrics.checks, and there is no StatsD that could bring it`,
      );
    }
    if (value.over === null) continue;
    const interval = log
      ? metrics.interval
      : own
        ? (own.interval ?? metrics.interval)
        : shortestFor(rule, { metrics, statsd });
    if (rule.forecast && value.over < LEAST_FOR_FORECAST * interval) {
      refuse([...at, 'value'], `must be over at least ${(LEAST_FOR_FORECAST * interval) / 1000}s with forecast`);
    } else if (value.over < interval)
      refuse([...at, 'value'], `is over less than ${interval / 1000}s, the interval at which it is measured`);
    else if (value.over % interval !== 0)
      refuse([...at, 'value'], `must be over a multiple of ${interval / 1000}s, the interval at which it is measured`);
  }
}

/** Intervals: of fewer nothing is concluded. */
const LEAST_FOR_FORECAST = 6;

/** The name of a host metric that is nearly this; null: it is one, or may come from elsewhere. */
function misspelt(name: string): string | null {
  if (!name.startsWith('system.') || name.includes('*')) return null;
  names ??= new Set(catalog().map((row) => row.name));
  return names.has(name) ? null : (nearest(name, [...names]) ?? null);
}

let names: Set<string> | null = null;

/** A series without the attribute is none that `where` wants, and all series are one instance of `by`. */
function checkAttributes({ metric, where, by }: Rule, refuse: (key: Path, message: string) => void): void {
  if (!metric.startsWith('system.')) return;
  const all = new Set(catalog().flatMap(({ name, attributes }) => (name === metric ? attributes : [])));
  // No metric of a check, or one without any: StatsD may bring it, too.
  if (all.size === 0) return;
  const known = [...all];
  const wrong = (attribute: string) => {
    const near = nearest(attribute, known);
    return `${metric} has no ${attribute}: ${near ? `did you mean ${near}?` : `it has ${known.join(', ')}`}`;
  };
  for (const attribute of Object.keys(where)) if (!all.has(attribute)) refuse(['where', attribute], wrong(attribute));
  for (const [i, attribute] of (by ?? []).entries()) if (!all.has(attribute)) refuse(['by', i], wrong(attribute));
}

/** Host metrics, the agent's own and those of spans. */
const OF_METRICS_INTERVAL = ['system.', 'runnel.', 'traces.span.metrics.'];

/** Host metrics have the interval of metrics, all others that of StatsD; where it is not plain, the shorter. */
function shortestFor({ metric }: Rule, { metrics, statsd }: Pick<Measuring, 'metrics' | 'statsd'>): number {
  if (OF_METRICS_INTERVAL.some((prefix) => metric.startsWith(prefix))) return metrics.interval;
  const shortest = Math.min(
    metrics.interval,
    statsd.flush_interval,
    ...metrics.checks.map(({ interval }) => interval ?? metrics.interval),
  );
  return shortest;
}
