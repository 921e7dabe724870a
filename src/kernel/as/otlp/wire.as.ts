// Protobuf's wire form: reading varints, and the ways in which one ends a message.

/** What a varint said. */
export let value: u64 = 0;
/** What was none has more than 64 bits; else it is cut off. */
export let tooBig = false;

/**
 * Reads the varint at `at`, which ends before `end`; returns the address behind, 0 where it is none: it goes on behind the
 * end, or has more than 64 bits.
 */
export function readVarint(at: usize, end: usize): usize {
  let read: u64 = 0;
  tooBig = false;
  for (let shift: u64 = 0; shift < 70; shift += 7) {
    if (at >= end) return 0;
    const byte = <u64>load<u8>(at++);
    read |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      if (shift == 63 && byte > 1) break;
      value = read;
      return at;
    }
  }
  tooBig = true;
  return 0;
}

/** Bytes that a length takes. */
@inline
export function lengthBytes(length: u32): u32 {
  return length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x200000 ? 3 : length < 0x10000000 ? 4 : 5;
}

/** Writes a length. */
@inline
export function writeLength(out: usize, length: u32): usize {
  while (length > 0x7f) {
    store<u8>(out++, <u8>(length | 0x80));
    length >>= 7;
  }
  store<u8>(out++, <u8>length);
  return out;
}
