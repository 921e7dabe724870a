/**
 * A span's document (documents.ts has its form), from the bytes of the span to those of the JSON: nothing becomes an object.
 * For what spans usually are; what is rare is told apart, and made by way of objects: lists of named values, names that
 * occur twice, messages that say two things.
 */
import { ENUMS } from '../../../kernel/otlp/schema.ts';
import { bigVarintAt, fieldAt } from '../../../kernel/otlp/wire.ts';
import { JsonBytes } from './json-bytes.ts';

/** Numbers of fields, as OTLP's schema has them. */
const SPAN = {
  trace: 1,
  id: 2,
  parent: 4,
  name: 5,
  start: 7,
  attributes: 9,
  events: 11,
  links: 13,
  status: 15,
} as const;
const EVENT = { time: 1, name: 2, attributes: 3 } as const;
const LINK = { trace: 1, span: 2, attributes: 4 } as const;
const STATUS_CODE = 3;
const PAIR = { key: 1, value: 2 } as const;
const VALUE = { string: 1, bool: 2, int: 3, double: 4, array: 5, bytes: 7 } as const;

/** Names of one list that are compared with each other. */
const MOST_NAMES = 64;
const HALF = 2 ** 32;

/** What is in a field: where it begins, and ends; from 0 on, 0: there is none. */
interface Place {
  from: number;
  end: number;
}

/** By the number of `status.code`. */
export const OUTCOMES = ['unknown', 'success', 'failure'];
/** Milliseconds since the epoch: beyond that a Date has no time. */
export const LATEST_MS = 8.64e15;

/** What is known of a span already. `now`, milliseconds: for what has no time. */
export interface KnownSpan {
  kind: number;
  nanoseconds: number;
  now: number;
}

/** It is none of those that are usual. */
class Unusual extends Error {}
const UNUSUAL = new Unusual('unusual');

export class SpanJson {
  readonly #out = new JsonBytes();
  /** Where the names of the lists that are being written begin, and how long they are. */
  readonly #names = new Int32Array(MOST_NAMES * 2);
  /** Up to the seconds, of the day and time written last. */
  #second = Number.NaN;
  #secondText = '';
  #bytes: Buffer = Buffer.alloc(0);
  // Of the field that was read last.
  #number = 0;
  #from = 0;
  #end = 0;

  /** The document of the span at [from, end), without its closing brace; null: it is unusual. Good until the next call. */
  write(bytes: Buffer, from: number, end: number, known: KnownSpan): Buffer | null {
    this.#bytes = bytes;
    this.#out.clear();
    try {
      this.#span(from, end, known);
    } catch (error) {
      if (error === UNUSUAL) return null;
      throw error;
    }
    return this.#out.bytes;
  }

  #span(from: number, end: number, { kind, nanoseconds, now }: KnownSpan): void {
    const out = this.#out;
    const [trace, id, parent, name] = [none(), none(), none(), none()];
    let [start, code] = [0, 0];
    for (let at = from; at < end; ) {
      at = this.#field(at);
      if (this.#number === SPAN.trace) this.#keep(trace);
      else if (this.#number === SPAN.id) this.#keep(id);
      else if (this.#number === SPAN.parent) this.#keep(parent);
      else if (this.#number === SPAN.name) this.#keep(name);
      else if (this.#number === SPAN.start) start = this.#milliseconds(this.#from);
      else if (this.#number === SPAN.status) code = this.#code(this.#from, this.#end);
    }
    out.raw('{"@timestamp":"');
    this.#time(start, now);
    out.raw('","trace":{"id":');
    out.hex(this.#bytes, trace.from, trace.end);
    out.raw('},"span":{"id":');
    out.hex(this.#bytes, id.from, id.end);
    out.raw(',"name":');
    out.text(this.#bytes, name.from, name.end);
    const kindName = ENUMS.SpanKind![kind];
    if (kindName) out.raw(`,"kind":"${kindName}"`);
    out.raw('}');
    if (parent.end > parent.from) {
      out.raw(',"parent":{"id":');
      out.hex(this.#bytes, parent.from, parent.end);
      out.raw('}');
    }
    out.raw(',"event":{"duration":');
    out.number(nanoseconds);
    out.raw(',"outcome":"');
    out.raw(OUTCOMES[code] ?? 'unknown');
    out.raw('","dataset":"traces"},"attributes":');
    this.#attributes(from, end, SPAN.attributes);
    out.raw(',"events":[');
    this.#events(from, end, now);
    out.raw('],"links":[');
    this.#links(from, end);
    out.raw(']');
  }

  #events(from: number, end: number, now: number): void {
    let count = 0;
    for (let at = from; at < end; ) {
      at = this.#field(at);
      if (this.#number !== SPAN.events) continue;
      if (count++ > 0) this.#out.raw(',');
      this.#event(this.#from, this.#end, now);
    }
  }

  #links(from: number, end: number): void {
    let count = 0;
    for (let at = from; at < end; ) {
      at = this.#field(at);
      if (this.#number !== SPAN.links) continue;
      if (count++ > 0) this.#out.raw(',');
      this.#link(this.#from, this.#end);
    }
  }

  #event(from: number, end: number, now: number): void {
    const out = this.#out;
    const name = none();
    let time = 0;
    for (let at = from; at < end; ) {
      at = this.#field(at);
      if (this.#number === EVENT.time) time = this.#milliseconds(this.#from);
      else if (this.#number === EVENT.name) this.#keep(name);
    }
    out.raw('{"@timestamp":"');
    this.#time(time, now);
    out.raw('","name":');
    out.text(this.#bytes, name.from, name.end);
    out.raw(',"attributes":');
    this.#attributes(from, end, EVENT.attributes);
    out.raw('}');
  }

  #link(from: number, end: number): void {
    const out = this.#out;
    const [trace, span] = [none(), none()];
    for (let at = from; at < end; ) {
      at = this.#field(at);
      if (this.#number === LINK.trace) this.#keep(trace);
      else if (this.#number === LINK.span) this.#keep(span);
    }
    out.raw('{"trace":{"id":');
    out.hex(this.#bytes, trace.from, trace.end);
    out.raw('},"span":{"id":');
    out.hex(this.#bytes, span.from, span.end);
    out.raw('},"attributes":');
    this.#attributes(from, end, LINK.attributes);
    out.raw('}');
  }

  /** The KeyValues of a message, as an object. */
  #attributes(from: number, end: number, number: number): void {
    const out = this.#out;
    let names = 0;
    for (let at = from; at < end; ) {
      at = this.#field(at);
      if (this.#number !== number) continue;
      out.raw(names === 0 ? '{' : ',');
      this.#attribute(this.#from, this.#end, names++);
    }
    out.raw(names === 0 ? '{}' : '}');
  }

  #attribute(from: number, end: number, number: number): void {
    const [key, value] = [none(), none()];
    for (let at = from; at < end; ) {
      at = this.#field(at);
      if (this.#number === PAIR.key) this.#keep(key);
      else if (this.#number === PAIR.value) this.#keep(value);
    }
    if (number >= MOST_NAMES || this.#occurs(key, number)) throw UNUSUAL;
    this.#names[number * 2] = key.from;
    this.#names[number * 2 + 1] = key.end;
    this.#out.text(this.#bytes, key.from, key.end);
    this.#out.raw(':');
    this.#value(value.from, value.end);
  }

  /** Among the first `count` names. */
  #occurs({ from, end }: Place, count: number): boolean {
    const names = this.#names;
    for (let i = 0; i < count; i++) {
      const other = names[i * 2]!;
      if (names[i * 2 + 1]! - other !== end - from) continue;
      let same = 0;
      while (same < end - from && this.#bytes[other + same] === this.#bytes[from + same]) same++;
      if (same === end - from) return true;
    }
    return false;
  }

  #value(from: number, end: number): void {
    const out = this.#out;
    if (from === end) {
      out.raw('null');
      return;
    }
    if (this.#field(from) !== end) throw UNUSUAL;
    const [at, to] = [this.#from, this.#end];
    const number = this.#number;
    if (number === VALUE.string) out.text(this.#bytes, at, to);
    else if (number === VALUE.int) this.#integer(at);
    else if (number === VALUE.bool) out.raw(this.#varint(at) === 0 ? 'false' : 'true');
    else if (number === VALUE.double) this.#double(at);
    else if (number === VALUE.bytes) out.raw(`"${this.#bytes.toString('base64', at, to)}"`);
    else if (number === VALUE.array) this.#array(at, to);
    else throw UNUSUAL;
  }

  #array(from: number, end: number): void {
    this.#out.raw('[');
    for (let at = from; at < end; ) {
      const isFirst = at === from;
      at = this.#field(at);
      if (this.#number !== 1) throw UNUSUAL;
      if (!isFirst) this.#out.raw(',');
      this.#value(this.#from, this.#end);
    }
    this.#out.raw(']');
  }

  #double(at: number): void {
    const value = this.#bytes.readDoubleLE(at);
    if (Number.isFinite(value)) this.#out.number(value);
    else this.#out.raw(`"${value}"`);
  }

  #integer(at: number): void {
    const value = this.#varint(at);
    if (value <= Number.MAX_SAFE_INTEGER) {
      this.#out.number(value);
      return;
    }
    const whole = BigInt.asIntN(64, bigVarintAt(this.#bytes, at));
    const isSafe = Number.isSafeInteger(Number(whole));
    this.#out.raw(isSafe ? String(whole) : `"${whole}"`);
  }

  #code(from: number, end: number): number {
    let code = 0;
    for (let at = from; at < end; ) {
      at = this.#field(at);
      if (this.#number === STATUS_CODE) code = Number(BigInt.asIntN(32, bigVarintAt(this.#bytes, this.#from)));
    }
    return code;
  }

  /** Of nanoseconds in eight bytes. */
  #milliseconds(at: number): number {
    const nanoseconds = this.#bytes.readUInt32LE(at) + this.#bytes.readUInt32LE(at + 4) * HALF;
    return Math.floor(nanoseconds / 1e6);
  }

  /** As Date.toISOString. What is no time is now. */
  #time(ms: number, now: number): void {
    const time = ms > 0 && ms <= LATEST_MS ? ms : now;
    const second = Math.floor(time / 1000);
    if (second !== this.#second) {
      // Years beyond 9999 are longer in front.
      this.#secondText = new Date(time).toISOString().slice(0, -4);
      this.#second = second;
    }
    this.#out.raw(this.#secondText);
    const rest = time - second * 1000;
    this.#out.raw(rest < 10 ? `00${rest}Z` : rest < 100 ? `0${rest}Z` : `${rest}Z`);
  }

  #keep(place: Place): void {
    place.from = this.#from;
    place.end = this.#end;
  }

  /** Reads a field; gives where the next one begins. */
  #field(at: number): number {
    const bytes = this.#bytes;
    const tag = bytes[at]!;
    const type = tag & 7;
    if (tag < 0x80 && type !== 3) {
      this.#number = tag >> 3;
      this.#from = at + 1;
      if (type === 2) {
        const length = bytes[at + 1]!;
        if (length < 0x80) {
          this.#from = at + 2;
          this.#end = at + 2 + length;
          return this.#end;
        }
      } else if (type === 1) {
        this.#end = at + 9;
        return this.#end;
      }
    }
    const field = fieldAt(bytes, at);
    this.#number = field.number;
    this.#from = field.from;
    this.#end = field.end;
    return field.end;
  }

  /** As far as JavaScript has it. */
  #varint(at: number): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.#bytes[at++]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
  }
}

function none(): Place {
  return { from: 0, end: 0 };
}
