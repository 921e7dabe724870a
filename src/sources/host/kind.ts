/** `metrics` in the table of inputs. */
import type { InputKind } from '../../core/input.ts';
import { completeMetrics, type MetricsConfig, metricsOption } from './options.ts';
import { figures, type HostStatus, lines, rows, tables } from './report.ts';

/** What it goes by, of itself and of others. */
export interface HostInput {
  config: MetricsConfig;
  topic: string;
  host: string;
  tags: Record<string, string>;
}

export const metrics: InputKind<'metrics', MetricsConfig, HostInput, HostStatus> = {
  name: 'metrics',
  options: metricsOption,
  unsupported: [{ path: ['checks', '*'], what: 'a check beside metrics.host' }],
  complete: (raw, { kafka }) => completeMetrics(raw as Parameters<typeof completeMetrics>[0], kafka.topic_prefix),
  topics: ({ metrics: { topic } }) => [{ topic, replayable: false, path: ['metrics', 'topic'] }],
  inputs({ metrics, host, tags }) {
    if (metrics.host === false) return [];
    const { topic } = metrics;
    const { systemd } = metrics.host;
    const idle = systemd === false || systemd.units.length === 0;
    const on = Object.entries(metrics.host).flatMap(([name, said]) =>
      said === false || (name === 'systemd' && idle) ? [] : [name],
    );
    const about = `${on.join(', ')} every ${metrics.interval / 1000} s`;
    const options = { config: metrics, topic, host, tags };
    return [{ id: 'host', title: 'host metrics', topics: [{ topic, replayable: false }], options, about }];
  },
  brief: () => null,
  nothing: { checks: [] },
  figures,
  lines,
  rows,
  tables,
  open: async (_, host) => (await import('./open.ts')).openHost(host),
};
