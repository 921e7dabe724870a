/** Records framed in place, one after the other, into memory that is there already. */
import { sizeOfVarint, writeVarint } from './varint.ts';

/** Bytes of what stands around key, value and headers, at most: attributes and five numbers. */
const AROUND_BYTES = 32;

/** How much room a record takes, at most. */
export function framedBytes(key: number, value: number, headers: number): number {
  return AROUND_BYTES + key + value + headers;
}

/**
 * Writes a record at `at`, where there is room for it: timestamp delta 0, the value in pieces, the headers framed already,
 * their number in front. Gives the place behind it.
 */
export function frameAt(
  out: Buffer,
  at: number,
  record: { offsetDelta: number; key: Buffer; value: readonly Uint8Array[]; headers: Buffer },
): number {
  const { offsetDelta, key, value, headers } = record;
  let bytes = 0;
  for (const piece of value) bytes += piece.length;
  const length =
    2 +
    sizeOfVarint(offsetDelta) +
    sizeOfVarint(key.length) +
    key.length +
    sizeOfVarint(bytes) +
    bytes +
    headers.length;
  at = writeVarint(out, at, length);
  out[at++] = 0;
  out[at++] = 0;
  at = writeVarint(out, at, offsetDelta);
  at = writeVarint(out, at, key.length);
  out.set(key, at);
  at = writeVarint(out, at + key.length, bytes);
  for (const piece of value) {
    out.set(piece, at);
    at += piece.length;
  }
  out.set(headers, at);
  return at + headers.length;
}
