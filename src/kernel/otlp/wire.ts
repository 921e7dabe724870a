/** Protobuf's wire form, of what the kernel has checked: for what is done with single messages. */

export interface WireField {
  number: number;
  /** 0 varint, 1 eight bytes, 2 with a length, 5 four bytes. */
  type: number;
  /** Where it begins with its tag, and where its content does. */
  at: number;
  from: number;
  end: number;
}

const GROUP = 3;
const GROUP_END = 4;

/** The fields of a message, as they stand. A group is one field, whose content is not looked at. */
export function wireFields(bytes: Uint8Array): WireField[] {
  const fields: WireField[] = [];
  for (let at = 0; at < bytes.length; ) {
    const field = fieldAt(bytes, at);
    fields.push(field);
    at = field.end;
  }
  return fields;
}

/** One field of a message. */
export function fieldAt(bytes: Uint8Array, at: number): WireField {
  const [tag, from] = varintAt(bytes, at);
  const [number, type] = [Math.floor(tag / 8), tag % 8];
  if (type === 0) return { number, type, at, from, end: varintAt(bytes, from)[1] };
  if (type === 1) return { number, type, at, from, end: from + 8 };
  if (type === 5) return { number, type, at, from, end: from + 4 };
  if (type === GROUP) {
    let end = from;
    for (let field = fieldAt(bytes, end); field.type !== GROUP_END; field = fieldAt(bytes, end)) end = field.end;
    return { number, type, at, from, end: varintAt(bytes, end)[1] };
  }
  if (type === GROUP_END) return { number, type, at, from, end: from };
  const [length, content] = varintAt(bytes, from);
  return { number, type, at, from: content, end: content + length };
}

/** A number as far as JavaScript has it, and where it ends. */
export function varintAt(bytes: Uint8Array, at: number): [value: number, end: number] {
  let value = 0;
  let factor = 1;
  for (;;) {
    const byte = bytes[at++]!;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return [value, at];
    factor *= 128;
  }
}

/** All 64 bits of it. */
export function bigVarintAt(bytes: Uint8Array, at: number): bigint {
  let value = 0n;
  for (let shift = 0n; ; shift += 7n) {
    const byte = bytes[at++]!;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
}

export function numberField(number: number, value: number): Buffer {
  return Buffer.from([...varintOf(number * 8), ...varintOf(value)]);
}

export function textField(number: number, value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([Buffer.from([...varintOf(number * 8 + 2), ...varintOf(bytes.length)]), bytes]);
}

function varintOf(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 0x7f; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80);
  return [...bytes, value];
}
