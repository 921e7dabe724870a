/** Formats that the kernel has a parser for, which knows its fields by number (kernel/as/process/formats.as.ts). */
import { type Fields, type Leaf, leaf, option, optional, Wrong } from '../../config/option.ts';
import type { Batch } from '../../core/batch.ts';
import { type FormatExports, type FormatProgram, NO_CELL, placeFormat } from '../../kernel/process/formats.ts';
import { placeZone } from '../../kernel/process/time.ts';
import { madeName } from '../field.ts';
import type { FieldNames } from '../names.ts';
import type { Program } from '../program.ts';
import { MAX_AHEAD_MS, zoneOf } from '../time.ts';
import { type AnyFormat, type CommonOptions, formatOptions, type ParseContext } from './format.ts';

/** The field of a time that is not believed: the text is the line's own @timestamp, and goes to `conflict`. */
export const CLAIMED = '@timestamp';

interface FixedFormat<Options> {
  readonly name: string;
  readonly text: string;
  readonly options: Fields;
  /** It must be written with options. */
  readonly word?: false;
  readonly parser: FormatProgram['parser'];
  /** Its lines have a time; `zone` is an option then, unless they all say theirs. */
  readonly timed: 'zone' | 'offset' | null;
  /** By the parser's number; null: nobody wants it. */
  names(options: Options): readonly (string | null)[];
  /** Names that only the line knows. */
  others?(options: Options, names: FieldNames): void;
  /** When cells can still be had. */
  prepare?(options: Options, program: Program): void;
  /** What the parser takes; and cells of fields that have no names. */
  numbers(options: Options, program: Program): readonly number[];
  cells?(options: Options, program: Program): readonly (number | null)[];
  /** Sees to records that the kernel gives back (TAKEN). */
  taken?(options: Options, context: ParseContext): (batch: Batch) => void;
}

type Zoned = { zone?: string };

export function fixedFormat<Options>(fixed: FixedFormat<Options>): AnyFormat {
  const { name, text, word, parser, timed } = fixed;
  const zone = {
    zone: option(
      leaf({ label: 'zone', json: { type: 'string' }, example: 'Europe/Berlin' }, zoneOf),
      'local',
      "Of times that do not say theirs: a name, an offset, or local: this machine's.",
    ),
  };
  return {
    name,
    text,
    ...(word === false && { word }),
    resets: true,
    option: formatOptions({ ...fixed.options, ...(timed === 'zone' && zone) }) as never,
    fields(options: Options, names) {
      const made = fixed.names(options).filter((one) => one !== null && one !== CLAIMED);
      names.make([...(made as string[]), ...(timed ? ['event.created'] : [])], name);
      fixed.others?.(options, names);
    },
    make(options: Options & CommonOptions & Zoned, context) {
      const { program, instead, original, failed } = context;
      const kernel = program.process.exports<FormatExports>();
      const named = fixed.names(options).map((one) => (one === null ? null : program.cell(one)));
      fixed.prepare?.(options, program);
      if (timed) program.timeCell();
      let at = 0;
      program.onSeal(() => {
        const zoneAt = timed === 'zone' ? placeZone(program.arena, options.zone ?? zoneOf('local')) : 0;
        const cells = [...named, ...(fixed.cells?.(options, program) ?? [])];
        at = placeFormat(program.arena, { parser, zoneAt, options: fixed.numbers(options, program), cells });
      });
      const taken = fixed.taken?.(options, context);
      return (batch, fresh) => {
        kernel.useClock(batch.time);
        kernel.useLatest(batch.time + MAX_AHEAD_MS);
        const { todoAt } = program.texts;
        const message = fresh ? program.message : NO_CELL;
        kernel.parseTexts(at, 0, batch.count, todoAt, instead, original ?? NO_CELL, message);
        if (kernel.ahead.value > 0) failed(kernel.ahead.value);
        taken?.(batch);
      };
    },
  };
}

/** One character of ASCII that separates. */
export function sign(example: string): Leaf<number> {
  return leaf({ label: 'character', json: { type: 'string', minLength: 1, maxLength: 1 }, example }, (text) => {
    const code = text.charCodeAt(0);
    if (text.length === 1 && code < 0x7f && code !== 10 && code !== 0x22 && code !== 0x5c) return code;
    throw new Wrong('must be one character of ASCII, and no quote, backslash or line feed, not {}');
  });
}

export function fieldOption(example: string, text: string) {
  return optional(
    leaf({ label: 'field', json: { type: 'string' }, example }, (name) => madeName(name, [])),
    text,
  );
}
