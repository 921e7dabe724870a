/**
 * The grammar of DogStatsD (protocol 1.0 to 1.6) and of etsy's StatsD, one line at a time: the reference that the kernel's
 * fast path agrees with, and what runs once for each new spelling and for everything unusual.
 *
 *   metric  name ":" value *( ":" value ) "|" type *( "|" field )        (a set's value is not split)
 *   type    "c" / "g" / "ms" / "h" / "d" / "s"
 *   field   "@" rate / "#" tags / "T" unix time / "c:" container / "e:" external / "card:" cardinality / unknown, ignored
 *   tags    tag *( "," tag ),  tag = key [ ":" value ]
 *   event   "_e{" title bytes "," text bytes "}:" ...        service check   "_sc|" ...        see parse-event.ts
 *
 *   packed  name ":" value "|" type [ "|@" rate ] *( ":" value "|" type [ "|@" rate ] ) [ "|#" tags ]         (etsy's way)
 *
 * A repeated field: the last one counts. `+5|g` is the value 5, not a step, but in the dialect `statsd`.
 */
import { DOGSTATSD, type Manner, sanitized } from './manner.ts';
import { tagsInName } from './name-tags.ts';
import { type Event, parseCheck, parseEvent, type ServiceCheck } from './parse-event.ts';
import { parseTags, type Tag } from './tags.ts';

export type WireType = 'c' | 'g' | 'ms' | 'h' | 'd' | 's';

export interface Metric {
  kind: 'metric';
  name: string;
  type: WireType;
  /** Of all types but sets. */
  values: number[];
  /** Of gauges, where one of them is: which of the values are steps from the one before. */
  steps?: boolean[];
  /** Of sets: the member. */
  member?: string;
  rate?: number;
  tags: Tag[];
  /** From the tag `host:`, which says where the sample comes from. */
  host?: string;
  /** Seconds since the epoch. */
  timestamp?: number;
  container?: string;
  inode?: number;
  external?: External;
  cardinality?: string;
  /** Fields that this grammar does not know: ignored, and counted. */
  unknownFields: number;
}

/** `e:it-<init>,cn-<container name>,pu-<pod uid>` */
export interface External {
  init?: boolean;
  container?: string;
  pod?: string;
}

export interface Rejected {
  kind: 'rejected';
  reason: MalformedReason;
  /** The same for who wrote the line: what is wrong with it. */
  detail: string;
}

/** Part of `malformed:<reason>` in the counters. */
export type MalformedReason = 'name' | 'value' | 'type' | 'rate' | 'timestamp' | 'event' | 'service_check';

export type Parsed = Metric | Event | ServiceCheck | Rejected;

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const TYPES = new Set<string>(['c', 'g', 'ms', 'h', 'd', 's']);
/** Characters of names and tags that a packed line may come to, each of its samples having its own. */
const MOST_UNPACKED = 1 << 20;
const FORM = 'a line is NAME:VALUE|TYPE';
const EVENT_FORM = 'it is _e{TITLE BYTES,TEXT BYTES}:TITLE|TEXT, and the title is not empty';
const CHECK_FORM = 'it is _sc|NAME|STATUS, the status from 0 to 3';

/** A line without its terminator: what it says, of a packed one more than one thing. A CR at its end is none of it. */
export function parseLine(bytes: Buffer, manner: Manner = DOGSTATSD): Parsed[] {
  const line = bytes.at(-1) === 13 ? bytes.subarray(0, -1) : bytes;
  const text = line.toString();
  if (manner.dialect === 'dogstatsd') {
    if (text.startsWith('_e{')) return [parseEvent(line) ?? rejected('event', `no event: ${EVENT_FORM}`)];
    if (text.startsWith('_sc'))
      return [parseCheck(text) ?? rejected('service_check', `no service check: ${CHECK_FORM}`)];
  }
  const lines = unpacked(text);
  return lines ? lines.map((one) => parseMetric(one, manner)) : [rejected('value', 'there are too many in one line')];
}

/** A line each; most are what they are. Null: too many, each with long tags, to be taken while datagrams wait. */
function unpacked(text: string): string[] | null {
  const bar = text.indexOf('|');
  const hash = text.indexOf('|#');
  // Most have no colon behind the type but in tags, and those stand last.
  const more = bar <= 0 ? -1 : text.indexOf(':', bar);
  if (more < 0 || (hash >= 0 && hash < more && !text.includes('|', hash + 1))) return [text];
  if (!isPacked(text.split('|'))) return [text];
  const colon = text.slice(0, bar).indexOf(':');
  const [packed, tags] = hash < 0 ? [text, ''] : [text.slice(0, hash), text.slice(hash)];
  const parts = packed.slice(colon + 1).split(':');
  if (parts.length * (colon + tags.length) > MOST_UNPACKED) return null;
  return parts.filter((part) => part !== '').map((part) => `${text.slice(0, colon)}:${part}${tags}`);
}

function isPacked([, type = '', ...fields]: string[]): boolean {
  if (type.includes(':')) return true;
  return fields.some((field) => field.startsWith(':') || (field.startsWith('@') && field.includes(':')));
}

function parseMetric(text: string, { dialect, nameTags }: Manner): Metric | Rejected {
  const [head = '', type, ...rest] = text.split('|');
  let fields = rest;
  const colon = head.indexOf(':');
  if (colon === 0 || head === '') return rejected('name', `there is no name: ${FORM}`);
  if (colon < 0) return rejected('value', `there is no value: ${FORM}`);
  if (!type) return rejected('type', `there is no type: ${FORM}`);
  if (!TYPES.has(type)) return rejected('type', `${type} is none of ${[...TYPES].join(' ')}`);
  const metric: Metric = {
    kind: 'metric',
    name: head.slice(0, colon),
    type: type as WireType,
    values: [],
    tags: [],
    unknownFields: 0,
  };
  const named = nameTags.length > 0 ? tagsInName(metric.name, nameTags) : null;
  if (named) {
    // The last one counts, and an empty one says nothing.
    if ((fields.findLast((field) => field.startsWith('#')) ?? '#') !== '#') {
      return rejected('name', 'there are tags in the name and behind the value: write them in one way');
    }
    fields = fields.filter((field) => !field.startsWith('#'));
    metric.name = named.name;
    metric.tags = named.tags;
  }
  let value = head.slice(colon + 1);
  if (dialect === 'statsd') {
    metric.name = sanitized(metric.name);
    if (metric.name === '') return rejected('name', 'nothing is left of the name: use letters, digits, . _ and -');
    value = value.trim();
    if (type === 's' && value === '') value = '0';
    if (type === 'g' && /(^|:)[+-]/.test(value)) metric.steps = [];
  }
  if (type === 's') {
    if (value === '') return rejected('value', `there is no value: ${FORM}`);
    metric.member = value;
  } else {
    for (const member of value.split(':')) {
      if (member === '') continue;
      const number = parseNumber(member);
      if (number === undefined) return rejected('value', `${member} is no number${hint(member)}`);
      metric.values.push(number);
      metric.steps?.push(/^[+-]/.test(member));
    }
    if (metric.values.length === 0) return rejected('value', `there is no value: ${FORM}`);
  }
  for (const field of fields) {
    const wrong = parseField(metric, field);
    if (wrong) return wrong;
  }
  return metric;
}

function parseField(metric: Metric, field: string): Rejected | undefined {
  if (field.startsWith('#')) {
    const { tags, host } = parseTags(field.slice(1));
    metric.tags = tags;
    delete metric.host;
    if (host !== undefined) metric.host = host;
  } else if (field.startsWith('@')) {
    const rate = parseNumber(field.slice(1));
    if (rate === undefined || rate <= 0 || rate > 1) {
      return rejected('rate', `${field} is no sample rate: it is above 0 and at most 1`);
    }
    metric.rate = rate;
  } else if (field.startsWith('T')) {
    const timestamp = /^\d+$/.test(field.slice(1)) ? Number(field.slice(1)) : 0;
    if (timestamp < 1 || !Number.isSafeInteger(timestamp)) {
      return rejected('timestamp', `${field} is no time: whole seconds since 1970, such as T1796083200`);
    }
    metric.timestamp = timestamp;
  } else if (field.startsWith('c:')) {
    for (const part of field.slice(2).split(',')) {
      if (part.startsWith('in-')) metric.inode = Number(part.slice(3));
      else metric.container = part.replace(/^ci-|^cid-/, '');
    }
  } else if (field.startsWith('e:')) {
    metric.external = parseExternal(field.slice(2));
  } else if (field.startsWith('card:')) {
    metric.cardinality = field.slice(5);
  } else if (field !== '') {
    metric.unknownFields++;
  }
  return undefined;
}

function parseExternal(text: string): External {
  const external: External = {};
  for (const part of text.split(',')) {
    const value = part.slice(3);
    if (part.startsWith('it-')) external.init = value === 'true';
    else if (part.startsWith('cn-')) external.container = value;
    else if (part.startsWith('pu-')) external.pod = value;
  }
  return external;
}

/** `[+-]digits[.digits][e[+-]digits]`, finite; not what JavaScript takes besides (spaces, 0x, Infinity, nothing). */
export function parseNumber(text: string): number | undefined {
  if (!NUMBER.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/** What is often meant. */
function hint(member: string): string {
  return /^[+-]?\d+,\d+$/.test(member) ? `: write ${member.replace(',', '.')}` : '';
}

function rejected(reason: MalformedReason, detail: string): Rejected {
  return { kind: 'rejected', reason, detail };
}
