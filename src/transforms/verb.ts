/**
 * What a verb of `process` is: its option, and the step that is made of it for one input.
 *
 *   process: [{drop: {line: {contains: kube-probe}}}]
 *              ^ name    ^ what its option reads, and `step` gets
 */
import type { Grammar, Optional } from '../config/option.ts';
import type { Step } from '../core/pipeline.ts';
import type { Kernel } from '../kernel/kernel.ts';

/** What a step does with a batch's tables. */
export type Apply = Step['apply'];

export interface Verb<Options> {
  readonly name: string;
  /** Its option, with its text. */
  readonly option: Optional<Grammar<Options>>;
  step(options: Options, kernel: Kernel): Apply;
}

// biome-ignore lint/suspicious/noExplicitAny: of whatever options
export type AnyVerb = Verb<any>;
