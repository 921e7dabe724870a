/** What receivers are told: alerts as they were at a change, in a form that survives a restart. */

import { fingerprintOf } from './fingerprint.ts';
import type { Instance } from './instance.ts';
import type { Rule, Severity } from './rule.ts';
import { alertSummary, labelsOf, prometheusLabels, shownThreshold } from './words.ts';

export type AlertAction = 'firing' | 'resolved' | 'no_data';

/** Times in milliseconds since the epoch. */
export interface Alert {
  rule: string;
  ruleset: Rule['ruleset'];
  action: AlertAction;
  fingerprint: string;
  severity: Severity;
  /** As the agent has them, and as Alertmanager takes them. */
  labels: Readonly<Record<string, string>>;
  prometheus: Readonly<Record<string, string>>;
  host: string;
  summary: string;
  value: number | null;
  threshold: number | null;
  for_seconds: number;
  start: number;
  end: number | null;
  change: number;
  /** Nobody was told of it before. */
  begins?: boolean;
  /** Changes before it that were not told, because it flaps. */
  untold?: number;
  /** It was told so often in an hour that its end may be told late. */
  flapping?: boolean;
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
  /** Of a record. */
  document?: string;
}

export interface AlertOrigin {
  host: string;
  tags: Readonly<Record<string, string>>;
}

/** `start`: when it began to fire. */
export function alertOf(
  instance: Instance,
  { action, start, change, at }: { action: AlertAction; start: number; change: number; at: number },
  { host, tags }: AlertOrigin,
): Alert {
  const { rule, value } = instance;
  const prometheus = prometheusLabels(instance, host, tags);
  return {
    rule: rule.name,
    ruleset: rule.ruleset,
    action,
    fingerprint: fingerprintOf(prometheus),
    severity: rule.severity,
    labels: { ...tags, ...labelsOf(instance) },
    prometheus,
    host,
    summary: alertSummary(instance, host),
    value,
    threshold: shownThreshold(rule),
    for_seconds: rule.for / 1000,
    start,
    end: action === 'resolved' ? at : null,
    change,
  };
}
