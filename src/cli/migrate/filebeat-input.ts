/** One of `filebeat.inputs` as an entry of `logs`. */

import type { FilePlace } from '../../config/errors.ts';
import { processorSteps } from './filebeat-processors.ts';
import { durationOf, type ForeignOptions, patternOf, sizeOf } from './foreign-options.ts';

type Written = Record<string, unknown>;

export interface MigratedInput {
  place: FilePlace;
  log: Written;
  /** Of its `fields`: topics may be made of them. */
  fields: Record<string, string>;
}

const ENCODINGS: Record<string, string> = {
  plain: 'utf-8',
  'utf-8': 'utf-8',
  utf8: 'utf-8',
  'utf-16le': 'utf-16le',
  'utf-16le-bom': 'utf-16le',
  'utf-16be': 'utf-16be',
  'utf-16be-bom': 'utf-16be',
  latin1: 'latin1',
  'iso8859-1': 'latin1',
  'iso-8859-1': 'latin1',
};
const ITS_OWN = [
  'scan_frequency',
  'harvester_buffer_size',
  'harvester_limit',
  'backoff',
  'max_backoff',
  'backoff_factor',
  'close_inactive',
  'close_renamed',
  'close_removed',
  'close_eof',
  'close_timeout',
  'close',
  'clean_inactive',
  'clean_removed',
  'symlinks',
  'recursive_glob',
  'prospector',
  'file_identity',
  'take_over',
  'buffer_size',
  'rotation',
  'legacy_clean_inactive',
];

/** Null: it is none that reads files, or is off. */
export function logInputOf(input: ForeignOptions): MigratedInput | null {
  const typePlace = input.placeOf('type');
  const type = input.text('type') ?? 'log';
  if (input.flag('enabled') === false) {
    input.note('enabled', input.place, 'the input is off, and left out');
    for (const key of input.keys()) input.tree(key);
    return null;
  }
  if (type === 'journald') return journal(input);
  if (!['log', 'filestream', 'container', 'docker'].includes(type)) {
    input.unmapped('type', typePlace, `an input of type ${type} is none that reads files`);
    for (const key of input.keys()) input.tree(key);
    return null;
  }
  const log: Written = {};
  const process: unknown[] = [];
  const id = input.text('id');
  if (id !== undefined) log.name = id;
  const paths = input.texts('paths');
  log.include = paths;
  excludes(input, log);
  if (type === 'container' || type === 'docker') container(input, log, paths);
  encoding(input, log);
  times(input, log);
  const most = input.text('max_bytes') ?? input.text('message_max_bytes');
  if (most !== undefined) log.max_line = sizeOf(most);
  multiline(input.map('multiline'), log);
  for (const parser of input.maps('parsers')) parsed(parser, log, process, paths);
  if (input.has('json')) json(input.map('json'), process);
  lines(input, process);
  const fields = labels(input, log, process);
  process.push(...processorSteps(input.maps('processors')));
  if (process.length > 0) log.process = process;
  input.needless(ITS_OWN, 'is not needed: files are found, held and let go by rules of its own (docs/migration.md)');
  input.needless(['publisher_pipeline', 'keep_null'], 'is not needed: a record has what a line has');
  input.refuse('index', 'is for whoever reads Kafka: sink.opensearch has stream_prefix');
  input.refuse('pipeline', 'is for whoever reads Kafka: steps of process do what ingest pipelines do');
  return { place: input.place, log, fields };
}

function journal(input: ForeignOptions): MigratedInput {
  const journald: Written = {};
  const log: Written = { journald };
  const id = input.text('id');
  if (id !== undefined) log.name = id;
  const units = input.texts('units');
  if (units.length > 0) journald.units = units;
  const identifiers = input.texts('syslog_identifiers').map((name) => `SYSLOG_IDENTIFIER=${name}`);
  const transports = input.texts('transports').map((name) => `_TRANSPORT=${name}`);
  const match = [...input.map('include_matches').texts('match'), ...identifiers, ...transports];
  if (match.length > 0) journald.match = match;
  const seekAt = input.placeOf('seek');
  const seek = input.text('seek') ?? 'head';
  if (seek === 'tail') log.start_at = 'end';
  else if (seek !== 'head')
    input.unmapped('seek', seekAt, `${seek}: it begins at the beginning, or with start_at: end`);
  input.refuse('paths', 'a directory of journals is journald.directory: one for an entry of logs');
  const process: unknown[] = [];
  const fields = labels(input, log, process);
  process.push(...processorSteps(input.maps('processors')));
  if (process.length > 0) log.process = process;
  input.needless([...ITS_OWN, 'save_remote_hostname', 'parsers'], 'is not needed: entries of the journal are records');
  return { place: input.place, log, fields };
}

/** `\.gz$` is `*.gz`; compressed files are left out anyway. */
function excludes(input: ForeignOptions, log: Written): void {
  for (const key of ['exclude_files', 'prospector.scanner.exclude_files']) {
    const place = input.placeOf(key.split('.')[0]!);
    const holder =
      key === 'exclude_files' ? input : input.has('prospector') ? input.map('prospector').map('scanner') : null;
    for (const pattern of holder?.texts('exclude_files') ?? []) {
      const ending = /^(?:\.\*)?((?:\\\.|[\w-])+)\$$/.exec(pattern)?.[1]?.replaceAll('\\.', '.');
      if (ending === undefined)
        input.unmapped('exclude_files', place, `${pattern} is a regular expression; exclude has globs`);
      else log.exclude = [...((log.exclude as string[] | undefined) ?? []), `*${ending}`];
    }
    holder?.needless(
      ['symlinks', 'fingerprint', 'check_interval', 'resend_on_touch', 'recursive_glob'],
      'is not needed',
    );
  }
}

function container(input: ForeignOptions, log: Written, paths: readonly string[]): void {
  const format = input.text('format') ?? 'auto';
  const docker =
    format === 'docker' || (format === 'auto' && paths.some((path) => path.includes('/docker/containers/')));
  log.format = docker ? 'docker' : 'cri';
  const place = input.placeOf('stream');
  const stream = input.text('stream');
  if (stream !== undefined && stream !== 'all')
    input.unmapped('stream', place, `both streams are read; log.iostream says which (here ${stream})`);
}

function encoding(input: ForeignOptions, log: Written): void {
  const place = input.placeOf('encoding');
  const written = input.text('encoding');
  if (written === undefined) return;
  const known = ENCODINGS[written.toLowerCase()];
  if (known === undefined)
    input.unmapped('encoding', place, `${written} is not decoded: utf-8, utf-16le, utf-16be and latin1 are`);
  else if (known !== 'utf-8') log.encoding_in = known;
}

function times(input: ForeignOptions, log: Written): void {
  const place = input.placeOf('ignore_older');
  const older = input.text('ignore_older');
  if (older !== undefined && older !== '0') {
    const duration = durationOf(older);
    if (duration === undefined) input.unmapped('ignore_older', place, `${older} is no duration`);
    else log.ignore_older = duration;
  }
  if (input.flag('tail_files')) log.start_at = 'end';
  if (input.has('ignore_inactive')) {
    const since = input.placeOf('ignore_inactive');
    if (input.text('ignore_inactive') === 'since_first_start') log.start_at = 'end';
    else input.unmapped('ignore_inactive', since, 'only since_first_start has a counterpart: start_at: end');
  }
}

function multiline(from: ForeignOptions, log: Written): void {
  if (from.keys().length === 0) return;
  const type = from.text('type') ?? 'pattern';
  const at = from.place;
  const pattern = from.text('pattern');
  const negate = from.flag('negate') ?? false;
  const match = from.text('match') ?? 'after';
  if (type !== 'pattern' || pattern === undefined) {
    from.unmapped('type', at, `multiline by ${type} has no counterpart: name start, continue or end`);
    for (const key of from.keys()) from.tree(key);
    return;
  }
  if (!negate && match === 'before') {
    from.unmapped(
      'pattern',
      at,
      'lines that go on in the next one have no counterpart: name the last one of a record by multiline.end',
    );
    for (const key of from.keys()) from.tree(key);
    return;
  }
  const role = match === 'before' ? 'end' : negate ? 'start' : 'continue';
  const made: Written = { [role]: patternOf(pattern) };
  const flush = from.text('flush_pattern');
  if (flush !== undefined) made.end = patternOf(flush);
  const most = from.text('max_lines');
  if (most !== undefined) made.max_lines = Number(most);
  const bytes = from.text('max_bytes');
  if (bytes !== undefined) made.max_bytes = sizeOf(bytes);
  const timeout = durationOf(from.text('timeout') ?? '');
  if (timeout !== undefined) made.timeout = timeout;
  from.needless(['skip_newline'], 'is not needed: lines are joined by LF');
  log.multiline = made;
}

/** Of a filestream: they are applied in their order, as ours are: unwrapped, joined, parsed. */
function parsed(parser: ForeignOptions, log: Written, process: unknown[], paths: readonly string[]): void {
  if (parser.has('container')) container(parser.map('container'), log, paths);
  if (parser.has('multiline')) multiline(parser.map('multiline'), log);
  if (parser.has('ndjson')) json(parser.map('ndjson'), process);
  if (parser.has('syslog')) {
    parser
      .map('syslog')
      .needless(
        ['format', 'log_errors', 'add_error_key', 'timezone'],
        'is not needed: RFC 3164 and 5424 are told apart',
      );
    process.push({ parse: 'syslog' });
  }
}

function json(from: ForeignOptions, process: unknown[]): void {
  const target = from.text('target');
  const under = from.flag('keys_under_root') ?? target === '';
  const into = target === undefined || target === '' ? 'json' : target;
  process.push({ parse: under ? 'json' : { json: { into } } });
  const key = from.text('message_key');
  if (key !== undefined && key !== 'message' && under) process.push({ rename: { [key]: 'message' } });
  from.needless(['add_error_key'], 'is not needed: a line that is no JSON has error.type: parse');
  from.needless(['overwrite_keys'], 'is not needed: what a line has of the envelope is under conflict');
  from.needless(
    ['expand_keys', 'ignore_decoding_error', 'document_id'],
    'is not needed: dotted names are the fields, failures are counted',
  );
}

function lines(input: ForeignOptions, process: unknown[]): void {
  const kept = input.texts('include_lines').map(patternOf);
  const dropped = input.texts('exclude_lines').map(patternOf);
  if (kept.length > 0) process.push({ keep: { line: { matches: kept } } });
  if (dropped.length > 0) process.push({ drop: { line: { matches: dropped } } });
}

function labels(input: ForeignOptions, log: Written, process: unknown[]): Record<string, string> {
  const place = input.placeOf('fields');
  const fields = input.flat('fields');
  const root = input.flag('fields_under_root') ?? false;
  const tags = tagsOf(input);
  if (root && Object.keys(fields).length > 0) process.push({ add: fields });
  else if (Object.keys(fields).length > 0) {
    input.note('fields', place, 'are labels: labels.NAME in place of fields.NAME');
    Object.assign(tags, fields);
  }
  if (Object.keys(tags).length > 0) log.tags = tags;
  return fields;
}

/** Words without a value; here labels have one. */
export function tagsOf(from: ForeignOptions): Record<string, string> {
  const place = from.placeOf('tags');
  const words = from.texts('tags');
  if (words.length === 0) return {};
  from.note('tags', place, 'are one label, labels.tags, with a comma between them');
  return { tags: words.join(',') };
}
