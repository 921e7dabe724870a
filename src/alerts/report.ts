/** `alerts` in the status, and how it is shown. */
import type { Figures } from '../core/figures.ts';
import type { InputRow } from '../core/input.ts';
import { failure, formatCount, type Table } from '../core/table.ts';
import { count } from '../core/units.ts';
import { sparkline } from './history.ts';
import type { MailboxStatus } from './notify/mailbox.ts';
import type { AlertShown } from './shown.ts';
import type { Silence } from './silences.ts';

export interface AlertsSaid {
  alerts: {
    firing: number;
    pending: number;
    no_data: number;
    rules: number;
    receivers: MailboxStatus[];
    /** Those that are not ok, the first thousand. */
    list: AlertShown[];
    silences: Silence[];
  };
}

export const NOTHING: AlertsSaid = {
  alerts: { firing: 0, pending: 0, no_data: 0, rules: 0, receivers: [], list: [], silences: [] },
};

export function figures({ alerts }: AlertsSaid, to: Figures): void {
  const { firing, pending, no_data, receivers, list } = alerts;
  to.gauge(
    'alerts',
    'Alerts by state.',
    ['state'],
    [
      [firing, 'firing'],
      [pending, 'pending'],
      [no_data, 'no_data'],
    ],
  );
  const rules = Map.groupBy(
    list.filter(({ state }) => state !== 'pending'),
    ({ rule }) => rule,
  );
  to.gauge(
    'alert_firing',
    'Instances of a rule that fire.',
    ['rule', 'severity'],
    [...rules].map(([rule, all]) => [all.length, rule, all[0]!.severity]),
  );
  to.gauge(
    'alert_receiver_waiting',
    'Messages that wait for a receiver.',
    ['receiver'],
    receivers.map((one) => [one.waiting, one.name]),
  );
  to.counter(
    'alert_receiver_delivered',
    'Messages that a receiver has taken.',
    ['receiver'],
    receivers.map((one) => [one.delivered, one.name]),
  );
  to.counter(
    'alert_receiver_dropped',
    'Messages that a receiver refused, or for which there was no room.',
    ['receiver'],
    receivers.map((one) => [one.dropped, one.name]),
  );
}

export function lines({ alerts: { list, firing, no_data, receivers, silences } }: AlertsSaid): string[] {
  const told = list.filter(({ state }) => state !== 'pending');
  const shown = [...told, ...list.filter(({ state }) => state === 'pending')];
  const failing = receivers.filter(({ waiting, error }) => waiting > 0 || error !== null);
  if (shown.length + failing.length + silences.length === 0) return [];
  return [
    '',
    `alerts: ${firing + no_data} firing`,
    ...shown.map(({ state, summary, labels, since, silenced }) => {
      const of = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
      return `  ${state} since ${since}${silenced ? ', silenced' : ''}: ${summary}${of.length > 0 ? ` (${of.join(', ')})` : ''}`;
    }),
    ...failing.map(
      ({ name, waiting, error }) =>
        `  ${name}: ${count(waiting, 'message')} waiting${error === null ? '' : `: ${error}`}`,
    ),
    ...silences.map(
      ({ id, rule, until, why }) => `  silence ${id}: ${rule} until ${new Date(until).toISOString()}: ${why}`,
    ),
  ];
}

export function rows(): InputRow[] {
  return [];
}

function numberOf(value: number | null): string {
  return value === null ? '' : String(value);
}

export function tables({ alerts: { list, receivers } }: AlertsSaid): Table[] {
  const all: Table[] = [];
  if (list.length > 0) {
    all.push({
      title: 'Alerts',
      urgent: true,
      heads: ['', 'rule', 'what', 'value', 'threshold', 'last hour', 'since'],
      rows: list.map(({ state, rule, summary, value, threshold, last_hour, since, silenced }) => {
        const shown = `${state}${silenced ? ' (silenced)' : ''}`;
        const bad = state !== 'pending' && !silenced;
        const seen = [numberOf(value), numberOf(threshold), sparkline(last_hour, threshold)];
        return [bad ? { bad: shown } : shown, rule, summary, ...seen, since];
      }),
    });
  }
  if (receivers.length > 0) {
    all.push({
      title: 'Receivers of alerts',
      heads: ['', 'waiting', 'told', ''],
      rows: receivers.map(({ name, waiting, delivered, error }) => [
        name,
        formatCount(waiting),
        formatCount(delivered),
        failure(error),
      ]),
      folded: true,
    });
  }
  return all;
}
