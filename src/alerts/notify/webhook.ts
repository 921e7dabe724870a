/** A webhook in the shape that Alertmanager has, version "4": receivers that know it need not know us. */
import { createHmac } from '../../builtin.ts';
import type { Alert, Notification } from '../notification.ts';
import type { WebhookConfig } from '../receiver.ts';
import { type Channel, flappingOf, statusOf } from './channel.ts';
import { told } from './post.ts';

/** What Alertmanager writes for an alert that has not ended. */
const NO_END = '0001-01-01T00:00:00Z';
const MOST_ALERTS = 1000;

export function webhook({ url, headers, secret }: WebhookConfig, name: string, timeout: number): Channel {
  return {
    async tell(notification, signal) {
      const body = JSON.stringify(messageOf(notification, name));
      const timestamp = String(Math.floor(Date.now() / 1000));
      const signature =
        secret === undefined ? null : createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
      const all = {
        ...headers,
        'Idempotency-Key': idempotencyKeyOf(notification),
        ...(signature && { 'X-Runnel-Timestamp': timestamp, 'X-Runnel-Signature': `sha256=${signature}` }),
      };
      return told(url, body, all, { timeout, signal });
    },
  };
}

/** The same when it is sent again. */
export function idempotencyKeyOf({ id, alerts }: Notification): string {
  const first = alerts[0];
  return first
    ? `${first.fingerprint}-${first.change}${alerts.length > 1 ? `-${alerts.length}` : ''}-${id}`
    : String(id);
}

export function messageOf(notification: Notification, receiver: string): object {
  const { alerts, rule } = notification;
  const some = alerts.slice(0, MOST_ALERTS);
  return {
    version: '4',
    groupKey: `{}:{alertname=${JSON.stringify(rule)}}`,
    truncatedAlerts: alerts.length - some.length,
    status: statusOf(alerts),
    receiver,
    groupLabels: { alertname: rule },
    commonLabels: common(some.map(({ prometheus }) => prometheus)),
    commonAnnotations: common(some.map(annotationsOf)),
    externalURL: '',
    alerts: some.map((alert) => ({
      status: alert.action === 'resolved' ? 'resolved' : 'firing',
      labels: alert.prometheus,
      annotations: annotationsOf(alert),
      startsAt: new Date(alert.start).toISOString(),
      endsAt: alert.end === null ? NO_END : new Date(alert.end).toISOString(),
      generatorURL: '',
      fingerprint: alert.fingerprint,
    })),
  };
}

export function annotationsOf(alert: Alert): Record<string, string> {
  const { summary, value, threshold, action } = alert;
  const flapping = flappingOf(alert);
  return {
    summary,
    ...(value !== null && { value: String(value) }),
    ...(threshold !== null && { threshold: String(threshold) }),
    ...(flapping.length > 0 && { flapping: flapping.join('; ') }),
    ...(action === 'no_data' && { description: 'Nothing is measured any more.' }),
  };
}

/** What all of them have. */
function common(all: readonly Readonly<Record<string, string>>[]): Record<string, string> {
  const [first = {}, ...others] = all;
  return Object.fromEntries(
    Object.entries(first).filter(([name, value]) => others.every((one) => one[name] === value)),
  );
}
