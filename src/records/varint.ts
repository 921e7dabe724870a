/** Kafka's varints, in place: zigzag, of what is not negative and below 2^30. */

/** Gives the place behind it. */
export function writeVarint(out: Buffer, at: number, value: number): number {
  let z = value * 2;
  for (; z > 0x7f; z >>>= 7) out[at++] = (z & 0x7f) | 0x80;
  out[at++] = z;
  return at;
}

export function sizeOfVarint(value: number): number {
  let size = 1;
  for (let z = value * 2; z > 0x7f; z >>>= 7) size++;
  return size;
}
