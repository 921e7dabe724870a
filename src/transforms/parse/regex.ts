/** `parse: {regex: PATTERN}`: what the named groups capture becomes fields. */
import { PatternError } from '../../kernel/process/regex/parse.ts';
import { type Captured, capturing, patternOption } from './captured.ts';
import type { ParseFormat } from './format.ts';

const EXAMPLE = "'^(?<user.name>\\S+) (?<message>.*)'";

export const regex: ParseFormat<Captured> = {
  name: 'regex',
  text:
    'A regular expression (of ECMAScript, in linear time); each group with a name, (?<http.request.method>...), becomes the field of that name. ' +
    'It must match from the beginning of the line: search: true lets it match anywhere. (?i) at its beginning: case does not matter. ' +
    'Not known are back-references, look-ahead and look-behind of more than one character, and repetitions of what may match nothing. ' +
    'A map has pattern and search, and field, keep_message and on_failure as json has.',
  word: false,
  keepsLine: true,
  option: patternOption(EXAMPLE, [], (text) => ({
    source: text,
    placeOf: (index) => index,
    fields: (groups) => {
      if (groups.length === 0)
        throw new PatternError(0, 'names no group: write (?<name>...) around what is to become a field');
      return groups.map((name) => ({ name: name!, type: 'text' }));
    },
  })),
  fields({ fields }, names) {
    names.make(
      fields.map(({ name }) => name),
      'the pattern',
    );
  },
  make: (options, context) => capturing(options, context, false),
};
