// UTF-8 as the WHATWG Encoding Standard decodes it (which is Unicode's table 3-7):
//
//   C2..DF          80..BF
//   E0              A0..BF  80..BF
//   E1..EC EE EF    80..BF  80..BF
//   ED              80..9F  80..BF
//   F0              90..BF  80..BF  80..BF
//   F1..F3          80..BF  80..BF  80..BF
//   F4              80..8F  80..BF  80..BF

/** The sequence at `from`, not ASCII, in memory [from, to): its bytes, or minus the bytes of the maximal subpart that is none. */
export function sequence(from: usize, to: usize): i32 {
  const lead = <u32>load<u8>(from);
  const bytes = sequenceBytes(lead);
  let lowest: u32 = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  let highest: u32 = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (bytes == 0) return -1;
  for (let i: i32 = 1; i < bytes; i++) {
    if (from + i >= to) return -i;
    const byte = <u32>load<u8>(from + i);
    if (byte < lowest || byte > highest) return -i;
    lowest = 0x80;
    highest = 0xbf;
  }
  return bytes;
}

/** Where memory [from, to) can be cut at or before `at` so that no character is: `at`, or up to three bytes before it. */
export function boundary(from: usize, at: usize, to: usize): usize {
  for (let lead = at - 1; lead >= from && at - lead <= 3; lead--) {
    if ((load<u8>(lead) & 0xc0) == 0x80) continue;
    return lead + abs(sequence(lead, to)) > at ? lead : at;
  }
  return at;
}

/** Bytes of a sequence with this lead, 0 where there is none. */
@inline
function sequenceBytes(lead: u32): i32 {
  if (lead < 0xc2) return 0;
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
}
