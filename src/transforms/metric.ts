/**
 * `metric`: a metric of the lines that pass, aggregated as StatsD's are, one record a series and window.
 *
 *   {metric: {name: http.server.requests, count: true, by: [http.response.status_code]}}
 *   {metric: {name: http.server.duration, histogram: duration_ms, unit: ms, when: ...}}
 *
 * A record that is dropped later has been counted. The window that is open is lost by kill -9, and what is read again after
 * that counts again.
 */
import type { Tally, TallyKind } from '../aggregate/tally.ts';
import { grammar, optional, Wrong, WrongAt } from '../config/option.ts';
import { type Batch, UNPARSED } from '../core/batch.ts';
import { GroupCounts } from '../kernel/process/groups.ts';
import type { ProcessKernel } from '../kernel/process.ts';
import { fieldName } from './field.ts';
import { keyAt, textAt, wordOf } from './values.ts';
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
    let counted: Counted[] = [];
    context.onCounted(() => {
      if (counted.length === 0) return null;
      const taken = counted;
      counted = [];
      for (const { series } of taken) series.counted = null;
      return (on) => {
        if (on) for (const one of taken) move(one, kind, by, tally);
      };
    });
    const add = (series: Series, value: number, lines: number) => {
      if (!series.counted) {
        series.counted = { series, lines: 0, sum: 0, each: [] };
        counted.push(series.counted);
      }
      series.counted.lines += lines;
      if (kind === 'sum') series.counted.sum += value;
      else series.counted.each.push(value);
    };
    if (field === null && by.length === 0) {
      const all: Series = { key: '', values: [], counted: null };
      return ({ count }, only) => {
        let lines = count;
        if (only) for (let i = 0; i < count; i++) lines -= 1 - only[i]!;
        if (lines > 0) add(all, lines, lines);
      };
    }
    return overFields(options, context, add);
  },
};

/** What the steps before have made fields of. */
function overFields(
  { field, by }: MetricOptions,
  context: StepContext,
  add: (series: Series, value: number, lines: number) => void,
) {
  const { program } = context;
  const { process } = program;
  const cell = field === null ? null : program.cell(field);
  const cells = by.map((name) => program.cell(name));
  const known = new KnownSeries(process, cells);
  // Where each line counts one, most are counted together.
  const groups = cell === null ? new GroupCounts(process, program.arena, cells) : null;
  return (batch: Batch, only: Uint8Array | null) => {
    program.rowsOf(batch);
    const { flags } = batch.slot;
    const rowWords = program.width * 2;
    const firstRow = wordOf(batch, 0, 0);
    const alone = groups ? groups.left.subarray(0, batch.count) : only;
    groups?.count(batch.count, only, (lines, first) => add(known.of(firstRow + first * rowWords), lines, lines));
    if (groups && !alone!.includes(1)) return;
    let failed = 0;
    for (let i = 0, row = firstRow; i < batch.count; i++, row += rowWords) {
      if ((alone && !alone[i]) || flags[i]! & UNPARSED) continue;
      let value = 1;
      if (cell !== null) {
        const text = textAt(process, row + cell * 2);
        if (text === null) continue;
        value = text.trim() === '' ? Number.NaN : Number(text);
        if (!Number.isFinite(value)) {
          failed++;
          continue;
        }
      }
      add(known.of(row), value, 1);
    }
    if (failed > 0) context.failed(failed);
  };
}

/** Lines with the same values of `by`. */
interface Series {
  readonly key: string;
  readonly values: readonly (string | null)[];
  /** What the batch has of it, until it is known that it counts. */
  counted: Counted | null;
}

interface Counted {
  readonly series: Series;
  lines: number;
  sum: number;
  readonly each: number[];
}

/** Labels that a line does not have are left out. */
function move({ series, lines, sum, each }: Counted, kind: TallyKind, by: readonly string[], tally: Tally): void {
  const { key, values } = series;
  const labels = () => by.flatMap((name, i) => (values[i] == null ? [] : [[name, values[i]] as const]));
  if (kind === 'sum') tally.add(kind, key, labels, sum, lines);
  else for (const value of each) tally.add(kind, key, labels, value, 1);
}

/** Series that are remembered, and characters of the values of one. */
const MOST_KNOWN = 4096;
const LONGEST_KNOWN = 1024;

type Branch = Map<number | string | null, Branch | Series>;

/** Series by what the cells hold, a map a cell: so a line whose values are known costs no text. */
class KnownSeries {
  readonly #process: ProcessKernel;
  /** Words from a row's beginning to each cell. */
  readonly #cells: readonly number[];
  /** Where there are no cells. */
  readonly #all: Series = { key: '', values: [], counted: null };
  #root: Branch = new Map();
  #count = 0;

  constructor(process: ProcessKernel, cells: readonly number[]) {
    this.#process = process;
    this.#cells = cells.map((cell) => cell * 2);
  }

  /** Of the row at this word. */
  of(row: number): Series {
    let found: Branch | Series = this.#cells.length === 0 ? this.#all : this.#root;
    for (const cell of this.#cells) {
      const next: Branch | Series | undefined = (found as Branch).get(keyAt(this.#process, row + cell));
      if (next === undefined) return this.#add(row);
      found = next;
    }
    return found as Series;
  }

  #add(row: number): Series {
    const values = this.#cells.map((cell) => textAt(this.#process, row + cell));
    const series = { key: JSON.stringify(values), values, counted: null };
    if (series.key.length > LONGEST_KNOWN) return series;
    if (this.#count++ === MOST_KNOWN) {
      this.#root = new Map();
      this.#count = 1;
    }
    let branch = this.#root;
    for (const [c, cell] of this.#cells.entries()) {
      const key = keyAt(this.#process, row + cell);
      if (c === this.#cells.length - 1) branch.set(key, series);
      else {
        if (!branch.has(key)) branch.set(key, new Map());
        branch = branch.get(key) as Branch;
      }
    }
    return series;
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
