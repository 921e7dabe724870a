/** Copies into memory that threads share. */

/**
 * Copies all of `bytes` to `at`. `set` takes such memory byte by byte where the two do not lie alike: 50 KB in 18 us, where
 * this takes 1.4.
 */
export function copyInto(to: Uint8Array, at: number, bytes: Uint8Array): void {
  Buffer.prototype.copy.call(bytes, to, at);
}
