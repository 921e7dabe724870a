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
  /** `","log":{"file":{"path":"...","id":"..."},"offset":`; before it what else all records of the stream have. */
  readonly offset: Buffer;
  /** `},"host":{"name":"web-1"},"event":{"dataset":"nginx"},"labels":{"env":"prod"}}` */
  readonly after: Buffer;
  /** `{"path":"...","id":"..."},"offset":` */
  readonly file: Buffer;
  /** Texts of JSON values: `event.dataset`, `host`, and `labels` where there are some. The same for all streams of an input. */
  readonly dataset: string;
  readonly host: string;
  readonly labels: string | null;
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

/** Bytes of a length of 32 bits. */
const LONGEST_VARINT = 5;

export interface LogOrigin {
  host: string;
  path: string;
  id: string;
  dataset: string;
  labels: Record<string, string>;
  key: string;
  /** More that all its records have: texts by dotted names. */
  known?: Readonly<Record<string, string>> | undefined;
}

export function jsonEnvelope(o: LogOrigin): JsonEnvelope {
  const labels = Object.keys(o.labels).length > 0 ? JSON.stringify(o.labels) : null;
  const [host, dataset] = [JSON.stringify({ name: o.host }), JSON.stringify(o.dataset)];
  const file = `${JSON.stringify({ path: o.path, id: o.id })},"offset":`;
  return {
    kind: 'json',
    key: Buffer.from(o.key),
    before: Buffer.from('","message":"'),
    offset: Buffer.from(`"${membersOf(o.known)},"log":{"file":${file}`),
    after: Buffer.from(`},"host":${host},"event":{"dataset":${dataset}}${labels ? `,"labels":${labels}` : ''}}`),
    file: Buffer.from(file),
    dataset,
    host,
    labels,
  };
}

export function rawEnvelope(o: LogOrigin): RawEnvelope {
  const headers = Object.entries({ host: o.host, path: o.path, file: o.id, ...o.known, ...o.labels });
  return { kind: 'raw', key: Buffer.from(o.key), headers: framedTexts(headers.flat()), headerCount: headers.length };
}

export function valueEnvelope(key: string): ValueEnvelope {
  return { kind: 'value', key: Buffer.from(key) };
}

/** `,"container":{"id":"..."},"kubernetes":{...}` of dotted names; no name is the beginning of another. */
function membersOf(known: Readonly<Record<string, string>> = {}): string {
  const document: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(known)) {
    const parts = name.split('.');
    let at = document;
    for (const part of parts.slice(0, -1)) {
      at[part] ??= {};
      at = at[part] as Record<string, unknown>;
    }
    at[parts.at(-1)!] = text;
  }
  const members = JSON.stringify(document).slice(1, -1);
  return members === '' ? '' : `,${members}`;
}

/** Strings, each with its length before it, as record keys, values and headers carry it (zigzag varint). */
export function framedTexts(texts: readonly string[]): Buffer {
  const lengths = texts.map((text) => Buffer.byteLength(text));
  const size = lengths.reduce((sum, length) => sum + LONGEST_VARINT + length, 0);
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const [i, text] of texts.entries()) {
    at = writeVarint(bytes, at, lengths[i]!);
    at += bytes.write(text, at);
  }
  return bytes.subarray(0, at);
}

/** Zigzag varint of a length, as in Kafka's record format v2. */
export function varint(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(LONGEST_VARINT);
  return bytes.subarray(0, writeVarint(bytes, 0, value));
}

/** Returns the place behind it. */
function writeVarint(bytes: Buffer, at: number, value: number): number {
  let rest = value * 2;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 0x80;
  bytes[at++] = rest;
  return at;
}
