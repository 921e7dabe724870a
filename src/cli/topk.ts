/** `runnel topk RANKING`: the names of a ranking with the largest values of a window, read out of Redis. */
import { ConfigError, formatFault } from '../config/errors.ts';
import type { ConsumerSpec } from '../consumers/kind.ts';
import type { TopkOptions } from '../consumers/topk/options.ts';
import { type AskedWindow, wishOf } from '../consumers/topk/wish.ts';
import { loadConfig } from '../options.ts';
import { drawRanking } from './bars.ts';
import { complain, printJson } from './output.ts';
import { table } from './table.ts';

export interface TopkCommand {
  config?: string;
  defaultPath: string;
  window?: string;
  at?: string;
  last?: boolean;
  lowest?: boolean;
  limit?: string;
  json?: boolean;
}

/** Resolves with the exit code. */
export async function runTopk(name: string | undefined, command: TopkCommand): Promise<number> {
  const specs = await specsOf(command.config ?? command.defaultPath);
  if (specs === null) return 2;
  const all = specs.flatMap(({ options }) => options.rankings.map((ranking) => ({ options, ranking })));
  if (name === undefined) return list(all, command.json ?? false);
  const found = all.find(({ ranking }) => ranking.name === name);
  if (!found) {
    complain(`runnel: there is no ranking ${name}: use ${all.map(({ ranking }) => ranking.name).join(', ')}`);
    return 2;
  }
  const { options, ranking } = found;
  const { window, at, limit } = command;
  const asked: AskedWindow = {
    ...(window !== undefined && { window }),
    ...(at !== undefined && { at }),
    ...(limit !== undefined && { limit }),
    ...(command.last && { last: '' }),
    ...(command.lowest && { lowest: '' }),
  };
  const wish = wishOf(asked, options, Date.now());
  if (typeof wish === 'string') {
    complain(`runnel: ${wish}`);
    return 2;
  }
  const [{ Store }, { readRanking }, { RankingKeys }] = await Promise.all([
    import('../consumers/topk/store.ts'),
    import('../consumers/topk/report.ts'),
    import('../consumers/topk/keys.ts'),
  ]);
  const store = new Store(options.redis);
  try {
    await store.connect({ fit: false });
    const keys = new RankingKeys(options.redis.prefix, options.group);
    const ranked = await store.once((redis) => readRanking(redis, keys, ranking, wish.window, wish));
    if (command.json) printJson(`${JSON.stringify(ranked)}\n`);
    else process.stdout.write(drawRanking(ranked, ranking, process.stdout, process.env));
    return 0;
  } catch (error) {
    complain(`runnel: ${(error as Error).message}`);
    return 1;
  } finally {
    store.close();
  }
}

/** Null: the configuration cannot be used, which was said. */
async function specsOf(path: string): Promise<readonly ConsumerSpec<TopkOptions>[] | null> {
  try {
    const loaded = await loadConfig(path);
    const specs = (loaded.config.sink.topk ?? []) as readonly ConsumerSpec<TopkOptions>[];
    if (specs.length > 0) return specs;
    const message = 'sink.topk is missing: it says what is ranked, and where';
    throw new ConfigError([{ ...loaded.says(['sink'], ''), message }]);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    complain(error.faults.map(formatFault).join('\n'));
    return null;
  }
}

function list(
  all: readonly { options: TopkOptions; ranking: TopkOptions['rankings'][number] }[],
  json: boolean,
): number {
  const rows = all.map(({ options, ranking: { name, metric, by, value, field } }) => {
    const windows = options.windows.map((window) => window.name);
    return { ranking: name, metric, by, value, field: field ?? (value === 'count' ? null : 'value'), windows };
  });
  if (json) printJson(`${JSON.stringify(rows)}\n`);
  else {
    const cells = rows.map((r) => [r.ranking, r.metric, r.by.join(', '), r.value, r.field ?? '', r.windows.join(', ')]);
    process.stdout.write(table(['RANKING', 'METRIC', 'BY', 'VALUE', 'FIELD', 'WINDOWS'], cells));
  }
  return 0;
}
