/** The status for people: one screen for a quiet agent, the most behind files first. */
import type { Books, LogStatus, Status } from './shape.ts';

/** Files of each input that people are shown if they do not ask for more. */
export const FILES_SHOWN = 10;

export function renderStatus(s: Status): string {
  const lines = [
    `runnel ${s.version} on ${s.host}, pid ${s.pid}, up ${duration(s.uptime_seconds)}: ${s.ready ? 'ready' : 'not ready'}`,
    ...s.reasons.map((reason) => `  ! ${reason}`),
    `config ${s.config.path ?? 'built in'}, loaded ${s.config.loaded_at}`,
    `memory ${size(s.process.rss_bytes)}, cpu ${duration(s.process.cpu_seconds)}, free in data_dir ${size(s.process.data_dir_free_bytes)}`,
  ];
  for (const input of s.logs) {
    const unreadable = input.unreadable > 0 ? `, ${input.unreadable} unreadable` : '';
    const left = Object.entries(input.left_out).filter(([, files]) => files > 0);
    const leftOut = left.map(([reason, files]) => `, ${files} left out (${reason})`).join('');
    const polled = input.watching === 'polling' ? ', polled' : '';
    const waiting = input.lag_bytes > 0 ? `, ${size(input.lag_bytes)} waiting (${duration(input.lag_seconds)})` : '';
    const replaced = input.replaced > 0 ? `, ${count(input.replaced, 'sequence')} not UTF-8` : '';
    const malformed = input.malformed > 0 ? `, ${count(input.malformed, 'line')} not of the format` : '';
    lines.push(
      '',
      `logs ${input.name}: ${count(input.lines, 'line')}, ${size(input.bytes)}, ${count(input.files_total, 'file')}${waiting}${unreadable}${leftOut}${replaced}${malformed}${polled}`,
    );
    for (const f of input.files) {
      const lag =
        f.lag_bytes > 0
          ? `${size(f.lag_bytes)} waiting (${duration(f.lag_seconds)})`
          : s.kafka.state === 'not_configured'
            ? 'all in the local log'
            : 'all sent';
      lines.push(
        `  ${f.path}: at ${f.position} of ${f.size} bytes, ${lag}, ${count(f.lines, 'line')}${f.truncated > 0 ? `, ${f.truncated} cut` : ''}${said(f.error)}`,
      );
    }
    lines.push(...notRead(input));
    const hidden = input.files_total - input.files.length;
    if (hidden > 0) lines.push(`  and ${count(hidden, 'file')} less behind`);
  }
  if (s.statsd.listeners.length > 0)
    lines.push('', `statsd: ${count(s.statsd.contexts, 'series', 'series')} in this window`);
  for (const l of s.statsd.listeners) {
    const bad = `${l.rejected > 0 ? `, ${l.rejected} rejected` : ''}${l.kernel_drops > 0 ? `, ${l.kernel_drops} dropped by the kernel` : ''}`;
    lines.push(
      `  ${l.address}: ${count(l.packets, 'packet')}, ${count(l.lines, 'line')}, ${size(l.bytes)}${bad}${said(l.error)}`,
    );
  }
  if (s.checks.length > 0) lines.push('', 'checks');
  for (const c of s.checks) {
    const bad = `${c.errors > 0 ? `, ${c.errors} failed` : ''}${c.skipped > 0 ? `, ${c.skipped} skipped` : ''}`;
    lines.push(
      `  ${c.name}: ${count(c.runs, 'run')}, last ${(c.last_seconds * 1000).toFixed(1)} ms${bad}${said(c.last_error)}`,
    );
  }
  const ack =
    s.kafka.last_ack_seconds === null ? '' : `, last acknowledgement ${duration(s.kafka.last_ack_seconds)} ago`;
  lines.push('', `kafka: ${s.kafka.state}${ack}${s.kafka.retries > 0 ? `, ${s.kafka.retries} retries` : ''}`);
  const { cluster } = s.kafka;
  if (cluster && cluster.before !== null) {
    lines.push(`  another cluster since ${cluster.since}: ${cluster.id}, before it was ${cluster.before}`);
  }
  for (const t of s.topics) {
    const twice = t.possible_duplicates > 0 ? `, ${t.possible_duplicates} may be there twice` : '';
    const cut = t.cut > 0 ? `, ${t.cut} cut` : '';
    lines.push(
      `  ${t.topic}/${t.partition}: ${count(t.records, 'record')}, ${size(t.bytes)}, ${t.in_flight} in flight${twice}${cut}${said(t.error)}`,
    );
  }
  const age = s.spool.records > 0 ? `, oldest ${duration(s.spool.oldest_seconds)}` : '';
  lines.push(`local log: ${count(s.spool.records, 'record')}, ${size(s.spool.bytes)}${age}`);
  lines.push('', s.lost.length === 0 ? 'lost: nothing' : 'lost');
  for (const l of s.lost) {
    const much = l.records + l.bytes > 0 ? `${count(l.records, 'record')}, ${size(l.bytes)}` : 'how much is not known';
    lines.push(`  ${l.input}: ${l.reason}, ${much}, last ${l.last}`);
  }
  lines.push(sum(s.conservation.total), '');
  return lines.map(printable).join('\n');
}

/** What is left out, and patterns that name nothing. */
function notRead({ left_out, idle_patterns }: LogStatus): string[] {
  const reasons: [string, string][] = [
    ['max_files', 'no room for so many files (max_files)'],
    ['directories', 'directories are not looked into: too many, or too deep'],
    ['foreign_link', 'links of those who may not have what they lead to'],
    ['special', 'FIFOs, sockets, devices, directories'],
  ];
  const lines = reasons.flatMap(([reason, what]) => {
    return (left_out[reason] ?? 0) > 0 ? [`  not read: ${left_out[reason]} (${what})`] : [];
  });
  const { include, exclude } = idle_patterns;
  for (const pattern of include) lines.push(`  no file yet: ${pattern}`);
  if (exclude.length > 0) lines.push(`  leaves nothing out: ${exclude.join(', ')}`);
  return lines;
}

function sum(b: Books): string {
  const parts = `${b.forwarded} forwarded + ${b.filtered} filtered + ${b.dropped} dropped + ${b.in_flight} in flight`;
  return `${b.received} received + ${b.recovered} recovered ${b.unaccounted === 0 ? '=' : '≠'} ${parts}`;
}

function said(error: string | null): string {
  return error === null ? '' : `: ${error}`;
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) {
    bytes /= 1024;
    unit++;
  }
  return `${unit === 0 || bytes >= 100 ? Math.round(bytes) : bytes.toFixed(1)} ${units[unit]}`;
}

export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
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
