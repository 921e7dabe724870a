/** The agent itself: to run it, to check what it is to do, to find out what is wrong. */
import type { Command } from 'commander';
import { CONFIG, DEFAULT_CONFIG, FINDS_AGENT, finish, ITS_CONFIG, ITS_SOCKET, version } from './shared.ts';

export function addAgent(program: Command): void {
  program
    .command('run')
    .description('run the agent in the foreground')
    .option(CONFIG, ITS_CONFIG)
    .option('--default', 'without a configuration: host metrics, StatsD and the machine’s own logs into a local log')
    .action(async (options: { config?: string; default?: boolean }) => {
      const { run } = await import('../run.ts');
      await finish(run({ version, defaultPath: DEFAULT_CONFIG, ...options }));
    });

  program
    .command('validate')
    .description('check a configuration: every error as FILE:LINE:COLUMN, exit 2')
    .option(CONFIG, ITS_CONFIG)
    .option('--deep', 'ask Kafka, too: brokers, topics, rights, settings; exit 1 where it does not take what is sent')
    .option('--json', 'print the errors as JSON')
    .action(async ({ config, ...options }: { config?: string; json?: boolean; deep?: boolean }) => {
      const { validate } = await import('../validate.ts');
      await finish(validate(config ?? DEFAULT_CONFIG, options));
    });

  program
    .command('diagnose')
    .description(
      'what is wrong here: configuration, Kafka, limits, files, disk, clock, unit, agent; each with the remedy',
    )
    .option(CONFIG, ITS_CONFIG)
    .option('--json', 'print what was found as JSON')
    .action(async (options: { config?: string; json?: boolean }) => {
      const { diagnose } = await import('../diagnose.ts');
      await finish(diagnose({ defaultPath: DEFAULT_CONFIG, ...options }));
    });

  program
    .command('flare')
    .description(
      'one file for whoever is asked for help: status, configuration with secrets masked, log, profile; no records',
    )
    .option(CONFIG, FINDS_AGENT)
    .option('--admin <url>', ITS_SOCKET)
    .option(
      '-o, --output <file>',
      'where to; only its owner may read it (default: runnel-flare-HOST-TIME.tar.zst here)',
    )
    .option('--seconds <n>', 'how long the profile is; 0: none', '5')
    .option('--dry-run', 'list what would be in it, and write nothing')
    .option('--json', 'print what is in it as JSON')
    .action(async (options: Omit<import('../flare.ts').FlareOptions, 'defaultPath' | 'version'>) => {
      const { flare } = await import('../flare.ts');
      await finish(flare({ defaultPath: DEFAULT_CONFIG, version, ...options }));
    });

  const migrate = program.command('migrate').description('configurations of other programs as ours');
  migrate
    .command('filebeat')
    .description('what of it cannot be mapped is said on stderr, by name and line: exit 1')
    .argument('<file>', 'filebeat.yml')
    .option('--json', 'print the result, what is not mapped, and notes as JSON')
    .action(async (file: string, options: { json?: boolean }) => {
      const { migrateFilebeat } = await import('../migrate.ts');
      await finish(migrateFilebeat(file, options));
    });

  program
    .command('reload')
    .description(
      'have the running agent read its configuration again; where that is wrong, the old one goes on: exit 2',
    )
    .option(CONFIG, FINDS_AGENT)
    .option('--admin <url>', 'find the agent by its socket or address, for example unix:/run/runnel/runnel.sock')
    .option('--json', 'print what has changed as JSON')
    .action(async (options: { config?: string; admin?: string; json?: boolean }) => {
      const { reload } = await import('../reload.ts');
      await finish(reload({ defaultPath: DEFAULT_CONFIG, ...options }));
    });
}
