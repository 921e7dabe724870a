/**
 * Which fields the records of each kind have, as OpenSearch and Elasticsearch are told: Elastic Common Schema where that has
 * a name for it. A field that is not named here becomes a keyword where it is text, and what it looks like otherwise.
 *
 *   labels.*       keywords: of the configuration, and few
 *   attributes.*   of applications, maybe many: keywords, which can be counted by; or one field for all of them (flat)
 *
 * Numbers that nobody looks for have `index: false`: they can be added and drawn, not be searched by range.
 */
import type { RecordKind } from '../options.ts';
import type { Product } from '../transport.ts';

/** Beside what it means it has what Elasticsearch calls otherwise. */
export type AttributeMapping = 'keyword' | 'flat';

type Mapping = Record<string, unknown>;

const LONGEST = 1024;
const KEYWORD: Mapping = { type: 'keyword', ignore_above: LONGEST };
const PATH: Mapping = { type: 'keyword', ignore_above: 4096 };
const WORD: Mapping = { type: 'keyword' };
const DATE: Mapping = { type: 'date' };
const LONG: Mapping = { type: 'long' };
/** In the document, and found by nobody. */
const KEPT: Mapping = { type: 'object', enabled: false };
const ID: Mapping = { type: 'keyword', index: false, doc_values: false };
const drawn = (type: string): Mapping => ({ type, index: false });
const object = (properties: Mapping): Mapping => ({ properties });
const text = (): Mapping => ({ type: 'text', norms: false });

const HOST = object({ name: KEYWORD });
const SERVICE = object({ name: KEYWORD, version: KEYWORD, instance: object({ id: KEYWORD }) });

/** One for each type: `*` would stand for objects, too, and a name with a dot is one (`team.name`). */
function keywordsBelow(path: string): Mapping[] {
  return ['string', 'long', 'double', 'boolean'].map((type) => ({
    [`${path}.${type}`]: { path_match: `${path}.*`, match_mapping_type: type, mapping: KEYWORD },
  }));
}

const STRINGS: Mapping = { strings: { match_mapping_type: 'string', mapping: KEYWORD } };

interface Fields {
  properties: Mapping;
  /** Maps of names that applications choose. */
  attributes?: readonly string[];
  /** Before those that all have. */
  dynamic?: readonly Mapping[];
}

const LOGS: Fields = {
  properties: {
    message: text(),
    log: object({
      file: object({ path: PATH, id: KEYWORD }),
      offset: LONG,
      length: drawn('integer'),
      skipped: drawn('long'),
      flags: WORD,
      level: KEYWORD,
      iostream: KEYWORD,
      syslog: object({
        priority: LONG,
        facility: object({ code: LONG }),
        severity: object({ code: LONG }),
        structured_data: KEPT,
      }),
    }),
    event: object({
      dataset: KEYWORD,
      id: { type: 'keyword', index: false },
      created: DATE,
      duration: LONG,
      original: ID,
    }),
    error: object({ type: KEYWORD, message: text(), stack_trace: { ...ID } }),
    http: object({
      version: KEYWORD,
      request: object({ method: KEYWORD, referrer: KEYWORD }),
      response: object({ status_code: LONG, body: object({ bytes: LONG }) }),
    }),
    url: object({ original: KEYWORD, path: KEYWORD }),
    user_agent: object({ original: KEYWORD }),
    source: object({ address: KEYWORD }),
    user: object({ name: KEYWORD }),
    service: SERVICE,
    trace: object({ id: KEYWORD }),
    span: object({ id: KEYWORD }),
    // What a line had under the names of the envelope: of any type.
    conflict: KEPT,
  },
};

const METRICS: Fields = {
  properties: {
    start: drawn('date'),
    interval: drawn('integer'),
    name: KEYWORD,
    type: WORD,
    unit: { type: 'keyword', index: false },
    value: drawn('double'),
    count: drawn('long'),
    sum: drawn('double'),
    min: drawn('double'),
    max: drawn('double'),
    avg: drawn('double'),
    sketch: { type: 'binary' },
    // Pairs of a bound and a count.
    buckets: KEPT,
    message: text(),
    event: object({ id: ID, dataset: KEYWORD }),
    service: SERVICE,
  },
  attributes: ['attributes'],
  dynamic: [
    {
      percentiles: {
        match_pattern: 'regex',
        match: '^p[0-9]+(_[0-9]+)?$',
        match_mapping_type: '*',
        mapping: drawn('double'),
      },
    },
  ],
};

const EVENTS: Fields = {
  properties: {
    message: text(),
    title: { type: 'text', norms: false, fields: { keyword: KEYWORD } },
    event: object({ id: KEYWORD, kind: WORD, dataset: KEYWORD, provider: KEYWORD, severity: KEYWORD }),
    tags: { type: 'object' },
  },
  dynamic: keywordsBelow('tags'),
};

const TRACES: Fields = {
  properties: {
    trace: object({ id: KEYWORD }),
    span: object({ id: KEYWORD, name: KEYWORD, kind: KEYWORD }),
    parent: object({ id: KEYWORD }),
    event: object({ dataset: KEYWORD, duration: LONG, outcome: KEYWORD }),
    service: SERVICE,
    events: KEPT,
    links: KEPT,
  },
  attributes: ['attributes', 'resource.attributes'],
};

const ALERTS: Fields = {
  properties: {
    event: object({
      id: KEYWORD,
      kind: WORD,
      action: WORD,
      dataset: KEYWORD,
      severity: KEYWORD,
      start: DATE,
      end: DATE,
    }),
    rule: object({ name: KEYWORD, ruleset: KEYWORD }),
    alert: object({
      fingerprint: KEYWORD,
      state: WORD,
      previous: WORD,
      value: { type: 'double' },
      threshold: { type: 'double' },
      for_seconds: { type: 'double' },
      silenced: { type: 'boolean' },
      summary: text(),
      change: LONG,
    }),
  },
};

const AUDIT: Fields = {
  properties: {
    message: text(),
    event: object({ id: KEYWORD, kind: WORD, action: KEYWORD, outcome: KEYWORD, dataset: KEYWORD }),
    user: object({ id: KEYWORD, name: KEYWORD }),
    // Numbers of 20 digits sort as text, and are exact so.
    audit: object({ stream: KEYWORD, sequence: KEYWORD, time: DATE, previous: ID, hash: KEYWORD }),
    seal: object({
      stream: KEYWORD,
      from: KEYWORD,
      to: KEYWORD,
      count: LONG,
      head: KEYWORD,
      previous_seal: ID,
      key: KEYWORD,
      next_key: ID,
      signature: ID,
    }),
  },
};

const FIELDS: Readonly<Record<RecordKind, Fields>> = {
  logs: LOGS,
  metrics: METRICS,
  events: EVENTS,
  traces: TRACES,
  alerts: ALERTS,
  audit: AUDIT,
};

/** Whoever changes a mapping counts this up: streams get it at their next rollover. */
export const MAPPINGS_VERSION = 1;

/** `mappings` of a template. */
export function mappingsOf(records: RecordKind, attributes: AttributeMapping, product: Product['name']): Mapping {
  const { properties, attributes: maps = [], dynamic = [] } = FIELDS[records];
  const all: Mapping = { '@timestamp': DATE, host: HOST, labels: { type: 'object' }, ...properties };
  const flat = { type: product === 'opensearch' ? 'flat_object' : 'flattened' };
  for (const path of maps) place(all, path, attributes === 'flat' ? flat : { type: 'object' });
  return {
    dynamic: 'true',
    date_detection: false,
    numeric_detection: false,
    dynamic_templates: [
      ...dynamic,
      ...keywordsBelow('labels'),
      ...(attributes === 'keyword' ? maps.flatMap(keywordsBelow) : []),
      STRINGS,
    ],
    properties: all,
  };
}

/** `resource.attributes` within `resource`. */
function place(properties: Mapping, path: string, mapping: Mapping): void {
  const dot = path.indexOf('.');
  if (dot < 0) properties[path] = mapping;
  else properties[path.slice(0, dot)] = object({ [path.slice(dot + 1)]: mapping });
}
