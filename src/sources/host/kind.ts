/** `metrics` in the table of inputs. */
import { type CustomCheckConfig, checkCustom } from '../../checks/custom/options.ts';
import type { Configured, InputKind, InputSpec } from '../../core/input.ts';
import { BUILT_IN, completeMetrics, type MetricsConfig, metricsOption } from './options.ts';
import { figures, type HostStatus, lines, rows, tables } from './report.ts';

/** What it goes by, of itself and of others: the checks of this machine together, or one of the configuration. */
export interface HostInput {
  config: Pick<MetricsConfig, 'host' | 'host_root' | 'interval'>;
  check: CustomCheckConfig | null;
  topic: string;
  /** Of the inventory; null: none is taken. */
  events: string | null;
  data_dir: string;
  host: string;
  tags: Record<string, string>;
}

export const metrics: InputKind<'metrics', MetricsConfig, HostInput, HostStatus> = {
  name: 'metrics',
  options: metricsOption,
  complete: (raw, { kafka }) => completeMetrics(raw as Parameters<typeof completeMetrics>[0], kafka.topic_prefix),
  check({ metrics: { checks } }, refuse, warn) {
    const below = (say: typeof warn) => (path: readonly (string | number)[], message: string) =>
      say(['metrics', 'checks', ...path], message);
    checkCustom(checks, ['host', ...BUILT_IN], below(refuse), below(warn));
  },
  topics(config) {
    const { topic } = config.metrics;
    const events = eventsIn(config);
    const own = { topic, replayable: false, path: ['metrics', 'topic'] };
    if (events === null) return [own];
    return [own, { topic: events, replayable: false, within: topic, path: ['kafka', 'topic_prefix'] }];
  },
  inputs(config) {
    const { topic, interval, checks, host, host_root } = config.metrics;
    const common = { topic, events: null, data_dir: config.data_dir, host: config.host, tags: config.tags };
    const topics = [{ topic, replayable: false }];
    const own = checks.map((check) => {
      const options = { config: { host, host_root, interval: check.interval ?? interval }, check, ...common };
      const about = `${check.type} every ${(check.interval ?? interval) / 1000} s`;
      return { id: `check.${check.name}`, title: `check ${check.name}`, topics, options, about };
    });
    return [...hostInput(config), ...own];
  },
  brief: ({ metrics: { checks } }) => (checks.length === 0 ? null : `checks: ${checks.length}`),
  nothing: { checks: [] },
  figures,
  lines,
  rows,
  tables,
  open: async (_, host) => (await import('./open.ts')).openHost(host),
};

function eventsIn({ metrics, kafka }: Configured<'metrics', MetricsConfig>): string | null {
  return metrics.inventory && metrics.host !== false ? `${kafka.topic_prefix}.events` : null;
}

function hostInput(of: Configured<'metrics', MetricsConfig>): InputSpec<HostInput>[] {
  const { metrics, host, tags, data_dir } = of;
  if (metrics.host === false) return [];
  const { topic, checks: _, ...config } = metrics;
  const { systemd } = metrics.host;
  const idle = systemd === false || systemd.units.length === 0;
  const on = Object.entries(metrics.host).flatMap(([name, said]) =>
    said === false || (name === 'systemd' && idle) ? [] : [name],
  );
  const about = `${on.join(', ')} every ${metrics.interval / 1000} s`;
  const events = eventsIn(of);
  const options = { config, check: null, topic, events, data_dir, host, tags };
  const topics = (events === null ? [topic] : [topic, events]).map((name) => ({ topic: name, replayable: false }));
  return [{ id: 'host', title: 'host metrics', topics, options, about }];
}
