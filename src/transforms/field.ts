/**
 * FieldNames of fields as steps write them: dotted, `http.request.method`. What the envelope says of a record (where it came
 * from, and when) no step may read or change as a field.
 */
import { WrongAt } from '../config/option.ts';

const LONGEST_NAME = 256;
/** Each with all that is below it. */
export const ENVELOPE = [
  '@timestamp',
  'host',
  'labels',
  'event.dataset',
  'log.file',
  'log.offset',
  'log.length',
  'log.skipped',
  'log.flags',
  'log.iostream',
];

/** The part of the envelope that a name means, or is within. */
export function partOfEnvelope(name: string): string | undefined {
  return ENVELOPE.find((part) => name === part || name.startsWith(`${part}.`));
}

/** A field's name as it is written at `path`; throws WrongAt. */
export function fieldName(value: unknown, path: readonly (string | number)[]): string {
  if (typeof value !== 'string')
    throw new WrongAt(path, 'must be the name of a field, for example http.request.method');
  const wrong = wrongOf(value);
  if (wrong !== null) throw new WrongAt(path, wrong);
  const part = partOfEnvelope(value);
  if (part !== undefined) {
    throw new WrongAt(
      path,
      `is of the envelope (${part}), which says where and when a record was read: no step has it`,
    );
  }
  return value;
}

/** The same of a field that a step makes. */
export function madeName(value: unknown, path: readonly (string | number)[]): string {
  const name = fieldName(value, path);
  if (name === 'log' || name === 'event')
    throw new WrongAt(path, `is an object of the envelope: name what is to be in it, as ${name}.NAME`);
  if (name === 'event.created')
    throw new WrongAt(path, 'is the time of reading, where a record has another: use another name');
  if (name === 'conflict' || name.startsWith('conflict.'))
    throw new WrongAt(path, "is where a line's fields stand that have names of the envelope: use another name");
  return name;
}

function wrongOf(name: string): string | null {
  if (name === '') return 'is empty: it must be the name of a field';
  if (name.split('.').includes('')) return 'is no name of a field: an empty part stands beside a dot';
  if (!name.isWellFormed()) return 'has half a character, as no name has';
  const bytes = Buffer.byteLength(name);
  return bytes > LONGEST_NAME ? `is a name of ${bytes} bytes: at most ${LONGEST_NAME}` : null;
}
