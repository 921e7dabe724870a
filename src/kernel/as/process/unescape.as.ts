// The inside of a JSON string that was checked, as the text that it stands for.
import { utf8Bytes, writeUtf8 } from '../decode.as';

const BACKSLASH: u32 = 0x5c;
const REPLACEMENT: u32 = 0xfffd;

/** Writes at `out`, not more than there is in memory [from, to); returns the address behind. */
export function unescape(from: usize, to: usize, out: usize): usize {
  while (from < to) {
    const byte = <u32>load<u8>(from);
    if (byte != BACKSLASH) {
      store<u8>(out++, <u8>byte);
      from++;
      continue;
    }
    const letter = <u32>load<u8>(from + 1);
    if (letter != 0x75) {
      store<u8>(out++, <u8>plain(letter));
      from += 2;
      continue;
    }
    let code = hex4(from + 2);
    from += 6;
    if (code >= 0xd800 && code < 0xe000) {
      const low = from + 6 <= to && load<u16>(from) == 0x755c ? hex4(from + 2) : 0;
      if (code < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        from += 6;
      } else code = REPLACEMENT;
    }
    out = writeUtf8(out, code, utf8Bytes(code));
  }
  return out;
}

/** What `\` and this letter stand for. */
@inline
function plain(letter: u32): u32 {
  if (letter == 0x6e) return 10;
  if (letter == 0x74) return 9;
  if (letter == 0x72) return 13;
  if (letter == 0x62) return 8;
  return letter == 0x66 ? 12 : letter;
}

/** Four hexadecimal digits. */
export function hex4(at: usize): u32 {
  let value: u32 = 0;
  for (let i: usize = 0; i < 4; i++) {
    const byte = <u32>load<u8>(at + i);
    value = (value << 4) | (byte < 0x40 ? byte - 0x30 : (byte | 0x20) - 0x57);
  }
  return value;
}
