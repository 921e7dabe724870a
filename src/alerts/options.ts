/** `alerts`: rules on what the agent measures, and whom to tell. */
import {
  alternative,
  dictionary,
  leaf,
  list,
  listOrOne,
  made,
  option,
  optional,
  required,
  secret,
  section,
  type Values,
  Wrong,
} from '../config/option.ts';
import { duration, name, oneOf, text, url, yesNo } from '../config/types.ts';
import { lineTest } from '../transforms/condition.ts';
import { readReceiver } from './receiver.ts';
import { CHECK_LEVELS, type CheckLevel, readRule } from './rule.ts';
import { type AlertThreshold, readComparison } from './threshold.ts';
import { readValue } from './value.ts';

const comparison = leaf<AlertThreshold | CheckLevel>(
  { label: 'comparison, or of a check warning, critical or error', json: { type: 'string' }, example: '> 0.9' },
  (written) => (written in CHECK_LEVELS ? (written as CheckLevel) : readComparison(written)),
);
const cleared = leaf({ label: 'comparison', json: { type: 'string' }, example: '< 0.85' }, readComparison);
const value = leaf(
  {
    label: 'last, avg, min, max, sum, count, rate, change or p95, and over a time',
    json: { type: 'string' },
    example: 'avg over 1m',
  },
  readValue,
);
const number = leaf({ label: 'number', json: { type: 'number' }, example: '1' }, (written) => {
  const read = written.trim() === '' ? Number.NaN : Number(written);
  if (!Number.isFinite(read)) throw new Wrong('must be a number, not {}');
  return read;
});

const LONGEST = '7d';

/** A URL that may hold a secret: it is never shown. */
function secretUrl(example: string, protocols: readonly string[] = ['https:', 'http:']) {
  const any = leaf({ label: 'URL', json: { type: 'string' }, example }, (written) => {
    if (URL.canParse(written) && protocols.includes(new URL(written).protocol)) return written;
    throw new Wrong(`must be a URL that begins with ${protocols.map((one) => `${one}//`).join(' or ')}`);
  });
  return secret(any);
}

const rule = made(
  section({
    name: required(name('text', 'disk-full'), 'What it is called, in alertname and in rule.name; each once.'),
    metric: optional(
      name('metric name, * for any text', 'system.filesystem.utilization'),
      'What it looks at. Or one of log and check.',
    ),
    log: alternative(
      section({
        input: required(name('input', 'nginx'), 'The name of an input under logs.'),
        match: required(
          lineTest(),
          'Which of its lines count, after mask and before process: a text that they hold, or a test of line as in process.',
        ),
      }),
      'Lines of an input, counted.',
    ),
    check: alternative(
      name('check', 'nginx'),
      "A check's status: one of metrics.checks, or a service check that StatsD brings.",
    ),
    where: option(
      dictionary(text('text, * for any text'), '{system.filesystem.mountpoint: /var*}'),
      {},
      'Only series with these attributes.',
    ),
    by: optional(
      listOrOne(name('attribute', 'system.filesystem.mountpoint')),
      'An instance for each value of these attributes. Default: all attributes.',
    ),
    value: optional(
      value,
      'What of it is compared: last (default), avg, min, max, sum, count, rate (a second), change (percent, against as long before), p95 (any percentile), over a time that is a multiple of the interval: avg over 1m. Default over: one interval.',
    ),
    of: alternative(
      name('metric name', 'http.requests'),
      'The value is a part of that of this metric with the same attributes.',
    ),
    min: alternative(number, 'With of: below so many there is no value.'),
    absent: alternative(
      duration({ min: '1s', max: LONGEST }),
      'Fires when there was no measurement for so long; in place of fire.',
    ),
    forecast: alternative(
      section({
        reaches: required(number, 'This value.'),
        within: required(
          duration({ min: '1s', max: '30d' }),
          'In this time, as it went over `value ... over` (default 1h).',
        ),
      }),
      'Fires when the value will get there, as it goes; in place of fire.',
    ),
    fire: optional(comparison, 'The alert begins. In quotes.'),
    clear: optional(cleared, 'It ends, on the other side of fire. Default: where fire does not hold.'),
    for: option(duration({ max: LONGEST }), '0s', 'So long fire must hold.'),
    keep: option(duration({ max: LONGEST }), '0s', 'So long clear must hold.'),
    no_data: option(
      oneOf('keep', 'ok', 'alert'),
      'keep',
      'Without measurements for three intervals: it stays as it is, ends, or fires as no_data.',
    ),
    severity: option(oneOf('critical', 'warning', 'info'), 'warning', 'For whoever is told.'),
    summary: optional(
      text('text', '{{mountpoint}} is {{value}} full'),
      'One sentence. {{value}}, {{threshold}}, {{host}} and labels by their name or its last part.',
    ),
    labels: option(dictionary(text(), '{team: ops}'), {}, 'More labels.'),
  }),
  readRule,
);

const only = option(
  dictionary(text('text, * for any text'), '{severity: critical}'),
  {},
  'Only alerts with these: rule, severity, or a label. Default: all.',
);
const remind = alternative(
  duration({ min: '1s', max: LONGEST }),
  'What still fires is told again so often. Default: once.',
);

const receiver = made(
  section({
    name: required(name('text', 'ops'), 'What it is called in status; each once.'),
    alertmanager: optional(
      listOrOne(url('http://alertmanager:9093')),
      'All of these are told what fires, again and again.',
    ),
    resend: option(duration({ min: '1s', max: '1h' }), '1m', 'How often, of alertmanager.'),
    webhook: alternative(
      section({
        url: required(
          secretUrl('https://hooks.example.com/runnel'),
          'Told in the shape that Alertmanager has (version 4).',
        ),
        headers: option(secret(dictionary(text('text', 'Bearer ...'))), {}, 'Sent with it.'),
        secret: optional(
          secret(text('secret', '${HOOK_SECRET}')),
          'X-Runnel-Signature: sha256=<HMAC of X-Runnel-Timestamp, a dot and the body>.',
        ),
      }),
      'Changes, a message an evaluation and rule.',
    ),
    slack: alternative(
      secretUrl('https://hooks.slack.com/services/...'),
      'The URL of an incoming webhook. It is a secret: "${file:...}".',
    ),
    email: alternative(
      section({
        url: required(secretUrl('smtp://user:password@mail.example.com:587', ['smtp:', 'smtps:']), 'The server.'),
        from: required(name('address', 'runnel@example.com'), 'Who it is from.'),
        to: required(listOrOne(name('address', 'ops@example.com')), 'Who gets it.'),
      }),
      'A mail an evaluation and rule.',
    ),
    exec: alternative(
      secret(list(text('text', '/usr/local/bin/restart-nginx')), 'arguments'),
      'A program and its arguments, without a shell; JSON on its standard input, RUNNEL_ALERT_* in its environment.',
    ),
    timeout: option(
      duration({ min: '1s', max: '10m' }),
      '30s',
      'After so long an answer, or the end of the program, is waited for no longer.',
    ),
    only,
    remind,
  }),
  readReceiver,
);

const alertsSection = section({
  rules: option(list(rule), [], 'When to tell.'),
  builtin: option(
    yesNo(),
    'true',
    'Rules on the agent itself, docs/alerting.md lists them: Kafka away, lag, losses, checks that fail, a disk that will be full. Without alerts in the configuration they go to status, page and /metrics only.',
  ),
  receivers: option(list(receiver), [], 'Whom to tell.'),
  topic: optional(
    name('topic name', 'runnel.alerts'),
    'Where each change is a record. Default: <kafka.topic_prefix>.alerts.',
  ),
});

export const alertsOption = optional(
  alertsSection,
  'Alerts: rules on metrics, lines, checks and the agent itself, evaluated here, also where Kafka is away.',
);

type RawAlerts = Values<typeof alertsSection>;
/** `configured`: it is in the configuration; else the built-in rules go to status, page and /metrics only. */
export type AlertsConfig = Omit<RawAlerts, 'topic'> & { topic: string; configured: boolean };

export function completeAlerts(raw: RawAlerts | undefined, prefix: string): AlertsConfig {
  const topic = `${prefix}.alerts`;
  if (raw === undefined) return { rules: [], builtin: true, receivers: [], topic, configured: false };
  return { ...raw, topic: raw.topic ?? topic, configured: true };
}
