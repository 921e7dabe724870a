/**
 * The partition a key belongs to, as Java's default partitioner has it: murmur2 of the key's bytes, sign bit cleared,
 * modulo the number of partitions. librdkafka calls it `murmur2`. Producers in other languages agree on it.
 */

const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const R = 24;

/** murmur2 of the bytes [from, to) of `key`, as a signed 32-bit integer. */
export function murmur2(key: Uint8Array, from = 0, to = key.length): number {
  const length = to - from;
  const tail = from + (length & ~3);
  let h = SEED ^ length;
  for (let i = from; i < tail; i += 4) {
    let k = key[i]! | (key[i + 1]! << 8) | (key[i + 2]! << 16) | (key[i + 3]! << 24);
    k = Math.imul(k, M);
    k ^= k >>> R;
    h = Math.imul(h, M) ^ Math.imul(k, M);
  }
  const rest = length & 3;
  if (rest === 3) h ^= key[tail + 2]! << 16;
  if (rest >= 2) h ^= key[tail + 1]! << 8;
  if (rest >= 1) h = Math.imul(h ^ key[tail]!, M);
  h = Math.imul(h ^ (h >>> 13), M);
  return h ^ (h >>> 15);
}

/** The partition of `key` (hashed as UTF-8) among `partitions`. */
export function partitionFor(key: string, partitions: number): number {
  return (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions;
}
