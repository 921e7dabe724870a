/**
 * `runnel explain otlp FILE`: what would be made of the body of one OTLP request, without a running agent: its records, what
 * is left out or sampled away, or why it would be refused.
 */
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { valuesOf } from '../config/option.ts';
import { readNamed } from '../config/read.ts';
import { decodeMessage } from '../kernel/otlp/decode.ts';
import { REQUESTS } from '../kernel/otlp/schema.ts';
import { type BatchRecord, records } from '../records/record-batch.ts';
import {
  completeTraces,
  type OtlpOptions,
  otlpOption,
  SIGNALS,
  type Signal,
  type TracesOptions,
  topicsOf,
  tracesOption,
} from '../sources/otlp/options.ts';
import { OtlpReader, type RequestContent } from '../sources/otlp/request/reader.ts';
import { type ConfigChoice, configFor } from './locate.ts';
import { complain, printJson } from './output.ts';

/** Room of a block. */
const ROOM = 1_000_000;
const GZIP = 0x1f8b;
const ZSTD = 0x28b52ffd;

export interface OtlpChoice extends ConfigChoice {
  /** Without it: the first that the bytes are right for. */
  signal?: Signal;
}

/**
 * Prints `{"signal","content","error","received","invalid","filtered","sanitized","cut","split","records"}`; each record has topic,
 * key, headers, and its value, decoded. Exit 1 where it would be refused.
 */
export async function explainOtlp(file: string, { signal, ...choice }: OtlpChoice): Promise<number> {
  const config = await configFor(choice);
  if (config === null) return 2;
  const sections = config as unknown as { otlp?: OtlpOptions; traces?: TracesOptions };
  const otlp = sections.otlp ?? valuesOf(otlpOption, {})!;
  const prefix = config.kafka.topic_prefix;
  const traces = sections.traces ?? completeTraces(valuesOf(tracesOption, {}), prefix);
  const topics = { traces: traces.topic, ...topicsOf(otlp, prefix) };
  let body: Buffer;
  try {
    body = inflated(await readNamed(file, otlp.max_request), otlp.max_request);
  } catch (error) {
    complain(`runnel: cannot read ${file}: ${(error as Error).message}`);
    return 1;
  }
  const content: RequestContent = /^\s*\{/.test(body.toString('latin1', 0, 64)) ? 'json' : 'protobuf';
  const reader = new OtlpReader({ maxRequest: otlp.max_request, host: config.host, labels: config.tags, traces });
  const named = signal ?? (content === 'json' ? signalNamed(body) : undefined);
  let told: Explained | undefined;
  for (const one of named ? [named] : SIGNALS) {
    const explained = await explain(reader, one, content, body, topics[one]);
    if (!told || (told.error !== null && explained.error === null)) told = explained;
    if (explained.error === null && explained.received > explained.invalid) {
      told = explained;
      break;
    }
  }
  printJson(`${JSON.stringify(told)}\n`);
  return told!.error === null ? 0 : 1;
}

interface Explained {
  signal: Signal;
  content: RequestContent;
  error: string | null;
  received: number;
  invalid: number;
  [more: string]: unknown;
}

async function explain(
  reader: OtlpReader,
  signal: Signal,
  content: RequestContent,
  body: Buffer,
  topic: string,
): Promise<Explained> {
  const request = await reader.read(signal, content, body);
  const { error, counts, message } = request;
  const found: object[] = [];
  for (let packed = request.pack(0, ROOM); packed; packed = request.pack(0, ROOM)) {
    for (const record of records(Buffer.from(packed.bytes))) found.push(shown(signal, topic, record));
  }
  request.close();
  const { filteredBy, ...rest } = counts;
  const said = message === '' ? {} : { message };
  const filtered = filteredBy.size > 0 ? { filtered_by: Object.fromEntries(filteredBy) } : {};
  return { signal, content, error, ...rest, ...filtered, ...said, records: found };
}

function shown(signal: Signal, topic: string, { key, value, headers }: BatchRecord): object {
  const texts = Object.fromEntries(headers.map(([name, text]) => [name, text.toString()]));
  const isJson = texts['content-type'] === 'application/json';
  const decoded = isJson ? JSON.parse(value!.toString()) : decodeMessage(REQUESTS[signal], value!);
  return { topic, key: key?.toString() ?? null, headers: texts, value: decoded };
}

/** JSON says what it is: what one signal does not know may be right for all others. */
function signalNamed(text: Buffer): Signal | undefined {
  const [, name] = /"resource_?(spans|metrics|logs)"/i.exec(text.toString('latin1')) ?? [];
  return name?.toLowerCase() === 'spans' ? 'traces' : (name?.toLowerCase() as Signal | undefined);
}

/** What was captured may be as it was sent. */
function inflated(body: Buffer, most: number): Buffer {
  const limit = { maxOutputLength: most };
  if (body.length > 4 && body.readUInt16BE() === GZIP) return gunzipSync(body, limit);
  return body.length > 4 && body.readUInt32BE() === ZSTD ? zstdDecompressSync(body, limit) : body;
}
