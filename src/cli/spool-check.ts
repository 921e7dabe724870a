/**
 * `runnel spool check`: looks for damage in the local log's files. Without `--repair` it only reads, also beside a running
 * agent; with it, it has data_dir to itself.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CommonConfig } from '../config/config.ts';
import { ConfigError } from '../config/errors.ts';
import { type DataDirLock, lockDataDir } from '../data-dir/lock.ts';
import { checkPartition, type Flaw, repairPartition } from '../spool/check.ts';
import { partitionsIn } from '../spool/spools.ts';
import { type ConfigChoice, locateConfig } from './locate.ts';
import { complain, print, printJson } from './output.ts';
import { keepOwner } from './owner.ts';

interface TopicReport {
  topic: string;
  segments: number;
  records: number;
  flaws: Flaw[];
}

/** Resolves with the exit code: 0 no damage (any more), 1 damage, 2 a configuration that cannot be used. */
export async function spoolCheck(options: ConfigChoice & { repair?: boolean; json?: boolean }): Promise<number> {
  let config: CommonConfig;
  try {
    ({ config } = await locateConfig(options));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    complain(error.message);
    return 2;
  }
  const { data_dir } = config;
  if (!options.repair) return check(join(data_dir, 'spool'), options);
  if (!existsSync(data_dir)) return absent(join(data_dir, 'spool'));
  let lock: DataDirLock;
  try {
    lock = lockDataDir(data_dir, config.lock);
  } catch (error) {
    complain(`runnel: ${(error as Error).message}; a repair needs data_dir for itself`);
    return 1;
  }
  try {
    return await check(join(data_dir, 'spool'), options);
  } finally {
    keepOwner(data_dir);
    lock.release();
  }
}

async function check(dir: string, options: { repair?: boolean; json?: boolean }): Promise<number> {
  const topics = await partitionsIn(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (!topics) return absent(dir);
  const reports: TopicReport[] = [];
  let damaged = 0;
  for (const { topic, path } of topics) {
    const before = await checkPartition(path);
    if (before.flaws.length > 0 && options.repair) await repairPartition(path);
    else damaged += before.flaws.filter(({ kind }) => kind !== 'torn').length;
    reports.push({ topic, ...before });
  }
  if (options.json) printJson(`${JSON.stringify(reports)}\n`);
  else print(table(reports, options.repair ?? false));
  return damaged > 0 ? 1 : 0;
}

function absent(dir: string): number {
  complain(`runnel: no local log in ${dir}: nothing was collected there yet`);
  return 1;
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
    case 'unreadable':
      return `${bytes} bytes at ${at} that the disk does not give${lost}${repair ? ': taken out' : ''}`;
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
