/** Events and links of a span of v0.4, which are lists of their own there. */

import type { MessageBytes } from './message-bytes.ts';
import type { Half, SpanReader } from './places.ts';

const LENGTH_BYTES = 2;

/** [{time_unix_nano, name, attributes: {key: {type, string_value, bool_value, int_value, double_value, array_value}}}] */
export function writeEvents(from: SpanReader, at: number, out: MessageBytes): void {
  for (let events = from.items(at); events > 0; events--) {
    const event = out.open(11, LENGTH_BYTES);
    let left = 0;
    for (let fields = from.pairs(from.reader.at); fields > 0; fields--) {
      const name = from.name();
      if (name === 'time_unix_nano') {
        const { high, low } = from.whole();
        out.fixed64(1, high, low);
      } else if (name === 'name') out.bytes(2, from.bytes, from.text());
      else if (name === 'attributes') left += writeTyped(from, 3, out);
      else from.reader.skip();
    }
    // dropped_attributes_count
    if (left > 0) out.number(4, left);
    out.close(event, LENGTH_BYTES);
  }
}

/** {key: {type, string_value | bool_value | int_value | double_value | array_value}}; gives how many had no value. */
function writeTyped(from: SpanReader, field: number, out: MessageBytes): number {
  const { reader, bytes } = from;
  let left = 0;
  for (let pairs = from.pairs(reader.at); pairs > 0; pairs--) {
    const key = from.text();
    const before = out.length;
    for (let values = from.pairs(reader.at); values > 0; values--) {
      const name = from.name();
      if (name === 'string_value') out.textAttribute(field, bytes, key, bytes, from.text());
      else if (name === 'bool_value' && reader.isBool) out.boolAttribute(field, bytes, key, reader.bool());
      else if (name === 'int_value') {
        const { high, low } = from.whole();
        out.wholeAttribute(field, bytes, key, high, low);
      } else if (name === 'double_value') {
        reader.number();
        if (reader.real === null) out.wholeAttribute(field, bytes, key, reader.high, reader.low);
        else out.realAttribute(field, bytes, key, reader.real);
      } else if (name === 'array_value') {
        const attribute = out.open(field, LENGTH_BYTES);
        out.bytes(1, bytes, key);
        const value = out.open(2, LENGTH_BYTES);
        writeList(from, out);
        out.close(value, LENGTH_BYTES);
        out.close(attribute, LENGTH_BYTES);
      } else reader.skip();
    }
    if (out.length === before) left++;
  }
  return left;
}

/** {values: [{type, string_value | bool_value | int_value | double_value}]}, as ArrayValue of an AnyValue. */
function writeList(from: SpanReader, out: MessageBytes): void {
  const { reader, bytes } = from;
  const list = out.open(5, LENGTH_BYTES);
  for (let fields = from.pairs(reader.at); fields > 0; fields--) {
    if (from.name() !== 'values') {
      reader.skip();
      continue;
    }
    for (let values = from.items(reader.at); values > 0; values--) {
      const value = out.open(1, 1);
      for (let parts = from.pairs(reader.at); parts > 0; parts--) {
        const name = from.name();
        if (name === 'string_value') out.bytes(1, bytes, from.text());
        else if (name === 'bool_value' && reader.isBool) out.number(2, reader.bool() ? 1 : 0);
        else if (name === 'int_value') {
          const { high, low } = from.whole();
          out.whole(3, high, low);
        } else if (name === 'double_value') {
          reader.number();
          if (reader.real === null) out.whole(3, reader.high, reader.low);
          else out.real(4, reader.real);
        } else reader.skip();
      }
      out.close(value, 1);
    }
  }
  out.close(list, LENGTH_BYTES);
}

/** [{trace_id, trace_id_high, span_id, attributes: {key: text}, tracestate, flags}] */
export function writeLinks(from: SpanReader, at: number, out: MessageBytes): void {
  const { bytes } = from;
  for (let links = from.items(at); links > 0; links--) {
    const link = out.open(13, LENGTH_BYTES);
    let [trace, upper, span]: Half[] = [];
    for (let fields = from.pairs(from.reader.at); fields > 0; fields--) {
      const name = from.name();
      if (name === 'trace_id') trace = from.whole();
      else if (name === 'trace_id_high') upper = from.whole();
      else if (name === 'span_id') span = from.whole();
      else if (name === 'tracestate') out.bytes(3, bytes, from.text());
      else if (name === 'flags') out.fixed32(6, from.whole().low);
      else if (name === 'attributes') {
        for (let pairs = from.pairs(from.reader.at); pairs > 0; pairs--) {
          const key = from.text();
          out.textAttribute(4, bytes, key, bytes, from.text());
        }
      } else from.reader.skip();
    }
    out.id(1, upper?.high ?? 0, upper?.low ?? 0, trace?.high ?? 0, trace?.low ?? 0);
    out.id(2, span?.high ?? 0, span?.low ?? 0);
    out.close(link, LENGTH_BYTES);
  }
}
