// Text between quotes as Go writes it (strconv.Quote, which logfmt's writers use), and JSON: \n \t \" \\ ..., \xHH, \uHHHH with
// surrogates, \UHHHHHHHH, \ooo. What is none of them stays as it is.
import { utf8Bytes, writeUtf8 } from '../decode.as';
import { BACKSLASH } from './scan.as';

/** Writes what memory [at, to) stands for at `out`, never more bytes than it has; returns the address behind. */
export function unescapeGo(at: usize, to: usize, out: usize): usize {
  while (at < to) {
    const c = load<u8>(at++);
    if (c != BACKSLASH || at == to) {
      store<u8>(out++, c);
      continue;
    }
    const letter = load<u8>(at);
    const plain = plainOf(letter);
    if (plain) {
      store<u8>(out++, <u8>plain);
      at++;
      continue;
    }
    const digits: usize = letter == 0x78 ? 2 : letter == 0x75 ? 4 : letter == 0x55 ? 8 : 0; // x u U
    let code = digits ? number(at + 1, digits, to, 16) : number(at, 3, to, 8);
    if (code < 0 || code > 0x10ffff || (digits == 0 && code > 255)) {
      store<u8>(out++, c);
      continue;
    }
    at += digits ? digits + 1 : 3;
    if (digits == 2 || digits == 0) {
      store<u8>(out++, <u8>code);
      continue;
    }
    if (code >= 0xd800 && code < 0xe000) {
      const low = code < 0xdc00 && at + 2 <= to && load<u16>(at) == 0x755c ? number(at + 2, 4, to, 16) : 0;
      if (low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + low - 0xdc00;
        at += 6;
      } else code = 0xfffd;
    }
    out = writeUtf8(out, code, utf8Bytes(code));
  }
  return out;
}

@inline
function plainOf(letter: u8): u32 {
  if (letter == 0x22 || letter == BACKSLASH || letter == 0x2f || letter == 0x27) return letter;
  if (letter == 0x6e) return 10; // n
  if (letter == 0x74) return 9; // t
  if (letter == 0x72) return 13; // r
  if (letter == 0x62) return 8; // b
  if (letter == 0x66) return 12; // f
  if (letter == 0x61) return 7; // a
  return letter == 0x76 ? 11 : 0; // v
}

/** So many digits; -1: they are none. */
function number(at: usize, digits: usize, to: usize, base: i32): i32 {
  if (at + digits > to) return -1;
  let value: i64 = 0;
  for (let i: usize = 0; i < digits; i++) {
    const c = <i32>load<u8>(at + i);
    const digit = c - 0x30 < 10 && c >= 0x30 ? c - 0x30 : (c | 0x20) >= 0x61 && (c | 0x20) < 0x67 ? (c | 0x20) - 0x57 : 99;
    if (digit >= base) return -1;
    value = value * base + digit;
  }
  return value > 0x10ffff ? 0x7fffffff : <i32>value;
}
