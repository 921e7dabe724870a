/** `audit` in the table of inputs: what applications send that must be as durable as their own data. */
import type { CommonConfig } from '../../config/config.ts';
import { masksWith } from '../../config/mask.ts';
import type { InputKind, InputTopic } from '../../core/input.ts';
import { soleInput } from '../../core/sole-input.ts';
import { certificateProblem } from '../../http/tls.ts';
import type { MaskRule } from '../../kernel/process/mask-rules.ts';
import { checkAudit } from './check.ts';
import { type AuditConfig, auditOption, completeAudit } from './options.ts';
import { type AuditSaid, figures, lines, NOTHING, notices, rows, tables } from './report.ts';
import { auditTopicCreation } from './topic-settings.ts';

/** What it goes by, of itself and of others. */
export interface AuditInput {
  config: AuditConfig;
  dataDir: string;
  host: string;
  /** What is masked, for all inputs and here. */
  masks: MaskRule[];
  /** Of lines of files, by the input. */
  fileMasks: Record<string, MaskRule[]>;
  mask_key_file: string | undefined;
}

/** Its spool's name, and budget; see spool/spools.ts. */
const GROUP = 'audit';

export const audit: InputKind<'audit', AuditConfig | undefined, AuditInput, AuditSaid> = {
  name: 'audit',
  options: auditOption,
  complete: (raw, { kafka }) => completeAudit(raw as Parameters<typeof completeAudit>[0], kafka.topic_prefix),
  check: ({ audit, mask_key_file, kafka }, refuse) => checkAudit(audit, { mask_key_file, kafka }, refuse),
  async look({ audit }, warn) {
    const problem = certificateProblem(audit?.tls?.cert_file);
    if (problem !== null) warn(['audit', 'tls', 'cert_file'], problem);
  },
  topics: (config) => topicsOf(config.audit, config),
  inputs(config) {
    const { audit, host, data_dir: dataDir, mask, mask_key_file } = config;
    if (!audit) return [];
    const { logs } = config as unknown as { logs: { name: string; audit: boolean; masks: MaskRule[] }[] };
    const audited = logs.filter((one) => one.audit);
    const fileMasks = Object.fromEntries(audited.map(({ name, masks }) => [`logs.${name}`, masks]));
    const options = { config: audit, dataDir, host, masks: masksWith(mask, audit.mask), fileMasks, mask_key_file };
    return [{ id: 'audit', title: 'audit', topics: topicsOf(audit, config), options, about: audit.listen.join(', ') }];
  },
  brief: ({ audit }) => (audit ? `audit: ${audit.listen.join(', ')}` : null),
  nothing: NOTHING,
  figures,
  lines,
  rows,
  tables,
  notices,
  open: async (_, host) =>
    soleInput<AuditInput, AuditSaid['audit']>(
      async (options, first) => new (await import('./source.ts')).AuditInputSource(options, host, first),
      (said) => (said ? { audit: said } : NOTHING),
    ),
};

function topicsOf(audit: AuditConfig | undefined, config: CommonConfig): (InputTopic & { path: string[] })[] {
  if (!audit) return [];
  const durable = { group: GROUP, max_size: audit.spool.max_size };
  const { topic } = (config as unknown as { metrics: { topic: string } }).metrics;
  // Its blocks are in no slot of the pool: bodies of requests have a budget of their own.
  const creation = auditTopicCreation(audit);
  return [{ topic: audit.topic, replayable: false, creation, durable, within: topic, path: ['audit', 'topic'] }];
}
