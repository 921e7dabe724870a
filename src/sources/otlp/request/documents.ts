/**
 * Spans as documents, one a span, for who reads JSON: ECS names with OpenTelemetry's attributes as flat keys.
 *
 *   {"@timestamp","trace":{"id"},"span":{"id","name","kind"},"parent":{"id"},"event":{"duration","outcome","dataset"},
 *    "service":{"name","version","instance":{"id"}},"resource":{"attributes"},"attributes","events","links","host","labels"}
 */
import { type DecodedMessage, type DecodedValue, decodeMessage } from '../../../kernel/otlp/decode.ts';
import { ENUMS } from '../../../kernel/otlp/schema.ts';
import type { OtlpSpans } from '../../../kernel/otlp/spans.ts';
import { frameRecord } from '../../../records/record-batch.ts';
import type { TracesOptions } from '../options.ts';

export interface DocumentOptions {
  host: string;
  labels: Readonly<Record<string, string>>;
  key: TracesOptions['key'];
  /** Bytes of a value at most. */
  longest: number;
}

type Attributes = Record<string, unknown>;

/** By the number of `status.code`. */
const OUTCOMES = ['unknown', 'success', 'failure'];
/** What of a resource stands under `service`, too. */
const SERVICE = { name: 'service.name', version: 'service.version', instance: 'service.instance.id' } as const;
/** So many are made at once: it takes some microseconds each. */
const AT_ONCE = 200;
/** Beyond that a Date has no time. */
const LATEST_MS = 8.64e15;

/** What a document takes beside what stands in the span and its resource, and by how much JSON is longer, at most. */
const AROUND = 1024;
export const GROWTH = 6;

/** Documents of the spans that go on, in their order. */
export class SpanDocuments {
  cut = 0;
  readonly #spans: OtlpSpans;
  readonly #o: DocumentOptions;
  readonly #headers: readonly (readonly [string, string])[];
  readonly #now = Date.now();
  #next = 0;
  #around: { number: number; text: string } | null = null;
  /** `,"host":...`, and labels where there are some. */
  readonly #host: string;
  /** Made, and not taken: there was no room. */
  #waiting: { key: string; value: Buffer } | null = null;

  constructor(spans: OtlpSpans, options: DocumentOptions) {
    this.#spans = spans;
    this.#o = options;
    const { host, labels } = options;
    const labelled = Object.keys(labels).length > 0 ? { labels } : {};
    this.#host = `,${JSON.stringify({ host: { name: host }, ...labelled }).slice(1, -1)}`;
    this.#headers = Object.entries({ 'content-type': 'application/json', host, signal: 'traces' });
  }

  /** Of all of them, at most. */
  get bytes(): number {
    const spans = this.#spans;
    let bytes = 0;
    for (let i = 0; i < spans.count; i++) {
      if (!spans.isDropped(i)) bytes += GROWTH * (spans.message(i).length + spans.resource(i).length) + AROUND;
    }
    return bytes;
  }

  /** As `OtlpRequest.pack`. */
  pack(delta: number, room: number): { count: number; items: number; bytes: Buffer } | null {
    const records: Buffer[] = [];
    let bytes = 0;
    for (let made = 0; made < AT_ONCE; made++) {
      this.#waiting ??= this.#make();
      if (!this.#waiting) break;
      const record = frameRecord({ ...this.#waiting, offsetDelta: delta + records.length, headers: this.#headers });
      if (bytes + record.length > room) break;
      this.#waiting = null;
      bytes += record.length;
      records.push(record);
    }
    if (records.length === 0 && !this.#waiting) return null;
    return { count: records.length, items: records.length, bytes: Buffer.concat(records) };
  }

  #make(): { key: string; value: Buffer } | null {
    const spans = this.#spans;
    while (this.#next < spans.count && spans.isDropped(this.#next)) this.#next++;
    if (this.#next === spans.count) return null;
    const i = this.#next++;
    const { key: keyed, host } = this.#o;
    const key = keyed === 'trace_id' ? spans.traceId(i) : keyed === 'host' ? host : spans.service(i).slice(0, 255);
    return { key, value: this.#valueOf(i) };
  }

  #valueOf(i: number): Buffer {
    const { longest } = this.#o;
    const span = this.#document(i);
    const around = this.#aroundOf(i);
    let value = Buffer.from(`${JSON.stringify(span).slice(0, -1)}${around}`);
    if (value.length <= longest) return value;
    // What fitted as protobuf may be longer as JSON.
    this.cut++;
    Object.assign(span, { attributes: TRUNCATED });
    value = Buffer.from(`${JSON.stringify(span).slice(0, -1)}${around}`);
    for (const smaller of [{ events: [], links: [] }, { span: {} }]) {
      if (value.length <= longest) break;
      value = Buffer.from(`${JSON.stringify(Object.assign(span, smaller)).slice(0, -1)}${this.#host}}`);
    }
    return value;
  }

  #document(i: number): Record<string, unknown> {
    const span = decodeMessage('Span', this.#spans.message(i));
    const { code = 0 } = (span.status ?? {}) as { code?: number };
    const parent = span.parentSpanId ? { parent: { id: span.parentSpanId } } : {};
    return {
      '@timestamp': this.#time(span.startTimeUnixNano),
      trace: { id: span.traceId },
      span: { id: span.spanId, name: span.name ?? '', kind: ENUMS.SpanKind![this.#spans.kind(i)] },
      ...parent,
      event: {
        duration: this.#spans.nanoseconds(i),
        outcome: OUTCOMES[code] ?? 'unknown',
        dataset: 'traces',
      },
      attributes: flat(span.attributes),
      events: list(span.events).map(({ timeUnixNano, name, attributes }) => ({
        '@timestamp': this.#time(timeUnixNano),
        name: name ?? '',
        attributes: flat(attributes),
      })),
      links: list(span.links).map(({ traceId, spanId, attributes }) => ({
        trace: { id: traceId ?? '' },
        span: { id: spanId ?? '' },
        attributes: flat(attributes),
      })),
    };
  }

  /** The end of the document, which all spans of a resource share; they follow each other. */
  #aroundOf(i: number): string {
    const number = this.#spans.resourceNumber(i);
    if (this.#around?.number === number) return this.#around.text;
    const { resource } = decodeMessage('ResourceSpans', this.#spans.resource(i));
    const attributes = flat((resource as DecodedMessage | undefined)?.attributes);
    const [name, version, instance] = Object.values(SERVICE).map((key) => attributes[key]);
    const service = { name, version, ...(instance === undefined ? {} : { instance: { id: instance } }) };
    const said = JSON.stringify({ service, resource: { attributes } });
    this.#around = { number, text: `,${said.slice(1, -1)}${this.#host}}` };
    return this.#around.text;
  }

  /** What is no time is now. */
  #time(nanoseconds: DecodedValue | undefined): string {
    const ms = Math.floor(Number(nanoseconds ?? 0) / 1e6);
    return new Date(ms > 0 && ms <= LATEST_MS ? ms : this.#now).toISOString();
  }
}

const TRUNCATED: Attributes = { 'runnel.truncated': true };

function list(value: DecodedValue | undefined): DecodedMessage[] {
  return (value ?? []) as DecodedMessage[];
}

/** KeyValues as an object; lists of them within give their names in front: `a.b`. */
function flat(values: DecodedValue | undefined): Attributes {
  const into: Attributes = {};
  addFlat(values, '', into);
  return into;
}

function addFlat(values: DecodedValue | undefined, before: string, into: Attributes): void {
  for (const { key, value } of list(values)) {
    const inner = (value as DecodedMessage | undefined)?.kvlistValue as DecodedMessage | undefined;
    if (inner) addFlat(inner.values, `${before}${key ?? ''}.`, into);
    else
      setMember(
        into,
        before === '' ? String(key ?? '') : `${before}${key ?? ''}`,
        plain(value as DecodedMessage | undefined),
      );
  }
}

function setMember(into: Attributes, key: string, value: unknown): void {
  if (key !== '__proto__') into[key] = value;
  else Object.defineProperty(into, key, { value, enumerable: true, configurable: true, writable: true });
}

function plain(value: DecodedMessage | undefined): unknown {
  const { stringValue, boolValue, intValue, doubleValue, arrayValue, kvlistValue, bytesValue } = value ?? {};
  if (intValue !== undefined) return Number.isSafeInteger(Number(intValue)) ? Number(intValue) : intValue;
  if (arrayValue) return list((arrayValue as DecodedMessage).values).map(plain);
  if (kvlistValue) return flat((kvlistValue as DecodedMessage).values);
  return stringValue ?? boolValue ?? doubleValue ?? bytesValue ?? null;
}
