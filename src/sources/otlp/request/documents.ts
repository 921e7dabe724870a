/**
 * Spans as documents, one a span, for who reads JSON: ECS names with OpenTelemetry's attributes as flat keys.
 *
 *   {"@timestamp","trace":{"id"},"span":{"id","name","kind"},"parent":{"id"},"event":{"duration","outcome","dataset"},
 *    "service":{"name","version","instance":{"id"}},"resource":{"attributes"},"attributes","events","links","host","labels"}
 */
import { type DecodedMessage, type DecodedValue, decodeMessage } from '../../../kernel/otlp/decode.ts';
import { ENUMS } from '../../../kernel/otlp/schema.ts';
import type { OtlpSpans } from '../../../kernel/otlp/spans.ts';
import { frameAt, framedBytes } from '../../../records/frame.ts';
import type { TracesOptions } from '../options.ts';
import { LATEST_MS, OUTCOMES, SpanJson } from './span-json.ts';

export interface DocumentOptions {
  host: string;
  labels: Readonly<Record<string, string>>;
  key: TracesOptions['key'];
  /** As they stand in a record, their number in front. */
  headers: Buffer;
  /** Bytes of a value at most. */
  longest: number;
}

type Attributes = Record<string, unknown>;

/** What of a resource stands under `service`, too. */
const SERVICE = { name: 'service.name', version: 'service.version', instance: 'service.instance.id' } as const;
/** So many are made at once: it takes a microsecond or two each. */
const AT_ONCE = 200;
/** What a document takes beside what stands in the span and its resource, and by how much JSON is longer, at most. */
const AROUND = 1024;
export const GROWTH = 6;

/** A document that was made: in one piece or two. */
interface Made {
  key: Buffer;
  value: readonly Buffer[];
}

/** Documents of the spans that go on, in their order; of one request after the other. */
export class SpanDocuments {
  /** Of the request: documents that were cut. */
  cut = 0;
  readonly #spans: OtlpSpans;
  readonly #o: DocumentOptions;
  readonly #json = new SpanJson();
  /** As they stand in a record, their number in front. */
  readonly #headers: Buffer;
  readonly #host: Buffer;
  /** `,"host":...`, and labels where there are some. */
  readonly #hostText: string;
  #now = 0;
  #next = 0;
  #around: { number: number; text: Buffer } | null = null;
  /** Made, and not taken: there was no room. */
  #waiting: Made | null = null;
  #out = Buffer.alloc(0);

  constructor(spans: OtlpSpans, options: DocumentOptions) {
    this.#spans = spans;
    this.#o = options;
    const { host, labels, headers } = options;
    const labelled = Object.keys(labels).length > 0 ? { labels } : {};
    this.#hostText = `,${JSON.stringify({ host: { name: host }, ...labelled }).slice(1, -1)}`;
    this.#host = Buffer.from(host);
    this.#headers = headers;
  }

  /** Of a new request. */
  begin(): void {
    this.cut = 0;
    this.#now = Date.now();
    this.#next = 0;
    this.#around = null;
    this.#waiting = null;
  }

  /** Of all of them, at most. */
  get bytes(): number {
    const spans = this.#spans;
    let bytes = 0;
    for (let i = 0; i < spans.count; i++) {
      if (!spans.isDropped(i)) bytes += GROWTH * (spans.messageBytes(i) + spans.resourceBytes(i)) + AROUND;
    }
    return bytes;
  }

  /** As `OtlpRequest.pack`. */
  pack(delta: number, room: number): { count: number; items: number; bytes: Buffer } | null {
    let at = 0;
    let count = 0;
    for (; count < AT_ONCE; count++) {
      this.#waiting ??= this.#make();
      if (!this.#waiting) break;
      const { key, value } = this.#waiting;
      const size = framedBytes(key.length, value[0]!.length + (value[1]?.length ?? 0), this.#headers.length);
      if (at + size > room) break;
      this.#roomFor(at, at + size);
      at = frameAt(this.#out, at, { offsetDelta: delta + count, key, value, headers: this.#headers });
      this.#waiting = null;
    }
    if (count === 0 && !this.#waiting) return null;
    return { count, items: count, bytes: this.#out.subarray(0, at) };
  }

  #roomFor(used: number, bytes: number): void {
    if (bytes <= this.#out.length) return;
    const out = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(bytes)));
    this.#out.copy(out, 0, 0, used);
    this.#out = out;
  }

  #make(): Made | null {
    const spans = this.#spans;
    while (this.#next < spans.count && spans.isDropped(this.#next)) this.#next++;
    if (this.#next === spans.count) return null;
    const i = this.#next++;
    return { key: this.#keyOf(i), value: this.#valueOf(i) };
  }

  #keyOf(i: number): Buffer {
    const { key } = this.#o;
    if (key === 'host') return this.#host;
    return Buffer.from(key === 'trace_id' ? this.#spans.traceId(i) : this.#spans.service(i).slice(0, 255));
  }

  #valueOf(i: number): readonly Buffer[] {
    const { longest } = this.#o;
    const spans = this.#spans;
    const around = this.#aroundOf(i);
    const at = spans.messageAt(i);
    const known = { kind: spans.kind(i), nanoseconds: spans.nanoseconds(i), now: this.#now };
    const written = this.#json.write(spans.bytes, at, at + spans.messageBytes(i), known);
    return written && written.length + around.length <= longest
      ? [written, around]
      : [this.#rareOf(i, around, longest)];
  }

  /** Of a span that is unusual, or becomes longer than a record may be. */
  #rareOf(i: number, around: Buffer, longest: number): Buffer {
    const span = this.#document(i);
    let value = Buffer.from(`${JSON.stringify(span).slice(0, -1)}${around}`);
    if (value.length <= longest) return value;
    // What fitted as protobuf may be longer as JSON.
    this.cut++;
    Object.assign(span, { attributes: TRUNCATED });
    value = Buffer.from(`${JSON.stringify(span).slice(0, -1)}${around}`);
    for (const smaller of [{ events: [], links: [] }, { span: {} }]) {
      if (value.length <= longest) break;
      value = Buffer.from(`${JSON.stringify(Object.assign(span, smaller)).slice(0, -1)}${this.#hostText}}`);
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
  #aroundOf(i: number): Buffer {
    const number = this.#spans.resourceNumber(i);
    if (this.#around?.number === number) return this.#around.text;
    const { resource } = decodeMessage('ResourceSpans', this.#spans.resource(i));
    const attributes = flat((resource as DecodedMessage | undefined)?.attributes);
    const [name, version, instance] = Object.values(SERVICE).map((key) => attributes[key]);
    const service = { name, version, ...(instance === undefined ? {} : { instance: { id: instance } }) };
    const said = JSON.stringify({ service, resource: { attributes } });
    this.#around = { number, text: Buffer.from(`,${said.slice(1, -1)}${this.#hostText}}`) };
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
