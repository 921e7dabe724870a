// Decimal numbers as doubles, where one multiplication or division is exact (Clinger 1990): 15 digits and 22 powers of ten.

const POWERS: StaticArray<f64> = [
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/** Whether the last number could be read so. */
export let fast = false;

export function readDouble(from: usize, end: usize): f64 {
  fast = false;
  const negative = load<u8>(from) == 0x2d;
  let at = negative ? from + 1 : from;
  let digits: u64 = 0;
  let count: u32 = 0;
  let behind: u32 = 0;
  let point = false;
  if (at == end) return 0;
  for (; at < end; at++) {
    const byte = <u32>load<u8>(at);
    if (byte == 0x2e && !point && count > 0) {
      point = true;
      continue;
    }
    if (byte - 0x30 > 9 || ++count > 15) return 0;
    digits = digits * 10 + <u64>(byte - 0x30);
    if (point) behind++;
  }
  if (point && behind == 0) return 0;
  fast = true;
  const value = <f64>digits / unchecked(POWERS[behind]);
  return negative ? -value : value;
}
