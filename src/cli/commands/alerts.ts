/** Alerts: to look at, to test, to silence. */
import type { Command } from 'commander';
import { CONFIG, DEFAULT_CONFIG, finish, ITS_CONFIG, ITS_SOCKET } from './shared.ts';

interface AlertsOptions {
  config?: string;
  admin?: string;
  json?: boolean;
}

export function addAlerts(program: Command): void {
  const alerts = program.command('alerts').description('rules and what fires: to look at, to test, to silence');
  alerts
    .command('ls')
    .description('what fires or is about to, since when and why; and silences')
    .option(CONFIG, ITS_CONFIG)
    .option('--admin <url>', ITS_SOCKET)
    .option('--json', 'print as JSON')
    .action(async (options: AlertsOptions) => {
      const { alertsLs } = await import('../alerts.ts');
      await finish(alertsLs({ defaultPath: DEFAULT_CONFIG, ...options }));
    });
  alerts
    .command('test')
    .description('run rules of the configuration against series in virtual time: exit 1 where they are not as expected')
    .argument(
      '<file>',
      'YAML: {interval: 10s, series: [{metric: M, values: "0.5x6 0.95x20"}], expect: [{at: 90s, rule: R, state: firing}]}',
    )
    .option('-c, --config <file>', 'configuration')
    .option('--json', 'print what was expected and found as JSON')
    .action(async (file: string, options: { config?: string; json?: boolean }) => {
      const { alertsTest } = await import('../alerts-test.ts');
      await finish(alertsTest(file, { defaultPath: DEFAULT_CONFIG, ...options }));
    });
  alerts
    .command('silence')
    .description('tell nobody of a rule for some time; records are made all the same')
    .argument('<rule>', 'its name, * for any text')
    .argument('[labels...]', 'only instances with these: NAME=VALUE')
    .requiredOption('--for <time>', 'how long, for example 2h')
    .option('--why <text>', 'for others')
    .option(CONFIG, ITS_CONFIG)
    .option('--admin <url>', ITS_SOCKET)
    .option('--json', 'print as JSON')
    .action(async (rule: string, labels: string[], options: AlertsOptions & { for: string; why?: string }) => {
      const { alertsSilence } = await import('../alerts.ts');
      await finish(alertsSilence(rule, labels, { defaultPath: DEFAULT_CONFIG, ...options }));
    });
  alerts
    .command('unsilence')
    .description('end a silence: what still fires is told now')
    .argument('<id>', 'as alerts ls and alerts silence say it')
    .option(CONFIG, ITS_CONFIG)
    .option('--admin <url>', ITS_SOCKET)
    .option('--json', 'print as JSON')
    .action(async (id: string, options: AlertsOptions) => {
      const { alertsUnsilence } = await import('../alerts.ts');
      await finish(alertsUnsilence(id, { defaultPath: DEFAULT_CONFIG, ...options }));
    });
  alerts
    .command('notify')
    .description('send a receiver a test message')
    .argument('<receiver>', 'its name')
    .option(CONFIG, ITS_CONFIG)
    .option('--admin <url>', ITS_SOCKET)
    .option('--json', 'print as JSON')
    .action(async (receiver: string, options: AlertsOptions) => {
      const { alertsNotify } = await import('../alerts.ts');
      await finish(alertsNotify(receiver, { defaultPath: DEFAULT_CONFIG, ...options }));
    });
}
