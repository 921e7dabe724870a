/** `GET /names`: the metrics that most samples come for, by their names alone: nothing of their tags or senders. */
import { formatCount, type Table } from '../../core/table.ts';
import { formatDuration } from '../../core/units.ts';
import type { StatsdTop } from '../../sources/statsd/top-shape.ts';

const SHOWN = 15;
/** Characters of a name that are shown: who may send can choose it. */
const LONGEST = 120;

/** Null: nobody can tell. */
export async function namesTable(top?: (input: string) => Promise<unknown> | null): Promise<Table | null> {
  const told = top?.('statsd') ?? null;
  if (told === null) return null;
  const { by_samples, samples, seconds } = (await told) as StatsdTop;
  return {
    title: `Top StatsD names (${formatCount(samples)} samples in ${formatDuration(seconds)})`,
    heads: ['', 'samples', 'series'],
    rows: by_samples.slice(0, SHOWN).map(({ name, samples, series }) => {
      const shown = name.length > LONGEST ? `${name.slice(0, LONGEST)}…` : name;
      return [shown, formatCount(samples), formatCount(series)];
    }),
  };
}
