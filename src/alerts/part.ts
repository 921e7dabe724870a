/** What of a rule one source brings: instances by their labels, and which series goes to which. */
import { Divisor } from './divisor.ts';
import type { Instance } from './instance.ts';
import type { Rule } from './rule.ts';

/** Instances of a rule, and of all; what is more is one, with the label `overflow`. */
export const MOST_INSTANCES_OF_RULE = 1000;
export const MOST_INSTANCES = 20_000;
/** Names and series that are kept in mind; beyond, it is begun anew. */
export const MOST_KNOWN = 2 * MOST_INSTANCES;
export const OVERFLOW_LABELS = { overflow: 'true' };

/** What of a rule one source brings. */
export interface RulePart {
  rule: Rule;
  source: string;
  interval: number;
  instances: Map<string, Instance>;
  /** By name and series of a point: where it goes; null: it is not of the rule. */
  known: Map<string, Map<string, Instance | null>>;
  /** Series in it: names and series come from outside, and go. */
  remembered: number;
  /** Of a ratio: what it is divided by, by key. */
  divisors: Map<string, Divisor>;
  evaluated: number | null;
}

/** The source's interval is another than it was: of windows of the old one nothing is made. */
export function retime(part: RulePart, interval: number): void {
  part.interval = interval;
  part.divisors.clear();
  for (const instance of part.instances.values()) instance.retime(interval);
}

/** Of keys that are too many, all together. */
export function divisorOf({ rule, interval, divisors }: RulePart, key: string): Divisor {
  const of = divisors.has(key) || divisors.size < MOST_INSTANCES_OF_RULE ? key : labelKey(OVERFLOW_LABELS);
  let divisor = divisors.get(of);
  if (!divisor) {
    divisor = new Divisor(rule, interval);
    divisors.set(of, divisor);
  }
  return divisor;
}

export function seriesOf({ known }: RulePart, name: string): Map<string, Instance | null> {
  let of = known.get(name);
  if (!of) {
    of = new Map();
    known.set(name, of);
  }
  return of;
}

export function rememberSeries(
  part: RulePart,
  known: Map<string, Instance | null>,
  series: string,
  instance: Instance | null,
): void {
  if (!known.has(series) && ++part.remembered > MOST_KNOWN) {
    part.known.clear();
    part.remembered = 0;
  }
  known.set(series, instance);
}

export function chosenLabels(
  attributes: Readonly<Record<string, string>>,
  by: readonly string[],
): Record<string, string> {
  const some: Record<string, string> = {};
  for (const name of by) if (attributes[name] !== undefined) some[name] = attributes[name];
  return some;
}

/** The same for the same labels, whatever their order. */
export function labelKey(attributes: Readonly<Record<string, string>>): string {
  let key = '';
  for (const name of Object.keys(attributes).sort()) key += `${name}\x1f${attributes[name]}\x1e`;
  return key;
}
