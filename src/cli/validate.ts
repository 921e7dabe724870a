/** `runnel validate`: checks a configuration and says everything that is wrong with it. */
import { ConfigError, formatFault } from '../config/errors.ts';
import { loadConfig } from '../config/load.ts';
import { complain, print, printJson } from './output.ts';

/** Faults go to stderr, with `json` to stdout. Returns the exit code: 0, or 2 when the agent would refuse to start. */
export async function validate(file: string, { json = false }: { json?: boolean } = {}): Promise<number> {
  try {
    const { hash, warnings, files, config } = await loadConfig(file);
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

function answer(facts: unknown): void {
  printJson(`${JSON.stringify(facts)}\n`);
}
