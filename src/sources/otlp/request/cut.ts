/**
 * A span or a log record that is larger than a Kafka record: its attributes are left out, the largest first, then its
 * events, its links, and what else has no bound. What is left out is counted where OpenTelemetry counts it
 * (dropped_attributes_count and the like), and `runnel.truncated` says it.
 */
import { setImmediate } from 'node:timers/promises';
import { fieldAt, numberField, textField, varintAt, type WireField, wireFields } from '../../../kernel/otlp/wire.ts';

/** What may be left out, in this order: a field, and the one that counts what was. */
interface Leaving {
  number: number;
  counted: number;
}

interface Cutting {
  leave: readonly Leaving[];
  attributes: number;
  /** Always kept, as they are small. */
  keep: readonly number[];
  /** A text that is made shorter, not left out. */
  text: number;
}

const SPAN: Cutting = {
  leave: [
    { number: 9, counted: 10 },
    { number: 11, counted: 12 },
    { number: 13, counted: 14 },
  ],
  attributes: 9,
  keep: [1, 2, 4, 6, 7, 8, 10, 12, 14, 16],
  text: 5,
};
const LOG: Cutting = { leave: [{ number: 6, counted: 7 }], attributes: 6, keep: [1, 2, 7, 8, 9, 10, 11], text: 5 };

/** KeyValue { key: runnel.truncated, value: { bool_value: true } } */
const TRUNCATED = Buffer.concat([textField(1, 'runnel.truncated'), textField(2, Buffer.from([0x10, 1]))]);
/** Counts and the mark, at most; tags and lengths of a text that is made shorter. */
const ADDED = 64;
/** What is always kept, and what is added, at most. */
const SMALL = 1024;
/** So many fields are chosen among; of more nothing is chosen. */
const MOST_FIELDS = 10_000;
/** Fields that are passed over at once. */
const SLICE_FIELDS = 5000;

/** At most `room` bytes, which must be some hundred at least. */
export async function cutItem(of: 'traces' | 'logs', bytes: Uint8Array, room: number): Promise<Buffer> {
  const cutting = of === 'traces' ? SPAN : LOG;
  const fields = firstFields(bytes);
  return fields ? cutLargest(of, bytes, room, fields) : cutAll(of, cutting, bytes, room);
}

/** All fields; null: they are too many to choose among. */
export function firstFields(bytes: Uint8Array): WireField[] | null {
  const fields: WireField[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (fields.length === MOST_FIELDS) return null;
    const field = fieldAt(bytes, at);
    fields.push(field);
    at = field.end;
  }
  return fields;
}

/** Of what has no bound nothing is kept but the text. */
async function cutAll(of: 'traces' | 'logs', cutting: Cutting, bytes: Uint8Array, room: number): Promise<Buffer> {
  const { leave, attributes, keep, text } = cutting;
  const last = new Map<number, WireField>();
  const out = new Map(leave.map(({ number }) => [number, 0]));
  for (let at = 0, n = 1; at < bytes.length; n++) {
    const field = fieldAt(bytes, at);
    const left = out.get(field.number);
    if (left !== undefined) out.set(field.number, left + 1);
    else if (field.number === text || keep.includes(field.number)) last.set(field.number, field);
    at = field.end;
    if (n % SLICE_FIELDS === 0) await setImmediate();
  }
  const fields = [...last.values()].filter(({ number }) => number !== text);
  const parts = fields.map(({ at, end }) => bytes.subarray(at, end));
  const named = last.get(text);
  if (named) parts.push(shortened(of, bytes, named, room - SMALL));
  for (const { number, counted } of leave) {
    if (out.get(number)! > 0) parts.push(numberField(counted, numberIn(bytes, fields, counted) + out.get(number)!));
  }
  parts.push(textField(attributes, TRUNCATED));
  return Buffer.concat(parts);
}

function cutLargest(of: 'traces' | 'logs', bytes: Uint8Array, room: number, fields: WireField[]): Buffer {
  const { leave, attributes, keep, text } = of === 'traces' ? SPAN : LOG;
  const gone = new Set<WireField>();
  let left = bytes.length + ADDED;
  let shorter: Buffer | null = null;
  const leaveOut = (some: WireField[]) => {
    for (const field of some.sort((a, b) => sizeOf(b) - sizeOf(a))) {
      if (left <= room) return;
      gone.add(field);
      left -= sizeOf(field);
      if (field.number !== text || shorter) continue;
      shorter = shortened(of, bytes, field, room - left);
      left += shorter.length;
    }
  };
  for (const { number } of leave) leaveOut(fields.filter((field) => field.number === number));
  leaveOut(fields.filter(({ number }) => !keep.includes(number)));
  const parts = fields.filter((field) => !gone.has(field)).map(({ at, end }) => bytes.subarray(at, end));
  if (shorter) parts.push(shorter);
  for (const { number, counted } of leave) {
    const out = [...gone].filter((field) => field.number === number).length;
    if (out > 0) parts.push(numberField(counted, numberIn(bytes, fields, counted) + out));
  }
  parts.push(textField(attributes, TRUNCATED));
  return Buffer.concat(parts);
}

function sizeOf({ at, end }: WireField): number {
  return end - at;
}

/** Of a number that stands more than once the last one holds. */
function numberIn(bytes: Uint8Array, fields: readonly WireField[], number: number): number {
  const field = fields.findLast((one) => one.number === number);
  return field ? Math.min(varintAt(bytes, field.from)[0], 0xffff_0000) : 0;
}

/** The name of a span; the body of a log record where that is text. */
function shortened(of: 'traces' | 'logs', bytes: Uint8Array, { from, end }: WireField, room: number): Buffer {
  if (of === 'traces') return textField(5, textUpTo(bytes.subarray(from, end), room - ADDED));
  const body = bytes.subarray(from, end);
  const text = wireFields(body).findLast(({ number }) => number === 1);
  if (!text) return Buffer.alloc(0);
  return textField(5, textField(1, textUpTo(body.subarray(text.from, text.end), room - ADDED)));
}

/** Cut at a character's boundary. */
function textUpTo(text: Uint8Array, bytes: number): Uint8Array {
  let end = Math.max(0, Math.min(text.length, bytes));
  while (end > 0 && end < text.length && (text[end]! & 0xc0) === 0x80) end--;
  return text.subarray(0, end);
}
