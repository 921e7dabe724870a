/**
 * What the kernel puts around each record's bytes: an ECS JSON document, Kafka headers, or nothing.
 * An envelope is a few hundred bytes, encoded once a stream and copied into the kernel's scratch once a pack.
 */

/** Log line as ECS JSON; `before` + escaped line + `offset` + digits + ,"length": + digits [,skipped] [,flags] + `after`. */
export interface JsonEnvelope {
  readonly kind: 'json';
  readonly key: Buffer;
  /** `","message":"`; the kernel's caller puts `{"@timestamp":"<24 characters>` before it. */
  readonly before: Buffer;
  /** `","log":{"file":{"path":"...","id":"..."},"offset":` */
  readonly offset: Buffer;
  /** `},"host":{"name":"web-1"},"event":{"dataset":"nginx"},"labels":{"env":"prod"}}` */
  readonly after: Buffer;
}

/** Log line as it is, with the headers host, path, file, offset, length (and `flags`, `skipped` where they apply). */
export interface RawEnvelope {
  readonly kind: 'raw';
  readonly key: Buffer;
  /** Framed headers that are the same for every record of the stream: name length, name, value length, value, ... */
  readonly headers: Buffer;
  readonly headerCount: number;
}

/** A value that is complete already (a metric record). */
export interface ValueEnvelope {
  readonly kind: 'value';
  readonly key: Buffer;
}

export type Envelope = JsonEnvelope | RawEnvelope | ValueEnvelope;

export interface LogOrigin {
  host: string;
  path: string;
  id: string;
  dataset: string;
  labels: Record<string, string>;
  key: string;
}

export function jsonEnvelope(o: LogOrigin): JsonEnvelope {
  const labels = Object.keys(o.labels).length > 0 ? `,"labels":${JSON.stringify(o.labels)}` : '';
  return {
    kind: 'json',
    key: Buffer.from(o.key),
    before: Buffer.from('","message":"'),
    offset: Buffer.from(`","log":{"file":${JSON.stringify({ path: o.path, id: o.id })},"offset":`),
    after: Buffer.from(
      `},"host":${JSON.stringify({ name: o.host })},"event":${JSON.stringify({ dataset: o.dataset })}${labels}}`,
    ),
  };
}

export function rawEnvelope(o: LogOrigin): RawEnvelope {
  const pairs = Object.entries({ host: o.host, path: o.path, file: o.id, ...o.labels });
  return {
    kind: 'raw',
    key: Buffer.from(o.key),
    headers: Buffer.concat(pairs.flatMap(([name, value]) => [framed(name), framed(value)])),
    headerCount: pairs.length,
  };
}

export function valueEnvelope(key: string): ValueEnvelope {
  return { kind: 'value', key: Buffer.from(key) };
}

/** A string with its length before it, as record keys, values and headers carry it (zigzag varint). */
function framed(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([varint(bytes.length), bytes]);
}

/** Zigzag varint of a length, as in Kafka's record format v2. */
export function varint(value: number): Buffer {
  const out: number[] = [];
  let rest = value * 2;
  while (rest > 0x7f) {
    out.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
  return Buffer.from(out);
}
