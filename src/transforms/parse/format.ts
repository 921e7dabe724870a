/**
 * What a format of `parse` is: how lines of it become fields. A new one is a file here and a line in all.ts.
 *
 *   parse: {json: {into: app}}
 *           ^ name  ^ its options, beside those that all have
 */
import {
  type Fields,
  type Grammar,
  type Leaf,
  leaf,
  option,
  optional,
  section,
  Wrong,
  WrongAt,
} from '../../config/option.ts';
import { wrongOfTopic, yesNo } from '../../config/types.ts';
import type { Batch } from '../../core/batch.ts';
import { fieldName } from '../field.ts';
import type { FieldNames } from '../names.ts';
import type { StepContext } from '../verb.ts';

/** What all formats have. */
export interface CommonOptions {
  field?: string | undefined;
  keep_message: boolean;
  /** `pass`, `drop`, or a topic. */
  on_failure: string;
}

/** What the texts are that are parsed. */
export interface ParseContext extends Omit<StepContext, 'route' | 'tally' | 'onCounted'> {
  /** The cell whose place the fields take, where the text is not to stay beside them: the message, or `field`. */
  readonly instead: number;
  /** The cell in which the text is kept as it was; null: it is not. */
  readonly original: number | null;
  /** Where the text of a record is. */
  texts(batch: Batch, i: number): { at: number; bytes: number };
}

/**
 * Parses the texts that are in use (TextsDoor) of the records of `batch` at `todo`. Where it succeeds the byte becomes 0;
 * where not, it stays and the row is as it was. `fresh`: rows have nothing but the message.
 */
export type Parse = (batch: Batch, fresh: boolean) => void;

export interface ParseFormat<Options> {
  readonly name: string;
  /** False: there is nothing to set, and it is written as a word only. */
  readonly option: Grammar<Options> | false;
  /** What it is, in a sentence. */
  readonly text: string;
  /** False: it must be written with options. */
  readonly word?: false;
  /** Names of the fields that it makes; `at`: where its options stand within those of the step. */
  fields(options: Options, names: FieldNames, at: readonly (string | number)[]): void;
  make(options: Options, context: ParseContext): Parse;
  /** The line stays the message where it yields none. */
  readonly keepsLine?: true;
  /** It empties the row of each record that it is asked for, and says what its message is: nothing need be in there before. */
  readonly resets?: true;
}

// biome-ignore lint/suspicious/noExplicitAny: of whatever options
export type AnyFormat = ParseFormat<any>;

/** What the envelope says that may be parsed, too: the path says much. */
const OF_ENVELOPE = 'log.file.path';

function parsedField(): Leaf<string> {
  return leaf({ label: 'field', json: { type: 'string' }, example: 'log' }, (text) =>
    text === OF_ENVELOPE ? text : fieldName(text, []),
  );
}

function fate(): Leaf<string> {
  return leaf({ label: 'pass, drop or a topic', json: { type: 'string' }, example: 'logs.unparsed' }, (text) => {
    const wrong = wrongOfTopic(text);
    if (wrong !== null) throw new Wrong(wrong);
    return text;
  });
}

/** The options of a format, with those that all have. */
export function formatOptions<E extends Fields>(fields: E) {
  return section({
    ...fields,
    field: optional(
      parsedField(),
      `A field that is parsed in place of the line; ${OF_ENVELOPE}: the path of the file.`,
    ),
    keep_message: option(yesNo(), 'false', 'true: the line as it was is kept, as event.original.'),
    on_failure: option(
      fate(),
      'pass',
      'What becomes of a line that is not of the format: pass, it goes out as it is with error.type: parse; drop, it is dropped, and counted (filtered); or the name of a topic, to which it goes as it is. In a list it belongs to the last format.',
    ),
  });
}

/** Those that all formats have, of one whose options are written as a grammar of its own. Throws WrongAt. */
export function commonOptions(options: Readonly<Record<string, unknown>>): CommonOptions {
  const { field, on_failure = 'pass' } = options;
  const keep = String(options.keep_message ?? 'false');
  if (field !== undefined && field !== OF_ENVELOPE) fieldName(field, ['field']);
  if (keep !== 'true' && keep !== 'false') throw new WrongAt(['keep_message'], 'must be true or false');
  const wrong = typeof on_failure === 'string' ? wrongOfTopic(on_failure) : 'must be pass, drop or the name of a topic';
  if (wrong !== null) throw new WrongAt(['on_failure'], wrong);
  return { field: field as string | undefined, keep_message: keep === 'true', on_failure: on_failure as string };
}
