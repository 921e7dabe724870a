/** `alerts` in the table of inputs: what it brings is a record of each change. */
import type { CommonConfig } from '../config/config.ts';
import type { Saying } from '../config/errors.ts';
import type { InputKind } from '../core/input.ts';
import { type AlertsConfig, alertsOption, completeAlerts } from './options.ts';
import { type AlertsSaid, figures, lines, NOTHING, rows, tables } from './report.ts';
import { checkRules } from './rules-check.ts';

/** What it goes by, of itself and of others. */
export interface AlertsInput {
  config: AlertsConfig;
  /** Null: no records are made. */
  topic: string | null;
  host: string;
  tags: Record<string, string>;
  /** Of `metrics`, milliseconds. */
  interval: number;
}

export const alerts: InputKind<'alerts', AlertsConfig, AlertsInput, AlertsSaid> = {
  name: 'alerts',
  options: alertsOption,
  complete: (raw, { kafka }) => completeAlerts(raw as Parameters<typeof completeAlerts>[0], kafka.topic_prefix),
  check: (config, refuse: Saying) => checkRules(config, refuse),
  topics: (config) => {
    const { configured, topic } = config.alerts;
    // One memory for what seldom comes.
    return configured ? [{ topic, replayable: false, within: metricsOf(config).topic, path: ['alerts', 'topic'] }] : [];
  },
  inputs(config) {
    const { alerts, host, tags } = config;
    if (alerts.rules.length === 0 && !alerts.builtin) return [];
    const topic = alerts.configured ? alerts.topic : null;
    const { interval } = metricsOf(config);
    return [
      {
        id: 'alerts',
        title: 'alerts',
        topics: topic === null ? [] : [{ topic, replayable: false }],
        options: { config: alerts, topic, host, tags, interval },
        about: [
          ...(alerts.rules.length > 0 ? [`${alerts.rules.length} rules`] : []),
          ...(alerts.builtin ? ['built-in rules on the agent itself'] : []),
        ].join(', '),
        unnamed: !alerts.configured,
      },
    ];
  },
  brief: ({ alerts: { configured, rules, receivers } }) =>
    configured ? `alerts: ${rules.length} rules, ${receivers.length} receivers` : null,
  nothing: NOTHING,
  figures,
  lines,
  rows,
  tables,
  open: async (config, host) => (await import('./open.ts')).openAlerts(config, host),
};

function metricsOf(config: CommonConfig): { topic: string; interval: number } {
  return (config as unknown as { metrics: { topic: string; interval: number } }).metrics;
}
