/**
 * What goes into a flare. Nothing of it is a record: status, figures and log tell of files, topics and numbers; of data_dir
 * there are names and sizes. Whatever is text is redacted.
 */
import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type AgentAddress, askFirst, bodyOf, NoAnswer } from '../../admin/client.ts';
import { maskedConfig } from '../../config/masked.ts';
import { formatSize } from '../../core/units.ts';
import { optionsOf } from '../../options.ts';
import { INPUTS } from '../../sources/all.ts';
import { Redactor } from './redact.ts';

export interface Entry {
  name: string;
  about: string;
  /** Null: it is not there; `why` says so. */
  bytes: Buffer | null;
  why?: string;
}

export interface Sources {
  /** The configuration's file; null: it is built in. */
  path: string | null;
  dataDir: string | null;
  /** Where the agent answers, its unix socket first. */
  targets: readonly AgentAddress[];
  /** Of the profile; 0: none is made. */
  seconds: number;
  /** What `diagnose` finds, as JSON. */
  diagnosis: () => Promise<string>;
  about: object;
  /** Milliseconds that the agent may take to answer beside what it was asked to take. */
  patience?: number;
}

/** Of a file in it, of all, and how many: before they are compressed. */
const MOST_BYTES = 16 << 20;
const MOST_TOTAL = 64 << 20;
const MOST_ENTRIES = 500;
const MOST_NAMES = 1000;
const PATIENCE_MS = 10_000;

export async function contentsOf(sources: Sources): Promise<Entry[]> {
  const { schema } = optionsOf(INPUTS);
  const masked = sources.path === null ? null : await maskedConfig(sources.path, schema, process.env);
  const redactor = new Redactor(masked?.secrets ?? []);
  const { targets, seconds } = sources;
  const ask = asker(sources.patience ?? PATIENCE_MS);
  const local = targets.filter((target) => 'socketPath' in target);
  const profile = `/profile?seconds=${seconds}`;
  const parts: { name: string; about: string; get: () => string | Promise<string> }[] = [
    {
      name: 'about.json',
      about: 'versions of runnel, Node and kernel, and when',
      get: () => JSON.stringify(sources.about),
    },
    ...(masked?.files ?? []).slice(0, MOST_ENTRIES).map(({ path, text }, i) => ({
      name: `configuration/${String(i).padStart(2, '0')}-${basename(path)
        .replace(/[^\w.-]/g, '_')
        .slice(-60)}`,
      about: `${path}, secrets masked`,
      get: () => text ?? refuse('it cannot be read as YAML'),
    })),
    { name: 'diagnosis.json', about: 'what runnel diagnose finds', get: sources.diagnosis },
    {
      name: 'status.json',
      about: 'runnel status --json, a hundred files an input',
      get: () => ask(targets, '/status'),
    },
    { name: 'metrics.txt', about: 'GET /metrics', get: () => ask(targets, '/metrics') },
    { name: 'log.txt', about: 'what the agent said last, debugging left out', get: () => ask(local, '/log') },
    {
      name: 'main.cpuprofile',
      about: seconds > 0 ? `${seconds} s of its main thread, for Chrome's profiler` : 'a profile of its main thread',
      get: () => (seconds > 0 ? ask(local, profile, seconds * 1000) : refuse('is made when the flare is')),
    },
    { name: 'data_dir.txt', about: 'names and sizes in data_dir', get: () => listed(sources.dataDir) },
  ];
  const entries: Entry[] = [];
  for (const { name, about, get } of parts) entries.push(await entryOf(name, about, get, redactor));
  return fitted(entries);
}

/** What is beyond the limits is left out, with the reason. */
export function fitted(entries: readonly Entry[]): Entry[] {
  let left = MOST_TOTAL;
  return entries.map((entry, i) => {
    const { name, about, bytes } = entry;
    if (bytes === null) return entry;
    const without = (why: string) => ({ name, about, bytes: null, why });
    if (i >= MOST_ENTRIES) return without(`there are ${MOST_ENTRIES} before it`);
    if (bytes.length > MOST_BYTES) return without(`it is larger than ${formatSize(MOST_BYTES)}`);
    if (bytes.length > left) return without(`it would be more than ${formatSize(MOST_TOTAL)} in all`);
    left -= bytes.length;
    return entry;
  });
}

async function entryOf(
  name: string,
  about: string,
  get: () => string | Promise<string>,
  redactor: Redactor,
): Promise<Entry> {
  try {
    return { name, about, bytes: Buffer.from(redactor.of(await get())) };
  } catch (error) {
    return { name, about, bytes: null, why: redactor.of((error as Error).message) };
  }
}

/** One that hangs is asked once: the rest of the flare is not to take minutes. */
function asker(patience: number) {
  let hangs: NoAnswer | null = null;
  return async (targets: readonly AgentAddress[], path: string, takes_ms = 0): Promise<string> => {
    if (targets.length === 0) return refuse('its unix socket is not known: name it by -c FILE or --admin unix:/PATH');
    if (hangs) throw hangs;
    try {
      const response = await askFirst(targets, path, 'GET', patience + takes_ms);
      const body = await bodyOf(response);
      return response.statusCode === 200 ? body : refuse(`the agent answered ${response.statusCode}: ${body.trim()}`);
    } catch (error) {
      if (error instanceof NoAnswer && error.why === 'hangs') hangs = error;
      throw error;
    }
  };
}

function refuse(why: string): never {
  throw new Error(why);
}

/** `12345  spool/runnel.logs-0/00000000000000000000.log` */
function listed(dir: string | null): string {
  if (dir === null) return refuse('the configuration does not say where it is');
  // Compiled code of the agent's own is of no interest.
  const all = readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort();
  const names = all.filter((name) => !name.startsWith('cache/'));
  const rows = names.slice(0, MOST_NAMES).map((name) => {
    const stat = statSync(join(dir, name), { throwIfNoEntry: false });
    return `${String(stat?.size ?? '-').padStart(12)}  ${name}${stat?.isDirectory() ? '/' : ''}\n`;
  });
  const more = names.length > MOST_NAMES ? `and ${names.length - MOST_NAMES} more\n` : '';
  return `${rows.join('')}${more}`;
}
