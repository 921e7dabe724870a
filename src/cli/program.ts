/**
 * The command line: what it takes, and one file per command beside this one, loaded when it is asked for. The man page and
 * the completion of shells are made of it; start.ts runs it.
 */
import { readFileSync } from 'node:fs';
import { Argument, Command, Option } from 'commander';
import { usageError } from './usage.ts';

const DEFAULT_CONFIG = '/etc/runnel/runnel.yaml';
const SINK_CONFIG = '/etc/runnel-sink/runnel.yaml';
const CONFIG = '-c, --config <file>';
/** Of commands that need what is configured, and of those that ask an agent that runs. */
const ITS_CONFIG = `the agent's configuration (default: ${DEFAULT_CONFIG})`;
const ITS_SOCKET = 'find the agent by its socket, for example unix:/run/runnel/runnel.sock';
const FINDS_AGENT = `find the agent by its configuration (default: ${DEFAULT_CONFIG})`;

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

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

/** Ends with the command's exit code once stdout is written. */
function finish(work: Promise<number>): Promise<void> {
  return work.then((code) => {
    process.exitCode = code;
  });
}

program
  .command('run')
  .description('run the agent in the foreground')
  .option(CONFIG, ITS_CONFIG)
  .option('--default', 'without a configuration: host metrics, StatsD and the machine’s own logs into a local log')
  .action(async (options: { config?: string; default?: boolean }) => {
    const { run } = await import('./run.ts');
    await finish(run({ version, defaultPath: DEFAULT_CONFIG, ...options }));
  });

program
  .command('validate')
  .description('check a configuration: every error as FILE:LINE:COLUMN, exit 2')
  .option(CONFIG, ITS_CONFIG)
  .option('--deep', 'ask Kafka, too: brokers, topics, rights, settings; exit 1 where it does not take what is sent')
  .option('--json', 'print the errors as JSON')
  .action(async ({ config, ...options }: { config?: string; json?: boolean; deep?: boolean }) => {
    const { validate } = await import('./validate.ts');
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
    const { diagnose } = await import('./diagnose.ts');
    await finish(diagnose({ defaultPath: DEFAULT_CONFIG, ...options }));
  });

program
  .command('flare')
  .description(
    'one file for whoever is asked for help: status, configuration with secrets masked, log, profile; no records',
  )
  .option(CONFIG, FINDS_AGENT)
  .option('--admin <url>', ITS_SOCKET)
  .option('-o, --output <file>', 'where to; only its owner may read it (default: runnel-flare-HOST-TIME.tar.zst here)')
  .option('--seconds <n>', 'how long the profile is; 0: none', '5')
  .option('--dry-run', 'list what would be in it, and write nothing')
  .option('--json', 'print what is in it as JSON')
  .action(async (options: Omit<import('./flare.ts').FlareOptions, 'defaultPath' | 'version'>) => {
    const { flare } = await import('./flare.ts');
    await finish(flare({ defaultPath: DEFAULT_CONFIG, version, ...options }));
  });

const migrate = program.command('migrate').description('configurations of other programs as ours');
migrate
  .command('filebeat')
  .description('what of it cannot be mapped is said on stderr, by name and line: exit 1')
  .argument('<file>', 'filebeat.yml')
  .option('--json', 'print the result, what is not mapped, and notes as JSON')
  .action(async (file: string, options: { json?: boolean }) => {
    const { migrateFilebeat } = await import('./migrate.ts');
    await finish(migrateFilebeat(file, options));
  });

program
  .command('reload')
  .description('have the running agent read its configuration again; where that is wrong, the old one goes on: exit 2')
  .option(CONFIG, FINDS_AGENT)
  .option('--admin <url>', 'find the agent by its socket or address, for example unix:/run/runnel/runnel.sock')
  .option('--json', 'print what has changed as JSON')
  .action(async (options: { config?: string; admin?: string; json?: boolean }) => {
    const { reload } = await import('./reload.ts');
    await finish(reload({ defaultPath: DEFAULT_CONFIG, ...options }));
  });

program
  .command('status')
  .description('ask the running agent what was read, sent, waiting and lost')
  .option(CONFIG, FINDS_AGENT)
  .option('--admin <url>', 'find the agent by its admin address, for example http://127.0.0.1:8687')
  .option('--json', 'print the status as JSON')
  .option('--files <n>', 'list at most this many files of each input, the most behind first')
  .action(async (options: { config?: string; admin?: string; json?: boolean; files?: string }) => {
    const { status } = await import('./status.ts');
    await finish(status({ defaultPath: DEFAULT_CONFIG, ...options }));
  });

program
  .command('top')
  .description('the status, live: inputs, files, topics, losses; q ends it. top statsd: who sends most')
  .addArgument(new Argument('[input]', 'statsd: by name, by tag, by container').choices(['statsd']))
  .option(CONFIG, FINDS_AGENT)
  .option('--admin <url>', 'find the agent by its admin address, for example http://127.0.0.1:8687')
  .option('--interval <duration>', 'how often to look, for example 500ms or 1m', '1s')
  .option('--count <n>', 'end after so many looks')
  .option('--json', 'print a status a line')
  .action(async (input: string | undefined, options: Omit<import('./top.ts').TopOptions, 'defaultPath'>) => {
    if (input === 'statsd') {
      const { topStatsd } = await import('./top-statsd.ts');
      await finish(topStatsd({ defaultPath: DEFAULT_CONFIG, ...options }));
      return;
    }
    const { top } = await import('./top.ts');
    await finish(top({ defaultPath: DEFAULT_CONFIG, ...options }));
  });

program
  .command('tap')
  .description('print records as they leave, live; never slows the pipeline')
  .argument('[pattern]', 'only records whose topic, input or path has this in it, or with * is like this as a whole')
  .addHelpText(
    'after',
    `
A pattern logs, metrics, events or traces stands for all records of that kind:
  runnel tap logs               what is read from files
  runnel tap logs.nginx         of the input nginx
  runnel tap '/var/log/app/*'   of these files`,
  )
  .option(CONFIG, FINDS_AGENT)
  .option('--admin <url>', ITS_SOCKET)
  .option('--json', 'print topic, source, key and record as JSON')
  .action(async (pattern: string | undefined, options: { config?: string; admin?: string; json?: boolean }) => {
    const { tap } = await import('./tap.ts');
    await finish(tap(pattern, { defaultPath: DEFAULT_CONFIG, ...options }));
  });

const statsd = program.command('statsd').description('packets of StatsD: into a file, and out of it');
statsd
  .command('capture')
  .description('packets as they come to the running agent, into a file; it never slows receiving')
  .requiredOption('-o, --output <file>', 'where to; only its owner may read it')
  .option('--seconds <n>', 'for how long', '10')
  .option('--max-size <size>', 'end when the file is so large', '256MiB')
  .option(CONFIG, FINDS_AGENT)
  .option('--admin <url>', ITS_SOCKET)
  .action(async (options: Omit<import('./statsd-capture.ts').CaptureOptions, 'defaultPath'>) => {
    const { captureStatsd } = await import('./statsd-capture.ts');
    await finish(captureStatsd({ defaultPath: DEFAULT_CONFIG, ...options }));
  });
statsd
  .command('replay')
  .description('send what was captured again')
  .argument('<file>', 'what capture has written')
  .option('--to <address>', 'udp:// or unixgram://', 'udp://127.0.0.1:8125')
  .option('--speed <factor>', 'times as fast as it came; max: without a pause', '1')
  .action(async (file: string, options: { to: string; speed: string }) => {
    const { replayStatsd } = await import('./statsd-replay.ts');
    await finish(replayStatsd(file, options));
  });

const explain = program
  .command('explain')
  .description('what the agent would make of an input, as JSON; needs no agent');
explain
  .command('statsd')
  .description('the samples, events and checks that StatsD lines are')
  .argument('<line>', "for example 'page.views:1|c|@0.5|#env:prod'")
  .addOption(
    new Option('--dialect <name>', 'as a listener of that dialect')
      .choices(['dogstatsd', 'statsd'])
      .default('dogstatsd'),
  )
  .option('--json', 'changes nothing: it is JSON anyway')
  .action(async (line: string, { dialect }: { dialect: 'dogstatsd' | 'statsd' }) => {
    const { explainStatsd } = await import('./explain-statsd.ts');
    const { printJson } = await import('./output.ts');
    printJson(`${JSON.stringify(explainStatsd(line, { dialect, nameTags: [] }))}\n`);
  });
explain
  .command('log')
  .description('the record that a line of a file becomes')
  .argument('<path>', 'the path of the file, which need not be there')
  .argument('<line>', 'the line')
  .option(CONFIG, ITS_CONFIG)
  .option('--json', 'changes nothing: it is JSON anyway')
  .action(async (path: string, line: string, options: { config?: string }) => {
    const { explainLog } = await import('./explain-log.ts');
    await finish(explainLog(path, line, { defaultPath: DEFAULT_CONFIG, ...options }));
  });
explain
  .command('otlp')
  .description('the records that the body of an OTLP request becomes')
  .argument('<file>', 'the body: protobuf or JSON, as it is or compressed by gzip or zstd')
  .addOption(
    new Option('--signal <name>', 'what it is; default: the first that it can be').choices([
      'traces',
      'metrics',
      'logs',
    ]),
  )
  .option(CONFIG, ITS_CONFIG)
  .option('--json', 'changes nothing: it is JSON anyway')
  .action(async (file: string, options: { config?: string; signal?: 'traces' | 'metrics' | 'logs' }) => {
    const { explainOtlp } = await import('./explain-otlp.ts');
    await finish(explainOtlp(file, { defaultPath: DEFAULT_CONFIG, ...options }));
  });

program
  .command('test')
  .description('run processing cases: do lines become the records that they should become? exit 1 where not')
  .argument('<file>', 'YAML: [{input: app, path: /var/log/a.log, lines: [...], expect: [{topic: T, value: {...}}]}]')
  .option('-c, --config <file>', 'configuration')
  .option('--json', 'print what is missing and unexpected of each case as JSON')
  .action(async (file: string, options: { config?: string; json?: boolean }) => {
    const { runCases } = await import('./test.ts');
    await finish(runCases(file, { defaultPath: DEFAULT_CONFIG, ...options }));
  });

program
  .command('presets')
  .description('list the presets of process, or print one as steps')
  .argument('[name]', 'for example nginx')
  .option('--json', 'print as JSON')
  .action(async (name: string | undefined, options: { json?: boolean }) => {
    const { presets } = await import('./presets.ts');
    await finish(presets(name, { json: options.json ?? false }));
  });

program
  .command('check')
  .description('run one check, built in or of the configuration, and print its metrics')
  .argument('[name]', 'for example cpu; --list says which there are')
  .option(CONFIG, ITS_CONFIG)
  .option('--list', 'list the checks that there are')
  .option('--once', 'print once, also at a terminal')
  .option('--json', 'print an array of metric records')
  .action(
    async (name: string | undefined, options: { config?: string; list?: boolean; once?: boolean; json?: boolean }) => {
      const { listChecks, runCheck } = await import('./check.ts');
      const choice = { defaultPath: DEFAULT_CONFIG, ...options };
      await finish(
        options.list || name === undefined ? listChecks(choice, options.json ?? false) : runCheck(name, choice),
      );
    },
  );

const spool = program.command('spool').description('the local log: what waits for Kafka, in Kafka’s own format');
spool
  .command('ls')
  .description('its topics: records, bytes, how many wait for Kafka')
  .option(CONFIG, ITS_CONFIG)
  .option('--json', 'print as JSON')
  .action(async (options: { config?: string; json?: boolean }) => {
    const { spoolDirectory } = await import('./data-dir.ts');
    const { spoolLs } = await import('./spool.ts');
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
    const { spoolDirectory } = await import('./data-dir.ts');
    const { spoolCat } = await import('./spool.ts');
    const dir = await spoolDirectory({ defaultPath: DEFAULT_CONFIG, ...options });
    await finish(dir === null ? Promise.resolve(2) : spoolCat(dir, topic, { ...options, json: options.json ?? false }));
  });
spool
  .command('check')
  .description('look for damage: exit 1 if there is some')
  .option(CONFIG, ITS_CONFIG)
  .option('--repair', 'take damaged bytes out and keep them in quarantine; the agent must be stopped')
  .option('--json', 'print as JSON')
  .action(async (options: { config?: string; repair?: boolean; json?: boolean }) => {
    const { spoolCheck } = await import('./spool-check.ts');
    await finish(spoolCheck({ defaultPath: DEFAULT_CONFIG, ...options }));
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
  .action(async (options: Omit<import('./verify.ts').VerifyCommand, 'defaultPath'>) => {
    const { runVerify: verify } = await import('./verify.ts');
    await finish(verify({ defaultPath: DEFAULT_CONFIG, ...options }));
  });

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
    'its end may be without a seal for so long after the last one (default: 2 seal.interval; with --file 0s)',
  )
  .option('--timeout <seconds>', 'how long Kafka may be silent', '30')
  .option('--json', 'print the report as JSON')
  .addHelpText(
    'after',
    '\nExit codes: 0 complete, 1 incomplete (missing, changed, moved, forked, unsealed), 2 wrong usage, 3 undecided.',
  )
  .action(async (options: Omit<import('./audit-verify.ts').AuditVerifyCommand, 'defaultPath'>) => {
    const { auditVerify } = await import('./audit-verify.ts');
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
  .action(async (options: Omit<import('./audit-export.ts').AuditExportCommand, 'defaultPath'>) => {
    const { auditExport } = await import('./audit-export.ts');
    await finish(auditExport({ defaultPath: DEFAULT_CONFIG, ...options }));
  });
audit
  .command('streams')
  .description('the audit streams of an agent that runs: last number, how far sealed, what waits for Kafka')
  .option(CONFIG, ITS_CONFIG)
  .option('--admin <url>', ITS_SOCKET)
  .option('--json', 'print as JSON')
  .action(async (options: { config?: string; admin?: string; json?: boolean }) => {
    const { auditStreams } = await import('./audit-state.ts');
    await finish(auditStreams({ defaultPath: DEFAULT_CONFIG, ...options }));
  });
audit
  .command('key')
  .description('the public keys that its seals are signed with, oldest first, as `audit verify --key` reads them')
  .option(CONFIG, ITS_CONFIG)
  .option('--json', 'print as JSON (always so)')
  .action(async (options: { config?: string }) => {
    const { auditKey } = await import('./audit-state.ts');
    await finish(auditKey({ defaultPath: DEFAULT_CONFIG, ...options }));
  });

program
  .command('sink')
  .description('a consumer behind Kafka, in the foreground; any number of processes share the work')
  .addArgument(
    new Argument('<kind>', 'opensearch: topics into data streams; topk: rankings of metrics, in Redis').choices([
      'opensearch',
      'topk',
    ]),
  )
  .option(CONFIG, `its configuration, a file of its own (default: ${SINK_CONFIG})`)
  .option('--setup', 'make what it needs, and end; may be repeated')
  .option('--check', 'look for what is missing or twice; exit 0 nothing, 1 named, 3 undecided')
  .option('--repair', 'with --check: mend it')
  .option('--json', 'with --check: print as JSON')
  .action(async (kind: string, options: Omit<import('./sink.ts').SinkOptions, 'version' | 'defaultPath'>) => {
    const { sink } = await import('./sink.ts');
    await finish(sink(kind, { version, defaultPath: SINK_CONFIG, ...options }));
  });

program
  .command('logs')
  .description('find lines in the data streams that sink opensearch fills')
  .argument('[query]', 'words that the message must hold; "a phrase", prefix*, -without, a|b')
  .option(CONFIG, `the configuration of the sink (default: ${SINK_CONFIG})`)
  .option('--since <time>', 'a duration back from now, or a time (default: 1h; with --follow 10s)')
  .option('--until <time>', 'likewise; default: now')
  .option('--host <name>', 'only of this host')
  .option('--dataset <name>', 'only of this input, which event.dataset names')
  .option('-n, --lines <n>', 'only the last n; with --around: so many on each side (default: 10)')
  .option('-f, --follow', 'and what comes, as it comes')
  .option('--around <id>', 'the lines around this one in its file')
  .option('--sink <group>', 'where there are several: which (default: the first with logs)')
  .option('--ids', 'show the id of each line, as at a terminal')
  .option('--json', 'print a document a line, as JSON')
  .action(async (query: string | undefined, options: Omit<import('./logs.ts').LogsOptions, 'defaultPath'>) => {
    const { findLogs } = await import('./logs.ts');
    await finish(findLogs(query, { defaultPath: SINK_CONFIG, ...options }));
  });

program
  .command('topk')
  .description('the names of a ranking with the largest values of a window, as runnel sink topk keeps them in Redis')
  .argument('[ranking]', 'its name; without one the rankings are listed')
  .option(CONFIG, `where Redis is: the configuration of the sink (default: ${SINK_CONFIG})`)
  .option('--window <duration>', 'one of the windows that are configured (default: 1h)')
  .option('--at <time>', 'the window that holds this time: 2026-12-01T12:00:00Z, or 2h for two hours ago')
  .option('--last', 'the last window that is over')
  .option('--limit <n>', 'how many names', '10')
  .option('--lowest', 'the least values first')
  .option('--json', 'print as JSON')
  .action(async (ranking: string | undefined, options: Omit<import('./topk.ts').TopkCommand, 'defaultPath'>) => {
    const { runTopk } = await import('./topk.ts');
    await finish(runTopk(ranking, { defaultPath: SINK_CONFIG, ...options }));
  });

interface AlertsOptions {
  config?: string;
  admin?: string;
  json?: boolean;
}

interface PositionsOptions {
  config?: string;
  json?: boolean;
  yes?: boolean;
}
const positions = program
  .command('positions')
  .description('how far each file was read and is safe; to look at, and to change while the agent is stopped');
positions
  .command('ls')
  .description('each file: position, size now, bytes behind, last seen; changes nothing')
  .option(CONFIG, ITS_CONFIG)
  .option('--json', 'print as JSON')
  .action(async (options: PositionsOptions) => {
    const { positionsLs } = await import('./positions.ts');
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
    const { positionsSet } = await import('./positions.ts');
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
    const { positionsForget } = await import('./positions.ts');
    await finish(positionsForget(path, { defaultPath: DEFAULT_CONFIG, ...options }));
  });

const alerts = program.command('alerts').description('rules and what fires: to look at, to test, to silence');
alerts
  .command('ls')
  .description('what fires or is about to, since when and why; and silences')
  .option(CONFIG, ITS_CONFIG)
  .option('--admin <url>', ITS_SOCKET)
  .option('--json', 'print as JSON')
  .action(async (options: AlertsOptions) => {
    const { alertsLs } = await import('./alerts.ts');
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
    const { alertsTest } = await import('./alerts-test.ts');
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
    const { alertsSilence } = await import('./alerts.ts');
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
    const { alertsUnsilence } = await import('./alerts.ts');
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
    const { alertsNotify } = await import('./alerts.ts');
    await finish(alertsNotify(receiver, { defaultPath: DEFAULT_CONFIG, ...options }));
  });
