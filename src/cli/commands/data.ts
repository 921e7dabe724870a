/** What the agent has in data_dir, and what Kafka has of its files. */
import type { Command } from 'commander';
import { CONFIG, DEFAULT_CONFIG, finish, ITS_CONFIG } from './shared.ts';

interface PositionsOptions {
  config?: string;
  json?: boolean;
  yes?: boolean;
}

export function addData(program: Command): void {
  const spool = program.command('spool').description('the local log: what waits for Kafka, in Kafka’s own format');
  spool
    .command('ls')
    .description('its topics: records, bytes, how many wait for Kafka')
    .option(CONFIG, ITS_CONFIG)
    .option('--json', 'print as JSON')
    .action(async (options: { config?: string; json?: boolean }) => {
      const { spoolDirectory } = await import('../data-dir.ts');
      const { spoolLs } = await import('../spool.ts');
      const dir = await spoolDirectory({ defaultPath: DEFAULT_CONFIG, ...options });
      await finish(dir === null ? Promise.resolve(2) : spoolLs(dir, { json: options.json ?? false }));
    });
  spool
    .command('cat')
    .description('the records of a topic, oldest first, to what is its end now')
    .argument('<topic>', 'one that `spool ls` shows, for example runnel.logs')
    .option('-n, --lines <n>', 'only the last n records, as tail does')
    .option(CONFIG, ITS_CONFIG)
    .option('--json', 'print offset, time, key, headers and value as JSON')
    .action(async (topic: string, options: { config?: string; json?: boolean; lines?: string }) => {
      const { spoolDirectory } = await import('../data-dir.ts');
      const { spoolCat } = await import('../spool.ts');
      const dir = await spoolDirectory({ defaultPath: DEFAULT_CONFIG, ...options });
      await finish(
        dir === null ? Promise.resolve(2) : spoolCat(dir, topic, { ...options, json: options.json ?? false }),
      );
    });
  spool
    .command('check')
    .description('look for damage: exit 1 if there is some')
    .option(CONFIG, ITS_CONFIG)
    .option('--repair', 'take damaged bytes out and keep them in quarantine; the agent must be stopped')
    .option('--json', 'print as JSON')
    .action(async (options: { config?: string; repair?: boolean; json?: boolean }) => {
      const { spoolCheck } = await import('../spool-check.ts');
      await finish(spoolCheck({ defaultPath: DEFAULT_CONFIG, ...options }));
    });

  const positions = program
    .command('positions')
    .description('how far each file was read and is safe; to look at, and to change while the agent is stopped');
  positions
    .command('ls')
    .description('each file: position, size now, bytes behind, last seen; changes nothing')
    .option(CONFIG, ITS_CONFIG)
    .option('--json', 'print as JSON')
    .action(async (options: PositionsOptions) => {
      const { positionsLs } = await import('../positions.ts');
      await finish(positionsLs({ defaultPath: DEFAULT_CONFIG, ...options }));
    });
  positions
    .command('set')
    .description('let reading of a file go on somewhere else; says what that costs and asks first')
    .argument('<path>', 'the file')
    .argument('<position>', 'bytes from its beginning, or `beginning`, or `end` (of its last complete line)')
    .option(CONFIG, ITS_CONFIG)
    .option('--yes', 'do not ask')
    .option('--json', 'print what was changed as JSON')
    .action(async (path: string, where: string, options: PositionsOptions) => {
      const { positionsSet } = await import('../positions.ts');
      await finish(positionsSet(path, where, { defaultPath: DEFAULT_CONFIG, ...options }));
    });
  positions
    .command('forget')
    .description('forget files: those that are there are read again, as new ones')
    .argument('[path]', 'the file')
    .option('--id <id>', 'by the id in its records')
    .option('--all-gone', 'all whose file is gone')
    .option(CONFIG, ITS_CONFIG)
    .option('--yes', 'do not ask')
    .option('--json', 'print what was forgotten as JSON')
    .action(async (path: string | undefined, options: PositionsOptions & { id?: string; allGone?: boolean }) => {
      const { positionsForget } = await import('../positions.ts');
      await finish(positionsForget(path, { defaultPath: DEFAULT_CONFIG, ...options }));
    });

  program
    .command('verify')
    .description('prove from the records in Kafka that files arrived completely: gaps, overlaps, duplicates')
    .requiredOption('--topic <name>', 'the topic to read, for example runnel.logs')
    .option(CONFIG, `brokers, TLS and SASL are those of this configuration (default: ${DEFAULT_CONFIG})`)
    .option('--brokers <list>', 'brokers, separated by commas, in place of a configuration')
    .option('--from-beginning', 'from the first offset that is there (always so)')
    .option('--until-now', 'to the end that the topic has at the start (always so)')
    .option('--partition <n...>', 'only these partitions')
    .option('--host <name>', 'only files of this host')
    .option('--id <id>', 'only the file with this id')
    .option('--file <path>', 'only this file, compared with what it holds here')
    .option('--encoding-in <name>', 'how the file is encoded: utf-8, utf-16le, utf-16be, latin1')
    .option('--isolation <level>', 'read_committed or read_uncommitted', 'read_committed')
    .option('--exactly-once', 'a record that came twice is a failure')
    .option('--any-start', 'a file may begin later than at 0: reading began there (start_at: end)')
    .option('--remember <records>', 'records kept in mind, to tell duplicates from overlaps', '2000000')
    .option('--timeout <seconds>', 'how long Kafka may be silent', '30')
    .option('--json', 'print the report as JSON')
    .addHelpText('after', '\nExit codes: 0 complete, 1 incomplete, 2 wrong usage, 3 undecided.')
    .action(async (options: Omit<import('../verify.ts').VerifyCommand, 'defaultPath'>) => {
      const { runVerify: verify } = await import('../verify.ts');
      await finish(verify({ defaultPath: DEFAULT_CONFIG, ...options }));
    });
}
