/**
 * `metric`: a metric of the lines that pass, aggregated as StatsD's are, one record a series and window.
 *
 *   {metric: {name: http.server.requests, count: true, by: [http.response.status_code]}}
 *   {metric: {name: http.server.duration, histogram: duration_ms, unit: ms, when: ...}}
 *
 * A record that is dropped later has been counted. The window that is open is lost by kill -9, and what is read again after
 * that counts again.
 */
import type { TallyKind } from '../aggregate/tally.ts';
import { grammar, optional, Wrong, WrongAt } from '../config/option.ts';
import { type Batch, UNPARSED } from '../core/batch.ts';
import { fieldName } from './field.ts';
import { textOf } from './values.ts';
import type { StepContext, Verb } from './verb.ts';
import { textOption, textsOption, writtenOptions } from './written.ts';

interface MetricOptions {
  name: string;
  kind: TallyKind;
  /** What is added up; null: each line counts one. */
  field: string | null;
  by: readonly string[];
  unit: string;
  max_series: number;
}

const KNOWN = ['name', 'count', 'sum', 'histogram', 'by', 'unit', 'max_series'];
const HOW = ['count', 'sum', 'histogram'] as const;
const EXAMPLE = '{name: http.server.requests, count: true, by: [http.response.status_code]}';
const MOST_LABELS = 16;
const SERIES = 1000;
const MOST_SERIES = 10_000;
const NAME = /^[\p{L}_][\p{L}\p{N}._:/-]{0,254}$/u;

export const metric: Verb<MetricOptions> = {
  name: 'metric',
  option: optional(
    grammar(
      { label: 'map of name, one of count, sum and histogram, and by', json: { type: 'object' }, example: EXAMPLE },
      read,
    ),
    'A metric of the lines, one record a series and window of statsd.flush_interval in metrics.topic: {name: NAME, count: true} how many there are, sum: FIELD or histogram: FIELD of a number. ' +
      `by: [FIELD, ...] makes a series of each value; beyond max_series (${SERIES}) they are one, marked runnel.overflow. unit as it is to stand in the records. Lines that a later step drops are counted, those without the number are not. ` +
      'The window that is open when the agent is killed is lost, and what is read again counts again.',
  ),
  metrics: true,
  fields({ field, kind, by }, names) {
    if (field !== null) names.read(field, kind);
    for (const [i, one] of by.entries()) names.read(one, 'by', i);
  },
  step(options, context) {
    const { name, kind, field, by, unit, max_series } = options;
    const tally = context.tally({ name, series: max_series, unit });
    let counted = new Counted(kind);
    context.onCounted(() => {
      const taken = counted;
      if (taken.isEmpty) return null;
      counted = new Counted(kind);
      return (on) => {
        if (on) taken.move(by, (key, labels, value, lines) => tally.add(kind, key, labels, value, lines));
      };
    });
    const add: Counted['add'] = (key, values, value, lines) => counted.add(key, values, value, lines);
    if (field === null && by.length === 0) {
      return ({ count }, only) => {
        let lines = count;
        if (only) for (let i = 0; i < count; i++) lines -= 1 - only[i]!;
        if (lines > 0) add('', [], lines, lines);
      };
    }
    return overFields(options, context, add);
  },
};

/** What the steps before have made fields of. */
function overFields({ field, by }: MetricOptions, context: StepContext, add: Counted['add']) {
  const { program } = context;
  const cell = field === null ? null : program.cell(field);
  const cells = by.map((name) => program.cell(name));
  return (batch: Batch, only: Uint8Array | null) => {
    program.rowsOf(batch);
    let failed = 0;
    for (let i = 0; i < batch.count; i++) {
      if ((only && !only[i]) || batch.slot.flags[i]! & UNPARSED) continue;
      let value = 1;
      if (cell !== null) {
        const text = textOf(program, batch, i, cell);
        if (text === null) continue;
        value = text.trim() === '' ? Number.NaN : Number(text);
        if (!Number.isFinite(value)) {
          failed++;
          continue;
        }
      }
      const values = cells.map((one) => textOf(program, batch, i, one));
      add(values.length === 0 ? '' : JSON.stringify(values), values, value, 1);
    }
    if (failed > 0) context.failed(failed);
  };
}

/** What a batch holds, until it is known that it counts. */
class Counted {
  readonly #kind: TallyKind;
  readonly #all = new Map<string, { values: readonly (string | null)[]; lines: number; sum: number; each: number[] }>();

  constructor(kind: TallyKind) {
    this.#kind = kind;
  }

  add(key: string, values: readonly (string | null)[], value: number, lines: number): void {
    let one = this.#all.get(key);
    if (!one) {
      one = { values, lines: 0, sum: 0, each: [] };
      this.#all.set(key, one);
    }
    one.lines += lines;
    if (this.#kind === 'sum') one.sum += value;
    else one.each.push(value);
  }

  /** Labels that a line does not have are left out. */
  move(
    by: readonly string[],
    to: (key: string, labels: () => (readonly [string, string])[], value: number, lines: number) => void,
  ): void {
    for (const [key, { values, lines, sum, each }] of this.#all) {
      const labels = () => by.flatMap((name, i) => (values[i] == null ? [] : [[name, values[i]] as const]));
      if (this.#kind === 'sum') to(key, labels, sum, lines);
      else for (const value of each) to(key, labels, value, 1);
    }
  }

  get isEmpty(): boolean {
    return this.#all.size === 0;
  }
}

function read(value: unknown): MetricOptions {
  if (typeof value !== 'object') throw new Wrong(`must be a map, for example ${EXAMPLE}, not {}`);
  const options = writtenOptions(value, 'name', KNOWN);
  const name = textOption(options, 'name', (text) => text);
  if (name === undefined) throw new Wrong(`needs name, as in ${EXAMPLE}`);
  if (!NAME.test(name)) throw new WrongAt(['name'], 'must be a name of letters, digits and . _ : / -, at most 255');
  const how = HOW.filter((one) => options[one] !== undefined);
  if (how.length !== 1)
    throw new Wrong(`needs ${how.length === 0 ? 'one' : 'only one'} of count: true, sum: FIELD and histogram: FIELD`);
  const [kind] = how;
  if (kind === 'count' && options.count !== 'true') throw new WrongAt(['count'], 'must be true: each line counts one');
  const field = kind === 'count' ? null : textOption(options, kind!, (text) => fieldName(text, []))!;
  const by = textsOption(options, 'by', (text) => fieldName(text, [])) ?? [];
  if (by.length > MOST_LABELS) throw new WrongAt(['by'], `names ${by.length} fields: at most ${MOST_LABELS}`);
  const twice = by.findIndex((one, i) => by.indexOf(one) !== i);
  if (twice >= 0) throw new WrongAt(['by', twice], 'is there twice');
  const unit = textOption(options, 'unit', (text) => text) ?? '1';
  if (unit.length > 32) throw new WrongAt(['unit'], 'has more than 32 characters');
  const max_series = Number(options.max_series ?? SERIES);
  if (!Number.isInteger(max_series) || max_series < 1 || max_series > MOST_SERIES) {
    throw new WrongAt(['max_series'], `must be from 1 to ${MOST_SERIES}`);
  }
  return { name, kind: kind === 'histogram' ? 'histogram' : 'sum', field, by, unit, max_series };
}
