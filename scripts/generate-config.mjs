/**
 * Writes what is derived from the schema of options: the sample (config/runnel.yaml), the JSON Schema for editors
 * (config/runnel.schema.json), the reference page (config/reference.md) and man/runnel.yaml.5; from the commands
 * man/runnel.8 and the completion of shells; from the reasons of losses their page (docs/losses.md), and from the catalog
 * of metrics theirs (docs/host-metrics.md); and the dashboard (dashboards/runnel.json). `npm run generate`.
 *
 * In the sample, taking one `#` away from each line that begins with `#` and not with `# ` and one letter uncomments
 * it: documentation of top-level options is `# text`, options are `#key: value`, what is nested is indented behind the #.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { shapeOf } from '../src/config/shape.ts';
import { LOSSES } from '../src/core/losses.ts';
import { optionsOf } from '../src/options.ts';
import { INPUTS } from '../src/sources/all.ts';
import { commands } from './commands.mjs';
import { bash, fish, zsh } from './completion.mjs';
import { dashboard } from './dashboard.mjs';
import { hostMetrics } from './host-metrics.mjs';
import { commandsPage, configurationPage } from './man.mjs';

const { schema } = optionsOf(INPUTS);

const WIDTH = 118;

/** The generated files by their path. */
export function render() {
  const shape = shapeOf(schema);
  const all = commands();
  return {
    'config/runnel.yaml': sample(shape),
    'config/runnel.schema.json': `${JSON.stringify(jsonSchema(shape), null, 2)}\n`,
    'config/reference.md': reference(shape),
    'docs/losses.md': losses(),
    'docs/host-metrics.md': hostMetrics(),
    'dashboards/runnel.json': dashboard(),
    'man/runnel.8': commandsPage(all),
    'man/runnel.yaml.5': configurationPage(shape, { typeOf, defaultOf }),
    'completion/runnel.bash': bash(all),
    'completion/_runnel': zsh(all),
    'completion/runnel.fish': fish(all),
  };
}

// --- the sample

function sample(shape) {
  const lines = [
    '# yaml-language-server: $schema=./runnel.schema.json',
    '# The configuration of runnel: every option, with its default. An empty file is valid: all of them are in force.',
    '# Check it with: runnel validate -c FILE',
    '# Files conf.d/*.yaml beside this one are added in name order: maps merge, lists append, a value set twice is an error.',
    '# ${NAME} and ${NAME:-default} come from the environment, ${file:PATH} from a file; $${ is a literal ${.',
  ];
  for (const [key, field] of shape.fields) {
    lines.push('', ...wrap(field.text, '# '), ...sampleOf(key, field, '#', [key]));
  }
  return `${lines.join('\n')}\n`;
}

/** The lines of one option; `indent` begins with the #. */
function sampleOf(key, field, indent, path) {
  const { shape } = field;
  if (shape.kind === 'map') return [`${indent}${key}:`, ...sampleFields(shape, `${indent}  `, path)];
  if (shape.kind === 'list' && shape.item.kind === 'map') {
    const [first, ...rest] = sampleFields(shape.item, `${indent}    `, [...path, '*']);
    return [`${indent}${key}:`, `${indent}  -`, first, ...rest];
  }
  return [`${indent}${key}: ${sampleValue(field)}`];
}

function sampleFields(shape, indent, path) {
  return [...shape.fields].flatMap(([key, field]) => {
    const at = [...path, key];
    const commented = field.alternative ? `${indent}# ` : indent;
    return [...wrap(field.text, `${indent}# `), ...sampleOf(key, field, commented, at)];
  });
}

function sampleValue({ shape, fallback }) {
  const isEmpty = typeof fallback === 'object' && Object.keys(fallback).length === 0;
  if (fallback !== undefined && !isEmpty) return inline(fallback);
  const example = exampleOf(shape);
  return isEmpty ? `${example}   # default: ${Array.isArray(fallback) ? '[]' : '{}'}` : example;
}

function exampleOf(shape) {
  if (shape.kind === 'list') return `[${exampleOf(shape.item)}]`;
  if (shape.kind === 'dictionary') return shape.example;
  if (shape.kind === 'choice') return shape.info.example;
  return inline(shape.info.example ?? shape.info.json.enum?.[0] ?? shape.info.json.minimum ?? '');
}

/** A value in YAML's flow form, quoted only where that is needed. */
function inline(value) {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  const text = String(value);
  if (text.startsWith('${')) return text;
  return /^[\w./][\w./:@ -]*$/.test(text) ? text : `'${text.replaceAll("'", "''")}'`;
}

/** Words into lines of at most WIDTH characters, each after `prefix`. */
function wrap(text, prefix) {
  const lines = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && prefix.length + line.length + 1 + word.length > WIDTH) {
      lines.push(prefix + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, prefix + line];
}

// --- the JSON Schema

/** What may stand for any scalar. */
const PLACEHOLDER = { type: 'string', pattern: '\\$\\{' };

function jsonSchema(shape) {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'runnel',
    description: 'The configuration of runnel, a host agent.',
    ...jsonOf(shape),
  };
}

function jsonOf(shape) {
  switch (shape.kind) {
    case 'list': {
      const item = jsonOf(shape.item);
      const list = { type: 'array', items: item };
      return shape.item.kind === 'leaf' || shape.single ? { anyOf: [list, item] } : list;
    }
    case 'dictionary':
      return { type: ['object', 'null'], additionalProperties: jsonOf(shape.value) };
    case 'map': {
      const properties = {};
      for (const [key, field] of shape.fields) {
        const fallback = field.fallback === undefined ? {} : { default: typed(field.fallback, field.shape) };
        properties[key] = { description: field.text, ...jsonOf(field.shape), ...fallback };
      }
      const required = [...shape.fields].filter(([, field]) => field.required).map(([key]) => key);
      const map = { type: ['object', 'null'], properties, additionalProperties: false };
      if (shape.unless !== undefined) map.anyOf = [{ required }, { required: [shape.unless] }];
      else if (required.length > 0) map.required = required;
      if (!shape.orFalse) return map;
      const off = shape.off === 'false' ? [] : [{ const: shape.off }];
      return { anyOf: [{ type: 'boolean' }, ...off, map] };
    }
    case 'choice': {
      const fields = [...shape.fields, ...shape.beside].map(([key, field]) => [
        key,
        { description: field.text, ...jsonOf(field.shape) },
      ]);
      const one = [...shape.fields.keys()].map((key) => ({ required: [key] }));
      const map = { type: 'object', properties: Object.fromEntries(fields), additionalProperties: false, oneOf: one };
      return { anyOf: [map, { type: 'string', description: `A ${shape.info.named.what}.` }] };
    }
    case 'grammar':
      return shape.info.json;
    default:
      return { anyOf: [shape.info.json, PLACEHOLDER] };
  }
}

/** Defaults are kept as text; in JSON a number is a number. */
function typed(value, shape) {
  if (Array.isArray(value)) return value.map((item) => typed(item, shape.item));
  const type = shape.info?.json.type;
  if (type === 'boolean') return value === 'true';
  return type === 'integer' || type === 'number' ? Number(value) : value;
}

// --- the reference page

function reference(shape) {
  const lines = [
    '# Configuration reference',
    '',
    'Generated from the schema by `npm run generate`. One YAML file, then `conf.d/*.yaml` beside it in name order: maps',
    'merge, lists append, a value that is set twice is an error. `${NAME}` and `${NAME:-default}` are replaced from the',
    'environment, `${file:PATH}` from a file (a relative path starts from the directory of the main file); `$${` is a',
    'literal `${`. Durations and sizes carry a unit (`50ms`, `10s`, `5m`, `2h`, `7d`; `64KiB`, `1GiB`, `1MB`). Where a',
    'list of values is wanted, one value will do. An option with nothing behind it has its default.',
    '',
    ...tables('', shape),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

function tables(name, shape) {
  const rows = [];
  const inner = [];
  for (const [key, field] of [...shape.fields, ...(shape.beside ?? [])]) {
    const path = name === '' ? key : `${name}.${key}`;
    const child = field.shape.kind === 'list' ? field.shape.item : field.shape;
    if (child.kind === 'map' || child.kind === 'choice')
      inner.push(...tables(field.shape.kind === 'list' ? `${path}[]` : path, child));
    rows.push(`| \`${key}\` | ${typeOf(field.shape)} | ${defaultOf(field)} | ${field.text.replaceAll('|', '\\|')} |`);
  }
  const title = name === '' ? 'Top level' : `\`${name}\``;
  return [`## ${title}`, '', '| option | type | default | |', '|---|---|---|---|', ...rows, '', ...inner];
}

function typeOf(shape) {
  if (shape.kind === 'list')
    return `${shape.single ? `${typeOf(shape.item)}, or a ` : ''}list of ${shape.single ? 'such' : typeOf(shape.item)}`;
  if (shape.kind === 'dictionary') return `map of ${typeOf(shape.value)}`;
  if (shape.kind === 'choice') return `map with one of the keys, or a ${shape.info.named.what}`;
  if (shape.kind === 'map') return shape.orFalse ? `map, true or ${shape.off}` : 'map';
  return shape.info.label;
}

function defaultOf({ shape, fallback, required }) {
  if (required) return 'required';
  if (fallback === undefined || shape.kind === 'map') return '';
  if (shape.kind === 'dictionary') return '`{}`';
  return `\`${inline(fallback)}\``;
}

// --- the losses

function losses() {
  const cell = (text) => text.replaceAll('|', '\\|');
  const rows = Object.entries(LOSSES).map(
    ([reason, { meaning, remedy }]) => `| \`${reason}\` | ${cell(meaning)} | ${cell(remedy)} |`,
  );
  const lines = [
    '# What is lost, and why',
    '',
    'Generated from `src/core/losses.ts` by `npm run generate`. Whatever is received and not forwarded is counted by its',
    'reason: in `runnel status` under `lost`, in the figures as `runnel_dropped_total` (items) and',
    '`runnel_dropped_bytes_total` (bytes, also of what never became items).',
    '',
    '| reason | what it means | what to do |',
    '|---|---|---|',
    ...rows,
  ];
  return `${lines.join('\n')}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of Object.entries(render())) {
    const to = fileURLToPath(new URL(`../${path}`, import.meta.url));
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, text);
  }
}
