/**
 * What a verb of `process` is: its option, and the step that is made of it for one input.
 *
 *   process: [{drop: {line: {contains: kube-probe}}}]
 *              ^ name    ^ what its option reads, and `step` gets
 */

import type { Tally, TallyOptions } from '../aggregate/tally.ts';
import type { Grammar, Optional } from '../config/option.ts';
import type { Batch } from '../core/batch.ts';
import type { ProgramArena } from '../kernel/arena.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { FieldNames } from './names.ts';
import type { Program } from './program.ts';

/** What a step is made for. */
export interface StepContext {
  readonly kernel: Kernel;
  /** Of the input: cells, rows, and memory for tables. There is none where no step has told of `fields`. */
  readonly program: Program;
  /** For tables that live as long as the step; that of the program where there is one. */
  readonly arena: ProgramArena;
  /** It has a `when`: what it does may not be done once for all records. */
  readonly conditional: boolean;
  /** The number of a topic that the verb has told of: what goes there has it in `batch.routes`. */
  route(topic: string): number;
  /** So many records it should have changed, and could not. */
  failed(count: number): void;
  /** So many took the slow way. */
  slow(count: number): void;
  /** A metric that the step counts; its records are sent at the end of each window. */
  tally(options: Pick<TallyOptions, 'name' | 'series' | 'unit'>): Tally;
  /** So many lines held what a rule of alerts looks for. */
  watched(rule: string, lines: number): void;
  /** So many times a pattern gave up. */
  gaveUp(count: number): void;
  /** `task` gives what was counted since it was asked last: that is told whether it holds, once that is known. */
  onCounted(task: () => ((on: boolean) => void) | null): void;
}

/**
 * What a step does with a batch's tables. `only`: a byte a record, 1 where it is for the record; null: it is for all.
 * Records that it is not for it leaves as they are, and in their places among the others.
 */
export type Apply = (batch: Batch, only: Uint8Array | null) => void;

export interface Verb<Options> {
  readonly name: string;
  /** Its option, with its text. */
  readonly option: Optional<Grammar<Options>>;
  /** False: what it is for is what its option says, and it takes no `when`. */
  readonly when?: false;
  /** Its fields are what the line says: what was masked in that as it was written is masked in them, too. */
  readonly parses?: true;
  /** An input has one such step at most. */
  readonly once?: true;
  /** The fields that it reads and makes, paths within its options. Without it: it is of the line alone. */
  fields?(options: Options, names: FieldNames): void;
  /** True: it makes metrics. */
  readonly metrics?: true;
  /** Topics beside the input's own that records may go to. */
  topics?(options: Options): readonly string[];
  step(options: Options, context: StepContext): Apply;
}

// biome-ignore lint/suspicious/noExplicitAny: of whatever options
export type AnyVerb = Verb<any>;
