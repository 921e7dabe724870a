/** `logs`: the files to tail. Each entry is an input. */
import type { CommonConfig } from '../../config/config.ts';
import { maskList, masksWith } from '../../config/mask.ts';
import {
  calledElsewhere,
  dictionary,
  list,
  option,
  optional,
  required,
  section,
  type Values,
  valuesOf,
  variant,
} from '../../config/option.ts';
import {
  duration,
  durationOrNever,
  excludeGlob,
  glob,
  integer,
  name,
  oneOf,
  pattern,
  size,
  text,
  topic,
  yesNo,
} from '../../config/types.ts';
import type { MaskRule } from '../../kernel/process/mask-rules.ts';
import { processList } from '../../transforms/process.ts';
import { CONTAINER_FIELDS } from './containers/facts.ts';
import { containerOption } from './containers/options.ts';
import { JOURNAL_FIELDS } from './journald/fields.ts';
import { journaldOption } from './journald/options.ts';

const logFields = {
  name: optional(
    name('text', 'nginx'),
    'The name in records (event.dataset), status and metrics; unique. Left out, it is taken from the first path. Renaming it re-reads nothing.',
  ),
  include: calledElsewhere(
    ['path', 'paths', 'file', 'files', 'Path', 'filename', 'glob'],
    required(
      list(glob('/var/log/nginx/*.log')),
      'Files to read: absolute paths or globs (*, ?, [a-z], {a,b}, and ** for any depth). A symbolic link is followed if its owner is root, the agent, or the owner of what it leads to.',
    ),
  ),
  journald: journaldOption,
  exclude: option(
    list(excludeGlob('*.gz')),
    [],
    'What include matches and is not read, with all that is below it: names where there is no slash (*.gz, old), paths where it begins with one (/var/log/old; by whatever link they are reached), else ends of paths (old/*.log). Wildcards also stand for a dot at the beginning. Compressed files, whatever their names, are read only where the include itself ends in .gz or .zst; else they are left out, and counted (left_out).',
  ),
  topic: optional(topic(), 'Where the lines go; taken literally. Default: <kafka.topic_prefix>.logs.'),
  audit: option(
    yesNo(),
    false,
    'Its lines are an audit stream of this name: chained, sealed, and in the topic of audit, which must be configured. Nothing of them is cut, dropped or filtered: longer lines than max_line (at most 128KiB) are several records; when the local log of audit is full reading waits.',
  ),
  encoding: option(
    oneOf('json', 'raw'),
    'json',
    "json: an ECS document a line. raw: the line's bytes as they are, the rest in record headers.",
  ),
  format: option(
    oneOf('plain', 'cri', 'docker'),
    'plain',
    'How the file wraps its lines: not at all, or as container runtimes do. cri (containerd, CRI-O) and docker (json-file) are unwrapped, their partial lines put together; log.iostream says stdout or stderr. A line that is not of the format is passed as it is, and counted.',
  ),
  container: containerOption,
  encoding_in: option(
    oneOf('utf-8', 'utf-16le', 'utf-16be', 'latin1'),
    'utf-8',
    "The file's character encoding; records are UTF-8. utf-16le, utf-16be: max_line is at most 341KiB; latin1: 511KiB.",
  ),
  tags: option(
    dictionary(text()),
    {},
    'Labels on these records, beside the tags of all records; the same name here wins.',
  ),
  start_at: option(
    oneOf('beginning', 'end'),
    'beginning',
    'end: skips what existed at the first start on this data_dir, never what appears later.',
  ),
  ignore_older: option(
    durationOrNever({ min: '1s' }),
    'never',
    'At first sight, files that were not written for longer than this are skipped, and counted.',
  ),
  max_line: option(size({ min: '256B', max: '900000B' }), '256KiB', 'Longer lines are cut, marked and counted.'),
  multiline: optional(
    section({
      start: calledElsewhere(
        ['pattern', 'firstline', 'start_pattern', 'condition_pattern', 'match'],
        optional(
          pattern('^\\d{4}-'),
          'A line that matches begins a record. Alone: those that do not match belong to the one before. At least one of start, continue and end is needed; a regular expression sees the first 4 KiB of a line. One that might take very long on some line is matched in linear time, or refused where that cannot be: look-ahead, back-references, \\p{...}, (?i:...) and large {n,m} are for patterns that repeat little else.',
        ),
      ),
      continue: optional(
        pattern('^\\s'),
        'A line that matches belongs to the record before. Without start: those that do not match begin one.',
      ),
      end: optional(pattern('^END'), 'A line that matches is the last of its record.'),
      max_lines: option(integer(2, 8000), '500', 'A record ends after this many lines.'),
      max_bytes: option(size({ min: '256B', max: '900000B' }), '256KiB', 'A record ends before it would be longer.'),
      timeout: option(
        duration({ min: '100ms', max: '10m' }),
        '2s',
        'A record ends when its file was silent for this long.',
      ),
    }),
    'Joins the lines of a stack trace and the like into one record, with LF between them. What is not finished stays in the file until it is.',
  ),
  mask: option(
    maskList(),
    [],
    'What is masked of its lines, beside mask for all inputs; where both name the same secret, this holds. private_key needs multiline; without it every line of the key is masked as a whole.',
  ),
  process: option(
    processList(),
    [],
    'What its lines pass before they are sent: steps, in this order, each of one verb. What a step leaves out shows in the next record as log.skipped, so that runnel verify says complete.',
  ),
  rotate_wait: option(
    duration({ min: '1s', max: '1d' }),
    '60s',
    'A renamed or deleted file is read to its end, an unfinished last line is sent as it is, and the file is let go, after this long without a write.',
  ),
  hold_deleted: option(
    size(),
    '1GiB',
    'While the output is away, deleted files are held open up to this many bytes; beyond it the oldest is let go and counted as rotated_away.',
  ),
  delete_after: option(
    durationOrNever({ min: '1m' }),
    'never',
    'Deletes a file that was read to its end, acknowledged, and not written for this long.',
  ),
  forget_after: option(
    durationOrNever({ min: '1h' }),
    '7d',
    'The position of a file that is gone is forgotten after this long.',
  ),
  max_files: option(
    integer(1, 10_000_000),
    '200000',
    'Files that are followed at once, 1 to 2 KB of memory each; what is beyond is not read before others are gone, which is said and counted (left_out). At most half as many directories are looked into.',
  ),
};

const logSection = section(logFields);
/** An entry that reads the journal names no files, and its steps have more than the line. */
const journalSection = section({
  ...logFields,
  include: option(list(glob('')), [], ''),
  process: option(processList(undefined, undefined, JOURNAL_FIELDS), [], ''),
});
/** Steps have what is known of the container, too. */
const containerSection = section({
  ...logFields,
  process: option(processList(undefined, undefined, CONTAINER_FIELDS), [], ''),
});
const eitherSection = variant(logSection, { journald: journalSection, container: containerSection });

export const logsOption = calledElsewhere(
  ['inputs', 'input', 'sources', 'files'],
  option(list(eitherSection), [], 'The files to tail, or the journal to read.'),
);

/** The options that are about files, with their defaults. */
export const ABOUT_FILES = [
  'include',
  'exclude',
  'container',
  'format',
  'encoding_in',
  'ignore_older',
  'multiline',
  'rotate_wait',
  'hold_deleted',
  'delete_after',
  'forget_after',
  'max_files',
] as const satisfies readonly (keyof typeof logFields)[];

type RawLog = Values<typeof logSection>;

/** What they are where nobody has set them. */
export function aboutFiles(): Pick<RawLog, (typeof ABOUT_FILES)[number]> {
  return valuesOf(journalSection, { journald: {} });
}

/** `masks`: what is masked for all inputs, too. */
export type LogConfig = RawLog & { name: string; topic: string; masks: MaskRule[] };

/** An entry without a name takes it from its first path, one without a topic has the common one. */
export function completeLogs(
  raw: readonly RawLog[],
  { mask, kafka }: Pick<CommonConfig, 'mask'> & { kafka: { topic_prefix: string } },
): LogConfig[] {
  const names = new Set(raw.map((l) => l.name).filter((n) => n !== undefined));
  return raw.map((l) => ({
    ...l,
    name: l.name ?? unusedName(l.journald ? 'journal' : (l.include[0] ?? 'logs'), names),
    topic: l.topic ?? `${kafka.topic_prefix}.${l.audit ? 'audit' : 'logs'}`,
    masks: masksWith(mask, l.mask),
  }));
}

/** `/var/log/nginx/*.log` gives nginx, `/var/log/syslog` syslog; a name that is taken gets a number. */
function unusedName(include: string, taken: Set<string>): string {
  const parts = include.split('/').filter((part) => part !== '' && !/[*?[{]/.test(part));
  const base = (parts.at(-1) ?? 'logs').replace(/\.[^.]*$/, '').replace(/[^A-Za-z0-9._-]/g, '_') || 'logs';
  let candidate = base;
  for (let n = 2; taken.has(candidate); n++) candidate = `${base}-${n}`;
  taken.add(candidate);
  return candidate;
}
