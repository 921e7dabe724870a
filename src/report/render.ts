/** The status for people: one screen for a quiet agent, the most behind files first. */
import { count, formatDuration, formatSize } from '../core/units.ts';
import { INPUTS } from '../sources/all.ts';
import type { Books, Status } from './shape.ts';

/** Files of each input that people are shown if they do not ask for more. */
export const FILES_SHOWN = 10;

export function renderStatus(s: Status): string {
  const lines = [
    `runnel ${s.version} on ${s.host}, pid ${s.pid}, up ${formatDuration(s.uptime_seconds)}: ${s.ready ? 'ready' : 'not ready'}`,
    ...s.reasons.map((reason) => `  ! ${reason}`),
    `config ${s.config.path ?? 'built in'}, loaded ${s.config.loaded_at}`,
    `memory ${formatSize(s.process.rss_bytes)}, cpu ${formatDuration(s.process.cpu_seconds)}, free in data_dir ${formatSize(s.process.data_dir_free_bytes)}`,
  ];
  for (const kind of INPUTS) lines.push(...kind.lines(s, s.kafka.state === 'not_configured'));
  const ack =
    s.kafka.last_ack_seconds === null ? '' : `, last acknowledgement ${formatDuration(s.kafka.last_ack_seconds)} ago`;
  lines.push('', `kafka: ${s.kafka.state}${ack}${s.kafka.retries > 0 ? `, ${s.kafka.retries} retries` : ''}`);
  const { cluster } = s.kafka;
  if (cluster && cluster.before !== null) {
    lines.push(`  another cluster since ${cluster.since}: ${cluster.id}, before it was ${cluster.before}`);
  }
  for (const t of s.topics) {
    const twice = t.possible_duplicates > 0 ? `, ${t.possible_duplicates} may be there twice` : '';
    const cut = t.cut > 0 ? `, ${t.cut} cut` : '';
    const stored = t.in_local_log === t.in_flight ? 'all' : t.in_local_log;
    const from = t.in_local_log > 0 ? `, ${stored} of them from the local log` : '';
    lines.push(
      `  ${t.topic}/${t.partition}: ${count(t.records, 'record')}, ${formatSize(t.bytes)}, ${t.in_flight} on their way${from}${twice}${cut}${said(t.error)}`,
    );
  }
  const age = s.spool.records > 0 ? `, oldest ${formatDuration(s.spool.oldest_seconds)}` : '';
  lines.push(`local log: ${count(s.spool.records, 'record')}, ${formatSize(s.spool.bytes)}${age}`);
  lines.push('', s.lost.length === 0 ? 'lost: nothing' : 'lost');
  for (const l of s.lost) {
    const much =
      l.records + l.bytes > 0 ? `${count(l.records, 'record')}, ${formatSize(l.bytes)}` : 'how much is not known';
    lines.push(`  ${l.input}: ${l.reason}, ${much}, last ${l.last}`);
  }
  lines.push(sum(s.conservation.total), '');
  return lines.map(printable).join('\n');
}

function sum(b: Books): string {
  const waits = `${b.in_flight - b.in_local_log} on their way + ${b.in_local_log} in the local log`;
  const parts = `${b.forwarded} forwarded + ${b.filtered} filtered + ${b.dropped} dropped + ${waits}`;
  return `${b.received} received + ${b.recovered} recovered ${b.unaccounted === 0 ? '=' : '≠'} ${parts}`;
}

function said(error: string | null): string {
  return error === null ? '' : `: ${error}`;
}

const CONTROLS = /[\x00-\x1f\x7f-\x9f]/g;
const TURNS = /[\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Control characters, and those that turn the direction of text, must not reach a terminal: paths and errors come from outside. */
export function printable(text: string): string {
  return text.replace(CONTROLS, (c) => `\\x${hex(c, 2)}`).replace(TURNS, (c) => `\\u${hex(c, 4)}`);
}

/** The same as JSON writes them, so that a line of JSON stays one. */
export function printableJson(text: string): string {
  return text.replace(CONTROLS, (c) => `\\u${hex(c, 4)}`).replace(TURNS, (c) => `\\u${hex(c, 4)}`);
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, '0');
}
