/**
 * What Kafka holds, read by programs that are not ours: kcat where it is on the PATH, else Kafka's console consumer.
 * Both are told to check the batches' checksums.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { endOffsets } from './kafka.ts';
import { javaArguments, runJava } from './kafka-jars.ts';

export interface ReadRecord {
  partition: number;
  offset: number;
  /** Milliseconds since the epoch. */
  time: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, string>;
}

export interface ReadOptions {
  partition?: number;
  /** Whether records of open and aborted transactions are left out (the default) or read too. */
  committed?: boolean;
  /** librdkafka's properties (`security.protocol`, ...), for kcat. */
  properties?: Record<string, string>;
}

export const hasKcat = spawnSync('kcat', ['-V']).status === 0;

/** All records of `topic` from its beginning to its end, by partition and offset, byte for byte. */
export async function readRecords(brokers: string, topic: string, options: ReadOptions = {}): Promise<ReadRecord[]> {
  const records = hasKcat ? await byKcat(brokers, topic, options) : await byConsole(brokers, topic, options);
  return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}

/** The values alone; what has none is given as no bytes. */
export async function readValues(brokers: string, topic: string, options: ReadOptions = {}): Promise<Buffer[]> {
  return (await readRecords(brokers, topic, options)).map((record) => record.value ?? Buffer.alloc(0));
}

/** kcat's output in a format of its own, from the beginning of `topic` to its end. Needs kcat. */
export async function consume(
  brokers: string,
  topic: string,
  { format = '%s\n', args = [] as readonly string[] } = {},
): Promise<Buffer> {
  const common = ['-C', '-b', brokers, '-t', topic, '-q', '-e', '-o', 'beginning', '-X', 'check.crcs=true'];
  return output('kcat', [...common, '-f', format, ...args]);
}

/** What Kafka's own tool says of a segment file; with `data`, each record too. */
export async function dumpLogSegments(file: string, { data = false } = {}): Promise<string> {
  const args = ['--files', file, '--deep-iteration', ...(data ? ['--print-data-log'] : [])];
  return (await runJava('org.apache.kafka.tools.DumpLogSegments', ...args)).stdout;
}

const END = '\x1e\n';

/** `partition offset time keyBytes valueBytes LF key value name=value,... RS LF`: key and value may hold anything. */
async function byKcat(brokers: string, topic: string, options: ReadOptions): Promise<ReadRecord[]> {
  const properties = {
    'isolation.level': options.committed === false ? 'read_uncommitted' : 'read_committed',
    ...options.properties,
  };
  const args = Object.entries(properties).flatMap(([name, value]) => ['-X', `${name}=${value}`]);
  if (options.partition !== undefined) args.push('-p', String(options.partition));
  const out = await consume(brokers, topic, { format: '%p %o %T %K %S\\n%k%s%h\\x1e\\n', args });
  const records: ReadRecord[] = [];
  for (let at = 0; at < out.length; ) {
    const head = out.indexOf(10, at);
    const [partition, offset, time, keyBytes, valueBytes] = out.toString('latin1', at, head).split(' ').map(Number);
    const valueAt = head + 1 + Math.max(0, keyBytes!);
    const headersAt = valueAt + Math.max(0, valueBytes!);
    const end = out.indexOf(END, headersAt);
    records.push({
      partition: partition!,
      offset: offset!,
      time: time!,
      key: keyBytes! < 0 ? null : out.subarray(head + 1, valueAt),
      value: valueBytes! < 0 ? null : out.subarray(valueAt, headersAt),
      headers: parseHeaders(out.toString('utf8', headersAt, end), ',', '='),
    });
    at = end + END.length;
  }
  return records;
}

const FIELD = '\x1f;';
const NULL = '\x1fnull;';

/** The console consumer prints bytes as they are, so separators that no test's data holds do. */
async function byConsole(brokers: string, topic: string, options: ReadOptions): Promise<ReadRecord[]> {
  const ends = await endOffsets(brokers, topic);
  const sum = options.partition === undefined ? ends.reduce((a, b) => a + b, 0) : ends[options.partition]!;
  if (sum === 0) return [];
  const format = {
    'print.partition': true,
    'print.offset': true,
    'print.timestamp': true,
    'print.headers': true,
    'print.key': true,
    'print.value': true,
    'key.separator': FIELD,
    'headers.separator': ',',
    'line.separator': END,
    'null.literal': NULL,
  };
  const args = ['--bootstrap-server', brokers, '--topic', topic, '--max-messages', String(sum)];
  // Transaction markers have offsets too: then fewer records come than offsets, and it ends by its timeout.
  args.push('--timeout-ms', '5000', '--isolation-level');
  args.push(options.committed === false ? 'read_uncommitted' : 'read_committed');
  if (options.partition === undefined) args.push('--from-beginning');
  else args.push('--partition', String(options.partition), '--offset', 'earliest');
  for (const [name, value] of Object.entries(format)) args.push('--formatter-property', `${name}=${value}`);
  const out = await output('java', await javaArguments('org.apache.kafka.tools.consumer.ConsoleConsumer', args));
  const records: ReadRecord[] = [];
  for (let at = 0; at < out.length; ) {
    const end = out.indexOf(END, at);
    const fields: Buffer[] = [];
    for (let i = 0; i < 5; i++) {
      const separator = out.indexOf(FIELD, at);
      fields.push(out.subarray(at, separator));
      at = separator + FIELD.length;
    }
    const number = (i: number) => Number(fields[i]!.toString().split(':')[1]);
    const bytes = (b: Buffer) => (b.equals(Buffer.from(NULL)) ? null : b);
    const headers = fields[3]!.toString();
    records.push({
      time: number(0),
      partition: number(1),
      offset: number(2),
      headers: headers === 'NO_HEADERS' ? {} : parseHeaders(headers, ',', ':'),
      key: bytes(fields[4]!),
      value: bytes(out.subarray(at, end)),
    });
    at = end + END.length;
  }
  return records;
}

function parseHeaders(text: string, between: string, equals: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const one of text === '' ? [] : text.split(between)) {
    const at = one.indexOf(equals);
    headers[one.slice(0, at)] = one.slice(at + equals.length);
  }
  return headers;
}

/** All that a program prints. */
async function output(program: string, args: readonly string[]): Promise<Buffer> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${Buffer.concat(err)}`);
  return Buffer.concat(out);
}
