/** What `runnel run` says at a terminal: what it collects, where that goes, how to look at it. One screen. */
import type { LocatedConfig } from '../options.ts';
import { INPUTS } from '../sources/all.ts';

/** How the reader calls this program: from a clone of the repository it is an npm script. */
const COMMAND = process.argv[1]?.endsWith('.ts') ? 'npm run -s runnel --' : 'runnel';

export function welcome({ config, path }: LocatedConfig, admin: string | null): string {
  const lines: [string, string][] = [];
  for (const kind of INPUTS) {
    for (const { title, about } of kind.inputs(config)) lines.push([title, about]);
  }
  const flag = path === null ? '' : ` -c ${path}`;
  const goes: [string, string][] =
    config.kafka.brokers.length > 0
      ? [['kafka', `${config.kafka.brokers.join(', ')} (topics ${config.kafka.topic_prefix}.*)`]]
      : [['local log', `${config.data_dir}/spool; kafka.brokers sends it on`]];
  const look: [string, string][] = [
    [`${COMMAND} status${flag}`, 'what was read, sent, waiting, lost'],
    [`${COMMAND} tap${flag}`, 'records as they leave, live'],
    [`${COMMAND} spool cat ${config.kafka.topic_prefix}.metrics${flag}`, 'what the local log holds'],
    ...(admin ? ([[`http://${admin}/`, 'the same in a browser; /metrics for Prometheus']] as [string, string][]) : []),
  ];
  return `
  runnel on ${config.host}  (${path ?? 'built-in default'}, data in ${config.data_dir})

  collects
${rows(lines)}
  sends to
${rows(goes)}
  look at it
${rows(look)}
`;
}

function rows(pairs: [string, string][]): string {
  const width = Math.max(...pairs.map(([left]) => left.length));
  return `${pairs.map(([left, right]) => `    ${left.padEnd(width)}  ${right}`).join('\n')}\n`;
}
