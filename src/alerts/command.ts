/** What `runnel alerts` asks the running agent to do. */
import { nearest } from '../config/errors.ts';
import { wildcards } from '../config/wildcards.ts';
import type { Alerting } from './alerting.ts';
import { oneLine } from './notify/channel.ts';

const LONGEST_WHY = 500;
const MOST_SILENCES = 1000;
const LONGEST_MS = 365 * 86_400_000;

/** Null: there is no such command. Throws a sentence. */
export function command(
  alerting: Alerting,
  name: string,
  options: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<object> | null {
  if (name === 'silence') return silence(alerting, options);
  if (name === 'unsilence') return unsilence(alerting, String(options.id));
  if (name === 'notify') return notify(alerting, String(options.receiver), signal);
  return null;
}

async function silence(
  alerting: Alerting,
  { rule, labels, why, for: ms }: Readonly<Record<string, unknown>>,
): Promise<object> {
  if (typeof rule !== 'string' || rule === '' || typeof ms !== 'number' || !(ms > 0 && ms <= LONGEST_MS)) {
    throw new Error('a silence needs a rule and a time of at most a year');
  }
  if (!alerting.ruleNames.some(wildcards([rule]))) {
    const near = nearest(rule, alerting.ruleNames);
    throw new Error(`there is no rule ${rule}${near ? `: did you mean ${near}?` : ''} (* stands for any text)`);
  }
  if (alerting.silences.length >= MOST_SILENCES) {
    throw new Error(`there are ${MOST_SILENCES} silences already: end some with \`runnel alerts unsilence ID\``);
  }
  const all = Object.entries(labels ?? {}).map(([label, value]) => [label, String(value)]);
  const since = Date.now();
  const text = oneLine(String(why ?? ''))
    .slice(0, LONGEST_WHY)
    .toWellFormed();
  return alerting.silence({ rule, labels: Object.fromEntries(all), why: text, since, until: since + ms });
}

async function unsilence(alerting: Alerting, id: string): Promise<object> {
  if (await alerting.unsilence(id)) return { unsilenced: id };
  const known = alerting.silences.map((one) => one.id);
  throw new Error(`there is no silence ${id}${known.length > 0 ? `: there are ${known.join(', ')}` : ''}`);
}

async function notify(alerting: Alerting, receiver: string, signal: AbortSignal): Promise<object> {
  const told = await alerting.notify(receiver, signal);
  if (told === null) {
    const known = alerting.receivers.map(({ name }) => name);
    throw new Error(
      `there is no receiver ${receiver}${known.length > 0 ? `: there are ${known.join(', ')}` : ' (alerts.receivers is empty)'}`,
    );
  }
  if (told.done !== true) throw new Error(`${receiver}: ${told.error}`);
  return { told: receiver };
}
