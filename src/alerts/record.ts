/** The record of a change: a document of `runnel.alerts`, in the fields of the Elastic Common Schema. */

import type { State } from './machine.ts';
import type { Alert } from './notification.ts';

export interface RecordedChange {
  alert: Alert;
  state: State;
  previous: State;
  silenced: boolean;
  /** Why it ended, where that is not its value. */
  reason?: string;
  at: number;
}

/** `event.id` is the same when it is sent again. */
export function alertRecord({ alert, state, previous, silenced, reason, at }: RecordedChange, agentId: string): string {
  const time = (ms: number) => new Date(ms).toISOString();
  return JSON.stringify({
    '@timestamp': time(at),
    message: alert.summary,
    event: {
      kind: 'alert',
      action: alert.action,
      id: `${agentId}-${alert.fingerprint}-${alert.change}`,
      dataset: 'alerts',
      start: time(alert.start),
      ...(alert.end !== null && { end: time(alert.end) }),
      severity: alert.severity,
      ...(reason !== undefined && { reason }),
    },
    rule: { name: alert.rule, ruleset: alert.ruleset },
    host: { name: alert.host },
    labels: alert.labels,
    alert: {
      fingerprint: alert.fingerprint,
      state,
      previous,
      value: alert.value,
      threshold: alert.threshold,
      for_seconds: alert.for_seconds,
      silenced,
      summary: alert.summary,
      change: alert.change,
    },
  });
}
