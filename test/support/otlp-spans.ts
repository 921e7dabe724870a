/** Export requests made by hand, and what of records is to be known. */
import { bytesField, varintField } from '../../src/http/grpc/status.ts';
import { otlpJson } from '../../src/sources/otlp/message.ts';

export interface MadeSpan {
  traceId: string;
  spanId: string;
  name?: string;
  /** Bytes of an attribute beside. */
  padding?: number;
}

const text = (field: number, value: string) => bytesField(field, Buffer.from(value));
const attribute = (key: string, value: string) => Buffer.concat([text(1, key), bytesField(2, text(1, value))]);

function fixed64(field: number, value: bigint): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = (field << 3) | 1;
  bytes.writeBigUInt64LE(value, 1);
  return bytes;
}

/** An ExportTraceServiceRequest. */
export function traceRequest(spans: readonly MadeSpan[], service = 'shop'): Buffer {
  const start = BigInt(Date.now()) * 1_000_000n;
  const made = spans.map(({ traceId, spanId, name = 'GET /', padding = 0 }) =>
    bytesField(
      2,
      Buffer.concat([
        bytesField(1, Buffer.from(traceId, 'hex')),
        bytesField(2, Buffer.from(spanId, 'hex')),
        text(5, name),
        varintField(6, 2),
        fixed64(7, start),
        fixed64(8, start + 1_000_000n),
        ...(padding > 0 ? [bytesField(9, attribute('padding', 'x'.repeat(padding)))] : []),
      ]),
    ),
  );
  const resource = bytesField(1, bytesField(1, attribute('service.name', service)));
  const scope = bytesField(1, text(1, 'test'));
  return bytesField(1, Buffer.concat([resource, bytesField(2, Buffer.concat([scope, ...made]))]));
}

/** Ids that are good, and each another for another number. */
export const traceIdOf = (n: number) => `a${(n + 1).toString(16).padStart(31, '0')}`;
export const spanIdOf = (n: number) => `b${(n + 1).toString(16).padStart(15, '0')}`;

/** So many spans of traces of `each`, from the number on. */
export function spansOf(first: number, count: number, each = 3): MadeSpan[] {
  return Array.from({ length: count }, (_, i) => {
    return { traceId: traceIdOf(Math.floor((first + i) / each)), spanId: spanIdOf(first + i) };
  });
}

interface Decoded {
  resourceSpans?: { scopeSpans?: { spans?: { traceId: string; spanId: string; name: string }[] }[] }[];
}

/** The spans in a record's value. */
export function spansIn(value: Buffer): { traceId: string; spanId: string; name: string }[] {
  const { resourceSpans = [] } = otlpJson(value, 'traces') as Decoded;
  return resourceSpans.flatMap(({ scopeSpans = [] }) => scopeSpans.flatMap(({ spans = [] }) => spans));
}
