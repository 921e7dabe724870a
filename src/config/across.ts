/** What must hold between options. */
import { Pool } from '../core/pool.ts';
import { type Config, type LogConfig, topicsOf } from './config.ts';
import { isPrecaution } from './glob.ts';
import type { Path } from './load.ts';
import { advice, misread } from './misread.ts';
import { leavesAllOut, mayLeaveOut } from './overlap.ts';

type Refuse = (path: Path, message: string) => void;

/** `warn`: of what may be meant so. */
export function checkAcross(config: Config, refuse: Refuse, warn: Refuse): void {
  checkLogs(config, refuse);
  for (const [i, log] of config.logs.entries()) checkExcludes(log, i, refuse, warn);
  checkKafka(config, refuse);
  checkStatsd(config, refuse);
  const needed = Pool.minimumFor(topicsOf(config).length);
  if (config.buffer_memory < needed) {
    const topics = topicsOf(config).length;
    refuse(['buffer_memory'], `must be at least ${Math.ceil(needed / 2 ** 20)}MiB for ${topics} topics`);
  }
}

function checkLogs(config: Config, refuse: Refuse): void {
  const seen = new Map<string, number>();
  for (const [i, log] of config.logs.entries()) {
    const before = seen.get(log.name);
    if (before !== undefined) refuse(['logs', i, 'name'], `is that of logs[${before}] too: names are unique`);
    seen.set(log.name, i);
    checkLines(log, i, refuse);
    if (log.encoding === 'raw') checkHeaders(config, i, refuse);
  }
}

/** Of more pairs of patterns it is not told. */
const MOST_COMPARED = 10_000;

/** What can leave nothing out was written to keep something back, and means something else. */
function checkExcludes({ include, exclude }: LogConfig, i: number, refuse: Refuse, warn: Refuse): void {
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

/** Headers of raw records that say where a line came from. */
const HEADERS = ['host', 'path', 'file', 'offset', 'length', 'skipped', 'flags', 'iostream'];

/** Labels are headers beside those: one of the same name would hide where the line came from. */
function checkHeaders({ tags, logs }: Config, i: number, refuse: Refuse): void {
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

function checkLines({ encoding_in, max_line, multiline }: LogConfig, i: number, refuse: Refuse): void {
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

function checkKafka({ kafka, logs, metrics }: Config, refuse: Refuse): void {
  const { tls, sasl } = kafka;
  const positions = `${kafka.topic_prefix}.positions`;
  if (kafka.delivery === 'exactly_once') {
    for (const [i, { topic }] of logs.entries()) {
      if (topic === positions) refuse(['logs', i, 'topic'], 'is where exactly_once keeps the positions');
    }
    if (metrics.topic === positions) refuse(['metrics', 'topic'], 'is where exactly_once keeps the positions');
  }
  if (tls?.cert_file !== undefined && tls.key_file === undefined) {
    refuse(['kafka', 'tls', 'cert_file'], 'needs kafka.tls.key_file beside it');
  }
  if (tls?.key_file !== undefined && tls.cert_file === undefined) {
    refuse(['kafka', 'tls', 'key_file'], 'needs kafka.tls.cert_file beside it');
  }
  if (tls?.insecure && tls.ca_file !== undefined) {
    refuse(['kafka', 'tls', 'insecure'], 'contradicts kafka.tls.ca_file: nothing would be checked against it');
  }
  if (kafka.compression === 'gzip' && kafka.compression_level > 9) {
    refuse(['kafka', 'compression_level'], 'must be from 1 to 9 for gzip');
  }
  if ((tls || sasl) && kafka.brokers.length === 0) {
    refuse(['kafka', tls ? 'tls' : 'sasl'], 'is set, but kafka.brokers is empty');
  }
}

function checkStatsd({ statsd }: Config, refuse: Refuse): void {
  for (const [i, address] of statsd.listen.entries()) {
    if (statsd.listen.indexOf(address) !== i) refuse(['statsd', 'listen', i], 'is listed twice');
  }
}
