/** `level`: the level that a field has becomes log.level, in small letters. */
import { grammar, optional, Wrong, WrongAt } from '../config/option.ts';
import { type EditExports, Marks } from '../kernel/process/edits.ts';
import { MOST_MAPPED, placeLevels } from '../kernel/process/levels.ts';
import { fieldName } from './field.ts';
import type { Verb } from './verb.ts';
import { writtenOptions } from './written.ts';

interface LevelOptions {
  field: string;
  path: readonly string[];
  map: Readonly<Record<string, string>>;
}

const LEVEL = 'log.level';
const LONGEST = 32;

export const level: Verb<LevelOptions> = {
  name: 'level',
  option: optional(
    grammar(
      { label: 'field, or map of field and map', json: { type: ['string', 'object'] }, example: 'severity' },
      read,
    ),
    'The field whose level becomes log.level, in small letters; numbers from 10 to 60 are those of pino, 0 to 7 those of syslog. On success the field is gone; what ' +
      'is no level stays. {field: severity, map: {W: warning}} says what some words stand for.',
  ),
  fields({ field, path }, names) {
    names.read(field, ...path);
    names.make([LEVEL]);
  },
  step({ field, map }, { program, failed }) {
    const kernel = program.process.exports<EditExports>();
    const table = placeLevels(program.arena, map);
    const [from, to] = [program.cell(field), program.cell(LEVEL)];
    const marks = new Marks(program.arena);
    return (batch, only) => {
      program.rowsOf(batch);
      failed(kernel.levels(table, batch.count, from, to, marks.place(only)));
    };
  },
};

function read(value: unknown): LevelOptions {
  const options = writtenOptions(value, 'field', ['field', 'map']);
  const path = typeof value === 'string' ? [] : ['field'];
  if (options.field === undefined) throw new Wrong('needs field: which one has the level');
  const map = options.map ?? {};
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw new WrongAt(['map'], 'must be a map of words and the levels that they stand for, for example {W: warning}');
  }
  const words = Object.entries(map);
  if (words.length > MOST_MAPPED) throw new WrongAt(['map'], `has ${words.length} words: at most ${MOST_MAPPED}`);
  for (const [word, level] of words) {
    if (word === '' || Buffer.byteLength(word) > LONGEST || word !== word.trim()) {
      throw new WrongAt(['map', word], `is no word of 1 to ${LONGEST} bytes without blanks around it`);
    }
    if (typeof level !== 'string' || !/^[a-z0-9_-]{1,32}$/.test(level)) {
      throw new WrongAt(['map', word], 'must be a level in small letters, for example warning');
    }
  }
  return { field: fieldName(options.field, path), path, map: map as Record<string, string> };
}
