/** `parse: {csv: {columns: [ts, user, amount]}}`: values between separators, quotes as RFC 4180 has them. */
import { leaf, list, option, required } from '../../config/option.ts';
import { fieldName } from '../field.ts';
import { fixedFormat, sign } from './fixed.ts';

interface CsvOptions {
  columns: readonly string[];
  separator: number;
}

export const csv = fixedFormat<CsvOptions>({
  name: 'csv',
  text: 'Values between commas or other separators, quotes as RFC 4180 has them. A line with fewer or more than there are columns is none.',
  word: false,
  parser: 'csv',
  timed: null,
  options: {
    columns: required(
      list(leaf({ label: 'field', json: { type: 'string' }, example: 'user' }, (name) => fieldName(name, []))),
      'The fields of the values, in their order.',
    ),
    separator: option(sign(';'), ',', 'What stands between values.'),
  },
  names: ({ columns }) => columns,
  numbers: ({ separator }) => [separator],
});
