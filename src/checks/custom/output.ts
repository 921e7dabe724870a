/** What programs print, read into a collector: one function a format. Each throws a sentence where the text is none. */
import type { Collector, SeriesLabels } from './collector.ts';
import { readExposition } from './exposition.ts';
import { readStatsd } from './statsd-lines.ts';
import { Steps } from './steps.ts';

export const OUTPUTS = ['nagios', 'prometheus', 'influx', 'statsd', 'json'] as const;
export type OutputFormat = (typeof OUTPUTS)[number];

/** `name`: the check's. Returns what the program says of itself, where the format has that. */
export async function readOutput(
  format: OutputFormat,
  text: string,
  name: string,
  to: Collector,
  signal?: AbortSignal,
): Promise<string | null> {
  const steps = new Steps(signal);
  if (format === 'nagios') return readNagios(text, name, to, steps);
  if (format === 'prometheus') await readExposition(text, to, { nameOf: (metric) => metric }, signal);
  else if (format === 'influx') await readInflux(text, to, steps);
  else if (format === 'statsd') await readStatsd(text, to, steps);
  else await readJson(text, to, steps);
  return null;
}

const UNITS: Record<string, [unit: string, factor: number]> = {
  s: ['s', 1],
  ms: ['s', 1e-3],
  us: ['s', 1e-6],
  B: ['By', 1],
  KB: ['By', 1e3],
  MB: ['By', 1e6],
  GB: ['By', 1e9],
  TB: ['By', 1e12],
  '%': ['%', 1],
  c: ['1', 1],
};

/**
 * Monitoring Plugins' guidelines: `TEXT | 'label'=value[unit];warn;crit;min;max ...`, the text and more of it on further
 * lines. A unit of `c` is a counter. `U` is a value that is not known; others that are no numbers (`1,5` of a locale) are counted.
 */
async function readNagios(text: string, name: string, to: Collector, steps: Steps): Promise<string> {
  const [first = '', ...rest] = text.split('\n');
  const [said = '', ...data] = first.split('|');
  const later = rest.join('\n').split('|')[1] ?? '';
  for (const { label, value, unit: written } of perfdata(`${data.join('|')} ${later}`)) {
    const pause = steps.step();
    if (pause) await pause;
    const [unit, factor] = Object.hasOwn(UNITS, written) ? UNITS[written]! : [written || '1', 1];
    const metric = `${name}.${label}`;
    if (written === 'c') to.total(metric, value, {}, unit);
    else to.gauge(metric, value * factor, {}, unit);
  }
  return said.trim();
}

const LABEL = /(?:'((?:[^']|'')*)'|([^\s='|]+))=/y;
const VALUE = /([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)([a-zA-Z%]*)(?=[;\s]|$)/y;
const UNKNOWN = /U?(?=[;\s]|$)/y;
const BLANK = /\s|$/g;
const ITEM = /\S|$/g;

/** From item to item: what is none is passed over up to the next blank, so that its length is walked once. */
function* perfdata(text: string): Iterable<{ label: string; value: number; unit: string }> {
  for (let at = 0; ; ) {
    ITEM.lastIndex = at;
    at = ITEM.exec(text)!.index;
    if (at === text.length) return;
    LABEL.lastIndex = at;
    const named = LABEL.exec(text);
    if (named) {
      at = LABEL.lastIndex;
      VALUE.lastIndex = at;
      const found = VALUE.exec(text);
      const label = named[1]?.replaceAll("''", "'") ?? named[2]!;
      UNKNOWN.lastIndex = at;
      if (found) yield { label, value: Number(found[1]), unit: found[2]! };
      else if (!UNKNOWN.test(text)) yield { label, value: Number.NaN, unit: '' };
    }
    BLANK.lastIndex = at;
    at = BLANK.exec(text)!.index;
  }
}

/** InfluxDB's line protocol: `measurement,tag=a field=1,other=2i 1465839830100400200`. Text fields are passed over. */
async function readInflux(text: string, to: Collector, steps: Steps): Promise<void> {
  for (const [i, line] of text.split('\n').entries()) {
    const pause = steps.step();
    if (pause) await pause;
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [head, fields] = splitOutside(line.trim(), ' ');
    const [measurement, ...tags] = splitOutside(head ?? '', ',');
    if (!measurement || !fields)
      throw new Error(`line ${i + 1} is no line of InfluxDB's: it is NAME[,TAG=...] FIELD=...`);
    const labels: Record<string, string> = {};
    for (const tag of tags) {
      const [key, value] = splitOutside(tag, '=');
      if (key && value !== undefined) labels[unescaped(key)] = unescaped(value);
    }
    for (const field of splitOutside(fields, ',')) {
      const rest = steps.step();
      if (rest) await rest;
      const [key, value = ''] = splitOutside(field, '=');
      const number = influxNumber(value);
      if (key && number !== null) to.gauge(`${unescaped(measurement)}.${unescaped(key)}`, number, labels);
    }
  }
}

function influxNumber(value: string): number | null {
  if (/^(t|T|true|True|TRUE)$/.test(value)) return 1;
  if (/^(f|F|false|False|FALSE)$/.test(value)) return 0;
  return /^[-+]?(\d|\.\d)[\d.]*(e[-+]?\d+)?[iu]?$/i.test(value) ? Number(value.replace(/[iu]$/, '')) : null;
}

/** At signs that neither a backslash nor quotes take away. */
function splitOutside(text: string, sign: string): string[] {
  const parts: string[] = [];
  let from = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') quoted = !quoted;
    else if (text[i] === sign && !quoted) {
      parts.push(text.slice(from, i));
      from = i + 1;
    }
  }
  return [...parts, text.slice(from)];
}

function unescaped(text: string): string {
  return text.replace(/\\([,= "\\])/g, '$1');
}

interface JsonMetric {
  name: string;
  type?: 'gauge' | 'count';
  value: number;
  unit?: string;
  attributes?: SeriesLabels;
}

/** `[{"name","type":"gauge|count","value","unit","attributes"}]` */
async function readJson(text: string, to: Collector, steps: Steps): Promise<void> {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (error) {
    throw new Error(
      text.trim() === '' ? 'prints nothing: [] is no metric' : `prints no JSON: ${(error as Error).message}`,
    );
  }
  if (!Array.isArray(list)) throw new Error('is no array: [{"name":"queue.size","type":"gauge","value":3}]');
  for (const [i, metric] of list.entries()) {
    const pause = steps.step();
    if (pause) await pause;
    const wrong = faultOf(metric as JsonMetric);
    if (wrong !== null) throw new Error(`element ${i} ${wrong}`);
    const { name, type = 'gauge', value, unit, attributes = {} } = metric as JsonMetric;
    const entries = Object.entries(attributes).map(([key, text]) => [wellFormed(key), wellFormed(text)]);
    to[type](wellFormed(name), value, Object.fromEntries(entries), unit === undefined ? unit : wellFormed(unit));
  }
}

/** Half of a surrogate pair is no character: what reads records may refuse it. */
export function wellFormed(text: unknown): string {
  return String(text).toWellFormed();
}

function faultOf(metric: JsonMetric): string | null {
  if (typeof metric !== 'object' || metric === null) return 'is no object';
  if (typeof metric.name !== 'string' || metric.name === '') return 'has no name';
  if (metric.type !== undefined && metric.type !== 'gauge' && metric.type !== 'count')
    return 'has a type that is neither gauge nor count';
  // JSON has no NaN: some write it as text or null.
  if (typeof metric.value !== 'number') return 'has a value that is no number';
  const { attributes = {} } = metric as { attributes?: unknown };
  if (typeof attributes !== 'object' || attributes === null || Array.isArray(attributes))
    return 'has attributes that are no object';
  return null;
}
