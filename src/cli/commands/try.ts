/** What the agent would make of something, without one that runs. */
import { type Command, Option } from 'commander';
import { CONFIG, DEFAULT_CONFIG, finish, ITS_CONFIG } from './shared.ts';

export function addTry(program: Command): void {
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
      const { explainStatsd } = await import('../explain-statsd.ts');
      const { printJson } = await import('../output.ts');
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
      const { explainLog } = await import('../explain-log.ts');
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
      const { explainOtlp } = await import('../explain-otlp.ts');
      await finish(explainOtlp(file, { defaultPath: DEFAULT_CONFIG, ...options }));
    });

  program
    .command('test')
    .description('run processing cases: do lines become the records that they should become? exit 1 where not')
    .argument('<file>', 'YAML: [{input: app, path: /var/log/a.log, lines: [...], expect: [{topic: T, value: {...}}]}]')
    .option('-c, --config <file>', 'configuration')
    .option('--json', 'print what is missing and unexpected of each case as JSON')
    .action(async (file: string, options: { config?: string; json?: boolean }) => {
      const { runCases } = await import('../test.ts');
      await finish(runCases(file, { defaultPath: DEFAULT_CONFIG, ...options }));
    });

  program
    .command('presets')
    .description('list the presets of process, or print one as steps')
    .argument('[name]', 'for example nginx')
    .option('--json', 'print as JSON')
    .action(async (name: string | undefined, options: { json?: boolean }) => {
      const { presets } = await import('../presets.ts');
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
      async (
        name: string | undefined,
        options: { config?: string; list?: boolean; once?: boolean; json?: boolean },
      ) => {
        const { listChecks, runCheck } = await import('../check.ts');
        const choice = { defaultPath: DEFAULT_CONFIG, ...options };
        await finish(
          options.list || name === undefined ? listChecks(choice, options.json ?? false) : runCheck(name, choice),
        );
      },
    );
}
