/** `runnel audit export`: an audit topic as lines of JSON, each value the same byte for byte. */
import { existsSync } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { giveName } from '../core/files.ts';
import { count } from '../core/units.ts';
import type { KafkaClient } from '../kafka/connect/client.ts';
import { writeExport } from '../verify/audit/export-file.ts';
import type { KafkaSource } from '../verify/audit/kafka-source.ts';
import { auditTopic } from './audit-topic.ts';
import { kafkaSource } from './audit-verify.ts';
import { configOrBrokers, type KafkaChoice, kafkaClient, sayUsage, UsageError } from './kafka.ts';
import { complain } from './output.ts';

export type AuditExportCommand = KafkaChoice & {
  topic?: string;
  /** Where to; without it stdout. */
  file?: string;
  stream?: string;
  timeout: string;
};

const MODE = 0o600;
/** Behind its name, until it is whole: a part of an export looks like one from which something was taken out. */
const PART = '.part';

/** Resolves to the exit code: 1 where it could not be read or written to its end. */
export async function auditExport(command: AuditExportCommand): Promise<number> {
  let client: KafkaClient | null = null;
  let source: KafkaSource;
  let file: FileHandle | null = null;
  try {
    const config = await configOrBrokers(command);
    client = kafkaClient(command, config);
    source = kafkaSource(client, auditTopic(command.topic, config), { ...command, json: command.file === undefined });
    if (command.file !== undefined) file = await created(command.file);
  } catch (error) {
    client?.close();
    return sayUsage(error);
  }
  try {
    const { stream } = command;
    const to = file ? (text: string) => file.writeFile(text) : toStdout;
    const written = await writeExport(source, to, stream === undefined ? () => true : ({ key }) => key === stream);
    await file?.sync();
    if (command.file !== undefined) await giveName(`${command.file}${PART}`, command.file);
    complain(`${count(written, 'record')} of ${source.name}`);
    return 0;
  } catch (error) {
    if (command.file !== undefined) await rm(`${command.file}${PART}`, { force: true });
    complain(`runnel: cannot export ${source.name}: ${(error as Error).message}`);
    return 1;
  } finally {
    await file?.close();
    client.close();
  }
}

async function created(path: string): Promise<FileHandle> {
  if (existsSync(path)) throw new UsageError(`cannot write the export: ${path} exists already`);
  try {
    return await open(`${path}${PART}`, 'wx', MODE);
  } catch (error) {
    throw new UsageError(`cannot write the export: ${(error as Error).message}`);
  }
}

function toStdout(text: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  process.stdout.write(text, () => resolve());
  return promise;
}
