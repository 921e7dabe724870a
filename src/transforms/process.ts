/** `process`: a list of steps, each of one verb; what its lines pass between reading and sending. */
import { choice, type Grammar, list } from '../config/option.ts';
import type { Batch } from '../core/batch.ts';
import type { Step } from '../core/pipeline.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { VERBS } from './all.ts';
import type { AnyVerb } from './verb.ts';

/** A step as it was read: the verb's name and its options. */
export type StepConfig = Record<string, unknown>;

/** The schema of `process`, with its verbs. */
export function processList(verbs: readonly AnyVerb[] = VERBS): Grammar<StepConfig[], object[]> {
  const fields = Object.fromEntries(verbs.map(({ name, option }) => [name, option]));
  return list(choice(fields, '{drop: {line: {contains: kube-probe}}}')) as never;
}

/** The steps of one input, with their counts; undefined: it has none, and its lines go as they are. */
export function stepsOf(
  process: readonly StepConfig[],
  kernel: Kernel,
  verbs: readonly AnyVerb[] = VERBS,
): readonly Step[] | undefined {
  if (process.length === 0) return undefined;
  return process.map((config) => {
    const verb = verbs.find(({ name }) => config[name] !== undefined)!;
    return new VerbStep(verb.name, verb.step(config[verb.name], kernel));
  });
}

class VerbStep implements Step {
  readonly verb: string;
  readonly apply: (batch: Batch) => void;
  in = 0;
  out = 0;
  readonly failed = 0;

  constructor(verb: string, apply: (batch: Batch) => void) {
    this.verb = verb;
    this.apply = apply;
  }
}
