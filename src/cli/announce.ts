/** What the agent's log begins and ends with, so that who reads only that knows what ran, and what became of the rest. */
import type { CommonConfig } from '../config/config.ts';
import type { LocatedConfig } from '../options.ts';
import { INPUTS } from '../sources/all.ts';

export function startLine(version: string, { config, path, hash }: LocatedConfig): string {
  const inputs = INPUTS.flatMap((kind) => kind.inputs(config).map(({ id }) => id));
  const { brokers } = config.kafka;
  return [
    `runnel ${version} has started on ${config.host}: config ${path ? `${path} (${hash})` : hash}`,
    `data_dir ${config.data_dir}`,
    `inputs ${inputs.join(' ') || 'none'}`,
    `brokers ${brokers.join(' ') || 'none: all stays in the local log'}`,
  ].join(', ');
}

/** `waiting`: records that were received and are not in Kafka, by where they are. */
export function stopLine(
  seconds: number,
  { spool, files }: { spool: number; files: number },
  { data_dir, kafka }: Pick<CommonConfig, 'data_dir' | 'kafka'>,
): string {
  const stopped = `stopped after ${seconds.toFixed(1)} s`;
  if (spool + files === 0) return `${stopped}: nothing waits`;
  const where = [];
  if (spool > 0) where.push(`${spool} ${spool === 1 ? 'record waits' : 'records wait'} in ${data_dir}/spool`);
  if (files > 0) where.push(`${files} ${files === 1 ? 'line waits' : 'lines wait'} in the files`);
  const until = kafka.brokers.length > 0 ? 'sent at the next start' : 'sent once there are brokers';
  return `${stopped}: ${where.join(' and ')}, ${until}`;
}
