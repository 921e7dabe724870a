/**
 * The command line: what it takes, group by group (commands/), and one file per command beside this one, loaded when it is
 * asked for. The man page and the completion of shells are made of it; start.ts runs it.
 */
import { Command } from 'commander';
import { addAgent } from './commands/agent.ts';
import { addAlerts } from './commands/alerts.ts';
import { addAudit } from './commands/audit.ts';
import { addConsumers } from './commands/consumers.ts';
import { addData } from './commands/data.ts';
import { addLook } from './commands/look.ts';
import { version } from './commands/shared.ts';
import { addTry } from './commands/try.ts';
import { usageError } from './usage.ts';

export const program = new Command('runnel')
  .description('Tails log files, collects host metrics, accepts StatsD, and forwards it all to Kafka.')
  .version(version, '-V, --version')
  .exitOverride()
  .configureOutput({ outputError: (said, write) => write(usageError(said)) })
  .addHelpText(
    'after',
    `
Examples:
  runnel run --default                      try it: no configuration, no Kafka needed
  runnel run -c /etc/runnel/runnel.yaml     the agent, as systemd runs it
  runnel validate -c runnel.yaml            every error with its line, exit 2
  runnel validate -c runnel.yaml --deep     does Kafka take it, too?
  runnel diagnose                           what is wrong here, and what to do
  runnel status                             what was read, sent, waiting, lost
  runnel top                                the same, live
  runnel tap logs                           watch log records as they leave
  runnel explain statsd 'hits:1|c|#env:prod'
  runnel explain log /var/log/a.log 'a line'
  runnel explain otlp request.bin
  runnel spool cat runnel.logs -n 20        the last records of the local log
  runnel verify --topic runnel.logs         is every byte of every file in Kafka?

Exit codes: 0 done, 1 it ran and failed, 2 wrong usage or configuration; verify, audit verify: 3 undecided.`,
  );

addAgent(program);
addLook(program);
addTry(program);
addData(program);
addAudit(program);
addConsumers(program);
addAlerts(program);
