/**
 * What of a metric is compared: `last`, `avg over 1m`, `p95 over 5m`, `change over 5m`.
 *
 *   last    of the latest window          count  of points of a gauge, samples of a histogram, what a counter counted
 *   avg     of all points, of a histogram of all samples       rate   what was counted, a second
 *   min max sum                           pNN    of all samples, from merged sketches
 *   change  of the average against that of as long before, percent
 */
import { Wrong } from '../config/option.ts';

export type Reduction = 'last' | 'avg' | 'min' | 'max' | 'sum' | 'count' | 'rate' | 'quantile' | 'change';

export interface ValueOf {
  reduction: Reduction;
  /** 0 to 1, of a quantile. */
  quantile: number;
  /** Milliseconds; null: one window of the source. */
  over: number | null;
}

const WORDS = ['last', 'avg', 'min', 'max', 'sum', 'count', 'rate', 'change'] as const;
const UNITS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const LONGEST = 24 * 3_600_000;
const FORM = /^\s*([a-z]+|p\d{1,2}(?:[._]\d+)?)(?:\s+over\s+(\d+(?:\.\d+)?)\s*([a-z]+))?\s*$/;
const EXAMPLE = 'avg over 1m';

/** Throws Wrong. */
export function readValue(text: string): ValueOf {
  const match = FORM.exec(text);
  if (!match)
    throw new Wrong(
      `must be one of ${WORDS.join(', ')} and p95, alone or with a time, for example '${EXAMPLE}', not {}`,
    );
  const [, word, digits, unit] = match;
  const over = digits === undefined ? null : Number(digits) * (UNITS[unit!] ?? Number.NaN);
  if (over !== null && !(over >= 1000 && over <= LONGEST)) {
    throw new Wrong(`must be over a time from 1s to 24h, for example '${EXAMPLE}', not {}`);
  }
  if (word!.startsWith('p') && /\d/.test(word!)) {
    const quantile = Number(word!.slice(1).replace('_', '.')) / 100;
    if (quantile <= 0 || quantile >= 1)
      throw new Wrong('must be a percentile between p0 and p100, both excluded, not {}');
    return { reduction: 'quantile', quantile, over };
  }
  const reduction = WORDS.find((one) => one === word);
  if (reduction === undefined)
    throw new Wrong(`must begin with one of ${WORDS.join(', ')} or a percentile such as p95, not {}`);
  if (reduction === 'change' && over === null) throw new Wrong("needs a time, for example 'change over 5m'");
  return { reduction, quantile: 0, over };
}

/** What was not counted in a window is none, where it is counted; of anything else nothing is known. */
export function countsNothing({ reduction }: ValueOf): boolean {
  return reduction === 'sum' || reduction === 'count' || reduction === 'rate';
}
