/**
 * The schema as a table for the kernel: a row of 32 words a message, a word a field number.
 *
 *   bits  0-2  wire type     3-5  form     8-15  row of the message     16-23  what is done     24-31  scalar (for JSON)
 *
 * 0: the field is unknown.
 */
import { ENUMS, fieldsOf, ID, MESSAGE_NAMES, type MessageName, type SchemaField } from './schema.ts';

export const ROW_FIELDS = 32;

/** As walk.as.ts has them. */
const FORMS = { scalar: 1, text: 2, message: 3, packed: 4, bytes: 5 } as const;
const [VARINT, I64, LEN, I32] = [0, 1, 2, 5] as const;

/** By number, as json-values.as.ts has them. */
export const SCALARS = [
  'none',
  'string',
  'bytes',
  'bool',
  'int32',
  'uint32',
  'sint32',
  'int64',
  'uint64',
  'fixed32',
  'fixed64',
  'sfixed64',
  'double',
  ID,
  'enum',
] as const;

const WIRE: Record<string, number> = {
  string: LEN,
  bytes: LEN,
  [ID]: LEN,
  fixed32: I32,
  fixed64: I64,
  sfixed64: I64,
  double: I64,
};

/** What is done at a field, as walk.as.ts has it. */
const ACTIONS: Readonly<Record<string, number>> = {
  'ExportTraceServiceRequest.resourceSpans': 1,
  'ExportMetricsServiceRequest.resourceMetrics': 1,
  'ExportLogsServiceRequest.resourceLogs': 1,
  'ResourceSpans.scopeSpans': 2,
  'ResourceMetrics.scopeMetrics': 2,
  'ResourceLogs.scopeLogs': 2,
  'ScopeSpans.spans': 3,
  'ScopeMetrics.metrics': 4,
  'ScopeLogs.logRecords': 5,
  'ResourceSpans.resource': 6,
  'ResourceMetrics.resource': 6,
  'ResourceLogs.resource': 6,
  'ScopeSpans.scope': 6,
  'ScopeMetrics.scope': 6,
  'ScopeLogs.scope': 6,
  'Resource.attributes': 7,
  'Gauge.dataPoints': 8,
  'Sum.dataPoints': 8,
  'Histogram.dataPoints': 8,
  'ExponentialHistogram.dataPoints': 8,
  'Summary.dataPoints': 8,
  'Span.traceId': 16,
  'Span.spanId': 17,
  'Span.parentSpanId': 18,
  'Link.traceId': 19,
  'Exemplar.traceId': 19,
  'LogRecord.traceId': 19,
  'Link.spanId': 18,
  'Exemplar.spanId': 18,
  'LogRecord.spanId': 18,
  'Span.traceState': 20,
  'Span.name': 21,
  'Span.kind': 22,
  'Span.startTimeUnixNano': 23,
  'Span.endTimeUnixNano': 24,
  'Status.code': 25,
};

export function messageRow(message: MessageName): number {
  return MESSAGE_NAMES.indexOf(message);
}

function isMessage(type: string): type is MessageName {
  return (MESSAGE_NAMES as string[]).includes(type);
}

/** The scalar's number; an enum's is that of all. */
export function scalarOf({ type }: SchemaField): number {
  if (isMessage(type)) return 0;
  return SCALARS.indexOf((type in ENUMS ? 'enum' : type) as (typeof SCALARS)[number]);
}

export function entryOf(message: MessageName, field: SchemaField): number {
  const { name, type, repeated } = field;
  const action = ACTIONS[`${message}.${name}`] ?? 0;
  if (isMessage(type)) return LEN | (FORMS.message << 3) | (messageRow(type) << 8) | (action << 16);
  const wire = WIRE[type] ?? VARINT;
  const form = type === 'string' ? 'text' : wire === LEN ? 'bytes' : repeated ? 'packed' : 'scalar';
  return wire | (FORMS[form] << 3) | (action << 16) | (scalarOf(field) << 24);
}

/** ROW_FIELDS words a message, in the order of MESSAGE_NAMES. */
export function wireTable(): Uint32Array {
  const table = new Uint32Array(MESSAGE_NAMES.length * ROW_FIELDS);
  for (const message of MESSAGE_NAMES) {
    for (const field of fieldsOf(message)) {
      table[messageRow(message) * ROW_FIELDS + field.number] = entryOf(message, field);
    }
  }
  return table;
}
