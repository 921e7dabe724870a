/** What the audit topic is created with. */
import type { TopicCreation } from '../../core/input.ts';
import type { AuditConfig } from './options.ts';

export const REPLICAS = 3;
export const MIN_IN_SYNC = 2;

/** Kafka's names. */
export const SETTINGS = {
  inSync: 'min.insync.replicas',
  unclean: 'unclean.leader.election.enable',
  cleanup: 'cleanup.policy',
  retention: 'retention.ms',
  retentionBytes: 'retention.bytes',
  largest: 'max.message.bytes',
} as const;

/** What the topic is created with. */
export function auditTopicCreation({ require, retention }: AuditConfig): TopicCreation {
  const otherwise = {
    [SETTINGS.unclean]: 'false',
    [SETTINGS.cleanup]: 'delete',
    [SETTINGS.retention]: String(retention),
    [SETTINGS.retentionBytes]: '-1',
  };
  const settings = { ...otherwise, [SETTINGS.inSync]: String(MIN_IN_SYNC) };
  return { settings, replicas: REPLICAS, ...(require === 'warn' && { otherwise }) };
}
