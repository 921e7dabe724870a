/** What others make of OTLP's bytes: protobufjs, by the descriptors that OpenTelemetry publishes. */
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';

export type Signal = 'traces' | 'metrics' | 'logs';

const { comment: _, ...schema } = JSON.parse(readFileSync(new URL('./otlp-schema.json', import.meta.url), 'utf8'));
const root = protobuf.Root.fromJSON(schema);
const collector = 'opentelemetry.proto.collector';

export const REQUEST_TYPES: Readonly<Record<Signal, protobuf.Type>> = {
  traces: root.lookupType(`${collector}.trace.v1.ExportTraceServiceRequest`),
  metrics: root.lookupType(`${collector}.metrics.v1.ExportMetricsServiceRequest`),
  logs: root.lookupType(`${collector}.logs.v1.ExportLogsServiceRequest`),
};

// biome-ignore lint/suspicious/noExplicitAny: as deep as messages are
export type Decoded = any;

/** Throws where it cannot be decoded. Ids and bytes are base64, numbers of 64 bits text. */
export function decodeRequest(signal: Signal, bytes: Uint8Array): Decoded {
  const type = REQUEST_TYPES[signal];
  return type.toObject(type.decode(bytes), { longs: String, bytes: String, arrays: true });
}

/** What stands in messages as JavaScript has it (bytes: Buffer) as protobuf. */
export function encodeRequest(signal: Signal, request: object): Buffer {
  const type = REQUEST_TYPES[signal];
  return Buffer.from(type.encode(type.fromObject(request)).finish());
}
