/**
 * Spans of Datadog's tracers, as far as where what stands: nothing of them is copied.
 *
 *   v0.4   [chunk [span {"service": ..., "name": ..., "meta": {...}, "metrics": {...}, ...}]]
 *   v0.5   [[text ...], [chunk [span [service, name, resource, trace_id, span_id, parent_id, start, duration, error,
 *          {meta}, {metrics}, type]]]]                      texts by their place in the table
 */
import type { TextAt } from './message-bytes.ts';
import { MsgpackReader, NoMsgpack } from './msgpack.ts';

export type DatadogVersion = 'v0.4' | 'v0.5';

/** Of a table. */
const MOST_TEXTS = 262_144;
/** Of a span: attributes, links and events, and attributes of those. */
const MOST_THINGS = 10_000;
/** Elements of a span of v0.5. */
const ELEMENTS = 12;
/** Of names of fields. */
const LONGEST_NAME = 20;
export const NONE: Readonly<TextAt> = { from: 0, length: 0 };

/** What is looked at of meta; the first four say what has a field of its own. */
const LOOKED_AT = ['span.kind', '_dd.p.tid', 'env', 'version', 'error.message', 'error.msg'] as const;
export type LookedAt = (typeof LOOKED_AT)[number];
export const ELSEWHERE: readonly LookedAt[] = ['span.kind', '_dd.p.tid', 'env', 'version'];
const BY_LENGTH = new Map<number, { name: LookedAt; bytes: Buffer }[]>();
for (const name of LOOKED_AT) {
  const same = BY_LENGTH.get(name.length) ?? [];
  BY_LENGTH.set(name.length, [...same, { name, bytes: Buffer.from(name) }]);
}

/** A number of 64 bits. */
export interface Half {
  high: number;
  low: number;
}

/** What stands where of one span. Places of what it does not have are negative. */
export class SpanPlaces {
  service: TextAt = NONE;
  name: TextAt = NONE;
  resource: TextAt = NONE;
  type: TextAt = NONE;
  trace: Half = { high: 0, low: 0 };
  span: Half = { high: 0, low: 0 };
  parent: Half = { high: 0, low: 0 };
  start: Half = { high: 0, low: 0 };
  duration: Half = { high: 0, low: 0 };
  isError = false;
  meta = -1;
  metrics = -1;
  struct = -1;
  links = -1;
  events = -1;
  looked = new Map<LookedAt, TextAt>();
}

export class SpanReader {
  readonly bytes: Buffer;
  readonly reader: MsgpackReader;
  readonly #version: DatadogVersion;
  /** Places and lengths of the texts of v0.5; null: they stand where they are used. */
  readonly #texts: Uint32Array | null;

  constructor(version: DatadogVersion, body: Buffer) {
    this.bytes = body;
    this.reader = new MsgpackReader(body);
    this.#version = version;
    if (version === 'v0.5') need(this.reader.array() === 2, this.reader, 'a list of texts and one of traces');
    this.#texts = version === 'v0.5' ? this.#table() : null;
  }

  /** The next one; what is asked of it may be read before the one behind it. */
  next(): SpanPlaces {
    const found = new SpanPlaces();
    if (this.#version === 'v0.5') this.#readElements(found);
    else this.#readFields(found);
    const { at } = this.reader;
    this.#look(found);
    this.reader.at = at;
    return found;
  }

  /** It was all. */
  end(): void {
    need(this.reader.isOver, this.reader, 'the end');
  }

  #table(): Uint32Array {
    const reader = this.reader;
    const count = reader.array();
    if (count > MOST_TEXTS) throw new NoMsgpack(`it has ${count} texts, and at most ${MOST_TEXTS} are looked at`);
    // Each takes a byte: what says that it has more than it can is seen before there is memory for them.
    need(count <= reader.bytes.length - reader.at, reader, `${count} texts`);
    const texts = new Uint32Array(2 * count);
    for (let i = 0; i < count; i++) {
      reader.text();
      texts[2 * i] = reader.from;
      texts[2 * i + 1] = reader.length;
    }
    return texts;
  }

  #readElements(found: SpanPlaces): void {
    const reader = this.reader;
    need(reader.array() === ELEMENTS, reader, `the ${ELEMENTS} elements of a span`);
    for (const name of ['service', 'name', 'resource'] as const) found[name] = this.text();
    for (const name of ['trace', 'span', 'parent', 'start', 'duration'] as const) found[name] = this.whole();
    found.isError = isNot0(this.whole());
    found.meta = this.#pass();
    found.metrics = this.#pass();
    found.type = this.text();
  }

  #readFields(found: SpanPlaces): void {
    const reader = this.reader;
    let fields = reader.map();
    if (fields > MOST_THINGS) throw tooMany();
    for (; fields > 0; fields--) {
      reader.text();
      const name =
        reader.length > LONGEST_NAME ? '' : reader.bytes.toString('latin1', reader.from, reader.from + reader.length);
      if (name === 'service' || name === 'name' || name === 'resource' || name === 'type') found[name] = this.text();
      else if (name === 'trace_id') found.trace = this.whole();
      else if (name === 'span_id') found.span = this.whole();
      else if (name === 'parent_id') found.parent = this.whole();
      else if (name === 'start' || name === 'duration') found[name] = this.whole();
      else if (name === 'error') found.isError = isNot0(this.whole());
      else if (name === 'meta' || name === 'metrics') found[name] = this.#pass();
      else if (name === 'meta_struct') found.struct = this.#pass();
      else if (name === 'span_links') found.links = this.#pass();
      else if (name === 'span_events') found.events = this.#pass();
      else reader.skip();
    }
  }

  /** Where it begins. */
  #pass(): number {
    const { at } = this.reader;
    this.reader.skip();
    return at;
  }

  text(): TextAt {
    const reader = this.reader;
    const texts = this.#texts;
    if (!texts) {
      reader.text();
      return { from: reader.from, length: reader.length };
    }
    reader.whole();
    const { high, low } = reader;
    need(high === 0 && 2 * low < texts.length, reader, 'the place of a text');
    return { from: texts[2 * low]!, length: texts[2 * low + 1]! };
  }

  whole(): Half {
    this.reader.whole();
    return { high: this.reader.high, low: this.reader.low };
  }

  /** At the pairs that begin there; how many they are. */
  pairs(at: number): number {
    if (at < 0) return 0;
    this.reader.at = at;
    const count = this.reader.map();
    if (count > MOST_THINGS) throw tooMany();
    return count;
  }

  #look(found: SpanPlaces): void {
    for (let pairs = this.pairs(found.meta); pairs > 0; pairs--) {
      const name = this.looked(this.text());
      const value = this.text();
      if (name) found.looked.set(name, value);
    }
  }

  looked({ from, length }: TextAt): LookedAt | null {
    const same = BY_LENGTH.get(length);
    if (!same) return null;
    for (const one of same) if (one.bytes.compare(this.bytes, from, from + length) === 0) return one.name;
    return null;
  }

  items(at: number): number {
    if (at < 0) return 0;
    this.reader.at = at;
    const count = this.reader.array();
    if (count > MOST_THINGS) throw tooMany();
    return count;
  }

  /** Of a field. */
  name(): string {
    this.reader.text();
    const { from, length } = this.reader;
    return length > LONGEST_NAME ? '' : this.bytes.toString('latin1', from, from + length);
  }
}

export function isNot0({ high, low }: Half): boolean {
  return high !== 0 || low !== 0;
}

function need(so: boolean, { at }: MsgpackReader, what: string): void {
  if (!so) throw new NoMsgpack(`before byte ${at} there is not ${what}`);
}

function tooMany(): NoMsgpack {
  return new NoMsgpack(`a span has more than ${MOST_THINGS} attributes, events or links`);
}
