/** What the formats of patterns share: how their options are written, and how what a pattern captures becomes fields. */
import { grammar, Wrong, WrongAt } from '../../config/option.ts';
import { PatternError } from '../../kernel/process/regex/parse.ts';
import type { GroupType } from '../../kernel/process/regex/place.ts';
import { Pattern, RegexKernel } from '../../kernel/process/regex.ts';
import { madeName } from '../field.ts';
import { tellingGaveUp } from '../gave-up.ts';
import { writtenOptions } from '../written.ts';
import { type CommonOptions, commonOptions, type Parse, type ParseContext } from './format.ts';

/** A pattern as it was read. */
export interface Captured extends CommonOptions {
  source: string;
  pattern: Pattern;
  /** Of each captured group: its field, and what becomes of its text. */
  fields: readonly { name: string; type: GroupType }[];
}

type Path = readonly (string | number)[];

/** What a format makes of the text of its pattern. Throws PatternError. */
export interface PatternReading {
  source: string;
  /** Of the groups of the pattern by name: their fields. */
  fields(groups: readonly (string | null)[]): Captured['fields'];
  /** Where in the text a place of `source` comes from. */
  placeOf(index: number): number;
}

const KEYS = ['pattern', 'search', 'field', 'keep_message', 'on_failure'];

/** The option of a format: a pattern, or a map with one. `more`: keys that it has beside those of all. */
export function patternOption(
  example: string,
  more: readonly string[],
  read: (text: string, path: Path, options: Record<string, unknown>) => PatternReading,
) {
  const info = { label: 'pattern, or map with pattern', json: { type: ['string', 'object'] }, example };
  return grammar<Captured>(info, (value) => {
    const keys = [...KEYS, ...more];
    const options = writtenOptions(value, 'pattern', keys);
    const path = typeof value === 'string' ? [] : ['pattern'];
    const text = options.pattern;
    if (text === undefined) throw new Wrong(`needs pattern, for example ${example}`);
    if (typeof text !== 'string' || text === '') throw new WrongAt(path, `must be a pattern, for example ${example}`);
    const search = yes(options, 'search');
    return { ...commonOptions(options), ...made(text, path, search, read(text, path, options)) };
  });
}

function yes(options: Record<string, unknown>, key: string): boolean {
  const value = String(options[key] ?? 'false');
  if (value !== 'true' && value !== 'false') throw new WrongAt([key], 'must be true or false, not {}');
  return value === 'true';
}

function made(text: string, path: Path, search: boolean, reading: PatternReading) {
  try {
    const pattern = new Pattern(reading.source, { search, captures: 'named' });
    const fields = reading.fields(pattern.groups);
    for (const { name } of fields) checkName(name, path, text);
    return { source: text, pattern, fields };
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new WrongAt(path, error.message, reading.placeOf(error.index));
  }
}

function checkName(name: string, path: Path, text: string): void {
  try {
    madeName(name, path);
  } catch (error) {
    if (!(error instanceof WrongAt)) throw error;
    const at = text.indexOf(name);
    throw new WrongAt(path, `has the field ${name}, which ${error.message}`, at < 0 ? undefined : at);
  }
}

/** Reads a pattern's text, and says what is wrong with it at its place. */
export function wrongInText<T>(path: Path, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof PatternError) throw new WrongAt(path, error.message, error.index);
    throw error;
  }
}

/** The step of a format: captured groups become cells. `notEmpty`: a group that captured nothing leaves its field out. */
export function capturing({ source, pattern, fields }: Captured, context: ParseContext, notEmpty: boolean): Parse {
  const { program, original } = context;
  const regex = RegexKernel.of(program.process);
  const cells = fields.map(({ name, type }) => ({ cell: program.cell(name), type, notEmpty }));
  const at = pattern.place(program.arena, cells);
  return (batch) =>
    tellingGaveUp(context, batch, source, () => {
      regex.texts(at, batch.count, program.texts.todoAt, original);
    });
}
