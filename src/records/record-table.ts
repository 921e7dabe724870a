/**
 * Where in a decompressed records section each record's parts lie, as rows of a table:
 *
 *   OFFSET     offset delta; ascending, not without gaps where the topic is compacted
 *   TIME       timestamp delta, milliseconds; FAR: it does not fit into 32 bits, see `farTime`
 *   KEY        first byte of the key, KEY_END the one behind its last; both -1: null
 *   VALUE      the same of the value
 *   HEADERS    where the headers begin, with their count, a varint; see `eachHeader`
 *   RECORD_END the byte behind the record
 *
 * A walk in JavaScript takes 15 to 25 ns a record. The kernel's memory is another one: copying a record of 400 bytes into
 * it would take longer.
 */

export const COLUMNS = 8;
export const [OFFSET, TIME, KEY, KEY_END, VALUE, VALUE_END, HEADERS, RECORD_END] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
export const FAR = -(2 ** 31);
/** Length, attributes, two deltas, two lengths and a count take a byte each at least. */
const LEAST_BYTES = 7;
/** A varint of a length or a 32-bit delta. */
const MOST_SHIFT = 28;

/** Where the integer that was read last ends. */
let at = 0;

/**
 * Fills the first `count` rows of `table`, whose length is `count * COLUMNS` at least. Throws a RangeError where the
 * records are malformed, are not `count`, or have offset deltas that do not ascend up to `lastDelta`. The headers of a
 * record are not looked at.
 */
export function fillTable(body: Buffer, count: number, lastDelta: number, table: Int32Array): void {
  let before = -1;
  let p = 0;
  for (let i = 0, row = 0; i < count; i++, row += COLUMNS) {
    // Most integers have one byte or two; `varint` reads the longer ones.
    let byte = body[p++]!;
    let length = byte & 1 ? -1 : byte >>> 1;
    if (byte > 0x7f) {
      length = varint(body, p - 1);
      p = at;
    }
    const end = p + length;
    if (length < LEAST_BYTES - 1 || end > body.length) throw new RangeError(`record ${i} is cut short`);
    p++;
    const timeAt = p;
    byte = body[p++]!;
    let time = byte & 0x7f;
    for (let shift = 7; byte > 0x7f; shift += 7) {
      byte = body[p++]!;
      if (shift <= MOST_SHIFT) time |= (byte & 0x7f) << shift;
    }
    // Above five bytes, or with more than four bits in the fifth, it is larger than 32 bits.
    const far = p - timeAt > 5 || (p - timeAt === 5 && byte > 0x0f);
    const delta = varint(body, p);
    if (delta <= before || delta > lastDelta) throw new RangeError(`record ${i} has an offset that is impossible`);
    before = delta;
    p = at;
    byte = body[p++]!;
    let keyBytes = byte & 1 ? -1 : byte >>> 1;
    if (byte > 0x7f) {
      keyBytes = varint(body, p - 1);
      p = at;
    }
    const key = p;
    if (keyBytes > 0) p += keyBytes;
    const valueBytes = varint(body, p);
    const value = at;
    p = valueBytes > 0 ? value + valueBytes : value;
    // Keys and values may claim more than is there.
    if (p >= end) throw new RangeError(`record ${i} does not end where its length says`);
    table[row] = delta;
    table[row + TIME] = far ? FAR : (time >>> 1) ^ -(time & 1);
    table[row + KEY] = keyBytes < 0 ? -1 : key;
    table[row + KEY_END] = keyBytes < 0 ? -1 : key + keyBytes;
    table[row + VALUE] = valueBytes < 0 ? -1 : value;
    table[row + VALUE_END] = valueBytes < 0 ? -1 : value + valueBytes;
    table[row + HEADERS] = p;
    table[row + RECORD_END] = end;
    p = end;
  }
  if (p !== body.length) throw new RangeError(`${body.length - p} bytes behind the last record`);
}

/** Whether a section of so many bytes may hold so many records: before room for a table is made. */
export function mayHold(bytes: number, count: number): boolean {
  return count >= 0 && count * LEAST_BYTES <= bytes;
}

/** The timestamp delta of the record that begins at `recordFrom`, exact up to 2^53. */
export function farTime(body: Buffer, recordFrom: number): number {
  varint(body, recordFrom);
  at++;
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = body[at++]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}

/**
 * Calls `each` for every header of the row's record, with where its name and its value lie; -1 and -1: a null value. Throws
 * a RangeError where they are malformed.
 */
export function eachHeader(
  body: Buffer,
  table: Int32Array,
  row: number,
  each: (name: number, nameEnd: number, value: number, valueEnd: number) => void,
): void {
  const end = table[row * COLUMNS + RECORD_END]!;
  const count = varint(body, table[row * COLUMNS + HEADERS]!);
  let from = at;
  for (let i = 0; i < count; i++) {
    const nameBytes = varint(body, from);
    const name = at;
    const valueBytes = varint(body, name + Math.max(0, nameBytes));
    const value = at;
    from = value + Math.max(0, valueBytes);
    if (from > end) throw new RangeError('a header is cut short');
    if (valueBytes < 0) each(name, name + Math.max(0, nameBytes), -1, -1);
    else each(name, name + Math.max(0, nameBytes), value, from);
  }
  if (from !== end) throw new RangeError('headers do not end where their record does');
}

/** A zigzag varint of 32 bits that begins at `from`; `at` is where it ends. */
function varint(body: Buffer, from: number): number {
  let p = from;
  let byte = body[p++]!;
  let value = byte & 0x7f;
  for (let shift = 7; byte > 0x7f; shift += 7) {
    if (shift > MOST_SHIFT) throw new RangeError(`integer at byte ${from} is malformed`);
    byte = body[p++]!;
    value |= (byte & 0x7f) << shift;
  }
  at = p;
  return (value >>> 1) ^ -(value & 1);
}
