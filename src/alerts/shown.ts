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
  /** What it is compared with. */
  threshold: number | null;
  /** The latest value of each of the last 60 minutes, oldest first; null: there was none. Since the agent's start. */
  last_hour: (number | null)[];
  since: string;
  severity: string;
  summary: string;
  silenced: boolean;
}

export function shownAlert(
  { rule, state, value, since, history }: Instance,
  alert: Alert,
  silenced: boolean,
): AlertShown {
  const { labels, severity, summary, threshold } = alert;
  const seen = { value, threshold, last_hour: history?.values ?? [] };
  const is = { rule: rule.name, state, labels, ...seen, since: new Date(since).toISOString() };
  return { ...is, severity, summary, silenced };
}
