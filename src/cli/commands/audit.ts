/** The audit stream: for auditors, and for who runs the agent. */
import type { Command } from 'commander';
import { CONFIG, DEFAULT_CONFIG, finish, ITS_CONFIG, ITS_SOCKET } from './shared.ts';

export function addAudit(program: Command): void {
  const audit = program
    .command('audit')
    .description('the audit stream: prove that it is complete and unchanged, and take it out of Kafka');
  audit
    .command('verify')
    .description('prove chains, seals and order of audit streams, from Kafka or from an export')
    .option(CONFIG, `brokers, TLS, SASL and topic are those of this configuration (default: ${DEFAULT_CONFIG})`)
    .option('--brokers <list>', 'brokers, separated by commas, in place of a configuration')
    .option('--topic <name>', 'the topic to read (default: that of the configuration)')
    .option('--file <path>', 'an export, in place of a topic')
    .option('--key <file>', 'public keys to trust, as `runnel audit key` prints them, hex, or PEM')
    .option('--stream <name>', 'only streams of this name, or with this id')
    .option('--any-start', 'a stream may begin later than with number 1: what was before was deleted')
    .option(
      '--unsealed-for <time>',
      'its end may be without a seal for so long (default: 2 seal.interval; with --file 0s)',
    )
    .option('--timeout <seconds>', 'how long Kafka may be silent', '30')
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 complete, 1 incomplete (missing, changed, moved, forked, unsealed), 2 wrong usage, 3 undecided.',
    )
    .action(async (options: Omit<import('../audit-verify.ts').AuditVerifyCommand, 'defaultPath'>) => {
      const { auditVerify } = await import('../audit-verify.ts');
      await finish(auditVerify({ defaultPath: DEFAULT_CONFIG, ...options }));
    });
  audit
    .command('export')
    .description('write an audit topic to a file, a line of JSON a record, values byte for byte (base64)')
    .option(CONFIG, `brokers, TLS, SASL and topic are those of this configuration (default: ${DEFAULT_CONFIG})`)
    .option('--brokers <list>', 'brokers, separated by commas, in place of a configuration')
    .option('--topic <name>', 'the topic to read (default: that of the configuration)')
    .option('--file <path>', 'a new file (default: stdout)')
    .option('--stream <name>', 'only streams of this name')
    .option('--timeout <seconds>', 'how long Kafka may be silent', '30')
    .action(async (options: Omit<import('../audit-export.ts').AuditExportCommand, 'defaultPath'>) => {
      const { auditExport } = await import('../audit-export.ts');
      await finish(auditExport({ defaultPath: DEFAULT_CONFIG, ...options }));
    });
  audit
    .command('streams')
    .description('the audit streams of an agent that runs: last number, how far sealed, what waits for Kafka')
    .option(CONFIG, ITS_CONFIG)
    .option('--admin <url>', ITS_SOCKET)
    .option('--json', 'print as JSON')
    .action(async (options: { config?: string; admin?: string; json?: boolean }) => {
      const { auditStreams } = await import('../audit-state.ts');
      await finish(auditStreams({ defaultPath: DEFAULT_CONFIG, ...options }));
    });
  audit
    .command('key')
    .description('the public keys that its seals are signed with, oldest first, as `audit verify --key` reads them')
    .option(CONFIG, ITS_CONFIG)
    .option('--json', 'print as JSON (always so)')
    .action(async (options: { config?: string }) => {
      const { auditKey } = await import('../audit-state.ts');
      await finish(auditKey({ defaultPath: DEFAULT_CONFIG, ...options }));
    });
}
