/**
 * Decides which spans go on: the first rule that matches, else the probability. What is dropped is counted by what has
 * dropped it. The decision is about single spans: what a host sees of a trace is a part of it.
 */
import type { OtlpSpans } from '../../../kernel/otlp/spans.ts';
import type { TracesOptions } from '../options.ts';
import { ruleBits, type SamplingRule, type Signature, samplingRules } from './rules.ts';
import { type Bits56, isAtLeast, readState, type Threshold, thresholdOf, withThreshold } from './threshold.ts';

type SamplingOptions = TracesOptions['sampling'];

const PROBABILITY = 'probability';
const LIMIT = 'limit';
const KEEPS_ALL = thresholdOf(1);

export class Sampler {
  readonly #rules: readonly SamplingRule[];
  readonly #threshold: Threshold;
  readonly #writes: boolean;
  /** Of each rule, then of what goes by probability. */
  readonly #buckets: readonly (Bucket | null)[];

  constructor({ rules, probability, limit, write_threshold }: SamplingOptions, clock: () => number) {
    this.#rules = samplingRules(rules);
    this.#threshold = thresholdOf(probability);
    this.#writes = write_threshold;
    const limits = [...this.#rules.map((rule) => rule.limit), limit ?? null];
    this.#buckets = limits.map((count) => (count === null ? null : new Bucket(count, clock)));
  }

  /** Whether all spans go on as they are. */
  static keepsAll({ rules, probability, limit }: SamplingOptions): boolean {
    return rules.length === 0 && probability === 1 && limit === undefined;
  }

  bitsOf(signature: Signature): number {
    return ruleBits(this.#rules, signature);
  }

  /** Decides about spans [first, last), whose rules are known, and counts in `filtered`. */
  decide(spans: OtlpSpans, first: number, last: number, filtered: Map<string, number>): void {
    for (const bucket of this.#buckets) bucket?.fill();
    for (let i = first; i < last; i++) {
      const by = this.#one(spans, i);
      if (by === null) continue;
      spans.drop(i);
      filtered.set(by, (filtered.get(by) ?? 0) + 1);
    }
  }

  /** What drops it; null: it goes on. */
  #one(spans: OtlpSpans, i: number): string | null {
    let bits = spans.rules(i);
    spans.keep(i);
    for (; bits !== 0; bits &= bits - 1) {
      const number = 31 - Math.clz32(bits & -bits);
      const rule = this.#rules[number]!;
      if (rule.slower !== null && spans.nanoseconds(i) <= rule.slower) continue;
      if (!rule.keep || (rule.threshold && !this.#passes(spans, i, rule.threshold))) return rule.name;
      return this.#buckets[number]?.take() === false ? rule.name : null;
    }
    if (!this.#passes(spans, i, this.#threshold)) return PROBABILITY;
    return this.#buckets.at(-1)?.take() === false ? LIMIT : null;
  }

  /** False: its trace is below the threshold. Where it goes on, the threshold is noted. */
  #passes(spans: OtlpSpans, i: number, threshold: Threshold): boolean {
    if (threshold === KEEPS_ALL || (threshold.text === '' && threshold.high === 0)) return true;
    const state = spans.tracestate(i);
    const before = state === '' ? NOTHING : readState(state);
    if (!isAtLeast(before.random ?? spans.random(i), threshold)) return false;
    if (this.#writes && !(before.threshold && isAtLeast(before.threshold, threshold)))
      spans.noteState(i, withThreshold(state, threshold));
    return true;
  }
}

const NOTHING: { threshold: Bits56 | null; random: Bits56 | null } = { threshold: null, random: null };

/** So many a second, and as many at once. */
class Bucket {
  readonly #limit: number;
  readonly #clock: () => number;
  #left: number;
  #at: number;

  constructor(limit: number, clock: () => number) {
    this.#limit = limit;
    this.#clock = clock;
    this.#left = limit;
    this.#at = clock();
  }

  fill(): void {
    const now = this.#clock();
    this.#left = Math.min(this.#limit, this.#left + ((now - this.#at) / 1000) * this.#limit);
    this.#at = now;
  }

  take(): boolean {
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
