/**
 * `runnel audit verify`: proves from Kafka or from an export that audit streams are complete, unchanged and in order. Exit
 * 0 complete, 1 incomplete, 3 undecided, 2 wrong usage.
 */
import { readFileSync } from 'node:fs';
import { valuesOf } from '../config/option.ts';
import { duration } from '../config/types.ts';
import { count } from '../core/units.ts';
import type { KafkaClient } from '../kafka/connect/client.ts';
import { printable } from '../report/render.ts';
import { type AuditReport, verifyAudit } from '../verify/audit/audit.ts';
import type { AuditSource } from '../verify/audit/entry.ts';
import { ExportFile } from '../verify/audit/export-file.ts';
import { KafkaSource } from '../verify/audit/kafka-source.ts';
import { pinnedKeys } from '../verify/audit/key-file.ts';
import type { AuditStreamReport } from '../verify/audit/verdict.ts';
import { auditTopic } from './audit-topic.ts';
import { configOrBrokers, type KafkaChoice, kafkaClient, sayUsage, UsageError, wholeNumber } from './kafka.ts';
import { complain, print, printJson } from './output.ts';

const CODES = { complete: 0, incomplete: 1, undecided: 3 } as const;
/** So many findings of a stream, and complete streams, are named for people. */
const NAMED = 10;
/** What there is where no configuration says it. */
const SEAL_INTERVAL_MS = 60_000;
/** So many intervals after the last seal the next one is late. */
const LATE = 2;

export type AuditVerifyCommand = KafkaChoice & {
  topic?: string;
  file?: string;
  key?: string;
  stream?: string;
  anyStart?: boolean;
  unsealedFor?: string;
  timeout: string;
  json?: boolean;
};

/** Resolves to the exit code. */
export async function auditVerify(command: AuditVerifyCommand): Promise<number> {
  let source: AuditSource;
  let client: KafkaClient | null = null;
  let pinned: string[];
  let unsealedFor: number;
  try {
    pinned = command.key === undefined ? [] : keysOf(command.key);
    if (command.file !== undefined) {
      source = exportOf(command.file);
      unsealedFor = unsealedIn(command, 0);
    } else {
      const config = await configOrBrokers(command);
      unsealedFor = unsealedIn(command, LATE * (config?.audit?.seal.interval ?? SEAL_INTERVAL_MS));
      client = kafkaClient(command, config);
      source = kafkaSource(client, auditTopic(command.topic, config), command);
    }
  } catch (error) {
    return sayUsage(error);
  }
  const { stream = null, anyStart = false } = command;
  try {
    const report = await verifyAudit({ source, pinned, stream, anyStart, unsealedFor });
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    if (command.json) printJson(`${JSON.stringify(report)}\n`);
    else print(drawAudit(report));
    return CODES[report.result];
  } catch (error) {
    complain(`runnel: ${(error as Error).message}`);
    return CODES.undecided;
  } finally {
    client?.close();
  }
}

/** A topic, with progress at a terminal. */
export function kafkaSource(
  client: KafkaClient,
  topic: string,
  { timeout, json }: { timeout: string; json?: boolean },
): KafkaSource {
  const silence = wholeNumber('--timeout', timeout.replace(/s$/, ''), 1) * 1000;
  const options = { client, topic, partitions: null, isolation: 'read_committed' as const, timeout: silence };
  let said = 0;
  const progress = (part: number) => {
    const percent = Math.floor(part * 100);
    if (percent !== said) process.stderr.write(`\r\x1b[K${topic}: ${percent} %`);
    said = percent;
  };
  return new KafkaSource(options, process.stderr.isTTY && !json ? progress : undefined);
}

function exportOf(path: string): ExportFile {
  try {
    return new ExportFile(path);
  } catch (error) {
    throw new UsageError(`cannot read the export: ${(error as Error).message}`);
  }
}

function keysOf(path: string): string[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read the keys: ${(error as Error).message}`);
  }
  try {
    return pinnedKeys(text);
  } catch (error) {
    throw new UsageError(`${path} ${(error as Error).message}`);
  }
}

/** A stream that goes on waits for its next seal; an export does not go on. */
function unsealedIn({ unsealedFor: text }: AuditVerifyCommand, usual: number): number {
  if (text === undefined) return usual;
  try {
    return valuesOf(duration({ min: '0s', max: '365d' }), text) as number;
  } catch (error) {
    throw new UsageError(`--unsealed-for ${(error as Error).message.replaceAll('{}', () => JSON.stringify(text))}`);
  }
}

/** For people. */
export function drawAudit(r: AuditReport): string {
  const rate = r.seconds > 0 ? `, ${Math.round(r.records / r.seconds)} records/s` : '';
  const lines = [`${r.of}: ${count(r.records, 'record')} in ${r.seconds} s${rate}`];
  const complete = r.streams.filter(({ result }) => result === 'complete');
  for (const stream of r.streams) if (stream.result !== 'complete') lines.push(...streamLines(stream));
  for (const stream of complete.slice(0, NAMED)) lines.push(...streamLines(stream));
  if (complete.length > NAMED) lines.push(`and ${complete.length - NAMED} more streams that are complete`);
  for (const reason of r.reasons) lines.push(`! ${reason}`);
  if (!r.pinned && r.streams.length > 0) {
    lines.push(
      'no key is pinned: who can write the topic could have made it all anew. Pin the first one with --key FILE:',
    );
    lines.push(...r.first_keys.slice(0, NAMED).map((key) => `  ${key}`));
  }
  return [...lines, r.result, ''].map(printable).join('\n');
}

function streamLines(s: AuditStreamReport): string[] {
  const last = s.sealed_at === null ? '' : `, the last at ${s.sealed_at}`;
  const seals = s.seals > 0 ? `sealed to ${s.sealed_to} by ${count(s.seals, 'seal')}${last}` : 'without a seal';
  const records = count(s.count, 'record');
  const lines = [
    `${s.result}: ${s.stream} (id ${s.id}): numbers ${s.from} to ${s.to}, ${records}, ${seals}`,
    ...s.reasons.map((reason) => `  ! ${reason}`),
    ...s.findings
      .slice(0, NAMED)
      .map(({ kind, from, to }) => (from === to ? `  ${kind}: ${from}` : `  ${kind}: ${from} to ${to}`)),
  ];
  if (s.findings_total > NAMED) lines.push(`  and ${s.findings_total - NAMED} more`);
  return lines;
}
