/** `runnel validate`: checks a configuration and says everything that is wrong with it. */
import { ConfigError, formatFault } from '../config/errors.ts';
import { isPrecaution } from '../config/glob.ts';
import { type Loaded, loadConfig } from '../config/load.ts';
import { isUnusedByOthers } from '../data-dir/writable.ts';
import { idlePatterns, namesNothing } from '../sources/tail/find/unmatched.ts';
import { unsafeDataDir } from './data-dir.ts';
import { complain, print, printJson } from './output.ts';

/** Faults go to stderr, with `json` to stdout. Returns the exit code: 0, or 2 when the agent would refuse to start. */
export async function validate(file: string, { json = false }: { json?: boolean } = {}): Promise<number> {
  try {
    const loaded = await loadConfig(file);
    const { hash, files, config } = loaded;
    const unsafe = isUnusedByOthers(config.data_dir) ? null : unsafeDataDir(config.data_dir);
    const dataDir = unsafe === null ? [] : [loaded.says(['data_dir'], `is refused at the start: ${unsafe}`)];
    const warnings = [...loaded.warnings, ...dataDir, ...(await idle(loaded))];
    if (json) {
      answer({ valid: true, path: file, files, hash, warnings, errors: [] });
    } else {
      for (const warning of warnings) complain(`warning: ${warning}`);
      const output = config.kafka.brokers.length > 0 ? config.kafka.brokers.join(', ') : 'the local log only';
      const listeners = config.statsd.listen.join(', ') || 'none';
      print(
        `${file}: valid (files: ${files.length}, log inputs: ${config.logs.length}, StatsD: ${listeners}, output: ${output})\n`,
      );
    }
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (json) answer({ valid: false, path: file, warnings: [], errors: error.faults });
    else complain(error.faults.map(formatFault).join('\n'));
    return 2;
  }
}

/** Warnings of patterns that name nothing. What takes longer than this is left unsaid. */
const LOOKING_MS = 2000;

async function idle({ config, says, warnings: said }: Loaded): Promise<string[]> {
  const stop = AbortSignal.timeout(LOOKING_MS);
  const warnings: string[] = [];
  for (const [i, input] of config.logs.entries()) {
    const { include, exclude } = await idlePatterns(input, config.data_dir, stop);
    for (const pattern of include) {
      warnings.push(says(['logs', i, 'include', input.include.indexOf(pattern)], namesNothing(pattern)));
    }
    for (const pattern of exclude.filter((one) => !isPrecaution(one))) {
      const path = ['logs', i, 'exclude', input.exclude.indexOf(pattern)];
      // Why may have been said already.
      if (said.some((warning) => warning.startsWith(says(path, '')))) continue;
      warnings.push(says(path, `leaves nothing out that is there now: ${pattern}`));
    }
  }
  return warnings;
}

function answer(facts: unknown): void {
  printJson(`${JSON.stringify(facts)}\n`);
}
