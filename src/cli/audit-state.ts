/** `runnel audit streams` and `runnel audit key`: what an agent says of its audit streams, and of the keys that seal them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { configFor } from './locate.ts';
import { complain, print, printJson } from './output.ts';
import { type AgentChoice, silence, statusText, targetsFor } from './status.ts';
import { table } from './table.ts';

/** As the agent keeps it in `<data_dir>/audit/keys.json`; more is in it. */
interface KeptKeys {
  keys: { key: string; from: string; to: string | null }[];
}

interface AuditStatus {
  streams: { stream: string; id: string; sequence: number; head: string; sealed_to: number; waiting: number }[];
  topic_errors: string[];
}

/** Exit 1 where no agent answers, or it has no audit streams. */
export async function auditStreams(options: AgentChoice & { json?: boolean }): Promise<number> {
  const targets = await targetsFor(options);
  if (targets === null) return 2;
  try {
    const { audit } = JSON.parse(await statusText(targets, 0)) as { audit?: AuditStatus };
    if (!audit) {
      complain('runnel: the agent has no audit streams: audit is not in its configuration');
      return 1;
    }
    const { streams, topic_errors: errors } = audit;
    if (options.json) {
      printJson(`${JSON.stringify({ streams, topic_errors: errors })}\n`);
      return 0;
    }
    const rows = streams.map(({ stream, id, sequence, sealed_to: sealed, waiting, head }) => {
      return [stream, id, String(sequence), String(sealed), String(waiting), head];
    });
    if (rows.length === 0) print('no event has come yet\n');
    else print(table(['STREAM', 'ID', 'LAST', 'SEALED TO', 'WAITING', 'HEAD'], rows));
    for (const error of errors) print(`! ${error}\n`);
    return 0;
  } catch (error) {
    complain(`runnel: ${silence(error, options)}`);
    return 1;
  }
}

/** Prints what `audit verify --key` reads, of an agent that runs or not. */
export async function auditKey(options: AgentChoice): Promise<number> {
  const config = await configFor(options);
  if (config === null) return 2;
  const path = join(config.data_dir, 'audit', 'keys.json');
  let kept: KeptKeys;
  try {
    kept = JSON.parse(await readFile(path, 'utf8')) as KeptKeys;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const none = code === 'ENOENT' ? ': there is a key when an agent with audit in its configuration has started' : '';
    complain(`runnel: cannot read the keys: ${message}${none}`);
    return 1;
  }
  const keys = kept.keys.map(({ key, from, to }) => ({ key, from, to }));
  printJson(`${JSON.stringify({ keys })}\n`);
  return 0;
}
