// Bytes as text: ids in hex, others in base64.

/** Writes what hex digits [from, end) stand for; returns the address behind, 0 where they are none. */
export function fromHex(from: usize, end: usize, out: usize): usize {
  if ((end - from) & 1) return 0;
  for (; from < end; from += 2) {
    const high = hexDigit(<u32>load<u8>(from));
    const low = hexDigit(<u32>load<u8>(from, 1));
    if ((high | low) > 15) return 0;
    store<u8>(out++, <u8>((high << 4) | low));
  }
  return out;
}

@inline
function hexDigit(byte: u32): u32 {
  const digit = byte - 0x30;
  if (digit < 10) return digit;
  const letter = (byte | 0x20) - 0x61;
  return letter < 6 ? letter + 10 : 0xff;
}

/** The same of base64, with either alphabet, with `=` at its end or without. */
export function fromBase64(from: usize, end: usize, out: usize): usize {
  while (end > from && load<u8>(end - 1) == 0x3d) end--;
  let bits: u32 = 0;
  let count: u32 = 0;
  for (; from < end; from++) {
    const six = base64Digit(<u32>load<u8>(from));
    if (six > 63) return 0;
    bits = (bits << 6) | six;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    store<u8>(out++, <u8>(bits >> count));
  }
  return count == 6 ? 0 : out;
}

@inline
function base64Digit(byte: u32): u32 {
  if (byte - 0x41 < 26) return byte - 0x41;
  if (byte - 0x61 < 26) return byte - 0x61 + 26;
  if (byte - 0x30 < 10) return byte - 0x30 + 52;
  if (byte == 0x2b || byte == 0x2d) return 62;
  return byte == 0x2f || byte == 0x5f ? 63 : 0xff;
}
