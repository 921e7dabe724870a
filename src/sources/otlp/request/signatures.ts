/** What is asked once of spans that are alike: their series of metrics, and the rules of sampling that they may meet. */

import type { OtlpSpans } from '../../../kernel/otlp/spans.ts';
import { bigVarintAt, wireFields } from '../../../kernel/otlp/wire.ts';
import type { OtlpKernel } from '../../../kernel/otlp.ts';
import { NO_SERIES, type Red } from '../red/red.ts';
import type { Signature } from '../sampling/rules.ts';
import type { Sampler } from '../sampling/sampler.ts';

export class Signatures {
  readonly #kernel: OtlpKernel;
  readonly #spans: OtlpSpans;
  readonly #attributes: readonly string[];
  readonly #red: Red | null;
  readonly #sampler: Sampler | null;

  constructor(
    kernel: OtlpKernel,
    spans: OtlpSpans,
    attributes: readonly string[],
    red: Red | null,
    sampler: Sampler | null,
  ) {
    this.#kernel = kernel;
    this.#spans = spans;
    this.#attributes = attributes;
    this.#red = red;
    this.#sampler = sampler;
    if (red) red.onForget = () => kernel.forgetSigns();
  }

  /** Spans [first, last) get their series and rules. */
  give(first: number, last: number): void {
    for (let i = this.#kernel.sign(first, last); i < last; i = this.#kernel.sign(i + 1, last)) {
      const signature = this.#signatureOf(i);
      this.#kernel.learn(this.#red?.seriesOf(signature) ?? NO_SERIES, this.#sampler?.bitsOf(signature) ?? 0);
    }
  }

  #signatureOf(i: number): Signature {
    const spans = this.#spans;
    const values = this.#kernel.signedAttributes.map((value) => (value ? anyText(value) : undefined));
    return {
      service: spans.service(i),
      operation: spans.name(i),
      kind: spans.kind(i),
      status: spans.status(i),
      attributes: new Map(this.#attributes.map((name, n) => [name, values[n]])),
    };
  }
}

/** An AnyValue that is a text, a number or a boolean, as text; undefined: it is none. */
function anyText(value: Buffer): string | undefined {
  const field = wireFields(value).at(-1);
  if (!field) return undefined;
  if (field.number === 1) return value.toString('utf8', field.from, field.end);
  if (field.number === 2) return String(value[field.from] !== 0);
  if (field.number === 3) return String(BigInt.asIntN(64, bigVarintAt(value, field.from)));
  return field.number === 4 ? String(value.readDoubleLE(field.from)) : undefined;
}
