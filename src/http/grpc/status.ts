/**
 * How gRPC says what went wrong: a code, a text, and google.rpc.Status with details (google/rpc/status.proto,
 * error_details.proto).
 *
 *   Status     1 code int32, 2 message string, 3 details Any     RetryInfo   1 retry_delay Duration
 *   Any        1 type_url string, 2 value bytes                  Duration    1 seconds int64, 2 nanos int32
 */

export const CODES = {
  OK: 0,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;
export type GrpcCode = keyof typeof CODES;

/** Why a call is not served. */
export class GrpcError extends Error {
  readonly code: GrpcCode;
  /** What it is counted under. */
  readonly reason: string;
  /** When it may be tried again, milliseconds; null: not as it is. */
  readonly retryAfter: number | null;

  constructor(code: GrpcCode, reason: string, message: string, retryAfter: number | null = null) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.retryAfter = retryAfter;
  }
}

/** google.rpc.Status; `retryAfter` in milliseconds, null: without RetryInfo. */
export function statusMessage(code: number, message: string, retryAfter: number | null): Buffer {
  const parts = [varintField(1, code), bytesField(2, Buffer.from(message))];
  if (retryAfter !== null) {
    const [seconds, nanos] = [Math.floor(retryAfter / 1000), (retryAfter % 1000) * 1e6];
    const delay = Buffer.concat([varintField(1, seconds), varintField(2, nanos)]);
    const type = Buffer.from('type.googleapis.com/google.rpc.RetryInfo');
    parts.push(bytesField(3, Buffer.concat([bytesField(1, type), bytesField(2, bytesField(1, delay))])));
  }
  return Buffer.concat(parts);
}

/** A field of a protobuf message that is a number, not negative; nothing for 0. */
export function varintField(field: number, value: number): Buffer {
  return value === 0 ? Buffer.alloc(0) : Buffer.from([...varint(field << 3), ...varint(value)]);
}

/** A field of a protobuf message that is bytes, text or a message. */
export function bytesField(field: number, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([...varint((field << 3) | 2), ...varint(value.length)]), value]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return bytes;
}

/** A text as grpc-message has it: bytes beyond printable ASCII, and percent signs, as %XX. */
export function percentEncoded(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
      return plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}
