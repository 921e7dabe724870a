/** `add`: fields with the same text in each record. */
import { grammar, optional, WrongAt } from '../config/option.ts';
import { madeName } from './field.ts';
import { FieldEdits } from './fields/edits.ts';
import type { Verb } from './verb.ts';
import { entriesOf } from './written.ts';

const EXAMPLE = '{service.name: shop}';
const LONGEST = 1024;

export const add: Verb<readonly [string, string][]> = {
  name: 'add',
  option: optional(
    grammar({ label: 'map of texts', json: { type: 'object' }, example: EXAMPLE }, (value) =>
      entriesOf(value, EXAMPLE, (name, text, path) => [madeName(name, path), fieldText(text, path)]),
    ),
    'Fields with a text, the same in each record: {NAME: TEXT, ...}. What had the name is overwritten.',
  ),
  fields(fields, names) {
    names.make(fields.map(([name]) => name));
  },
  step(fields, { program }) {
    const edits = new FieldEdits(program);
    for (const [name, text] of fields) edits.add(name, text);
    return (batch, only) => edits.apply(batch, only);
  },
};

/** A text that a field gets; throws WrongAt. */
export function fieldText(value: unknown, path: readonly (string | number)[]): string {
  if (typeof value !== 'string') throw new WrongAt(path, 'must be a text');
  if (!value.isWellFormed()) throw new WrongAt(path, 'has half a character');
  const bytes = Buffer.byteLength(value);
  if (bytes > LONGEST) throw new WrongAt(path, `is ${bytes} bytes long: at most ${LONGEST}`);
  return value;
}
