/** Behind Kafka: the consumers, and what is to be found in what they write. */
import { Argument, type Command } from 'commander';
import { CONFIG, finish, SINK_CONFIG, version } from './shared.ts';

export function addConsumers(program: Command): void {
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
    .action(async (kind: string, options: Omit<import('../sink.ts').SinkOptions, 'version' | 'defaultPath'>) => {
      const { sink } = await import('../sink.ts');
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
    .action(async (query: string | undefined, options: Omit<import('../logs.ts').LogsOptions, 'defaultPath'>) => {
      const { findLogs } = await import('../logs.ts');
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
    .action(async (ranking: string | undefined, options: Omit<import('../topk.ts').TopkCommand, 'defaultPath'>) => {
      const { runTopk } = await import('../topk.ts');
      await finish(runTopk(ranking, { defaultPath: SINK_CONFIG, ...options }));
    });
}
