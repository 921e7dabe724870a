/** `runnel validate`: checks a configuration and says everything that is wrong with it. */
import { ConfigError, formatFault, type Saying } from '../config/errors.ts';
import { isUnusedByOthers } from '../data-dir/writable.ts';
import { type Loaded, loadConfig } from '../options.ts';
import { INPUTS } from '../sources/all.ts';
import { unsafeDataDir } from './data-dir.ts';
import { machineFaults } from './machine.ts';
import { complain, print, printJson } from './output.ts';
import { askKafka, type DeepAnswer, shownDeep } from './validate-deep.ts';

/**
 * Faults go to stderr, with `json` to stdout. Returns the exit code: 0, or 2 when the agent would refuse to start; with
 * `deep` 1 when Kafka would not take what it sends.
 */
export async function validate(
  file: string,
  { json = false, deep = false }: { json?: boolean; deep?: boolean } = {},
): Promise<number> {
  try {
    const loaded = await loadConfig(file);
    const { hash, files, config } = loaded;
    const { faults, passing } = machineFaults(loaded, { all: true });
    if (faults.length + passing.length > 0) throw new ConfigError([...faults, ...passing]);
    const unsafe = isUnusedByOthers(config.data_dir) ? null : unsafeDataDir(config.data_dir);
    const dataDir =
      unsafe === null ? [] : [formatFault(loaded.says(['data_dir'], `is refused at the start: ${unsafe}`))];
    const warnings = [...loaded.warnings, ...dataDir, ...(await lookAround(loaded))];
    const kafka = deep ? await askKafka(loaded) : null;
    if (json) {
      answer({ valid: true, path: file, files, hash, warnings, errors: [], ...(deep && { kafka }) });
    } else {
      for (const warning of warnings) complain(`warning: ${warning}`);
      const output = config.kafka.brokers.length > 0 ? config.kafka.brokers.join(', ') : 'the local log only';
      const inputs = INPUTS.flatMap((kind) => kind.brief(config) ?? []);
      print(`${file}: valid (${[`files: ${files.length}`, ...inputs, `output: ${output}`].join(', ')})\n`);
      if (deep) showDeep(kafka);
    }
    return kafka === null || kafka.ok ? 0 : 1;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (json) answer({ valid: false, path: file, warnings: [], errors: error.faults });
    else complain(error.faults.map(formatFault).join('\n'));
    return 2;
  }
}

function showDeep(kafka: DeepAnswer | null): void {
  if (kafka === null) return void print('kafka.brokers is empty: there is no Kafka to ask\n');
  const { err, out } = shownDeep(kafka);
  if (err.length > 0) complain(err.join('\n'));
  print(`${out.join('\n')}\n`);
}

/** What takes longer than this is left unsaid. */
const LOOKING_MS = 2000;

/** What of the inputs may not be meant so, as this machine is now. */
async function lookAround({ config, says, warnings: said }: Loaded): Promise<string[]> {
  const stop = AbortSignal.timeout(LOOKING_MS);
  const warnings: string[] = [];
  const warn: Saying = (path, message) => {
    const place = formatFault(says(path, ''));
    // Why may have been said already.
    if (!said.some((warning) => warning.startsWith(place))) warnings.push(formatFault(says(path, message)));
  };
  for (const kind of INPUTS) await kind.look?.(config, warn, stop);
  return warnings;
}

function answer(facts: unknown): void {
  printJson(`${JSON.stringify(facts)}\n`);
}
