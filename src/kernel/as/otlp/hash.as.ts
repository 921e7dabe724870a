// NH, of UMAC (RFC 4418, 5.2): whatever texts or ids somebody chooses, two collide once in 2^32 while he does not know the
// secrets. No step waits for the one before.

/** Bytes that are hashed, at most: there are so many secrets. */
export const LONGEST: u32 = 4096;

let secrets: usize = 0;
let multiplier: u64 = 0;

/** LONGEST + 16 random bytes. */
export function useSecrets(at: usize): void {
  secrets = at;
  multiplier = load<u64>(at + LONGEST + 8) | 1;
}

@inline
function term(word: u64, secret: u64): u64 {
  return <u64>(<u32>word + <u32>secret) * <u64>(<u32>(word >> 32) + <u32>(secret >> 32));
}

/** The sum of `start` and of memory [at, at + bytes), which begins at the secret `from`; reads up to 7 bytes beyond. */
@inline
export function hashed(start: u64, at: usize, bytes: u32, from: u32): u64 {
  const secret = secrets + <usize>from;
  let sum = start;
  let i: u32 = 0;
  for (; i + 8 <= bytes; i += 8) sum += term(load<u64>(at + i), load<u64>(secret + i));
  if (i < bytes) sum += term(load<u64>(at + i) & lowBytes(bytes - i), load<u64>(secret + i));
  return sum;
}

/** Of a sum: its first bits are as good as the others. */
@inline
export function spread(sum: u64): u64 {
  return sum * multiplier;
}

@inline
export function lowBytes(count: u32): u64 {
  return (<u64>1 << (<u64>count << 3)) - 1;
}
