/** What a configuration names on this machine and needs: data_dir, mask_key_file, and the files of `kafka.tls` and `kafka.sasl`. */
import { ConfigError, type Fault, formatFault } from '../config/errors.ts';
import { hopelessDataDir } from '../data-dir/hopeless.ts';
import { readTlsFiles } from '../kafka/connect/certificates.ts';
import { readToken } from '../kafka/connect/tokens.ts';
import { readMaskKey } from '../lines/mask-key.ts';
import type { LocatedConfig } from '../options.ts';

type Configured = Pick<LocatedConfig, 'config' | 'says'>;

/** `passing`: what may be right at another time, so that an agent begins all the same, and waits for it. */
export function machineFaults(
  { config, says }: Configured,
  { all }: { all: boolean },
): { faults: Fault[]; passing: Fault[] } {
  const { data_dir, kafka } = config;
  const faults: Fault[] = [];
  const passing: Fault[] = [];
  const hopeless = hopelessDataDir(data_dir);
  // What may pass the start finds out by itself.
  if (hopeless && (all || !hopeless.passing)) faults.push(says(['data_dir'], hopeless.message));
  if (kafka.tls) {
    for (const fault of readTlsFiles(kafka.tls).faults) {
      (fault.passing ? passing : faults).push(says(['kafka', 'tls', fault.option], fault.message));
    }
  }
  if (config.mask_key_file !== undefined) {
    try {
      readMaskKey(config.mask_key_file);
    } catch (error) {
      faults.push(says(['mask_key_file'], (error as Error).message));
    }
  }
  if (kafka.sasl?.token_file !== undefined) {
    try {
      readToken(kafka.sasl.token_file);
    } catch (error) {
      faults.push(says(['kafka', 'sasl', 'token_file'], (error as Error).message));
    }
  }
  return { faults, passing };
}

/** The same configuration, with warnings of what is passing; throws ConfigError where something is wrong. */
export function fitForMachine<C extends LocatedConfig>(located: C): C {
  const { faults, passing } = machineFaults(located, { all: false });
  if (faults.length > 0) throw new ConfigError(faults);
  return { ...located, warnings: [...located.warnings, ...passing.map(formatFault)] };
}
