/** `set`: fields are made of others, or changed where they are. */
import { nearest } from '../config/errors.ts';
import { grammar, optional, WrongAt } from '../config/option.ts';
import { fieldText } from './add.ts';
import { fieldName, madeName } from './field.ts';
import { FieldEdits, type SetOptions } from './fields/edits.ts';
import type { Verb } from './verb.ts';
import { entriesOf } from './written.ts';

const EXAMPLE = '{user.name: {from: usr, lower: true}}';
const KEYS = ['from', 'default', 'lower', 'number'];

export const set: Verb<readonly [string, SetOptions][]> = {
  name: 'set',
  option: optional(
    grammar({ label: 'map of maps', json: { type: 'object' }, example: EXAMPLE }, (value) =>
      entriesOf(value, EXAMPLE, (name, how, path): [string, SetOptions] => [madeName(name, path), read(how, path)]),
    ),
    'Fields are changed: {NAME: {from: OTHER, default: TEXT, lower: true, number: true}}, of which one is enough, and which are done in that order. from: it is what OTHER is, which stays; default: this text, where it is not there; lower: letters of ASCII become small; number: a text that is a number as JSON writes it becomes one.',
  ),
  fields(fields, names) {
    for (const [name, { from, default: text }] of fields) {
      if (from !== undefined) names.read(from, name, 'from');
      else if (text === undefined) names.read(name, name);
      names.make([name]);
    }
  },
  step(fields, { program, failed }) {
    const edits = new FieldEdits(program);
    for (const [name, options] of fields) edits.set(name, options);
    return (batch, only) => failed(edits.apply(batch, only));
  },
};

function read(value: unknown, path: readonly (string | number)[]): SetOptions {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new WrongAt(path, `must be a map of ${KEYS.join(', ')}; a text is added with add`);
  }
  const how: Record<string, unknown> = { ...value };
  for (const key of Object.keys(how)) {
    if (KEYS.includes(key)) continue;
    const near = nearest(key, KEYS);
    throw new WrongAt(
      [...path, key],
      `is not known: ${near ? `did you mean ${near}?` : `use one of ${KEYS.join(', ')}`}`,
    );
  }
  if (Object.keys(how).length === 0) throw new WrongAt(path, `is empty: use ${KEYS.join(', ')}`);
  const flag = (key: string) => {
    const text = String(how[key] ?? false);
    if (text === 'true' || text === 'false') return text === 'true';
    throw new WrongAt([...path, key], 'must be true or false');
  };
  return {
    ...(how.from !== undefined && { from: fieldName(how.from, [...path, 'from']) }),
    ...(how.default !== undefined && { default: fieldText(how.default, [...path, 'default']) }),
    lower: flag('lower'),
    number: flag('number'),
  };
}
