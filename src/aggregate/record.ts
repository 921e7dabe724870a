/** Metric records as they stand in Kafka: one JSON document a series and flush. */

/** One flush. `id` is `<agent id>-<flush number>`: with the index it makes `event.id`, which a resend does not change. */
export interface TimeWindow {
  /** Milliseconds since the epoch. */
  start: number;
  end: number;
  id: string;
}

export interface MetricOrigin {
  host: string;
  /** `statsd`, `host`, or the check's name. */
  dataset: string;
  labels: Record<string, string>;
}

export type MetricType = 'sum' | 'gauge' | 'histogram' | 'set';

/** `value`, or of a histogram count, sum, min, max, avg, p50 ... and `sketch` (base64), or `buckets`: [le, count] each; `exemplar` of spans. */
export type MetricFields = Record<
  string,
  number | string | readonly (readonly [number, number])[] | Readonly<Record<string, number | string>>
>;

/** What is the same of a series in each of its records: the JSON before its value, and behind it. */
export interface SeriesText {
  before: string;
  behind: string;
}

/** `attributes`: the inner part of a JSON object. */
export function seriesText(name: string, type: MetricType, unit: string, attributes: string): SeriesText {
  return {
    before: [JSON.stringify(name), head(type), ',"value":'].join(''),
    behind: [foot(unit), attributes].join(''),
  };
}

/** Makes the documents of one flush; what all of them share is encoded once. */
export class MetricRecords {
  readonly #window: string;
  readonly #tail: string;
  readonly #id: string;
  #index = 0;

  constructor(origin: MetricOrigin, window: TimeWindow) {
    this.#window = during(window.start, window.end);
    this.#id = window.id;
    const labels = Object.keys(origin.labels).length > 0 ? `,"labels":${JSON.stringify(origin.labels)}` : '';
    this.#tail = `","dataset":${JSON.stringify(origin.dataset)}}${labels}}`;
    this.#host = `},"host":${JSON.stringify({ name: origin.host })},"event":{"id":"`;
  }
  readonly #host: string;

  /**
   * `name` and `attributes` are JSON text already, so that a long-lived series encodes them once: `"a.b"`, `"k":"v","l":"w"`.
   * `second`: a time of its own, since the epoch, instead of the window.
   */
  make(
    name: string,
    type: MetricType,
    fields: MetricFields,
    unit: string,
    attributes: string,
    second?: number,
  ): string {
    return `${this.head(second)}${name}${this.between(type, fields, unit)}${attributes}${this.tail()}`;
  }

  /** The same of one value of a series whose text is known. */
  single({ before, behind }: SeriesText, value: number): string {
    return `${this.#window}${before}${number(value)}${behind}${this.tail()}`;
  }

  /** The same in parts, for who has name and attributes as bytes: head, name, between, attributes, tail. */
  head(second?: number): string {
    return second === undefined ? this.#window : during(second * 1000, second * 1000);
  }

  between(type: MetricType, fields: MetricFields, unit: string): string {
    let text = head(type);
    for (const key in fields) {
      const value = fields[key]!;
      text += typeof value === 'number' ? `,"${key}":${number(value)}` : `,"${key}":${JSON.stringify(value)}`;
    }
    return `${text}${foot(unit)}`;
  }

  /** Characters of a tail, at most. */
  get tailLength(): number {
    return this.#host.length + this.#id.length + 20 + this.#tail.length;
  }

  tail(): string {
    return `${this.#host}${this.nextId()}${this.#tail}`;
  }

  /** The `event.id` of the next record of this flush. */
  nextId(): string {
    return `${this.#id}-${text(this.#index++)}`;
  }
}

const head = (type: MetricType) => `,"type":"${type}"`;
const foot = (unit: string) => `${unit === '' ? '' : `,"unit":${JSON.stringify(unit)}`},"attributes":{`;

function during(start: number, end: number): string {
  const [from, to] = [start, end].map((time) => new Date(time).toISOString());
  return `{"@timestamp":"${to}","start":"${from}","interval":${(end - start) / 1000},"name":`;
}

/**
 * `String` keeps what it has made of the last thousands of numbers: of a large flush every text outlives two collections of
 * young objects in there, and is garbage among the old ones then. This keeps none.
 */
const text: (value: number) => string = JSON.stringify;

/** JSON has no NaN and no infinity; a sum that overflowed becomes the largest number. */
function number(value: number): string {
  if (Number.isFinite(value)) return text(value);
  return Number.isNaN(value) ? 'null' : String(value > 0 ? Number.MAX_VALUE : -Number.MAX_VALUE);
}

/** Attributes as the inner part of a JSON object; a tag without a value is "", a key sent twice has an array. */
export function attributesJson(pairs: Iterable<readonly [string, string]>): string {
  const merged = new Map<string, string | string[]>();
  for (const [key, value] of pairs) {
    const had = merged.get(key);
    if (had === undefined) merged.set(key, value);
    else if (Array.isArray(had)) had.push(value);
    else merged.set(key, [had, value]);
  }
  return [...merged].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',');
}

/** The same of labels, of which there is one of a name. */
export function labelsJson(labels: Readonly<Record<string, string>>): string {
  let text = '';
  for (const key in labels) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${JSON.stringify(labels[key])}`;
  return text;
}

/** 0.5 is p50, 0.999 is p99_9. */
export function percentileLabel(quantile: number): string {
  return `p${String(Number((quantile * 100).toPrecision(12))).replace('.', '_')}`;
}
