/** What an agent that runs says, and its records as they leave. */
import { Argument, type Command } from 'commander';
import { CONFIG, DEFAULT_CONFIG, FINDS_AGENT, finish, ITS_SOCKET } from './shared.ts';

export function addLook(program: Command): void {
  program
    .command('status')
    .description('ask the running agent what was read, sent, waiting and lost')
    .option(CONFIG, FINDS_AGENT)
    .option('--admin <url>', 'find the agent by its admin address, for example http://127.0.0.1:8687')
    .option('--json', 'print the status as JSON')
    .option('--files <n>', 'list at most this many files of each input, the most behind first')
    .action(async (options: { config?: string; admin?: string; json?: boolean; files?: string }) => {
      const { status } = await import('../status.ts');
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
    .action(async (input: string | undefined, options: Omit<import('../top.ts').TopOptions, 'defaultPath'>) => {
      if (input === 'statsd') {
        const { topStatsd } = await import('../top-statsd.ts');
        await finish(topStatsd({ defaultPath: DEFAULT_CONFIG, ...options }));
        return;
      }
      const { top } = await import('../top.ts');
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
      const { tap } = await import('../tap.ts');
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
    .action(async (options: Omit<import('../statsd-capture.ts').CaptureOptions, 'defaultPath'>) => {
      const { captureStatsd } = await import('../statsd-capture.ts');
      await finish(captureStatsd({ defaultPath: DEFAULT_CONFIG, ...options }));
    });
  statsd
    .command('replay')
    .description('send what was captured again')
    .argument('<file>', 'what capture has written')
    .option('--to <address>', 'udp:// or unixgram://', 'udp://127.0.0.1:8125')
    .option('--speed <factor>', 'times as fast as it came; max: without a pause', '1')
    .action(async (file: string, options: { to: string; speed: string }) => {
      const { replayStatsd } = await import('../statsd-replay.ts');
      await finish(replayStatsd(file, options));
    });
}
