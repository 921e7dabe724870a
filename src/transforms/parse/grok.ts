/** `parse: {grok: PATTERN}`: a regular expression whose parts have names (../grok/). */
import { WrongAt } from '../../config/option.ts';
import { PatternError } from '../../kernel/process/regex/parse.ts';
import { expandGrok } from '../grok/expand.ts';
import { type Captured, capturing, patternOption, wrongInText } from './captured.ts';
import type { ParseFormat } from './format.ts';

const EXAMPLE = "'%{TIMESTAMP_ISO8601:ts} %{LOGLEVEL:log.level} %{GREEDYDATA:message}'";
const NAME = /^\w+$/;

export const grok: ParseFormat<Captured> = {
  name: 'grok',
  text:
    'A regular expression with parts that have names: %{NAME}, %{NAME:field}, %{NAME:field:int}, %{NAME:field:float}; a field may be written a.b or [a][b]. ' +
    'What captures nothing is left out. definitions: {NAME: PATTERN} has your own names. It must match from the beginning of the line: ' +
    'search: true lets it match anywhere. A map has pattern and these, and field, keep_message and on_failure as json has.',
  word: false,
  keepsLine: true,
  option: patternOption(EXAMPLE, ['definitions'], (text, path, options) => {
    const own = definitionsOf(options.definitions);
    const { source, fields, placeOf } = wrongInText(path, () => expandGrok(text, own));
    return {
      source,
      placeOf,
      fields: () => {
        if (fields.length === 0) throw new PatternError(0, 'names no field: write %{NAME:field}');
        return fields;
      },
    };
  }),
  fields({ fields }, names) {
    names.make(
      fields.map(({ name }) => name),
      'the pattern',
    );
  },
  make: (options, context) => capturing(options, context, true),
};

function definitionsOf(value: unknown): ReadonlyMap<string, string> {
  if (value === undefined) return new Map();
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new WrongAt(['definitions'], "must be a map, for example {ORDER: '[A-Z]{2}-\\d+'}, not {}");
  }
  return new Map(
    Object.entries(value).map(([name, pattern]): [string, string] => {
      const path = ['definitions', name];
      if (!NAME.test(name)) throw new WrongAt(path, 'is no name: it is of letters, digits and _');
      if (typeof pattern !== 'string') throw new WrongAt(path, 'must be a pattern');
      return [name, pattern];
    }),
  );
}
