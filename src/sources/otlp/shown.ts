/** Framed records for people: OTLP's protobuf as JSON, as far as names and values are known. */
import type { TappedRecord } from '../../core/input.ts';
import { records } from '../../records/record-batch.ts';
import { type Message, otlpJson } from './message.ts';

/** Of at most so many bytes a value is taken apart; larger ones are shown as how large they are. */
const MOST = 256 * 1024;

export function* shown(framed: Uint8Array): Iterable<TappedRecord> {
  const bytes = Buffer.from(framed.buffer, framed.byteOffset, framed.byteLength);
  for (const { key, value, headers } of records(bytes)) {
    const texts = Object.fromEntries(headers.map(([name, text]) => [name, text.toString()]));
    yield { key: key?.toString() ?? '', value: textOf(value ?? Buffer.alloc(0), texts), headers: texts };
  }
}

function textOf(value: Buffer, headers: Record<string, string>): string {
  if (value[0] === 0x7b) return value.toString();
  if (value.length > MOST) return `{"bytes":${value.length}}`;
  const { signal } = headers;
  return JSON.stringify(otlpJson(value, (signal ?? 'traces') as Message) ?? { bytes: value.length });
}
