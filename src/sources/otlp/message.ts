/**
 * Export requests as OTLP/JSON, for people to look at (opentelemetry/proto): fields by their names in JSON, ids in hex, 64
 * bits as text, enumerations as numbers. Fields that are not listed here are left out.
 */

/** s text, b bytes in hex, 6 bytes in base64, u unsigned, i signed, x fixed64, d double, t boolean; else a message. `[]`: repeated. */
type Fields = Readonly<Record<number, readonly [name: string, type: string]>>;

const MESSAGES: Readonly<Record<string, Fields>> = {
  traces: { 1: ['resourceSpans', 'ResourceSpans[]'] },
  metrics: { 1: ['resourceMetrics', 'ResourceMetrics[]'] },
  logs: { 1: ['resourceLogs', 'ResourceLogs[]'] },
  ResourceSpans: { 1: ['resource', 'Resource'], 2: ['scopeSpans', 'ScopeSpans[]'], 3: ['schemaUrl', 's'] },
  ResourceMetrics: { 1: ['resource', 'Resource'], 2: ['scopeMetrics', 'ScopeMetrics[]'], 3: ['schemaUrl', 's'] },
  ResourceLogs: { 1: ['resource', 'Resource'], 2: ['scopeLogs', 'ScopeLogs[]'], 3: ['schemaUrl', 's'] },
  Resource: { 1: ['attributes', 'KeyValue[]'] },
  ScopeSpans: { 1: ['scope', 'Scope'], 2: ['spans', 'Span[]'] },
  ScopeMetrics: { 1: ['scope', 'Scope'], 2: ['metrics', 'Metric[]'] },
  ScopeLogs: { 1: ['scope', 'Scope'], 2: ['logRecords', 'LogRecord[]'] },
  Scope: { 1: ['name', 's'], 2: ['version', 's'], 3: ['attributes', 'KeyValue[]'] },
  KeyValue: { 1: ['key', 's'], 2: ['value', 'AnyValue'] },
  AnyValue: {
    1: ['stringValue', 's'],
    2: ['boolValue', 't'],
    3: ['intValue', 'i'],
    4: ['doubleValue', 'd'],
    5: ['arrayValue', 'ArrayValue'],
    6: ['kvlistValue', 'KeyValueList'],
    7: ['bytesValue', '6'],
  },
  ArrayValue: { 1: ['values', 'AnyValue[]'] },
  KeyValueList: { 1: ['values', 'KeyValue[]'] },
  Span: {
    1: ['traceId', 'b'],
    2: ['spanId', 'b'],
    3: ['traceState', 's'],
    4: ['parentSpanId', 'b'],
    5: ['name', 's'],
    6: ['kind', 'u'],
    7: ['startTimeUnixNano', 'x'],
    8: ['endTimeUnixNano', 'x'],
    9: ['attributes', 'KeyValue[]'],
    11: ['events', 'Event[]'],
    13: ['links', 'Link[]'],
    15: ['status', 'Status'],
  },
  Event: { 1: ['timeUnixNano', 'x'], 2: ['name', 's'], 3: ['attributes', 'KeyValue[]'] },
  Link: { 1: ['traceId', 'b'], 2: ['spanId', 'b'], 3: ['traceState', 's'], 4: ['attributes', 'KeyValue[]'] },
  Status: { 2: ['message', 's'], 3: ['code', 'u'] },
  Metric: {
    1: ['name', 's'],
    2: ['description', 's'],
    3: ['unit', 's'],
    5: ['gauge', 'Points'],
    7: ['sum', 'Points'],
    9: ['histogram', 'Histogram'],
  },
  Points: { 1: ['dataPoints', 'Point[]'], 2: ['aggregationTemporality', 'u'], 3: ['isMonotonic', 't'] },
  Point: {
    2: ['startTimeUnixNano', 'x'],
    3: ['timeUnixNano', 'x'],
    4: ['asDouble', 'd'],
    6: ['asInt', 'x'],
    7: ['attributes', 'KeyValue[]'],
  },
  Histogram: { 1: ['dataPoints', 'HistogramPoint[]'], 2: ['aggregationTemporality', 'u'] },
  HistogramPoint: {
    2: ['startTimeUnixNano', 'x'],
    3: ['timeUnixNano', 'x'],
    4: ['count', 'x'],
    5: ['sum', 'd'],
    9: ['attributes', 'KeyValue[]'],
    11: ['min', 'd'],
    12: ['max', 'd'],
  },
  LogRecord: {
    1: ['timeUnixNano', 'x'],
    2: ['severityNumber', 'u'],
    3: ['severityText', 's'],
    5: ['body', 'AnyValue'],
    6: ['attributes', 'KeyValue[]'],
    9: ['traceId', 'b'],
    10: ['spanId', 'b'],
    11: ['observedTimeUnixNano', 'x'],
  },
};

export type Message = 'traces' | 'metrics' | 'logs';
const DEEPEST = 64;

/** Null: it is none. */
export function otlpJson(bytes: Buffer, message: Message): object | null {
  try {
    return decoded(bytes, MESSAGES[message]!, 0);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function decoded(bytes: Buffer, fields: Fields, depth: number): object {
  if (depth > DEEPEST) throw new RangeError('too deep');
  const out: Record<string, unknown> = {};
  const reader = new Reader(bytes);
  while (reader.at < bytes.length) {
    const tag = Number(reader.varint());
    const field = fields[tag >>> 3];
    const value = reader.value(tag & 7);
    if (!field) continue;
    const [name, type] = field;
    const many = type.endsWith('[]');
    const plain = shaped(value, many ? type.slice(0, -2) : type, depth);
    if (!many) out[name] = plain;
    else if (Array.isArray(out[name])) out[name].push(plain);
    else out[name] = [plain];
  }
  return out;
}

function shaped(value: Buffer | bigint, type: string, depth: number): unknown {
  if (typeof value === 'bigint') {
    if (type === 't') return value !== 0n;
    return type === 'u' ? Number(value) : String(type === 'i' ? BigInt.asIntN(64, value) : value);
  }
  if (type === 's') return value.toString();
  if (type === 'b') return value.toString('hex');
  if (type === '6') return value.toString('base64');
  if (type === 'd') return value.readDoubleLE();
  if (type === 'x') return String(value.readBigUInt64LE());
  const fields = MESSAGES[type];
  if (!fields) throw new RangeError('another type of field');
  return decoded(value, fields, depth + 1);
}

class Reader {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number is cut short');
  }

  /** What stands behind a tag of this wire type. */
  value(wire: number): Buffer | bigint {
    if (wire === 0) return this.varint();
    const length = wire === 1 ? 8 : wire === 5 ? 4 : wire === 2 ? Number(this.varint()) : -1;
    const end = this.at + length;
    if (length < 0 || end > this.#bytes.length) throw new RangeError('a field is cut short');
    const bytes = this.#bytes.subarray(this.at, end);
    this.at = end;
    return bytes;
  }
}
