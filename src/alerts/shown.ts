/** An alert as status, page and commands show it. */
import type { Instance } from './instance.ts';
import type { State } from './machine.ts';
import type { Alert } from './notification.ts';

/** What of it is in a state that is not ok. */
export interface AlertShown {
  rule: string;
  state: State;
  labels: Readonly<Record<string, string>>;
  value: number | null;
  since: string;
  severity: string;
  summary: string;
  silenced: boolean;
}

export function shownAlert({ rule, progress, value, since }: Instance, alert: Alert, silenced: boolean): AlertShown {
  const { labels, severity, summary } = alert;
  const is = { rule: rule.name, state: progress.state, labels, value, since: new Date(since).toISOString() };
  return { ...is, severity, summary, silenced };
}
