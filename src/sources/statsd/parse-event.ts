/**
 * DogStatsD events and service checks.
 *
 *   event  "_e{" title length "," text length "}:" title "|" text *( "|" field )
 *   field  "d:" unix time / "h:" host / "k:" aggregation key / "p:" priority / "s:" source / "t:" alert type / "#" tags
 *   check  "_sc|" name "|" ( "0" / "1" / "2" / "3" ) *( "|" field )
 *   field  "d:" unix time / "h:" host / "#" tags / "m:" message, the rest of the line unless a known field follows
 *
 * Lengths are bytes. Some clients (hot-shots among them) send characters: where bytes do not fit, those are tried.
 * `\n` in title, text and message stands for a line feed. A bad optional field is ignored, the event stays.
 */
import { parseTags, type Tag } from './tags.ts';

export interface Event {
  kind: 'event';
  title: string;
  text: string;
  tags: Tag[];
  /** Seconds since the epoch. */
  timestamp?: number;
  host?: string;
  aggregationKey?: string;
  priority?: 'normal' | 'low';
  source?: string;
  alertType?: 'info' | 'warning' | 'error' | 'success';
}

export type ServiceCheckStatus = 'ok' | 'warning' | 'critical' | 'unknown';

export interface ServiceCheck {
  kind: 'service_check';
  name: string;
  status: ServiceCheckStatus;
  tags: Tag[];
  /** Seconds since the epoch. */
  timestamp?: number;
  host?: string;
  message?: string;
}

const STATUSES: readonly ServiceCheckStatus[] = ['ok', 'warning', 'critical', 'unknown'];

/** Of seconds since the epoch in 32 bits: what is later is no time. */
const LAST_SECOND = 2 ** 32 - 1;

/** 0 ok, 1 warning, 2 critical, 3 unknown. */
export function statusNumber({ status }: ServiceCheck): number {
  return STATUSES.indexOf(status);
}

export function parseEvent(line: Buffer): Event | undefined {
  const header = /^_e\{(\d+),(\d+)\}:/.exec(line.toString('latin1'));
  if (!header) return undefined;
  const [titleLength, textLength] = [Number(header[1]), Number(header[2])];
  if (titleLength === 0) return undefined;
  const body = line.subarray(header[0].length);
  const text = body.toString();
  const parts =
    cut(body, titleLength, textLength) ?? cut(text, titleLength, textLength) ?? cut([...text], titleLength, textLength);
  if (!parts) return undefined;
  const event: Event = { kind: 'event', title: unescaped(parts.title), text: unescaped(parts.text), tags: [] };
  for (const field of parts.rest === '' ? [] : parts.rest.slice(1).split('|')) parseEventField(event, field);
  return event;
}

/** Title, text and what follows, if bars stand where the lengths (in bytes, UTF-16 units or code points) say. */
function cut(
  body: Buffer | string | string[],
  titleLength: number,
  textLength: number,
): { title: string; text: string; rest: string } | undefined {
  const part = (from: number, to?: number) => {
    const slice = body.slice(from, to);
    return Array.isArray(slice) ? slice.join('') : slice.toString();
  };
  const end = titleLength + 1 + textLength;
  if (body.length < end || part(titleLength, titleLength + 1) !== '|') return undefined;
  if (body.length > end && part(end, end + 1) !== '|') return undefined;
  return { title: part(0, titleLength), text: part(titleLength + 1, end), rest: part(end) };
}

function parseEventField(event: Event, field: string): void {
  const value = field.slice(2);
  if (field.startsWith('#')) takeTags(event, field);
  else if (field.startsWith('d:')) takeTimestamp(event, value);
  else if (field.startsWith('h:')) event.host = value;
  else if (field.startsWith('k:')) event.aggregationKey = value;
  else if (field.startsWith('s:')) event.source = value;
  else if (field === 'p:normal' || field === 'p:low') event.priority = value as 'normal' | 'low';
  else if (/^t:(info|warning|error|success)$/.test(field)) event.alertType = value as NonNullable<Event['alertType']>;
}

export function parseCheck(text: string): ServiceCheck | undefined {
  const [head, name, status, ...fields] = text.split('|');
  if (head !== '_sc' || !name || !/^[0-3]$/.test(status ?? '')) return undefined;
  const check: ServiceCheck = { kind: 'service_check', name, status: STATUSES[Number(status)]!, tags: [] };
  let inMessage = false;
  for (const field of fields) {
    const known = /^(d:|h:|m:|c:|e:|card:|#)/.test(field);
    if (inMessage && !known) check.message += `|${field}`;
    inMessage = field.startsWith('m:') || (inMessage && !known);
    const value = field.slice(2);
    if (field.startsWith('m:')) check.message = value;
    else if (field.startsWith('#')) takeTags(check, field);
    else if (field.startsWith('d:')) takeTimestamp(check, value);
    else if (field.startsWith('h:')) check.host = value;
  }
  if (check.message !== undefined) check.message = unescaped(check.message);
  return check;
}

function takeTags(of: Event | ServiceCheck, field: string): void {
  const { tags, host } = parseTags(field.slice(1));
  of.tags = tags;
  if (host !== undefined) of.host = host;
}

function takeTimestamp(of: Event | ServiceCheck, value: string): void {
  if (/^\d{1,10}$/.test(value) && Number(value) > 0 && Number(value) <= LAST_SECOND) of.timestamp = Number(value);
}

function unescaped(text: string): string {
  return text.replaceAll('\\n', '\n');
}
