/** Which topic `runnel audit` commands mean. */
import type { Config } from '../options.ts';
import { UsageError } from './kafka.ts';

/** Throws a UsageError where neither says it. */
export function auditTopic(named: string | undefined, config: Config | null): string {
  const topic = named ?? config?.audit?.topic ?? (config ? `${config.kafka.topic_prefix}.audit` : undefined);
  if (topic === undefined) throw new UsageError('no topic: name it with --topic, or a configuration with -c');
  return topic;
}
