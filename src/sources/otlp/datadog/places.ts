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
/** Of a span: attributes of each kind. What is beyond is left out. */
const MOST_ATTRIBUTES = 10_000;
/** Of a span: things in its events, and in its links. Where there are more all of them are left out. */
const MOST_PARTS = 100_000;
/** Things that are passed over at once: a millisecond. */
const SLICE_THINGS = 100_000;
/** Elements of a span of v0.5. */
const ELEMENTS_OF = [
  ...(['service', 'name', 'resource'] as const),
  ...(['trace', 'span', 'parent', 'start', 'duration'] as const),
  ...(['error', 'meta', 'metrics', 'type'] as const),
] as const;
const ELEMENTS = ELEMENTS_OF.length;
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
  /** How many of them are left out. */
  readonly left = { attributes: 0, events: 0, links: 0 };
}

/** What is passed over until it is known where it ends. */
type Part = 'meta' | 'metrics' | 'struct' | 'links' | 'events';
const PARTS: Readonly<Record<string, Part>> = {
  meta: 'meta',
  metrics: 'metrics',
  meta_struct: 'struct',
  span_links: 'links',
  span_events: 'events',
};

/** A span that is being read. */
interface Reading {
  readonly found: SpanPlaces;
  /** Fields of it that were read, of so many. */
  field: number;
  readonly fields: number;
  /** What is passed over: things that are left of it; which part it is, or none that is known; what was passed over before it. */
  left: number;
  part: Part | null;
  before: number;
}

export class SpanReader {
  readonly bytes: Buffer;
  readonly reader: MsgpackReader;
  readonly #version: DatadogVersion;
  /** Places and lengths of the texts of v0.5; null: they stand where they are used. */
  readonly #texts: Uint32Array | null;
  #reading: Reading | null = null;

  constructor(version: DatadogVersion, body: Buffer) {
    this.bytes = body;
    this.reader = new MsgpackReader(body);
    this.#version = version;
    if (version === 'v0.5') need(this.reader.array() === 2, this.reader, 'a list of texts and one of traces');
    this.#texts = version === 'v0.5' ? this.#table() : null;
  }

  /**
   * The next one; what is asked of it may be read before the one behind it. Null: it has much, and is to be asked for once
   * more in another turn.
   */
  next(): SpanPlaces | null {
    this.#reading ??= this.#begin();
    const reading = this.#reading;
    for (let things = SLICE_THINGS; reading.left > 0 || reading.field < reading.fields; ) {
      if (things <= 0) return null;
      const { passed } = this.reader;
      if (reading.left > 0) this.#passOn(reading, things);
      else if (this.#version === 'v0.5') this.#readElement(reading.found, reading.field++);
      else {
        reading.field++;
        this.#readField(reading.found);
      }
      things -= 1 + this.reader.passed - passed;
    }
    this.#reading = null;
    const { at } = this.reader;
    this.#look(reading.found);
    this.reader.at = at;
    return reading.found;
  }

  #begin(): Reading {
    const { reader } = this;
    if (this.#version === 'v0.5') need(reader.array() === ELEMENTS, reader, `the ${ELEMENTS} elements of a span`);
    const fields = this.#version === 'v0.5' ? ELEMENTS : reader.map();
    return { found: new SpanPlaces(), field: 0, fields, left: 0, part: null, before: 0 };
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

  #readElement(found: SpanPlaces, element: number): void {
    const name = ELEMENTS_OF[element]!;
    if (name === 'meta' || name === 'metrics') found[name] = this.#pass(name);
    else if (name === 'error') found.isError = isNot0(this.whole());
    else if (name === 'service' || name === 'name' || name === 'resource' || name === 'type') found[name] = this.text();
    else found[name] = this.whole();
  }

  #readField(found: SpanPlaces): void {
    const name = this.name();
    const part = PARTS[name];
    if (name === 'service' || name === 'name' || name === 'resource' || name === 'type') found[name] = this.text();
    else if (name === 'trace_id') found.trace = this.whole();
    else if (name === 'span_id') found.span = this.whole();
    else if (name === 'parent_id') found.parent = this.whole();
    else if (name === 'start' || name === 'duration') found[name] = this.whole();
    else if (name === 'error') found.isError = isNot0(this.whole());
    else if (part !== undefined) found[part] = this.#pass(part);
    else this.#pass(null);
  }

  /** What stands here is passed over; gives where it begins. */
  #pass(part: Part | null): number {
    Object.assign(this.#reading!, { left: 1, part, before: this.reader.passed });
    return this.reader.at;
  }

  #passOn(reading: Reading, most: number): void {
    const { found, part, before } = reading;
    reading.left = this.reader.pass(reading.left, most);
    if (reading.left > 0 || (part !== 'links' && part !== 'events')) return;
    if (this.reader.passed - before <= MOST_PARTS) return;
    // There is no room for them in a turn.
    const { at } = this.reader;
    found.left[part] = this.items(found[part]);
    this.reader.at = at;
    found[part] = -1;
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
    return this.reader.map();
  }

  /** The same of a span's attributes, but those that are left out. */
  attributes({ left }: SpanPlaces, at: number): number {
    const pairs = this.pairs(at);
    left.attributes += Math.max(0, pairs - MOST_ATTRIBUTES);
    return Math.min(pairs, MOST_ATTRIBUTES);
  }

  #look(found: SpanPlaces): void {
    for (let pairs = Math.min(this.pairs(found.meta), MOST_ATTRIBUTES); pairs > 0; pairs--) {
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
    return this.reader.array();
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
