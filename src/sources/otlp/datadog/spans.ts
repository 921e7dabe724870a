/**
 * What Datadog's tracers send, as the ExportTraceServiceRequest that it means.
 *
 * A span is read twice: first what stands where (places.ts), for its map may be in any order, then what it has is written.
 * The upper half of a trace id is `_dd.p.tid`, which only the first span of a chunk, a part of a trace, need have. Spans of
 * one service behind each other share a resource. What takes long is done in slices, between which the event loop has its
 * turn.
 */
import { setImmediate } from 'node:timers/promises';
import { MessageBytes, type TextAt } from './message-bytes.ts';
import { writeEvents, writeLinks } from './parts.ts';
import { type DatadogVersion, ELSEWHERE, type Half, isNot0, NONE, type SpanPlaces, SpanReader } from './places.ts';

const SLICE_MS = 3;
const [INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER] = [1, 2, 3, 4, 5] as const;
const KINDS: Readonly<Record<string, number>> = {
  internal: INTERNAL,
  server: SERVER,
  client: CLIENT,
  producer: PRODUCER,
  consumer: CONSUMER,
};
/** Of types, where it is not said. */
const TYPE_KINDS: Readonly<Record<string, number>> = {
  web: SERVER,
  http: CLIENT,
  sql: CLIENT,
  cache: CLIENT,
  db: CLIENT,
};
const ERROR = 2;
const SPAN_LENGTH_BYTES = 2;
const AROUND_LENGTH_BYTES = 3;

/** Names of what is written beside what came. */
const NAMES = Buffer.from(
  'service.nameservice.versiondeployment.environment.nameoperation.namespan.typerunnel.truncated',
);
const nameAt = (name: string): TextAt => ({ from: NAMES.indexOf(name), length: name.length });
const SERVICE = nameAt('service.name');
const VERSION = nameAt('service.version');
const ENVIRONMENT = nameAt('deployment.environment.name');
const OPERATION = nameAt('operation.name');
const TYPE = nameAt('span.type');
const TRUNCATED = nameAt('runnel.truncated');
/** dropped_attributes_count, dropped_events_count, dropped_links_count */
const DROPPED = [10, 12, 14] as const;

export class DatadogSpans {
  readonly #out: MessageBytes;
  /** Resolves when the request before is converted. */
  #free: Promise<void> = Promise.resolve();
  /** Of the chunk. */
  #upper: Half = { high: 0, low: 0 };
  #environment: TextAt = NONE;
  /** What the resource that is being written is of; null: none is. */
  #within: { texts: TextAt[]; resource: number; scope: number } | null = null;

  /** Spans of the request of which something is left out. */
  #cut = 0;

  /** `most`: bytes of a request. */
  constructor(most: number) {
    this.#out = new MessageBytes(most);
  }

  /**
   * In memory of its own; `cut`: spans of which something is left out. `resource`: fields of a Resource that all of them have. Rejects with a NoMsgpack where it is not
   * what it should be, with a TooLong where it becomes more than a request may have.
   */
  async convert(version: DatadogVersion, body: Buffer, resource: Buffer): Promise<{ otlp: Buffer; cut: number }> {
    const before = this.#free;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#free = promise;
    await before;
    try {
      await this.#request(new SpanReader(version, body), resource);
      return { otlp: this.#out.copy(), cut: this.#cut };
    } finally {
      this.#within = null;
      this.#cut = 0;
      this.#out.clear();
      resolve();
    }
  }

  async #request(from: SpanReader, resource: Buffer): Promise<void> {
    const { reader } = from;
    let since = performance.now();
    for (let chunks = reader.array(); chunks > 0; chunks--) {
      this.#upper = { high: 0, low: 0 };
      this.#environment = NONE;
      for (let spans = reader.array(); spans > 0; spans--) {
        let found = from.next();
        for (; found === null; found = from.next()) await setImmediate();
        const { at } = reader;
        this.#enter(from, found, resource);
        this.#write(from, found);
        reader.at = at;
        if (performance.now() - since < SLICE_MS) continue;
        await setImmediate();
        since = performance.now();
      }
    }
    this.#leave();
    from.end();
  }

  /** The resource that the span is of is the one that is being written. */
  #enter({ bytes }: SpanReader, { service, looked }: SpanPlaces, fields: Buffer): void {
    const upper = looked.get('_dd.p.tid');
    if (upper) this.#upper = hexIn(bytes, upper);
    this.#environment = looked.get('env') ?? this.#environment;
    const texts = [service, this.#environment, looked.get('version') ?? NONE];
    if (this.#within?.texts.every((one, i) => isSame(bytes, one, texts[i]!))) return;
    this.#leave();
    const out = this.#out;
    const resource = out.open(1, AROUND_LENGTH_BYTES);
    const attributes = out.open(1, SPAN_LENGTH_BYTES);
    for (const [i, name] of [SERVICE, ENVIRONMENT, VERSION].entries()) {
      if (texts[i]!.length > 0) out.textAttribute(1, NAMES, name, bytes, texts[i]!);
    }
    out.raw(fields);
    out.close(attributes, SPAN_LENGTH_BYTES);
    this.#within = { texts, resource, scope: out.open(2, AROUND_LENGTH_BYTES) };
  }

  #leave(): void {
    if (!this.#within) return;
    this.#out.close(this.#within.scope, AROUND_LENGTH_BYTES);
    this.#out.close(this.#within.resource, AROUND_LENGTH_BYTES);
    this.#within = null;
  }

  #write(from: SpanReader, found: SpanPlaces): void {
    const out = this.#out;
    const { bytes } = from;
    const { trace, span, parent, start, looked } = found;
    const begun = out.open(2, SPAN_LENGTH_BYTES);
    out.id(1, this.#upper.high, this.#upper.low, trace.high, trace.low);
    out.id(2, span.high, span.low);
    if (isNot0(parent)) out.id(4, parent.high, parent.low);
    out.bytes(5, bytes, found.resource.length > 0 ? found.resource : found.name);
    out.number(6, kindOf(bytes, found));
    out.fixed64(7, start.high, start.low);
    const end = endOf(found);
    out.fixed64(8, end.high, end.low);
    if (found.name.length > 0) out.textAttribute(9, NAMES, OPERATION, bytes, found.name);
    if (found.type.length > 0) out.textAttribute(9, NAMES, TYPE, bytes, found.type);
    this.#attributes(from, found);
    writeEvents(from, found.events, out);
    writeLinks(from, found.links, out);
    this.#leaveOut(found);
    if (found.isError) {
      const status = out.open(15, 1);
      const message = looked.get('error.message') ?? looked.get('error.msg');
      if (message) out.bytes(2, bytes, message);
      out.number(3, ERROR);
      out.close(status, 1);
    }
    out.close(begun, SPAN_LENGTH_BYTES);
  }

  /** As OpenTelemetry counts it, and marked as what is cut elsewhere (request/cut.ts). */
  #leaveOut({ left }: SpanPlaces): void {
    const out = this.#out;
    const counts = [left.attributes, left.events, left.links];
    if (counts.every((count) => count === 0)) return;
    for (const [i, count] of counts.entries()) if (count > 0) out.number(DROPPED[i]!, count);
    out.boolAttribute(9, NAMES, TRUNCATED, true);
    this.#cut++;
  }

  #attributes(from: SpanReader, found: SpanPlaces): void {
    const out = this.#out;
    const { reader, bytes } = from;
    for (let pairs = from.attributes(found, found.meta); pairs > 0; pairs--) {
      const key = from.text();
      const value = from.text();
      const looked = from.looked(key);
      if (looked === null || !ELSEWHERE.includes(looked)) out.textAttribute(9, bytes, key, bytes, value);
    }
    for (let pairs = from.attributes(found, found.metrics); pairs > 0; pairs--) {
      const key = from.text();
      reader.number();
      if (reader.real === null) out.wholeAttribute(9, bytes, key, reader.high, reader.low);
      else out.realAttribute(9, bytes, key, reader.real);
    }
    for (let pairs = from.attributes(found, found.struct); pairs > 0; pairs--) {
      const key = from.text();
      out.textAttribute(9, bytes, key, bytes, from.text(), 7);
    }
  }
}

function kindOf(bytes: Buffer, { type, looked }: SpanPlaces): number {
  const said = shortIn(bytes, looked.get('span.kind') ?? NONE);
  return KINDS[said.toLowerCase()] ?? TYPE_KINDS[shortIn(bytes, type)] ?? INTERNAL;
}

/** Of names that are known. */
function shortIn(bytes: Buffer, { from, length }: TextAt): string {
  return length > 8 ? '' : bytes.toString('latin1', from, from + length);
}

/** 16 digits of hex; what is none is 0. */
function hexIn(bytes: Buffer, { from, length }: TextAt): Half {
  const digits = bytes.toString('latin1', from, from + Math.min(length, 17));
  if (!/^[0-9a-f]{16}$/i.test(digits)) return { high: 0, low: 0 };
  return { high: Number.parseInt(digits.slice(0, 8), 16), low: Number.parseInt(digits.slice(8), 16) };
}

/** Start and duration together, in 64 bits; a negative one counts as none. */
function endOf({ start, duration }: SpanPlaces): Half {
  if (duration.high > 0x7fff_ffff) return start;
  const low = start.low + duration.low;
  return { high: (start.high + duration.high + (low > 0xffff_ffff ? 1 : 0)) >>> 0, low: low >>> 0 };
}

function isSame(bytes: Buffer, one: TextAt, other: TextAt): boolean {
  if (one.length !== other.length) return false;
  if (one.from === other.from) return true;
  return bytes.compare(bytes, one.from, one.from + one.length, other.from, other.from + other.length) === 0;
}
