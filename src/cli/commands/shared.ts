/** What all commands share: where configurations are, the words for options that many have. */
import { readFileSync } from 'node:fs';

export const DEFAULT_CONFIG = '/etc/runnel/runnel.yaml';
export const SINK_CONFIG = '/etc/runnel-sink/runnel.yaml';
export const CONFIG = '-c, --config <file>';
/** Of commands that need what is configured, and of those that ask an agent that runs. */
export const ITS_CONFIG = `the agent's configuration (default: ${DEFAULT_CONFIG})`;
export const ITS_SOCKET = 'find the agent by its socket, for example unix:/run/runnel/runnel.sock';
export const FINDS_AGENT = `find the agent by its configuration (default: ${DEFAULT_CONFIG})`;

export const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Ends with the command's exit code once stdout is written. */
export function finish(work: Promise<number>): Promise<void> {
  return work.then((code) => {
    process.exitCode = code;
  });
}
