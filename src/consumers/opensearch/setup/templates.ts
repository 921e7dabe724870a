/**
 * Templates: of what streams are made, and each of their indices when it begins.
 *
 *   runnel-<prefix>            index template: streams <prefix>-*, composed of
 *   runnel-<prefix>-settings   shards, replicas, refresh
 *   runnel-<prefix>-mappings   fields of its kind of records
 *
 * `_meta` says who made one, of which version, and a hash of it as it was then. One that is not as it was made was changed
 * by somebody, and is left alone.
 */
import { createHash } from '../../../builtin.ts';
import type { OpenSearchOptions } from '../options.ts';
import type { Json, Product } from '../transport.ts';
import { MAPPINGS_VERSION, mappingsOf } from './mappings.ts';

export interface Template {
  /** `_component_template/runnel-ds-settings` */
  path: string;
  /** Without `_meta`. */
  body: Record<string, unknown>;
}

/** Counts up with what templates hold beside mappings. */
const SETTINGS_VERSION = 1;
export const TEMPLATES_VERSION = MAPPINGS_VERSION + SETTINGS_VERSION - 1;

/** More than any of the products' own, and more for a longer prefix: `ds-*` also matches the streams of `ds-eu`. */
const PRIORITY = 500;

/** In the order in which they are made: the last one is composed of the others. */
export function templatesFor(options: OpenSearchOptions, product: Product['name']): Template[] {
  const { stream_prefix, records, template } = options;
  const { shards, replicas, refresh_interval } = template;
  const attributes = template.attributes ?? (product === 'opensearch' ? 'keyword' : 'flat');
  const [name, settings, mappings] = ['', '-settings', '-mappings'].map((end) => `runnel-${stream_prefix}${end}`);
  const index = {
    number_of_shards: shards,
    number_of_replicas: replicas,
    refresh_interval: `${refresh_interval}ms`,
    codec: 'best_compression',
    'mapping.total_fields.limit': 2000,
    ...(records === 'logs' && { 'query.default_field': ['message'] }),
  };
  return [
    { path: `_component_template/${settings}`, body: { template: { settings: { index } } } },
    {
      path: `_component_template/${mappings}`,
      body: { template: { mappings: mappingsOf(records, attributes, product) } },
    },
    {
      path: `_index_template/${name}`,
      body: {
        index_patterns: [`${stream_prefix}-*`],
        data_stream: {},
        priority: PRIORITY + stream_prefix.length,
        composed_of: [settings, mappings],
      },
    },
  ];
}

/** What is sent: with who made it. */
export function signed({ body }: Template): object {
  return {
    ...body,
    version: TEMPLATES_VERSION,
    _meta: { by: 'runnel', version: TEMPLATES_VERSION, hash: hashOf(body) },
  };
}

export type TemplateState = 'missing' | 'same' | 'old' | 'changed' | 'newer';

/** What is there, as the product gives it back (null: nothing), beside what is wanted. */
export function compare({ body }: Template, found: Json): TemplateState {
  if (found === null) return 'missing';
  const hash = hashOf(found);
  if (hash === hashOf(body)) return 'same';
  const { by, version, hash: made } = found._meta ?? {};
  if (by !== 'runnel') return 'changed';
  if (version > TEMPLATES_VERSION) return 'newer';
  return made === hash ? 'old' : 'changed';
}

/**
 * Of what is told back in other words than it was sent: settings are text, nested or not; a data stream has its time field
 * named.
 */
function hashOf(body: Json): string {
  const { index_patterns, data_stream, priority, composed_of, template = {} } = body;
  const { settings, mappings, aliases, lifecycle } = template;
  const plain = {
    index_patterns,
    data_stream: data_stream !== undefined,
    priority,
    composed_of,
    settings: settings && flattened(settings),
    mappings,
    aliases,
    lifecycle,
  };
  return createHash('sha256')
    .update(JSON.stringify(sorted(plain)))
    .digest('hex')
    .slice(0, 16);
}

/** `{index: {codec: x}}` as `{'index.codec': 'x'}`. */
function flattened(settings: Json, prefix = ''): Record<string, unknown> {
  const flat: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(settings)) {
    const name = prefix === '' && key !== 'index' && !key.startsWith('index.') ? `index.${key}` : `${prefix}${key}`;
    if (Array.isArray(value)) flat[name] = value.map(String);
    else if (typeof value === 'object' && value !== null) Object.assign(flat, flattened(value, `${name}.`));
    else flat[name] = String(value);
  }
  return flat;
}

/** Objects with their keys in order, so that equal ones are equal as text; what is not there is left out. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined && inner !== null);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)]));
}
