/** `time`: the time that a field has becomes that of the record; the time of reading goes to event.created. */
import { grammar, optional, Wrong } from '../config/option.ts';
import { type EditExports, Marks } from '../kernel/process/edits.ts';
import { placeTime, placeZone, type TimeFormat } from '../kernel/process/time.ts';
import { isZone } from '../kernel/process/zones.ts';
import { fieldName } from './field.ts';
import { localZone } from './local-zone.ts';
import { ANY_TIME, TIME_FORMAT_TEXT, timeFormat } from './time-formats.ts';
import type { Verb } from './verb.ts';
import { textOption, textsOption, writtenOptions } from './written.ts';

interface TimeOptions {
  field: string;
  /** Where the field is named in the options. */
  path: readonly string[];
  formats: readonly TimeFormat[];
  zone: string;
}

/** A time that is so far ahead of the clock is not believed. */
export const MAX_AHEAD_MS = 3_600_000;

export const time: Verb<TimeOptions> = {
  name: 'time',
  option: optional(
    grammar(
      { label: 'field, or map of field, format and zone', json: { type: ['string', 'object'] }, example: 'ts' },
      read,
    ),
    'The field whose time becomes @timestamp; the time of reading goes to event.created. On success the field is gone; else, or where the time is more than ' +
      'an hour ahead, it stays, and @timestamp is the time of reading. {field: ts, format: FORMAT, zone: Europe/Berlin}: without a format it is known by its form; ' +
      `a FORMAT is ${TIME_FORMAT_TEXT}, or a list of which the first that fits is taken. The zone, of times that have none, is this machine's (local) unless it is named. ` +
      'An input has one such step.',
  ),
  once: true,
  fields({ field, path }, names) {
    names.read(field, ...path);
    names.make(['event.created']);
  },
  step({ field, formats, zone }, { program, failed }) {
    const { arena, process } = program;
    const kernel = process.exports<EditExports>();
    const at = placeTime(arena, formats, placeZone(arena, zone));
    const cell = program.cell(field);
    program.timeCell();
    const marks = new Marks(arena);
    return (batch, only) => {
      program.rowsOf(batch);
      kernel.useClock(batch.time);
      kernel.useLatest(batch.time + MAX_AHEAD_MS);
      failed(kernel.times(at, batch.count, cell, marks.place(only)));
    };
  },
};

function read(value: unknown): TimeOptions {
  const options = writtenOptions(value, 'field', ['field', 'format', 'zone']);
  const path = typeof value === 'string' ? [] : ['field'];
  if (options.field === undefined) throw new Wrong('needs field: which one has the time');
  return {
    // The line's own, which is not the envelope's until now.
    field: options.field === '@timestamp' ? options.field : fieldName(options.field, path),
    path,
    formats: textsOption(options, 'format', timeFormat) ?? ANY_TIME,
    zone: textOption(options, 'zone', zoneOf) ?? localZone(),
  };
}

/** A zone's name. Throws Wrong. */
export function zoneOf(text: string): string {
  if (text === 'local') return localZone();
  if (isZone(text)) return text;
  throw new Wrong('is no zone: use a name as Europe/Berlin or UTC, an offset as +02:00, or local');
}
