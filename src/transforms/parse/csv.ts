/** `parse: {csv: {columns: [ts, user, amount]}}`: values between separators, quotes as RFC 4180 has them. */
import { leaf, list, made, option, required } from '../../config/option.ts';
import { madeName } from '../field.ts';
import { fixedFormat, sign } from './fixed.ts';

interface CsvOptions {
  columns: readonly string[];
  separator: number;
}

function columnName() {
  return leaf({ label: 'field', json: { type: 'string' }, example: 'user' }, (name) => madeName(name, []));
}

export const csv = fixedFormat<CsvOptions>({
  name: 'csv',
  text: 'Values between commas or other separators, quotes as RFC 4180 has them. A line with fewer or more than there are columns is none.',
  word: false,
  parser: 'csv',
  timed: null,
  options: {
    columns: required(
      made(list(columnName()), (names, refuse) => {
        for (const [i, name] of names.entries()) {
          if (names.indexOf(name) < i) refuse([i], 'is there already: each column has a name of its own');
        }
        return names;
      }),
      'The fields of the values, in their order.',
    ),
    separator: option(sign(';'), ',', 'What stands between values.'),
  },
  names: ({ columns }) => columns,
  numbers: ({ separator }) => [separator],
});
