/** `runnel logs`: finds lines in the data streams of a sink, and what is around one in its file. */
import { ConfigError, formatFault } from '../config/errors.ts';
import { valuesOf } from '../config/option.ts';
import { duration } from '../config/types.ts';
import type { OpenSearchOptions } from '../consumers/opensearch/options.ts';
import {
  around,
  type FoundRecord,
  following,
  NoStreams,
  newest,
  oldestFirst,
  type Searching,
  type Wanted,
} from '../consumers/opensearch/search/search.ts';
import { Transport } from '../consumers/opensearch/transport.ts';
import { pause } from '../core/abort.ts';
import { loadConfig } from '../options.ts';
import { LogLines } from './log-lines.ts';
import { complain } from './output.ts';

export interface LogsOptions {
  defaultPath: string;
  config?: string;
  since?: string;
  until?: string;
  host?: string;
  dataset?: string;
  follow?: boolean;
  around?: string;
  lines?: string;
  sink?: string;
  ids?: boolean;
  json?: boolean;
}

const SINCE = '1h';
/** With --follow. */
const RECENT = '10s';
const LOOK_MS = 1000;
const MOST_LINES = 10_000;
/** Around a line, on each side. */
const AROUND = 10;

/** Resolves to the exit code: 1 when it cannot be searched, or there is no such line; 2 for wrong usage. */
export async function findLogs(query: string | undefined, options: LogsOptions): Promise<number> {
  let wanted: Wanted;
  let lines: number | null;
  let sinks: OpenSearchOptions[];
  try {
    lines = options.lines === undefined ? null : numberOf(options.lines);
    if (options.follow && options.until !== undefined) throw new Error('--follow has no end: leave --until out');
    if (options.around !== undefined && (query !== undefined || options.follow)) {
      throw new Error('--around shows what is beside one line: without a query, and without --follow');
    }
    wanted = { query, host: options.host, dataset: options.dataset, ...timesOf(options) };
    sinks = await sinksOf(options);
  } catch (error) {
    if (error instanceof ConfigError) complain(error.faults.map(formatFault).join('\n'));
    else complain(`runnel: ${(error as Error).message}`);
    return 2;
  }
  const chosen = choose(sinks, options);
  if (chosen === null) return 2;
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(new Error('stopped')));
  const transport = new Transport(chosen);
  const told = new Set<string>();
  const searching: Searching = {
    transport,
    target: targetOf(chosen, sinks),
    signal: stop.signal,
    warn: (message) => {
      if (!told.has(message)) complain(`runnel: ${message}`);
      told.add(message);
    },
  };
  const printed = new LogLines({ json: options.json ?? false, ids: options.ids });
  try {
    if (options.around !== undefined) return await showAround(searching, options.around, lines ?? AROUND, printed);
    return await show(searching, wanted, lines, options.follow ?? false, printed);
  } catch (error) {
    if (stop.signal.aborted) return 0;
    if (error instanceof NoStreams) {
      const { stream_prefix } = chosen;
      complain(
        `runnel: there are no streams ${stream_prefix}-*: runnel sink opensearch --setup makes them, and runnel sink opensearch fills them`,
      );
    } else complain(`runnel: ${(error as Error).message}`);
    return 1;
  } finally {
    transport.close();
  }
}

async function show(
  searching: Searching,
  wanted: Wanted,
  lines: number | null,
  follow: boolean,
  printed: LogLines,
): Promise<number> {
  const tell = async (page: readonly FoundRecord[]) => {
    for (const one of page) await printed.print(one);
  };
  if (follow) {
    const wait = () => pause(LOOK_MS, searching.signal);
    // As `tail -n`: of what is there already only the last ones.
    if (lines !== null && lines > 0) await tell(await newest(searching, wanted, lines));
    const how = { onlyNew: lines !== null };
    for await (const page of following(searching, wanted, wait, how)) await tell(page);
  } else if (lines !== null) await tell(await newest(searching, wanted, lines));
  else for await (const page of oldestFirst(searching, wanted)) await tell(page);
  if (printed.count === 0 && !follow && process.stderr.isTTY) complain('nothing was found');
  return 0;
}

async function showAround(searching: Searching, id: string, count: number, printed: LogLines): Promise<number> {
  const found = await around(searching, id, count);
  if (found === null) {
    complain(`runnel: there is no record with the id ${id}: --json and --ids show the ids of lines`);
    return 1;
  }
  for (const one of found.before) await printed.print(one);
  await printed.print(found.line, true);
  for (const one of found.behind) await printed.print(one);
  return 0;
}

function numberOf(text: string): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) > MOST_LINES) {
    throw new Error(`--lines must be a number, at most ${MOST_LINES}, not ${text}; without it all are shown`);
  }
  return Number(text);
}

/** A duration back from now, or a time of day as ISO 8601 has it. */
function timesOf({ since, until, follow }: LogsOptions): Pick<Wanted, 'since' | 'until'> {
  const from = timeOf('--since', since ?? (follow ? RECENT : SINCE));
  const to = until === undefined ? undefined : timeOf('--until', until);
  if (to !== undefined && to <= from) throw new Error('--until must be later than --since');
  return { since: from, until: to };
}

function timeOf(option: string, text: string): number {
  if (/^\d{4}-\d\d-\d\d/.test(text)) {
    const time = Date.parse(text);
    if (!Number.isNaN(time)) return time;
  }
  try {
    return Date.now() - valuesOf(duration(), text);
  } catch {
    throw new Error(
      `${option} must be a duration back from now, for example 1h, or a time, for example 2026-11-30T12:00:00Z, not ${text}`,
    );
  }
}

/** All of the configuration. Throws ConfigError, or a sentence. */
async function sinksOf({ config, defaultPath }: LogsOptions): Promise<OpenSearchOptions[]> {
  const path = config ?? defaultPath;
  const loaded = await loadConfig(path);
  const all = (loaded.config.sink.opensearch ?? []).map(({ options }) => options as OpenSearchOptions);
  if (all.length > 0) return all;
  throw new ConfigError([
    { ...loaded.says(['sink'], ''), message: 'sink.opensearch is missing: it says where the lines are' },
  ]);
}

/** The one with lines, if nobody says which. */
function choose(all: readonly OpenSearchOptions[], { sink }: LogsOptions): OpenSearchOptions | null {
  if (sink === undefined) return all.find(({ records }) => records === 'logs') ?? all[0]!;
  const named = all.find(({ group }) => group === sink);
  if (named) return named;
  complain(
    `runnel: --sink is the group of one of sink.opensearch: ${all.map(({ group }) => group).join(', ')}, not ${sink}`,
  );
  return null;
}

/** Streams that had another number before are searched, too; those of a sink whose prefix begins alike are not. */
function targetOf({ stream_prefix }: OpenSearchOptions, all: readonly OpenSearchOptions[]): string {
  const others = all.flatMap((one) =>
    one.stream_prefix.startsWith(`${stream_prefix}-`) ? [`-${one.stream_prefix}-*`] : [],
  );
  return [`${stream_prefix}-*`, ...others].join(',');
}
