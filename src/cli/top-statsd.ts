/** `runnel top statsd`: who sends most to StatsD, by name, by key of tags, by container. */
import { askFirst, bodyOf } from '../admin/client.ts';
import type { StatsdTop } from '../sources/statsd/top-shape.ts';
import { complain, print, printJson } from './output.ts';
import { type AgentChoice, silence, targetsFor } from './status.ts';
import { table } from './table.ts';

/** Rows of each table. */
const SHOWN = 10;

/** Resolves to the exit code: 1 when no agent answers, 2 when the configuration cannot be used. */
export async function topStatsd(options: AgentChoice & { json?: boolean }): Promise<number> {
  const targets = (await targetsFor(options))?.filter((t) => 'socketPath' in t || options.admin !== undefined);
  if (!targets) return 2;
  try {
    const response = await askFirst(targets, '/top?input=statsd');
    const body = await bodyOf(response);
    if (response.statusCode !== 200) {
      complain(`runnel: ${body.trim()}`);
      return 1;
    }
    if (options.json) printJson(`${body.trim()}\n`);
    else print(textOf(JSON.parse(body) as StatsdTop));
    return 0;
  } catch (error) {
    complain(`runnel: ${silence(error, options)}`);
    return 1;
  }
}

function textOf({ seconds, series, seen, samples, ...top }: StatsdTop): string {
  const part = seen < series ? ` (${seen} of them are counted here: there was no time for more)` : '';
  const head = `${series} series${part}, ${samples} samples in ${seconds.toFixed(1)} s\n`;
  const named = (what: string, rows: StatsdTop['by_series']) =>
    tableOf(
      [what, 'SAMPLES', 'SERIES'],
      rows.map((row) => [row.name, row.samples, row.series]),
    );
  const tags = top.tags.map(({ key, values, approximate, series }) => [
    key,
    `${approximate ? '~' : ''}${values}`,
    series,
  ]);
  return [
    head,
    named('BY SAMPLES', top.by_samples),
    named('BY SERIES', top.by_series),
    tableOf(['BY TAG', 'VALUES', 'SERIES'], tags),
    named('BY CONTAINER', top.containers),
  ].join('');
}

function tableOf(heads: string[], rows: (string | number)[][]): string {
  return rows.length === 0 ? '' : `\n${table(heads, rows.slice(0, SHOWN))}`;
}
