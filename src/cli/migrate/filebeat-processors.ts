/** `processors` as steps of `process`, and their conditions as ours. */
import type { ForeignOptions } from './foreign-options.ts';
import { patternOf } from './foreign-options.ts';

type Step = Record<string, unknown>;

/** What makes records larger from outside: what of it a record has anyway, or where else it is. */
const ELSEWHERE: Record<string, string> = {
  add_host_metadata:
    'a record has host.name; what else there is of the host comes as inventory, once (metrics.host.inventory)',
  add_cloud_metadata: 'has no counterpart: write what you need as tags, for example tags: {region: "${AWS_REGION}"}',
  add_docker_metadata: 'has no counterpart among the steps',
  add_kubernetes_metadata: 'has no counterpart among the steps',
  add_process_metadata: 'has no counterpart',
};

/** What Filebeat adds to each record, and this agent does not. */
const OF_FILEBEAT =
  /^(agent|ecs|input|beat|prospector|@metadata|cloud|docker|container|kubernetes|source|offset|host\.(?!name)[\w.]+)(\.|$)/;

export function processorSteps(processors: readonly ForeignOptions[]): Step[] {
  return processors.flatMap((processor) => {
    const [name] = processor.keys();
    if (name === undefined) return [];
    const place = processor.placeOf(name);
    if (name in ELSEWHERE) {
      processor.tree(name);
      processor.unmapped(name, place, ELSEWHERE[name]!);
      return [];
    }
    const make = MAKERS[name];
    // It stays, and is said at the end.
    if (!make) return [];
    const options = processor.map(name);
    const steps = make(options);
    if (!options.has('when')) return steps;
    const when = conditionOf(options.map('when'));
    if (when === null) return [];
    return name === 'drop_event' ? [{ drop: when }] : steps.map((step) => ({ ...step, when }));
  });
}

const MAKERS: Record<string, (options: ForeignOptions) => Step[]> = {
  drop_event(options) {
    if (!options.has('when'))
      options.unmapped('when', options.place, 'drop_event without a condition drops all: leave the input out');
    return [];
  },
  drop_fields(options) {
    options.needless(['ignore_missing'], 'is not needed: what is not there is no error');
    const place = options.placeOf('fields');
    const fields = options.texts('fields');
    const own = fields.filter((field) => OF_FILEBEAT.test(field));
    if (own.length > 0) options.note('fields', place, `no record has ${own.join(', ')}`);
    const rest = fields.filter((field) => !own.includes(field));
    return rest.length === 0 ? [] : [{ remove: rest }];
  },
  include_fields(options) {
    const fields = options.texts('fields');
    return fields.length === 0 ? [] : [{ only: fields }];
  },
  rename(options) {
    options.needless(['ignore_missing', 'fail_on_error'], 'is not needed: what is not there is no error');
    const renames = options.maps('fields').map((one) => [one.text('from') ?? '', one.text('to') ?? '']);
    return renames.length === 0 ? [] : [{ rename: Object.fromEntries(renames) }];
  },
  add_fields(options) {
    const target = options.text('target') ?? 'fields';
    const fields = Object.entries(options.flat('fields'));
    const prefix = target === '' ? '' : `${target}.`;
    return [{ add: Object.fromEntries(fields.map(([key, value]) => [`${prefix}${key}`, value])) }];
  },
  add_labels(options) {
    options.unmapped(
      'labels',
      options.placeOf('labels'),
      'labels are those of the configuration: write them as tags of the input',
    );
    options.tree('labels');
    return [];
  },
  decode_json_fields(options) {
    const place = options.placeOf('fields');
    const fields = options.texts('fields');
    options.needless(['max_depth', 'process_array', 'overwrite_keys', 'add_error_key', 'expand_keys'], 'is not needed');
    const target = options.text('target');
    const [field] = fields;
    if (fields.length !== 1 || field === undefined) {
      options.unmapped('fields', place, 'more than one field: write a parse step for each');
      return [];
    }
    const into = target === '' ? {} : { into: target ?? field };
    const of = field === 'message' ? {} : { field };
    const how = { ...of, ...into };
    return [{ parse: Object.keys(how).length === 0 ? 'json' : { json: how } }];
  },
  timestamp(options) {
    const field = options.text('field') ?? '';
    options.needless(
      ['ignore_missing', 'ignore_failure', 'test', 'layouts', 'target_field'],
      'is not needed: the usual forms are known (docs/processing.md, Times)',
    );
    const zone = options.text('timezone');
    return [{ time: zone === undefined ? field : { field, zone } }];
  },
  lowercase(options) {
    const fields = options.texts('fields');
    options.needless(['ignore_missing', 'fail_on_error', 'alter_full_field'], 'is not needed');
    return fields.map((field) => ({ set: { [field]: { lower: true } } }));
  },
};

/** Null: it cannot be mapped, and why was said. */
export function conditionOf(when: ForeignOptions): unknown {
  const parts = when.keys().map((key): unknown => {
    const place = when.placeOf(key);
    switch (key) {
      case 'and':
      case 'or': {
        const each = when.maps(key).map(conditionOf);
        if (each.includes(null)) return null;
        return key === 'or' ? each : allOf(each);
      }
      case 'not': {
        const inner = conditionOf(when.map(key));
        return inner === null ? null : { not: inner };
      }
      case 'equals':
      case 'contains':
        return tests(when.flat(key), (value) => (key === 'equals' ? value : { contains: value }), key === 'equals');
      case 'regexp':
        return tests(when.flat(key), (value) => ({ matches: patternOf(value) }), false);
      case 'has_fields':
        return Object.fromEntries(when.texts(key).map((field) => [field, { exists: true }]));
      case 'range':
        return ranges(when.flat(key));
      default:
        when.tree(key);
        when.unmapped(key, place, 'is a condition without counterpart');
        return null;
    }
  });
  if (parts.length === 0 || parts.includes(null)) return null;
  return allOf(parts);
}

/** All hold: one map, where no name is there twice, else no one that does not. */
function allOf(parts: readonly unknown[]): unknown {
  if (parts.length === 1) return parts[0];
  const maps = parts.filter((part) => !Array.isArray(part)) as Record<string, unknown>[];
  const names = maps.flatMap((map) => Object.keys(map));
  if (maps.length === parts.length && new Set(names).size === names.length) return Object.assign({}, ...maps);
  return { not: parts.map((part) => ({ not: part })) };
}

/** `message` is the line as it was read, of which there is no equality. */
function tests(fields: Record<string, string>, test: (value: string) => unknown, whole: boolean): unknown {
  return Object.fromEntries(
    Object.entries(fields).map(([field, value]) => {
      if (field !== 'message') return [field, test(value)];
      return ['line', whole ? { matches: `^${RegExp.escape(value)}$` } : test(value)];
    }),
  );
}

/** `a.gte: 400` */
function ranges(flat: Record<string, string>): unknown {
  const fields: Record<string, Record<string, number>> = {};
  for (const [path, value] of Object.entries(flat)) {
    const at = path.lastIndexOf('.');
    const field = path.slice(0, at);
    fields[field] = { ...fields[field], [path.slice(at + 1)]: Number(value) };
  }
  return fields;
}
