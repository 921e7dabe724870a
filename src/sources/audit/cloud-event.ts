/**
 * CloudEvents 1.0 in structured mode (`application/cloudevents+json`): what an audit event needs stands before what came,
 * whose bytes stay.
 *
 *   {"specversion":"1.0","id":"7f3c","source":"/shop","type":"order.paid","time":"2026-12-01T07:00:00Z","data":{...}}
 *   {"@timestamp":"2026-12-01T07:00:00.000Z","event":{"id":"7f3c","kind":"event","action":"order.paid","provider":"/shop"},
 *    "specversion":"1.0",...}
 */
import { malformed } from './refusal.ts';

export const CLOUD_EVENT_TYPE = 'application/cloudevents+json';
const VERSION = '1.0';
/** RFC 3339: the second, its fraction, the offset. */
const TIME = /^(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)$/;

/** As an audit event. Throws an AuditRefusal; what else is wrong is found when that is read. */
export function fromCloudEvent(bytes: Buffer): Buffer {
  const event = parsed(bytes);
  if (event.specversion !== VERSION) {
    throw malformed(`is no CloudEvent: specversion must be ${VERSION}`, { field: 'specversion' });
  }
  const text = (field: 'id' | 'source' | 'type'): string => {
    const value = event[field];
    if (typeof value === 'string' && value !== '') return value;
    throw malformed(`needs ${field}: text that is not empty`, { field });
  };
  const [, second, fraction = '', offset] = TIME.exec(typeof event.time === 'string' ? event.time : '') ?? [];
  if (second === undefined) throw malformed('needs time, as in RFC 3339: 2026-12-01T07:00:00Z', { field: 'time' });
  const head = JSON.stringify({
    '@timestamp': `${second}.${fraction.padEnd(3, '0')}${offset}`.toUpperCase(),
    event: { id: text('id'), kind: 'event', action: text('type'), provider: text('source') },
  });
  return Buffer.concat([Buffer.from(`${head.slice(0, -1)},`), bytes.subarray(1)]);
}

function parsed(bytes: Buffer): Record<string, unknown> {
  let event: unknown;
  try {
    event = JSON.parse(bytes.toString());
  } catch (error) {
    throw malformed(`is no JSON: ${(error as Error).message}`, {});
  }
  if (event === null || typeof event !== 'object' || Array.isArray(event)) throw malformed('is no JSON object', {});
  return event as Record<string, unknown>;
}
