/**
 * `process`: a list of steps, what an input's lines pass between reading and sending.
 *
 *   process: [nginx, {sample: 0.1, when: {log.level: debug}}]
 *             ^ preset: its steps stand here
 *                     ^ one verb    ^ the records that it is for
 */
import assert from 'node:assert';
import { Tally } from '../aggregate/tally.ts';
import { choice, type Grammar, list, made, optional, valuesOf } from '../config/option.ts';
import type { FieldPlan } from '../core/batch.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Masking } from '../lines/masking.ts';
import { VERBS } from './all.ts';
import { type Condition, condition, readFields } from './condition.ts';
import { matcherOf } from './match.ts';
import { FieldNames } from './names.ts';
import { PRESETS } from './presets/all.ts';
import type { Preset } from './presets/preset.ts';
import { Program } from './program.ts';
import { VerbStep } from './step.ts';
import { SUPPLIED, supplied } from './supplied.ts';
import type { AnyVerb, Apply, StepContext } from './verb.ts';
import { WATCH_LINES, watch } from './watch.ts';

/** A step as it was read. */
export interface StepConfig {
  readonly verb: string;
  readonly options: unknown;
  readonly when: Condition | null;
  /** It reads or makes fields. */
  readonly fields: boolean;
  /** It needs tables in the pool's memory, with fields or without. */
  readonly tables: boolean;
  /** Which entry of the list it is of, from 0. */
  readonly entry: number;
}

/** How others call them, and what is elsewhere here. */
const OTHERS = {
  filter: 'keep, for what goes on, or drop',
  grep: 'keep, for what goes on, or drop',
  if: 'when: CONDITION, beside the verb',
  grok: '{parse: {grok: PATTERN}}',
  regex: '{parse: {regex: PATTERN}}',
  dissect: '{parse: {regex: PATTERN}}',
  json: '{parse: json}',
  logfmt: '{parse: logfmt}',
  csv: '{parse: {csv: {columns: [...]}}}',
  date: '{time: FIELD}',
  timestamp: '{time: FIELD}',
  mutate: 'rename, remove, add or set',
  replace: 'set or add',
  throttle: '{sample: {limit: 100/s}}',
  mask: 'mask beside process: it comes before all steps',
  redact: 'mask beside process: it comes before all steps',
};
const MOST_STEPS = 1000;
/** What a metric of lines takes for sketches at most. */
const TALLY_BYTES = 8 << 20;
const EXAMPLE = '{drop: {line: {contains: kube-probe}}}';
const WHEN_TEXT =
  'The records that the step is for: a condition as with drop. The others pass it as they are. keep and drop take none.';

/** Those that are put before what is written. */
const UNWRITTEN: Readonly<Record<string, AnyVerb>> = { [WATCH_LINES]: watch, [SUPPLIED]: supplied };

/** The schema of `process`. `known`: fields that records have before the first step; `a.`: any below a. */
export function processList(
  verbs: readonly AnyVerb[] = VERBS,
  presets: Readonly<Record<string, Preset>> = PRESETS,
  known: readonly string[] = [],
): Grammar<StepConfig[], (object | string)[]> {
  const fields = Object.fromEntries(verbs.map(({ name, option }) => [name, option]));
  const named = { what: 'preset', known: Object.keys(presets) };
  const beside = { when: optional(condition(), WHEN_TEXT) };
  const entries = () => list(choice(fields, { example: EXAMPLE, beside, named, others: OTHERS }));
  const ofPresets = new Map<string, Entry[]>();
  return made(entries(), (written, refuse) => {
    const steps: StepConfig[] = [];
    const names = new FieldNames(refuse, known);
    for (const [i, one] of written.entries()) {
      if (typeof one !== 'string') {
        const step = stepOf(one as Entry, i, verbs, names, refuse);
        if (step) steps.push(step);
        continue;
      }
      if (!ofPresets.has(one)) ofPresets.set(one, valuesOf(entries(), presets[one]!.steps) as Entry[]);
      names.within = one;
      for (const entry of ofPresets.get(one)!) steps.push(stepOf(entry, i, verbs, names, refuse)!);
      names.within = null;
    }
    for (const { name, once } of verbs) {
      const [first, second] = steps.filter(({ verb }) => verb === name);
      if (once && second)
        refuse([second.entry], `is a second ${name}: process[${first!.entry}] has one, and an input has one at most`);
    }
    if (steps.length > MOST_STEPS) refuse([MOST_STEPS], `is one step too many: at most ${MOST_STEPS} of an input`);
    return steps;
  }) as never;
}

type Entry = Record<string, unknown> & { when?: Condition };
type Refuse = ConstructorParameters<typeof FieldNames>[0];

/** Null: what is wrong with it was said before. */
function stepOf(
  entry: Entry,
  i: number,
  verbs: readonly AnyVerb[],
  names: FieldNames,
  refuse: Refuse,
): StepConfig | null {
  const verb = verbs.find(({ name }) => entry[name] !== undefined);
  if (!verb) return null;
  const options = entry[verb.name];
  const when = entry.when ?? null;
  if (when && verb.when === false) {
    refuse(
      [i, 'when'],
      `is nothing for ${verb.name}: write it into its condition, as in {${verb.name}: {line: ..., FIELD: ...}}`,
    );
  }
  names.at([i, 'when'], `process[${i}]`);
  if (when) readFields(when, names);
  const { used, tables } = names;
  names.at([i, verb.name], `process[${i}]`);
  verb.fields?.(options, names);
  return { verb: verb.name, options, when, fields: used || names.used, tables: tables || names.tables, entry: i };
}

/** Whether the records of an input with these steps have fields. */
export function hasFields(process: readonly StepConfig[]): boolean {
  return process.some(({ fields }) => fields);
}

/** Whether these steps take memory of the pool beside that of batches. */
export function needsArena(process: readonly StepConfig[]): boolean {
  return process.some(({ fields, tables }) => fields || tables);
}

/** Topics that steps send records to, with the entry that says so; each once. */
export function routesOf(
  process: readonly StepConfig[],
  verbs: readonly AnyVerb[] = VERBS,
): readonly { topic: string; entry: number }[] {
  const found = new Map<string, { topic: string; entry: number }>();
  for (const { verb: name, options, entry } of process) {
    const topics = verbs.find((one) => one.name === name)?.topics?.(options) ?? [];
    for (const topic of topics) if (!found.has(topic)) found.set(topic, { topic, entry });
  }
  return [...found.values()];
}

/** Whether these steps make metrics of lines. */
export function countsMetrics(process: readonly StepConfig[], verbs: readonly AnyVerb[] = VERBS): boolean {
  return process.some((step) => verbs.some(({ name, metrics }) => name === step.verb && metrics));
}

/** What the records of one input pass. */
export interface Processing {
  readonly steps: readonly VerbStep[];
  /** Where they go, by their number in `batch.routes`; the input's own topic is the first. */
  readonly topics: readonly string[];
  /** Metrics that are counted of them. */
  readonly tallies: readonly Tally[];
  /** Null: they have no fields. */
  readonly fields: FieldPlan | null;
  /** Nothing of it is on its way any more. */
  close(): void;
}

/**
 * `topic`: the input's own. Throws a sentence where it cannot be made. Undefined: there are no steps, and lines go as they
 * are.
 */
export function processingOf(
  process: readonly StepConfig[],
  kernel: Kernel,
  topic: string,
  verbs: readonly AnyVerb[] = VERBS,
  masking?: Masking,
  watched: (rule: string, lines: number) => void = () => undefined,
): Processing | undefined {
  if (process.length === 0) return undefined;
  const program = hasFields(process) ? new Program(kernel) : null;
  const own = !program && needsArena(process) ? kernel.takeArena() : null;
  const arena = program?.arena ?? own;
  const topics = [...new Set([topic, ...routesOf(process, verbs).map((route) => route.topic)])];
  const tallies: Tally[] = [];
  const make = ({ verb: name, options, when, fields }: StepConfig) => {
    const verb = UNWRITTEN[name] ?? verbs.find((one) => one.name === name)!;
    const step = new VerbStep(name, fields);
    const context: StepContext = {
      kernel,
      get program() {
        assert(program, `${name} has not told of its fields`);
        return program;
      },
      get arena() {
        assert(arena, `${name} has not told of its tables`);
        return arena;
      },
      conditional: when !== null,
      route(topic) {
        const number = topics.indexOf(topic);
        assert(number >= 0, `${name} has not told of topic ${topic}`);
        return number;
      },
      failed(count) {
        step.failed += count;
      },
      slow(count) {
        step.slow += count;
      },
      tally(of) {
        const tally = new Tally({ ...of, memory: TALLY_BYTES });
        tallies.push(tally);
        return tally;
      },
      gaveUp(count) {
        step.gaveUp += count;
      },
      watched,
      onCounted(task) {
        step.onCounted = task;
      },
    };
    const apply = verb.step(options, context);
    const hides = masking !== undefined && program !== null && verb.parses === true;
    const masked: Apply = (batch, only) => {
      apply(batch, only);
      program!.rowsOf(batch);
      masking!.maskCells(program!.process, batch.count);
    };
    step.made(hides ? masked : apply, when && matcherOf(when, context, 0));
    return step;
  };
  const close = () => {
    program?.close();
    if (own) kernel.giveArena(own);
  };
  try {
    const steps = process.map(make);
    program?.seal();
    return { steps, topics, tallies, fields: program, close };
  } catch (error) {
    close();
    throw error;
  }
}
