/**
 * What the lines of a file would become, without an agent: for `explain log` and `test`. They pass what they would pass in
 * an agent, each record by itself, so that it can be said what each step made of it.
 */
import { Account } from '../core/account.ts';
import { Batch, type Stream } from '../core/batch.ts';
import { Pool, SLOT_CAPACITY, type Slot } from '../core/pool.ts';
import { Kernel, type PackJob } from '../kernel/kernel.ts';
import { logEnvelope, partitionKey } from '../lines/envelope.ts';
import { Format } from '../lines/format.ts';
import { readMaskKey, wantsKey } from '../lines/mask-key.ts';
import { Masking } from '../lines/masking.ts';
import type { Config } from '../options.ts';
import { records } from '../records/record-batch.ts';
import { Containers } from '../sources/tail/containers/containers.ts';
import { Selection } from '../sources/tail/find/selection.ts';
import type { LogConfig } from '../sources/tail/options.ts';
import { suppliedSteps } from '../sources/tail/watched.ts';
import { ENVELOPE } from '../transforms/field.ts';
import { processingOf } from '../transforms/process.ts';
import type { VerbStep } from '../transforms/step.ts';

export interface ToldStep {
  /** From 1. */
  step: number;
  verb: string;
  /** `skipped`: it was not for this record, or one before has dropped it. */
  result: 'ok' | 'failed' | 'dropped' | 'skipped';
  /** What the record has after it, beside where it comes from; nothing once it is dropped. */
  fields: Record<string, unknown>;
}

/** What has become of a record. */
export interface TrialRecord {
  input: string;
  topic: string;
  key: string;
  steps: ToldStep[];
  /** Null where a step has dropped it. */
  value: unknown;
  /** With encoding: raw. */
  headers?: Record<string, string>;
}

/** The input that reads a path; a text where none does. */
export function inputOf(config: Config, path: string): LogConfig | string {
  const including = config.logs.filter((log) => new Selection(log).isIncluded(path));
  const input = including.find((log) => new Selection(log).has(path));
  if (input) return input;
  const but = including.map(({ name }) => `, and ${name} excludes it`).join('');
  return `no input under logs: reads ${path}${but}`;
}

/** As an agent has room for at once, with what is unwrapped. */
const MOST_BYTES = SLOT_CAPACITY / 2;
const MOST_LINES = 1000;

/**
 * `lines` of the file, in UTF-8 whatever `encoding_in` says. A text: they are too much. `read`: what is made of a document;
 * by default its numbers are JavaScript's.
 */
export async function trial(
  config: Config,
  input: LogConfig,
  path: string,
  lines: readonly string[],
  read: (document: string) => Record<string, unknown> = JSON.parse,
): Promise<TrialRecord[] | string> {
  const key = keyOf(config, input);
  if (typeof key === 'string') return key;
  const text = `${lines.join('\n')}\n`;
  if (Buffer.byteLength(text) > MOST_BYTES) return `the lines have more than ${MOST_BYTES >> 10} KiB together`;
  if (text.split('\n').length > MOST_LINES) return `there are more than ${MOST_LINES} lines`;
  const pool = new Pool(12 << 20);
  const share = pool.share(input.topic);
  const slot = await pool.take(share, 'batch');
  const out = await pool.take(share, 'block');
  const kernel = new Kernel(pool.memory, pool.arenas);
  const masking = Masking.of(input.name, input.masks, kernel, key);
  const unwritten = suppliedSteps(input);
  const processing = processingOf([...unwritten, ...input.process], kernel, input.topic, undefined, masking);
  const containers = input.container ? new Containers(input.container) : null;
  const fields = processing?.fields ? await pool.take(share, 'batch') : null;
  const used = slot.bytes.write(text);
  const known = processing?.fields ? undefined : containers?.known(path);
  const envelope = logEnvelope({ input, config, path, id: '<file identity>', known });
  const stream: Stream = {
    name: path,
    topic: input.topic,
    key: partitionKey(config, path),
    account: new Account(`logs.${input.name}`),
    envelope: () => envelope,
    known: processing?.fields ? containers?.texts(path) : undefined,
    replayable: true,
  };
  const batch = new Batch(slot, share, stream, fields);
  const format = new Format({ ...input, encoding_in: 'utf-8' }, kernel, processing?.fields?.most, masking);
  const found = format.find(batch, 0, used, 0, true);
  await format.shape(batch, found, used, 'silent', new Uint8Array(4));
  batch.end = used;
  await format.finish(batch, { openKey: 0 });
  const rows = Array.from({ length: batch.count }, (_, i) => rowOf(slot, i));
  /** By topic, where its last record ends. */
  const ends = new Map<string, number>();
  const topicOf = () => processing?.topics[batch.routes?.[0] ?? 0] ?? input.topic;
  const pack = (source: number) => {
    const outAt = out.bytesAt;
    const job: PackJob = {
      envelope,
      time: batch.time,
      position: source,
      skipped: source - (ends.get(topicOf()) ?? 0),
      delta: 0,
      outAt,
      limitAt: outAt + out.bytes.length,
      empty: true,
    };
    if (processing?.fields) processing.fields.pack(batch, 0, 1, job);
    else kernel.pack(slot, 0, 1, job);
    const { endAt } = processing?.fields ?? kernel;
    const [record] = records(Buffer.from(out.bytes.subarray(0, endAt - outAt)));
    const value = record!.value?.toString() ?? '';
    if (input.encoding === 'json') return { value: read(value) };
    return { value, headers: headersOf(record!.headers) };
  };
  batch.time = Date.now();
  return rows.map((row) => {
    const { source, length } = row;
    setRow(slot, 0, { ...row, source: 0 });
    batch.from = source;
    batch.count = 1;
    batch.rows = null;
    batch.routes = null;
    const all = processing?.steps ?? [];
    for (const step of all.slice(0, unwritten.length)) step.apply(batch);
    const steps = all.slice(unwritten.length).map((step, i): ToldStep => {
      const result = pass(step, batch);
      const has =
        batch.count === 0 || input.encoding === 'raw' ? {} : fieldsOf(pack(source).value as Record<string, unknown>);
      return { step: i + 1, verb: step.verb, result, fields: has };
    });
    const topic = topicOf();
    const about = { input: input.name, topic, key: stream.key, steps };
    if (batch.count === 0) return { ...about, value: null };
    const packed = pack(source);
    ends.set(topic, source + length);
    return { ...about, ...packed };
  });
}

/** A text: why there is none. */
function keyOf({ mask_key_file }: Config, { masks }: LogConfig): Buffer | null | string {
  if (!wantsKey(masks)) return null;
  try {
    return readMaskKey(mask_key_file!);
  } catch (error) {
    return `mask_key_file: ${(error as Error).message}`;
  }
}

function pass(step: VerbStep, batch: Batch): ToldStep['result'] {
  if (batch.count === 0 || step.passesOver(batch)) return 'skipped';
  const { failed } = step;
  step.apply(batch);
  if (batch.count === 0) return 'dropped';
  return step.failed > failed ? 'failed' : 'ok';
}

/** A document without its envelope; its time, where the line has told it. */
function fieldsOf(document: Record<string, unknown>): Record<string, unknown> {
  const { event } = document as { event?: { created?: unknown } };
  for (const name of ENVELOPE)
    if (name !== '@timestamp' || event?.created === undefined) remove(document, name.split('.'));
  return document;
}

function remove(from: Record<string, unknown>, [name, ...rest]: string[]): void {
  if (rest.length === 0) delete from[name!];
  const inner = from[name!];
  if (rest.length === 0 || typeof inner !== 'object' || inner === null) return;
  remove(inner as Record<string, unknown>, rest);
  if (Object.keys(inner).length === 0) delete from[name!];
}

const TABLES = ['starts', 'ends', 'source', 'length', 'flags'] as const;
type Row = Record<(typeof TABLES)[number], number>;

/** What the tables say of a record. */
function rowOf(slot: Slot, i: number): Row {
  return Object.fromEntries(TABLES.map((name) => [name, slot[name][i]!])) as Row;
}

function setRow(slot: Slot, i: number, row: Row): void {
  for (const name of TABLES) slot[name][i] = row[name];
}

function headersOf(headers: [string, Buffer][]): Record<string, string> {
  return Object.fromEntries(headers.map(([name, value]) => [name, value.toString()]));
}
