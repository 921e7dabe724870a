/**
 * `runnel positions ls | set | forget`: how far each file is known to be safe, for people on call.
 *
 * `ls` reads and changes nothing, beside a running agent or without one. `set` and `forget` need the agent stopped: it
 * keeps positions in memory and would write its own over them. They say what will happen first, and do it when that is
 * confirmed: at a terminal they ask, elsewhere `--yes` is needed.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { ConfigError } from '../config/errors.ts';
import { type DataDirLock, lockDataDir } from '../data-dir/lock.ts';
import { ownInSnapshot } from '../kafka/transactions/positions-snapshot.ts';
import { waitForAll } from '../mounts/places.ts';
import type { Config } from '../options.ts';
import { printable } from '../report/render.ts';
import { matching } from '../sources/tail/find/selection.ts';
import { fileKey, fileKeys } from '../sources/tail/positions/checkpoint.ts';
import {
  type Change,
  planMove,
  readPositions,
  type StoredFile,
  StoredFiles,
  storedFor,
} from '../sources/tail/positions/edit.ts';
import type { Generation } from '../sources/tail/positions/journal.ts';
import { Positions } from '../sources/tail/positions/positions.ts';
import { type ConfigChoice, locateConfig } from './locate.ts';
import { complain, printJson } from './output.ts';
import { keepOwner } from './owner.ts';
import { table } from './table.ts';

/** So many files are named before something is done to them. */
const NAMED = 20;

interface Confirm {
  json?: boolean;
  yes?: boolean;
}

/** Resolves to the exit code: 1 when nothing is stored or some of it is damaged. */
export async function positionsLs(options: ConfigChoice & { json?: boolean }): Promise<number> {
  const config = await configOf(options);
  if (!config) return 2;
  const stored = await readPositions(config.data_dir);
  if (!stored) return failed(`no positions in ${config.data_dir}: no file was read there yet`);
  const finder = new StoredFiles();
  const facts = stored.files
    .map((g) => factsOf(g, finder.find(g)))
    .sort((a, b) => (b.behind ?? -1) - (a.behind ?? -1) || (a.path < b.path ? -1 : 1));
  if (options.json) printJson(`${JSON.stringify(facts)}\n`);
  else {
    const heads = ['POSITION', 'SIZE', 'BEHIND', 'SEEN', 'INPUT', 'ID', 'PATH'];
    const rows = facts.map((f) => [f.position, f.size ?? '-', f.behind ?? '-', f.seen, f.input, f.id, shown(f)]);
    process.stdout.write(table(heads, rows));
  }
  if (stored.damaged === 0) return 0;
  return failed(`${stored.damaged} damaged bytes in ${join(config.data_dir, 'positions')} were passed over`);
}

function factsOf(g: Generation, { state, now, size, behind }: StoredFile) {
  const seen = new Date(g.seen * 1000).toISOString().replace('.000Z', 'Z');
  return { path: g.path, id: g.id, input: g.input, position: g.position, size, behind, seen, state, now };
}

function shown({ path, state, now }: ReturnType<typeof factsOf>): string {
  if (state === 'there') return path;
  if (state === 'renamed') return `${path} (now ${now})`;
  return `${path} (${state === 'gone' ? 'gone' : 'shorter than its position: it was truncated'})`;
}

/** Resolves to the exit code: 1 when that cannot be done, 2 for wrong usage and when it was not confirmed. */
export async function positionsSet(path: string, where: string, options: ConfigChoice & Confirm): Promise<number> {
  if (where !== 'beginning' && where !== 'end' && !/^\d{1,15}$/.test(where)) {
    return failed(`a position is a number of bytes, \`beginning\` or \`end\`, not ${where}`, 2);
  }
  const to = where === 'beginning' || where === 'end' ? where : Number(where);
  return change(options, (positions, config) => {
    const { changes, apply } = planMove(positions, config.logs, resolve(path), to);
    const ids = changes.map(({ id, to }) => ({ id, to, keys: [fileKey(id)] }));
    return { facts: changes, text: changes.flatMap(told), apply, ids };
  });
}

function told(c: Change): string[] {
  const file = `${c.path} (input ${c.input}, id ${c.id}, ${c.size} bytes)`;
  const lines: string[] = [];
  if (c.from === null) {
    const never = c.to > 0 ? `: the ${c.to} bytes before it are never sent` : '';
    lines.push(`${file} is not known yet: reading will begin at ${c.to}${never}`);
  } else if (c.again > 0) {
    lines.push(`${file}: from ${c.from} back to ${c.to}: ${c.again} bytes are read again, their lines come twice`);
  } else if (c.never > 0) {
    lines.push(`${file}: from ${c.from} on to ${c.to}: ${c.never} bytes are skipped and never sent`);
  } else lines.push(`${file}: is at ${c.to} already`);
  if (c.within !== null) {
    lines.push(`  ${c.to} is within a line that begins at ${c.within}: its rest becomes a line of its own`);
  }
  return lines;
}

export interface Forget {
  id?: string;
  allGone?: boolean;
}

/** Resolves to the exit code: 1 when that cannot be done, 2 for wrong usage and when it was not confirmed. */
export async function positionsForget(
  path: string | undefined,
  options: ConfigChoice & Confirm & Forget,
): Promise<number> {
  if (Number(path !== undefined) + Number(options.id !== undefined) + Number(options.allGone === true) !== 1) {
    return failed('name one of: a PATH, --id ID, --all-gone', 2);
  }
  return change(options, (positions) => {
    const finder = new StoredFiles();
    const all = positions.all();
    const chosen =
      path !== undefined
        ? storedFor(all, resolve(path), finder)
        : all.filter((g) => (options.allGone ? finder.find(g).state === 'gone' : g.id === options.id));
    if (chosen.length === 0) {
      const of = path !== undefined ? `for ${resolve(path)}` : options.allGone ? 'whose file is gone' : 'under this id';
      throw new Error(`no position is stored ${of}; \`runnel positions ls\` shows what is`);
    }
    const facts = chosen.map((g) => ({ id: g.id, input: g.input, path: g.path, ...finder.find(g) }));
    const text = facts.slice(0, NAMED).map(({ id, input, path, now, size }) => {
      const what = now === null ? 'its file is gone' : `${now} is read again from its beginning as a file that is new`;
      return `${path} (input ${input}, id ${id}) is forgotten: ${what}${now === null ? '' : `, ${size} bytes come twice`}`;
    });
    if (facts.length > NAMED) text.push(`and ${facts.length - NAMED} more`);
    const apply = () => {
      for (const g of chosen) positions.forget(g);
    };
    return { facts, text, apply, ids: chosen.map((g) => ({ id: g.id, to: null, keys: fileKeys(g) })) };
  });
}

interface Plan {
  facts: unknown[];
  text: string[];
  apply: () => void;
  /** What must be stored afterwards, `to` null: nothing; and where transactions have it. */
  ids: { id: string; to: number | null; keys: string[] }[];
}

async function change(
  options: ConfigChoice & Confirm,
  plan: (positions: Positions, config: Config) => Plan,
): Promise<number> {
  const config = await configOf(options);
  if (!config) return 2;
  const dir = config.data_dir;
  if (!existsSync(dir)) return failed(`${dir} does not exist: no agent has run with this configuration`);
  let lock: DataDirLock;
  try {
    lock = lockDataDir(dir, config.lock);
  } catch (error) {
    return failed(
      `${(error as Error).message}; positions are changed only while it is stopped: stop it, then try again`,
    );
  }
  try {
    return await changeLocked(dir, config, options, plan);
  } catch (error) {
    return failed((error as Error).message);
  } finally {
    keepOwner(dir);
    lock.release();
  }
}

async function changeLocked(
  dir: string,
  config: Config,
  options: Confirm,
  plan: (positions: Positions, config: Config) => Plan,
): Promise<number> {
  const inputs = config.logs.map(({ name }) => name);
  const positions = await Positions.open(dir, inputs, matching(config.logs));
  let made: Plan;
  try {
    made = plan(positions, config);
    for (const line of made.text) process.stderr.write(`${printable(line)}\n`);
    if (!(await confirmed(options.yes ?? false))) return 2;
    made.apply();
  } finally {
    await positions.close();
  }
  // Where the disk is full the change is not there, and nobody will try again.
  const stored = new Map((await readPositions(dir))?.files.map((g) => [g.id, g.position]));
  if (made.ids.some(({ id, to }) => (stored.get(id) ?? null) !== to)) {
    throw new Error(`the change could not be stored in ${dir}: nothing has changed`);
  }
  await overrule(dir, config, made, positions.lost);
  if (options.json) printJson(`${JSON.stringify(made.facts)}\n`);
  else process.stdout.write('done; the next start of the agent goes by it\n');
  return 0;
}

/** With transactions Kafka has positions too: it is noted that these count at the next start, and not Kafka's. */
async function overrule(dir: string, { kafka }: Config, { ids }: Plan, reread: boolean): Promise<void> {
  const keysOf = (changes: Plan['ids']) => changes.flatMap(({ keys }) => keys);
  const set = keysOf(ids.filter(({ to }) => to !== null));
  const forgotten = keysOf(ids.filter(({ to }) => to === null));
  const noted = await ownInSnapshot(dir, { set, forgotten, reread }).catch((error: Error) => {
    throw new Error(`the change is stored, and at the next start what Kafka says may count instead: ${error.message}`);
  });
  if (noted || kafka.delivery !== 'exactly_once') return;
  const missing = join(dir, 'positions.topic');
  process.stderr.write(`${printable(`${missing} is not there: if Kafka has positions of this agent, they count`)}\n`);
}

async function confirmed(yes: boolean): Promise<boolean> {
  if (yes) return true;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    process.stderr.write('runnel: nothing was changed; --yes does it\n');
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const closed = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
    const answer = await Promise.race([terminal.question('Go on? [y/N] '), closed]);
    if (/^y(es)?$/i.test(answer.trim())) return true;
    process.stderr.write('nothing was changed\n');
    return false;
  } finally {
    terminal.close();
  }
}

async function configOf(choice: ConfigChoice): Promise<Config | null> {
  // Nobody else waits for what this process asks.
  waitForAll();
  try {
    return (await locateConfig(choice)).config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    complain(error.message);
    return null;
  }
}

function failed(message: string, code = 1): number {
  process.stderr.write(`runnel: ${printable(message)}\n`);
  return code;
}
