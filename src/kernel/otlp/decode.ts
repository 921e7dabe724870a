/**
 * A message as OTLP's JSON form has it: ids in hex, bytes in base64, numbers of 64 bits as text, enums by number. Of what the
 * kernel has checked; unknown fields are left out. For people and for documents: it costs some microseconds a span.
 */
import { ENUMS, fieldsOf, ID, MESSAGE_NAMES, type MessageName, type SchemaField } from './schema.ts';
import { bigVarintAt, varintAt, type WireField, wireFields } from './wire.ts';

export type DecodedMessage = { [field: string]: DecodedValue };
export type DecodedValue = string | number | boolean | DecodedMessage | DecodedValue[];

const FIELDS = new Map<string, Map<number, SchemaField>>(
  MESSAGE_NAMES.map((name) => [name, new Map(fieldsOf(name).map((field) => [field.number, field]))]),
);

export function decodeMessage(name: MessageName, bytes: Buffer): DecodedMessage {
  const message: DecodedMessage = {};
  const fields = FIELDS.get(name)!;
  for (const found of wireFields(bytes)) {
    const field = fields.get(found.number);
    if (!field) continue;
    if (!field.repeated) message[field.name] = fieldValue(field, bytes, found);
    else {
      message[field.name] ??= [];
      const values = message[field.name] as DecodedValue[];
      if (found.type === 2 && isNumber(field)) values.push(...packed(field, bytes, found));
      else values.push(fieldValue(field, bytes, found));
    }
  }
  return message;
}

function isNumber({ type }: SchemaField): boolean {
  return !FIELDS.has(type) && type !== 'string' && type !== 'bytes' && type !== ID;
}

function packed(field: SchemaField, bytes: Buffer, { from, end, number }: WireField): DecodedValue[] {
  const values: DecodedValue[] = [];
  for (let at = from; at < end; ) {
    const next = /64$|^double$/.test(field.type) && field.type !== 'uint64' ? at + 8 : varintAt(bytes, at)[1];
    values.push(fieldValue(field, bytes, { number, type: 0, at, from: at, end: next }));
    at = next;
  }
  return values;
}

function fieldValue({ type }: SchemaField, bytes: Buffer, { from, end }: WireField): DecodedValue {
  if (FIELDS.has(type)) return decodeMessage(type as MessageName, bytes.subarray(from, end));
  if (type in ENUMS) return Number(BigInt.asIntN(32, bigVarintAt(bytes, from)));
  switch (type) {
    case 'string':
      return bytes.toString('utf8', from, end);
    case ID:
      return bytes.toString('hex', from, end);
    case 'bytes':
      return bytes.toString('base64', from, end);
    case 'bool':
      return bigVarintAt(bytes, from) !== 0n;
    case 'double':
      return double(bytes.readDoubleLE(from));
    case 'fixed32':
      return bytes.readUInt32LE(from);
    case 'fixed64':
      return String(bytes.readBigUInt64LE(from));
    case 'sfixed64':
      return String(bytes.readBigInt64LE(from));
    case 'int64':
      return String(BigInt.asIntN(64, bigVarintAt(bytes, from)));
    case 'uint64':
      return String(bigVarintAt(bytes, from));
    case 'uint32':
      return Number(BigInt.asUintN(32, bigVarintAt(bytes, from)));
    case 'sint32':
      return zigzag(Number(BigInt.asUintN(32, bigVarintAt(bytes, from))));
    default:
      return Number(BigInt.asIntN(32, bigVarintAt(bytes, from)));
  }
}

/** JSON has no others. */
function double(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

function zigzag(value: number): number {
  return (value >>> 1) ^ -(value & 1);
}
