/**
 * `runnel verify`: proves from the records in a topic that files arrived completely. Exit 0 complete, 1 incomplete, 3
 * undecided (Kafka has deleted part of the topic, or it could not be read), 2 wrong usage.
 */
import { resolve } from 'node:path';
import { formatSize } from '../core/units.ts';
import type { KafkaClient } from '../kafka/connect/client.ts';
import type { Config } from '../options.ts';
import { printable } from '../report/render.ts';
import { compression } from '../sources/tail/compressed/archive.ts';
import { Selection } from '../sources/tail/find/selection.ts';
import type { LogConfig } from '../sources/tail/options.ts';
import { readPositions, StoredFiles } from '../sources/tail/positions/edit.ts';
import { hasFields } from '../transforms/process.ts';
import { ENCODINGS, type Encoding } from '../verify/compare.ts';
import type { ByteRange } from '../verify/origin.ts';
import type { FileReport, Filtered, Gap } from '../verify/verdict.ts';
import { type Report, type VerifyOptions, verify as verifyTopic } from '../verify/verify.ts';
import { configOrBrokers, kafkaClient, sayUsage, UsageError, wholeNumber } from './kafka.ts';
import { print, printJson } from './output.ts';

const CODES = { complete: 0, incomplete: 1, undecided: 3 } as const;
/** So many complete files, gaps of a file and the like are named for people. */
const NAMED = 10;

export interface VerifyCommand {
  defaultPath: string;
  config?: string;
  brokers?: string;
  topic: string;
  partition?: string[];
  host?: string;
  id?: string;
  file?: string;
  encodingIn?: string;
  isolation: string;
  exactlyOnce?: boolean;
  anyStart?: boolean;
  remember: string;
  timeout: string;
  json?: boolean;
}

/** Resolves to the exit code. */
export async function runVerify(command: VerifyCommand): Promise<number> {
  let options: Omit<VerifyOptions, 'client'>;
  let client: KafkaClient;
  try {
    const config = await configOrBrokers(command);
    options = await optionsOf(command, config);
    client = kafkaClient(command, config);
  } catch (error) {
    return sayUsage(error);
  }
  const live = process.stderr.isTTY && !command.json;
  try {
    const report = await verifyTopic({ ...options, client, ...(live && { progress }) });
    if (live) process.stderr.write('\r\x1b[K');
    if (command.json) printJson(`${JSON.stringify(report)}\n`);
    else print(render(report));
    return CODES[report.result];
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    process.stderr.write(`runnel: ${printable(message)}\n`);
    // The file to compare with cannot be opened: that is how it was asked, not what Kafka holds.
    return code === 'ENOENT' || code === 'EACCES' ? 2 : CODES.undecided;
  } finally {
    client.close();
  }
}

async function optionsOf(command: VerifyCommand, config: Config | null): Promise<Omit<VerifyOptions, 'client'>> {
  const { isolation } = command;
  if (isolation !== 'read_committed' && isolation !== 'read_uncommitted') {
    throw new UsageError(`--isolation is read_committed or read_uncommitted, not ${isolation}`);
  }
  return {
    topic: command.topic,
    partitions: command.partition?.map((text) => wholeNumber('--partition', text, 0)) ?? null,
    isolation,
    host: command.host ?? null,
    id: command.id ?? null,
    file: command.file === undefined ? null : await fileOf(resolve(command.file), command, config),
    exactlyOnce: command.exactlyOnce ?? false,
    anyStart: command.anyStart ?? false,
    remember: wholeNumber('--remember', command.remember, 1),
    timeout: wholeNumber('--timeout', command.timeout.replace(/s$/, ''), 1) * 1000,
  };
}

/** The configuration's input says how the file is read; without one it is UTF-8. */
async function fileOf(
  path: string,
  { encodingIn, topic }: Pick<VerifyCommand, 'encodingIn' | 'topic'>,
  config: Config | null,
): Promise<VerifyOptions['file']> {
  if (compression(path)) {
    throw new UsageError(
      `${path} is compressed: decompress it, and name the result with --file and the file with --id`,
    );
  }
  const input = config?.logs.find((log) => new Selection(log).isIncluded(path)) as Partial<LogConfig> | undefined;
  if (input?.format !== undefined && input.format !== 'plain') {
    throw new UsageError(
      `lines of input ${input.name} are unwrapped (${input.format}) and cannot be compared with their file; leave --file out`,
    );
  }
  const encoding = encodingIn ?? input?.encoding_in ?? 'utf-8';
  if (!ENCODINGS.includes(encoding as Encoding)) {
    throw new UsageError(`--encoding-in is one of ${ENCODINGS.join(', ')}, not ${encoding}`);
  }
  const { process = [], masks = [] } = input ?? {};
  const filtered = config && process.length > 0 ? await filteredOf(path, topic, config) : null;
  return { path, encoding: encoding as Encoding, filtered, byRange: hasFields(process) || masks.length > 0 };
}

/** What the agent of this configuration has read of the file, and left out behind the last record. */
async function filteredOf(path: string, topic: string, { data_dir, host }: Config): Promise<Filtered> {
  const ends = new Map<string, ByteRange>();
  const finder = new StoredFiles();
  for (const generation of (await readPositions(data_dir))?.files ?? []) {
    const { id, position, skipped, topics } = generation;
    // Of a position that is elsewhere it says nothing.
    const whole = skipped?.to === position ? { position, skipped: skipped.bytes } : null;
    const at = topics ? topics.get(topic) : whole;
    if (!at || at.skipped === 0) continue;
    const { now, state } = finder.find(generation);
    if (now === path && state !== 'shorter') ends.set(id, { from: at.position - at.skipped, to: at.position });
  }
  return { host, ends };
}

function progress(records: number, part: number): void {
  process.stderr.write(`\r\x1b[K${records} records, ${Math.floor(part * 100)} %`);
}

export function render(r: Report): string {
  const rate = r.seconds > 0 ? `, ${Math.round(r.records / r.seconds)} records/s` : '';
  const others = [
    ...(r.foreign > 0 ? [`${r.foreign} foreign`] : []),
    ...(r.aborted > 0 ? [`${r.aborted} of aborted transactions left out`] : []),
  ];
  const lines = [
    `topic ${r.topic}: ${r.records} records${others.length > 0 ? ` (${others.join(', ')})` : ''}, ${formatSize(r.bytes)} in ${r.seconds} s${rate}`,
  ];
  for (const { partition, first, open } of r.partitions) {
    if (first > 0) lines.push(`  partition ${partition} begins at offset ${first}: Kafka has deleted what was before`);
    if (open > 0) lines.push(`  partition ${partition}: ${open} offsets at its end belong to open transactions`);
  }
  const complete = r.files.filter(({ result }) => result === 'complete');
  for (const file of r.files) if (file.result !== 'complete') lines.push(...fileLines(file));
  for (const file of complete.slice(0, NAMED)) lines.push(...fileLines(file));
  if (complete.length > NAMED) lines.push(`and ${complete.length - NAMED} more files that are complete`);
  for (const reason of r.reasons) lines.push(`! ${reason}`);
  lines.push(r.result, '');
  return lines.map(printable).join('\n');
}

function fileLines(f: FileReport): string[] {
  const again = f.duplicates > 0 ? `, ${f.duplicates} duplicates (${f.duplicate_bytes} bytes)` : '';
  const unproven = f.unproven > 0 ? `, ${f.unproven} that came again late` : '';
  const skipped = f.skipped_bytes > 0 ? `, ${f.skipped_bytes} bytes left out by the configuration` : '';
  const lines = [
    `${f.result}: ${f.host}:${f.path} (id ${f.id}): bytes ${f.from} to ${f.to}, ${f.records} records${again}${unproven}${skipped}`,
    ...f.reasons.map((reason) => `  ! ${reason}`),
    ...spans('gap', f.gaps, f.gaps_total),
    ...spans('overlap', f.overlaps, f.overlaps_total),
  ];
  if (f.compared) {
    const { path, matching, by_range, different, differing, unread_bytes } = f.compared;
    const ranged =
      by_range > 0 ? `, ${by_range} compared by their range only, as steps or mask may change what they say` : '';
    lines.push(`  compared with ${path}: ${matching} records are as they should be${ranged}, ${different} differ`);
    lines.push(...spans('different', differing, different));
    if (unread_bytes > 0) lines.push(`  ${unread_bytes} bytes at its end have not arrived`);
  }
  return lines;
}

function spans(what: string, named: readonly Gap[], total: number): string[] {
  const shown = named.slice(0, NAMED);
  const lines = shown.map(({ from, to, bytes }) => `  ${what}: ${from} to ${to}, ${bytes} bytes`);
  if (total > shown.length) lines.push(`  and ${total - shown.length} more`);
  return lines;
}
