/** `runnel explain statsd LINE`: what the agent makes of these lines, in the words of the configuration and the records. */

import type { Manner } from '../sources/statsd/manner.ts';
import { type Metric, type Parsed, parseLine } from '../sources/statsd/parse.ts';
import type { Event, ServiceCheck } from '../sources/statsd/parse-event.ts';
import type { Tag } from '../sources/statsd/tags.ts';
import { timestampFault } from '../sources/statsd/timestamp.ts';

type Tags = Record<string, string | string[]>;

/** Fields that were not sent are left out. */
export interface StatsdExplanation {
  samples: Record<string, unknown>[];
  events: Record<string, unknown>[];
  service_checks: Record<string, unknown>[];
  errors: { line: string; reason: string }[];
  /** Samples that are understood and dropped all the same, because of a time of their own; left out when there are none. */
  dropped?: { line: string; reason: string }[];
}

export function explainStatsd(lines: string, manner?: Manner): StatsdExplanation {
  const out: StatsdExplanation = { samples: [], events: [], service_checks: [], errors: [] };
  for (const line of lines.split('\n')) {
    if (line === '' || line === '\r') continue;
    for (const parsed of parseLine(Buffer.from(line), manner)) explain(parsed, line, out);
  }
  return out;
}

function explain(parsed: Parsed, line: string, out: StatsdExplanation): void {
  if (parsed.kind === 'metric') {
    out.samples.push(sample(parsed));
    const reason = timestampFault(parsed, Date.now());
    if (reason) out.dropped = [...(out.dropped ?? []), { line, reason }];
  } else if (parsed.kind === 'event') out.events.push(event(parsed));
  else if (parsed.kind === 'service_check') out.service_checks.push(check(parsed));
  else out.errors.push({ line, reason: parsed.detail });
}

function sample(metric: Metric): Record<string, unknown> {
  const { values, member } = metric;
  return sent({
    name: metric.name,
    type: metric.type,
    value: values.length === 1 ? values[0] : undefined,
    values: values.length > 1 ? values : undefined,
    set: member,
    step: metric.steps?.includes(true) || undefined,
    rate: metric.rate,
    tags: tagsObject(metric.tags),
    host: metric.host,
    timestamp: metric.timestamp,
    container: metric.container,
    inode: metric.inode,
    external: metric.external,
    cardinality: metric.cardinality,
  });
}

function event(event: Event): Record<string, unknown> {
  return sent({
    title: event.title,
    text: event.text,
    timestamp: event.timestamp,
    host: event.host,
    aggregation_key: event.aggregationKey,
    priority: event.priority,
    source: event.source,
    alert_type: event.alertType,
    tags: tagsObject(event.tags),
  });
}

function check(check: ServiceCheck): Record<string, unknown> {
  return sent({
    name: check.name,
    status: check.status,
    timestamp: check.timestamp,
    host: check.host,
    message: check.message,
    tags: tagsObject(check.tags),
  });
}

function sent(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** As in the records: without a value '', a key sent twice has an array. `__proto__` is a key like any other. */
function tagsObject(tags: readonly Tag[]): Tags | undefined {
  if (tags.length === 0) return undefined;
  const merged = new Map<string, string | string[]>();
  for (const [key, value] of tags) {
    const had = merged.get(key);
    merged.set(key, had === undefined ? value : [had, value].flat());
  }
  return Object.fromEntries(merged);
}
