/** `runnel migrate filebeat FILE`: a configuration of another program as one of ours; what cannot be mapped is said by name and line. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, type Fault, type FilePlace, formatFault } from '../config/errors.ts';
import { readForeign, yamlOf } from '../config/foreign.ts';
import { loadConfig } from '../options.ts';
import { fromFilebeat } from './migrate/filebeat.ts';
import { complain, print, printJson } from './output.ts';

/** Resolves to the exit code: 1 where something of it could not be mapped, 2 where the file cannot be read. */
export async function migrateFilebeat(file: string, { json = false }: { json?: boolean }): Promise<number> {
  const faults: Fault[] = [];
  const tree = await readForeign(file, faults);
  if (tree === null) {
    if (json) printJson(`${JSON.stringify({ config: null, unmapped: faults, notes: [] })}\n`);
    else complain(faults.map(formatFault).join('\n'));
    return 2;
  }
  const unmapped: Fault[] = [];
  const notes: Fault[] = [];
  const saying = (to: Fault[]) => (name: string, place: FilePlace, why: string) =>
    void to.push({ ...place, message: `${name}: ${why}` });
  const { config, places } = fromFilebeat(tree, { unmapped: saying(unmapped), note: saying(notes) });
  const text = (await yamlOf(config)).replaceAll(/\$\{([A-Za-z_]\w*):(?!-)\??([^}]*)\}/g, environment);
  unmapped.push(...(await refused(text, tree.place, places)));
  for (const all of [unmapped, notes]) all.sort((a, b) => a.line - b.line || a.column - b.column);
  if (json) printJson(`${JSON.stringify({ config: text, unmapped, notes })}\n`);
  else {
    for (const note of notes) complain(`note: ${formatFault(note)}`);
    for (const fault of unmapped) complain(`not mapped: ${formatFault(fault)}`);
    print(text);
  }
  return unmapped.length === 0 ? 0 : 1;
}

/** `${NAME:default}` and `${NAME:?message}` of theirs. */
function environment(all: string, name: string, rest: string): string {
  return all.includes(':?') ? `\${${name}}` : `\${${name}:-${rest}}`;
}

/** What of the result `validate` would refuse: a pattern that another engine knows, a path that is none. */
async function refused(text: string, whole: FilePlace, places: readonly FilePlace[]): Promise<Fault[]> {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-migrate-'));
  try {
    const path = join(dir, 'runnel.yaml');
    writeFileSync(path, text, { mode: 0o600 });
    // What comes from the environment there is not known here.
    await loadConfig(path, { env: new Proxy({}, { get: () => 'from-the-environment' }) });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults.map(({ message }) => {
      const input = /^logs\[(\d+)\]/.exec(message)?.[1];
      return { ...(places[Number(input)] ?? whole), message: `in the result ${message}` };
    });
  } finally {
    rmSync(dir, { recursive: true });
  }
}
