/**
 * Fields that an input's source knows of each record beside its line (`batch.supplied`). No verb of `process`: a step of
 * it is put before those that are written, which have these fields then.
 */
import assert from 'node:assert';
import { grammar, optional } from '../config/option.ts';
import type { StepConfig } from './process.ts';
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
    return (batch) => {
      program.rowsOf(batch);
      const { supplied: known } = batch.part?.whole ?? batch;
      // Lines of which nothing else is known: those of `runnel test`.
      if (!known) return;
      const { source } = batch.slot;
      const { sources, width } = known;
      assert(width === cells.length, 'fields that the step does not know of');
      let at = lowerBound(sources, source[0]!);
      for (let i = 0; i < batch.count; i++) {
        while (sources[at] !== source[i]) at++;
        let word = at * width * 2;
        for (const cell of cells) {
          const meta = known.cells[word + 1]!;
          if (meta !== 0) program.process.setCell(i, cell, known.cells[word]!, meta);
          word += 2;
        }
      }
    };
  },
};

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
