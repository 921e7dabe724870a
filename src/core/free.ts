const APART_BYTES = 4096;

/**
 * Lets go of what nobody will read again, at once: a decompressed or compressed block, for example. Left to the garbage
 * collector, some megabytes of them make it go through the whole heap. What shares its memory with others is left alone.
 */
export function free(bytes: Buffer): void {
  const { buffer } = bytes;
  if (!(buffer instanceof ArrayBuffer) || buffer.detached) return;
  if (buffer.byteLength === bytes.byteLength) buffer.transfer(0);
}

/** A copy that can be given back, where it is large enough for that to be worth it. */
export function copyApart(bytes: Buffer): Buffer {
  if (bytes.length < APART_BYTES) return Buffer.from(bytes);
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

/** As `free`, of a table that has memory of its own, for another one has taken its place. */
export function release(table: NodeJS.TypedArray): void {
  (table.buffer as ArrayBuffer).transferToFixedLength(0);
}
