// Attributes as nearly all of them are: a short name, then a short text, a number or a boolean, all in ASCII. They are most
// of a request, so they are recognised as a whole; what is not so is walked field by field, and may be right all the same.
//
//   0a <bytes> name   12 <bytes> 0a <bytes> text        18 varint        10 00|01        21 <8 bytes>
import { readVarint } from './wire.as';

/** Tag and length of a name, and of a value. */
const NAME: u32 = 0x0a;
const VALUE: u32 = 0x12;
/** A length of one byte, behind its tag. */
const SHORT: u32 = 0x80ff;
const TEXT: u32 = 0x0a;
const BOOLEAN: u32 = 0x10;
const INTEGER: u32 = 0x18;
const DOUBLE: u32 = 0x21;

/** Whether KeyValue [at, end) is such a one. Reads up to 15 bytes beyond. */
@inline
export function isPlain(at: usize, end: usize): bool {
  const head = <u32>load<u16>(at);
  if ((head & SHORT) != NAME) return false;
  const nameBytes = <usize>(head >> 8);
  const value = at + 2 + nameBytes;
  if (value + 4 > end) return false;
  const said = load<u32>(value);
  const first = value + 2;
  if ((said & SHORT) != VALUE || first + <usize>((said >> 8) & 0xff) != end) return false;
  const type = (said >> 16) & 0xff;
  if (type == TEXT) {
    const bytes = <usize>(said >> 24);
    return bytes < 0x80 && first + 2 + bytes == end && isAscii(at + 2, nameBytes) && isAscii(first + 2, bytes);
  }
  if (type == INTEGER) return readVarint(first + 1, end) == end && isAscii(at + 2, nameBytes);
  if (type == DOUBLE) return first + 9 == end && isAscii(at + 2, nameBytes);
  return type == BOOLEAN && first + 2 == end && said >> 24 < 0x80 && isAscii(at + 2, nameBytes);
}

@inline
function isAscii(at: usize, bytes: usize): bool {
  let all = v128.load(at);
  if (bytes <= 16) return (i8x16.bitmask(all) & ((1 << <i32>bytes) - 1)) == 0;
  const last = at + bytes - 16;
  for (at += 16; at < last; at += 16) all = v128.or(all, v128.load(at));
  return i8x16.bitmask(v128.or(all, v128.load(last))) == 0;
}
