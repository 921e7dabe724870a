/** What receivers are told: alerts as they were at a change, in a form that survives a restart. */
import type { Instance } from './instance.ts';
import type { Severity } from './rule.ts';
import { fingerprintOfInstance, labelsOf, prometheusLabels, summaryOf, thresholdOf } from './words.ts';

export type Action = 'firing' | 'resolved' | 'no_data';

/** Times in milliseconds since the epoch. */
export interface Alert {
  rule: string;
  action: Action;
  fingerprint: string;
  severity: Severity;
  /** As the agent has them, and as Alertmanager takes them. */
  labels: Readonly<Record<string, string>>;
  prometheus: Readonly<Record<string, string>>;
  host: string;
  summary: string;
  value: number | null;
  threshold: number | null;
  start: number;
  end: number | null;
  change: number;
}

/** One message to one receiver. */
export interface Notification {
  id: number;
  receiver: string;
  rule: string;
  at: number;
  /** It was told before, and still fires. */
  reminder?: boolean;
  alerts: readonly Alert[];
}

export interface Origin {
  host: string;
  tags: Readonly<Record<string, string>>;
}

export function alertOf(instance: Instance, action: Action, { host, tags }: Origin, now: number): Alert {
  const { rule, value, start, change } = instance;
  return {
    rule: rule.name,
    action,
    fingerprint: fingerprintOfInstance(instance, host, tags),
    severity: rule.severity,
    labels: { ...tags, ...labelsOf(instance) },
    prometheus: prometheusLabels(instance, host, tags),
    host,
    summary: summaryOf(instance, host),
    value,
    threshold: thresholdOf(rule),
    start: start ?? now,
    end: action === 'resolved' ? now : null,
    change,
  };
}
