/**
 * Fields that an input's source knows beside the lines, of each record (`batch.supplied`) or of all of a stream
 * (`stream.known`). No verb of `process`: a step of it is put before those that are written, which have these fields then.
 */
import assert from 'node:assert';
import { grammar, optional } from '../config/option.ts';
import type { Batch, Stream, Supplied } from '../core/batch.ts';
import { BatchText } from './batch-text.ts';
import type { StepConfig } from './process.ts';
import type { Program } from './program.ts';
import type { Verb } from './verb.ts';

export const SUPPLIED = 'supplied';
/** The time of what the line tells, in place of a name: it becomes the record's `@timestamp`. */
export const TIME = '@timestamp';

export const supplied: Verb<readonly string[]> = {
  name: SUPPLIED,
  option: optional(
    grammar({ label: '', json: {} }, () => []),
    '',
  ),
  when: false,
  step(names, { program }) {
    const cells = names.map((name) => (name === TIME ? program.timeCell() : program.cell(name)));
    const placed = cells.map((cell) => ({ cell, text: new BatchText() }));
    program.supplied = true;
    return (batch) => {
      program.rowsOf(batch);
      const { supplied: ofEach } = batch.part?.whole ?? batch;
      if (ofEach) fillRows(program, batch, ofEach, cells);
      const { known } = batch.stream;
      if (known) markAll(program, batch, known, placed);
    };
  },
};

function fillRows(program: Program, { slot, count }: Batch, of: Supplied, cells: readonly number[]): void {
  const { source } = slot;
  const { sources, width } = of;
  assert(width === cells.length, 'fields that the step does not know of');
  let at = lowerBound(sources, source[0]!);
  for (let i = 0; i < count; i++) {
    while (sources[at] !== source[i]) at++;
    let word = at * width * 2;
    for (const cell of cells) {
      const meta = of.cells[word + 1]!;
      if (meta !== 0) program.process.setCell(i, cell, of.cells[word]!, meta);
      word += 2;
    }
  }
}

/** All records have the same texts. */
function markAll(
  { texts, process }: Program,
  batch: Batch,
  known: Stream['known'] & {},
  placed: readonly { cell: number; text: BatchText }[],
): void {
  texts.choose(batch.count, null);
  for (const [i, { cell, text }] of placed.entries()) {
    const one = known[i];
    if (one === null || one === undefined) continue;
    const at = text.of(batch, process, one);
    // There is no room beside what is in the batch.
    if (at === null) return;
    texts.mark(batch.count, cell, at);
  }
}

/** A step that gives records these fields. */
export function suppliedStep(names: readonly string[]): StepConfig {
  return { verb: SUPPLIED, options: names, when: null, fields: true, tables: true, entry: -1 };
}

/** Where the first is that is not below the value. */
function lowerBound(ascending: Uint32Array, value: number): number {
  let [from, to] = [0, ascending.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (ascending[middle]! < value) from = middle + 1;
    else to = middle;
  }
  return from;
}
