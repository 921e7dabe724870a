/** What the agent's log begins and ends with, so that who reads only that knows what ran, and what became of the rest. */
import type { CommonConfig } from '../config/config.ts';
import { formatSize } from '../core/units.ts';
import type { LocatedConfig } from '../options.ts';
import { INPUTS } from '../sources/all.ts';

export function startLine(version: string, { config, path, hash }: LocatedConfig): string {
  const inputs = INPUTS.flatMap((kind) => kind.inputs(config).flatMap(({ id, unnamed }) => (unnamed ? [] : [id])));
  const { brokers } = config.kafka;
  return [
    `runnel ${version} has started on ${config.host}: config ${path ? `${path} (${hash})` : hash}`,
    `data_dir ${config.data_dir}`,
    `inputs ${inputs.join(' ') || 'none'}`,
    `brokers ${brokers.join(' ') || 'none: all stays in the local log'}`,
  ].join(', ');
}

/** What is not in Kafka, by where it waits. */
export function stopLine(
  seconds: number,
  { spool, window, bytes }: { spool: number; window: number; bytes: number },
  { data_dir, kafka }: Pick<CommonConfig, 'data_dir' | 'kafka'>,
): string {
  const stopped = `stopped after ${seconds.toFixed(1)} s`;
  if (spool + window + bytes === 0) return `${stopped}: nothing waits`;
  const where = [];
  if (spool > 0)
    where.push(`${spool} ${spool === 1 ? 'record waits' : 'records wait'} in the local log (${data_dir}/spool)`);
  if (window > 0)
    where.push(`${window} ${window === 1 ? 'line' : 'lines'} that were on their way wait in ${data_dir}/window`);
  if (bytes > 0) where.push(`${formatSize(bytes)} wait in the files`);
  const until = kafka.brokers.length > 0 ? 'sent at the next start' : 'sent once there are brokers';
  return `${stopped}: ${where.join(', ')}, ${until}`;
}
