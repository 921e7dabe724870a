/**
 * Packets as they came, in a file and on the way to it (`runnel statsd capture`):
 *
 *   file    "runnelS1" *record
 *   record  length u32 | listener u16 | kind u8 | 0 u8 | microseconds since the epoch u64 | length bytes    little endian
 *   kind    0 a datagram, or a message with its length; 1 lines of a connection; 2 packets that were left out: u32
 */
export const MAGIC = Buffer.from('runnelS1');
export const RECORD_HEAD_BYTES = 16;

export const DATAGRAM = 0;
export const OF_CONNECTION = 1;
export const LEFT_OUT = 2;

export interface CapturedRecord {
  listener: number;
  kind: number;
  microseconds: bigint;
  bytes: Buffer;
}

/** Of the record at `at`. */
export function writeHead(
  to: Buffer,
  at: number,
  { listener, kind, length, microseconds }: { listener: number; kind: number; length: number; microseconds: bigint },
): void {
  to.writeUInt32LE(length, at);
  to.writeUInt16LE(listener, at + 4);
  to.writeUInt8(kind, at + 6);
  to.writeUInt8(0, at + 7);
  to.writeBigUInt64LE(microseconds, at + 8);
}

/** The record at `at`, and where the next one is; null: it is not there as a whole. */
export function readRecord(from: Buffer, at: number): { record: CapturedRecord; next: number } | null {
  if (from.length - at < RECORD_HEAD_BYTES) return null;
  const next = at + RECORD_HEAD_BYTES + from.readUInt32LE(at);
  if (next > from.length) return null;
  const record = {
    listener: from.readUInt16LE(at + 4),
    kind: from.readUInt8(at + 6),
    microseconds: from.readBigUInt64LE(at + 8),
    bytes: from.subarray(at + RECORD_HEAD_BYTES, next),
  };
  return { record, next };
}
