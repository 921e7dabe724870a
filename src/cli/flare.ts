/** `runnel flare`: all that helps whoever is asked for help, in one file, with nothing in it that is secret. */
import { closeSync, existsSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { arch, hostname, release } from 'node:os';
import { resolve } from 'node:path';
import { type AgentAddress, targetOf, targetsOf } from '../admin/client.ts';
import { ConfigError } from '../config/errors.ts';
import { formatSize } from '../core/units.ts';
import { configFrom, type LocatedConfig } from '../options.ts';
import { compress } from '../records/codecs.ts';
import { findingsOf } from './diagnose.ts';
import { contentsOf, type Entry } from './flare/contents.ts';
import { tar } from './flare/tar.ts';
import { type ConfigChoice, locateConfig } from './locate.ts';
import { complain, print, printJson } from './output.ts';
import { table } from './table.ts';

export interface FlareOptions extends ConfigChoice {
  version: string;
  admin?: string;
  output?: string;
  seconds: string;
  dryRun?: boolean;
  json?: boolean;
}

const LEVEL = 3;

/** Resolves to the exit code: 0 also where some of it cannot be had, 1 where the file cannot be written, 2 for wrong usage. */
export async function flare(options: FlareOptions): Promise<number> {
  const { config: named, defaultPath, version, dryRun = false } = options;
  if (!/^\d{1,2}$/.test(options.seconds) || Number(options.seconds) > 60) {
    complain(`runnel: --seconds must be a number from 0 to 60, not ${options.seconds}`);
    return 2;
  }
  let asked: AgentAddress[] | null = null;
  try {
    if (options.admin !== undefined) asked = [targetOf(options.admin)];
  } catch (error) {
    complain(`runnel: ${(error as Error).message}`);
    return 2;
  }
  if (named !== undefined && !existsSync(named)) {
    complain(`runnel: there is no ${named}: name the agent's configuration by -c FILE`);
    return 2;
  }
  const time = Date.now();
  // Help is asked for where the configuration is wrong, too.
  let located: LocatedConfig | null = null;
  let wrong = '';
  try {
    located = await locateConfig(options);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    wrong = error.message;
  }
  const installed = named === undefined || named === defaultPath;
  const entries = await contentsOf({
    path: located === null ? (named ?? defaultPath) : located.path,
    dataDir: located?.config.data_dir ?? null,
    targets: asked ?? agentsOf(located, installed),
    seconds: dryRun ? 0 : Number(options.seconds),
    diagnosis: async () =>
      located === null
        ? JSON.stringify({ ok: false, errors: wrong.split('\n') })
        : JSON.stringify(await findingsOf(located, options)),
    about: {
      runnel: version,
      node: process.versions.node,
      platform: `${process.platform} ${arch()} ${release()}`,
      host: hostname(),
      time: new Date(time).toISOString(),
    },
  });
  const output = dryRun ? null : resolve(options.output ?? nameOf(time));
  const size = output === null ? null : await write(output, entries, time);
  if (output !== null && size === null) return 1;
  tell(entries, output, size, options.json ?? false);
  return 0;
}

/** Where the file cannot be used the service may run with what stood there before, at its usual places. */
function agentsOf(located: LocatedConfig | null, installed: boolean): AgentAddress[] {
  if (located !== null) return targetsOf(located.config, installed);
  return installed ? targetsOf(configFrom({}), true) : [];
}

function nameOf(time: number): string {
  const host = hostname().replace(/[^\w.-]/g, '_');
  return `runnel-flare-${host}-${new Date(time).toISOString().replace(/[-:]|\.\d+/g, '')}.tar.zst`;
}

/** Its size; null: it cannot be written, which was said. */
async function write(path: string, entries: readonly Entry[], time: number): Promise<number | null> {
  const files = entries.flatMap(({ name, bytes }) => (bytes === null ? [] : { name: `runnel-flare/${name}`, bytes }));
  const packed = await compress('zstd', LEVEL, tar(files, time));
  let fd: number;
  try {
    fd = openSync(path, 'wx', 0o600);
  } catch (error) {
    complain(`runnel: cannot write ${path}: ${(error as Error).message}`);
    return null;
  }
  try {
    for (let at = 0; at < packed.length; ) at += writeSync(fd, packed, at);
    fsyncSync(fd);
    return packed.length;
  } catch (error) {
    rmSync(path, { force: true });
    complain(`runnel: cannot write ${path}: ${(error as Error).message}`);
    return null;
  } finally {
    closeSync(fd);
  }
}

function tell(entries: readonly Entry[], output: string | null, size: number | null, json: boolean): void {
  if (json) {
    const files = entries.map(({ name, about, bytes, why }) => ({
      name,
      about,
      bytes: bytes?.length ?? null,
      why: why ?? null,
    }));
    printJson(`${JSON.stringify({ output, bytes: size, files })}\n`);
    return;
  }
  const rows = entries.map(({ name, about, bytes, why }) => [
    name,
    bytes === null ? '-' : formatSize(bytes.length),
    why === undefined ? about : `${about}: ${why}`,
  ]);
  print(table(['file', 'size', 'what'], rows));
  if (output === null) print('nothing was written: without --dry-run it is\n');
  else print(`\n${output}: ${formatSize(size!)}; look into it before you send it: zstd -dc FILE | tar -t\n`);
}
