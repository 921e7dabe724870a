/**
 * `runnel spool check`: looks for damage in the local log's files. Without `--repair` it only reads, also beside a running
 * agent; with it, it has data_dir to itself.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '../config/errors.ts';
import { type DataDirLock, lockDataDir } from '../lock.ts';
import { checkPartition, type Flaw, repairPartition } from '../spool/check.ts';
import { topicOf } from '../spool/spool.ts';
import { type ConfigChoice, locateConfig } from './locate.ts';

interface TopicReport {
  topic: string;
  segments: number;
  records: number;
  flaws: Flaw[];
}

/** Resolves with the exit code: 0 no damage (any more), 1 damage, 2 a configuration that cannot be used. */
export async function spoolCheck(options: ConfigChoice & { repair?: boolean; json?: boolean }): Promise<number> {
  let dataDir: string;
  let lock: DataDirLock | null = null;
  try {
    const { config } = await locateConfig(options);
    dataDir = config.data_dir;
    if (options.repair) lock = lockDataDir(dataDir, config.lock);
  } catch (error) {
    process.stderr.write(
      error instanceof ConfigError
        ? `${error.message}\n`
        : `runnel: ${(error as Error).message}: a repair needs it stopped\n`,
    );
    return error instanceof ConfigError ? 2 : 1;
  }
  try {
    return await check(join(dataDir, 'spool'), options);
  } finally {
    lock?.release();
  }
}

async function check(dir: string, options: { repair?: boolean; json?: boolean }): Promise<number> {
  const topics = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (!topics) {
    process.stderr.write(`runnel: no local log in ${dir}: nothing was collected there yet\n`);
    return 1;
  }
  const reports: TopicReport[] = [];
  let damaged = 0;
  for (const name of topics.sort()) {
    const topic = topicOf(name);
    if (topic === null) continue;
    const before = await checkPartition(join(dir, name));
    if (before.flaws.length > 0 && options.repair) await repairPartition(join(dir, name));
    else damaged += before.flaws.filter(({ kind }) => kind !== 'torn').length;
    reports.push({ topic, ...before });
  }
  process.stdout.write(options.json ? `${JSON.stringify(reports)}\n` : table(reports, options.repair ?? false));
  return damaged > 0 ? 1 : 0;
}

function table(reports: TopicReport[], repair: boolean): string {
  let text = '';
  for (const { topic, segments, records, flaws } of reports) {
    const found = flaws.length === 0 ? 'no damage' : `${flaws.length} ${flaws.length === 1 ? 'flaw' : 'flaws'}`;
    text += `${topic}: ${segments} segments, ${records} records: ${found}\n`;
    for (const flaw of flaws) text += `  ${flaw.path}: ${said(flaw, repair)}\n`;
  }
  if (reports.length === 0) text = 'the local log is empty\n';
  if (!repair && reports.some(({ flaws }) => flaws.some(({ kind }) => kind !== 'torn'))) {
    text +=
      'the agent passes over it and counts it; `runnel spool check --repair` takes it out while the agent is stopped\n';
  }
  return text;
}

function said({ kind, at, bytes, records }: Flaw, repair: boolean): string {
  const lost = records === null ? '' : `, ${records} records`;
  switch (kind) {
    case 'damaged':
      return `${bytes} damaged bytes at ${at}${lost}${repair ? ': taken out, kept in quarantine' : ''}`;
    case 'torn':
      return `the last ${bytes} bytes are the beginning of a batch: ${repair ? 'cut off, kept in quarantine' : 'the next start cuts them off and counts them'}`;
    case 'empty':
      return `empty${lost}${repair ? ': removed' : ''}`;
    case 'interrupted':
      return `a repair was interrupted${repair ? ': it was done anew' : ': the next start, or another repair, ends it'}`;
    case 'state':
      return `the read position cannot be read: what is kept will be sent again${repair ? '; removed' : ''}`;
  }
}
