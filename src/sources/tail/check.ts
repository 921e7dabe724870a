/** What must hold between the options of `logs`, and others. */
import { isDeepStrictEqual } from 'node:util';
import type { CommonConfig } from '../../config/config.ts';
import type { Path, Saying } from '../../config/errors.ts';
import { isPrecaution } from '../../config/glob.ts';
import { advice, misread } from '../../config/misread.ts';
import { HASH } from '../../kernel/process/mask-rules.ts';
import { StepMaker } from '../../transforms/make.ts';
import { leavesAllOut, mayLeaveOut } from './find/overlap.ts';
import { ABOUT_FILES, aboutFiles, type LogConfig } from './options.ts';

/** `audit` is the section of another input. */
type Configured = CommonConfig & { logs: LogConfig[]; audit?: { topic: string } | undefined };

/** `warn`: of what may be meant so. */
export function checkLogs(config: Configured, refuse: Saying, warn: Saying): void {
  const seen = new Map<string, number>();
  checkKey(config.mask_key_file, config.mask, ['mask'], refuse);
  for (const [i, log] of config.logs.entries()) {
    const before = seen.get(log.name);
    if (before !== undefined) refuse(['logs', i, 'name'], `is that of logs[${before}] too: names are unique`);
    seen.set(log.name, i);
    checkLines(log, i, refuse);
    checkJournal(log, i, refuse);
    if (log.audit) checkAudited(config, i, refuse);
    checkKey(config.mask_key_file, log.mask, ['logs', i, 'mask'], refuse);
    if (log.encoding === 'raw') checkHeaders(config, i, refuse);
    if (log.encoding === 'raw') checkSteps(log, i, refuse);
  }
  const maker = new StepMaker();
  for (const [i, { process, topic, masks }] of config.logs.entries()) {
    const masked = maker.maskFault(masks);
    if (masked)
      refuse(['logs', i, 'mask'], masked.replace(/^its steps need/, 'with mask for all inputs its patterns need'));
    const fault = maker.faultOf(process, topic);
    if (fault !== null) refuse(['logs', i, 'process'], `cannot be used: ${fault}`);
  }
  for (const [i, log] of config.logs.entries()) checkExcludes(log, i, refuse, warn);
}

/** Whatever could leave something out of an audit stream, or change it, is not for it. */
function checkAudited({ logs, audit, kafka }: Configured, i: number, refuse: Saying): void {
  const log = logs[i]!;
  const not = (name: keyof LogConfig, why: string) => refuse(['logs', i, name], `is not for audit: true: ${why}`);
  if (!audit) refuse(['logs', i, 'audit'], 'needs the section audit, which chains and seals: add audit: {}');
  else if (![audit.topic, `${kafka.topic_prefix}.audit`].includes(log.topic)) {
    not('topic', `its lines go to audit.topic, ${audit.topic}: take it out`);
  }
  if (!/^[a-z0-9._-]{1,64}$/.test(log.name)) {
    not('name', 'it is the name of the stream: give it one, of 1 to 64 of a-z, 0-9, dot, - and _');
  }
  if (log.process.length > 0) not('process', 'no line may be left out or changed; mask is allowed');
  if (log.ignore_older !== null) not('ignore_older', 'no file may be left out');
  if (log.encoding !== 'json') not('encoding', 'the chain is in the document');
  if (log.format !== 'plain') not('format', 'only plain files are chained');
  if (log.encoding_in !== 'utf-8') not('encoding_in', 'only files in UTF-8 are chained');
  if (log.multiline) not('multiline', 'each line is an event');
  if (log.journald) not('journald', 'only files are chained');
}

/** What is about files says nothing of the journal. */
function checkJournal(log: LogConfig, i: number, refuse: Saying): void {
  if (!log.journald) return;
  const defaults = aboutFiles();
  for (const name of ABOUT_FILES) {
    if (isDeepStrictEqual(log[name], defaults[name])) continue;
    refuse(
      ['logs', i, name],
      'is about files, and this entry reads the journal: take it out, or make two entries of it',
    );
  }
}

/** A hash of nothing but the secret could be found by trying. */
function checkKey(file: string | undefined, mask: LogConfig['mask'], at: Path, refuse: Saying): void {
  if (file !== undefined) return;
  const i = mask.findIndex((rule) => rule.with === HASH);
  const remedy = 'for example mask_key_file: /etc/runnel/mask.key, made with: head -c 32 /dev/urandom';
  if (i >= 0) refuse([...at, i, 'with'], `hash needs a key: set mask_key_file beside logs, ${remedy}`);
}

/** Of more pairs of patterns it is not told. */
const MOST_COMPARED = 10_000;

/** What can leave nothing out was written to keep something back, and means something else. */
function checkExcludes({ include, exclude }: LogConfig, i: number, refuse: Saying, warn: Saying): void {
  if (include.length * exclude.length > MOST_COMPARED) return;
  for (const [k, pattern] of exclude.entries()) {
    const path = ['logs', i, 'exclude', k];
    const all = include.findIndex((one) => leavesAllOut(pattern, one));
    if (all >= 0) refuse(path, `leaves out all that logs[${i}].include[${all}] names: take out one of the two`);
    const wrong = misread(pattern);
    // That a directory has such a name is not what was meant.
    const isIdle = !include.some((one) => mayLeaveOut(pattern, one, wrong !== null));
    if (isIdle && wrong) refuse(path, `can match nothing that include names: it ${wrong.what}; ${advice(wrong)}`);
    else if (wrong) warn(path, `${wrong.what}: ${advice(wrong)}`);
    else if (isIdle && !isPrecaution(pattern)) {
      warn(path, 'can match nothing that include names: a name is meant as a whole, with * for any characters');
    }
  }
}

/** A raw record is its line: there is no place for fields. */
function checkSteps({ process }: LogConfig, i: number, refuse: Saying): void {
  const step = process.find(({ fields }) => fields);
  if (!step) return;
  const path = ['logs', i, 'process', step.entry];
  refuse(
    path,
    `is about fields (${step.verb}), which encoding: raw has none of: use steps about line, or encoding: json`,
  );
}

/** Headers of raw records that say where a line came from. */
const HEADERS = ['host', 'path', 'file', 'offset', 'length', 'skipped', 'flags', 'iostream'];

/** Labels are headers beside those: one of the same name would hide where the line came from. */
function checkHeaders({ tags, logs }: Configured, i: number, refuse: Saying): void {
  const taken = (name: string) => `is a header of its own with encoding: raw: call the label otherwise than ${name}`;
  for (const name of HEADERS) {
    if (name in logs[i]!.tags) refuse(['logs', i, 'tags', name], taken(name));
    else if (name in tags) refuse(['tags', name], taken(name));
  }
}

/** Lines as read and as UTF-8 have to fit into one slot of memory together. */
const LONGEST_LINE: Partial<Record<LogConfig['encoding_in'], number>> = {
  'utf-16le': 341 << 10,
  'utf-16be': 341 << 10,
  latin1: 511 << 10,
};

function checkLines({ encoding_in, max_line, multiline }: LogConfig, i: number, refuse: Saying): void {
  const longest = LONGEST_LINE[encoding_in];
  const most = longest === undefined ? '' : `must be at most ${longest >> 10}KiB with encoding_in: ${encoding_in}`;
  if (longest !== undefined && max_line > longest) refuse(['logs', i, 'max_line'], most);
  if (!multiline) return;
  const { start, end, max_bytes } = multiline;
  if (longest !== undefined && max_bytes > longest) refuse(['logs', i, 'multiline', 'max_bytes'], most);
  if (start === undefined && multiline.continue === undefined && end === undefined) {
    refuse(['logs', i, 'multiline'], "needs start, continue or end, for example start: '^\\d{4}-'");
  }
}
