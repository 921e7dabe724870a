/** Rules of sampling, ready to be asked: what holds for all spans of a signature is found out once, as bits. */
import { wildcards } from '../../../config/wildcards.ts';
import type { TracesOptions } from '../options.ts';
import { STATUSES } from '../sampling-options.ts';
import { type Threshold, thresholdOf } from './threshold.ts';

type RuleOptions = TracesOptions['sampling']['rules'][number];

/** What spans have in common that are alike. */
export interface Signature {
  service: string;
  operation: string;
  /** Numbers, as in the request. */
  kind: number;
  status: number;
  /** By the names that were asked for; undefined: it has none. */
  attributes: ReadonlyMap<string, string | undefined>;
}

export interface SamplingRule {
  /** In figures. */
  readonly name: string;
  /** Nanoseconds; null: of any length. */
  readonly slower: number | null;
  /** Null: they are kept, or not, whatever their trace. */
  readonly threshold: Threshold | null;
  readonly keep: boolean;
  /** Spans a second; null: any number. */
  readonly limit: number | null;
  readonly matches: (signature: Signature) => boolean;
}

export function samplingRules(options: readonly RuleOptions[]): SamplingRule[] {
  return options.map((rule, i) => ({
    name: rule.name ?? `rule ${i + 1}`,
    slower: rule.slower_than === undefined ? null : rule.slower_than * 1e6,
    threshold: rule.probability === undefined ? null : thresholdOf(rule.probability),
    keep: rule.keep ?? true,
    limit: rule.limit ?? null,
    matches: matcher(rule),
  }));
}

/** Names of attributes that the rules ask for. */
export function attributesOfRules(options: readonly RuleOptions[]): string[] {
  return [...new Set(options.flatMap(({ attributes }) => Object.keys(attributes ?? {})))];
}

function matcher({ status, service, operation, attributes = {} }: RuleOptions): SamplingRule['matches'] {
  const code = status === undefined ? null : STATUSES.indexOf(status);
  const [isService, isOperation] = [service, operation].map((glob) => (glob === undefined ? null : wildcards([glob])));
  const wanted = Object.entries(attributes).map(([name, glob]) => [name, wildcards([glob])] as const);
  return (one) =>
    (code === null || code === one.status) &&
    (!isService || isService(one.service)) &&
    (!isOperation || isOperation(one.operation)) &&
    wanted.every(([name, is]) => {
      const value = one.attributes.get(name);
      return value !== undefined && is(value);
    });
}

/** A bit for each rule that spans of this signature may meet; how long they took is asked of each. */
export function ruleBits(rules: readonly SamplingRule[], signature: Signature): number {
  let bits = 0;
  for (const [i, rule] of rules.entries()) if (rule.matches(signature)) bits |= 1 << i;
  return bits >>> 0;
}
