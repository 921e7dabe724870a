/**
 * What `runnel top` shows: one frame of a status and the one before it, as lines that fit the screen. Inputs and topics
 * get a third of the height each at most; files, the most behind first, get the rest.
 */
import type { FileRow, InputRow } from '../core/input.ts';
import { count, formatDuration, formatSize } from '../core/units.ts';
import { INPUTS } from '../sources/all.ts';
import { columns, fitEnd, fitStart, padStart } from './columns.ts';
import { printable } from './render.ts';
import type { Status } from './shape.ts';

export interface Screen {
  width: number;
  height: number;
}

export interface Line {
  text: string;
  tone: 'plain' | 'head' | 'bad';
}

interface Row {
  cells: string[];
  /** Stands last and is cut at its beginning, `note` behind it at its end. */
  name: string;
  note: string;
}

const REASONS = 3;
const LOSSES = 3;
/** Screens of this height have room for an empty line before each table. */
const AIRY = 24;

/** `notice` is what has to be said of the view itself: that the agent does not answer. */
export function frame(now: Status, before: Status | null, screen: Screen, notice: string | null = null): Line[] {
  const lines: Line[] = [];
  const say = (text: string, tone: Line['tone'] = 'plain') => {
    lines.push({ text: fitEnd(printable(text), screen.width), tone });
  };
  // Not by `time`: a clock that is set makes no rate.
  const seconds = before && before.pid === now.pid ? now.uptime_seconds - before.uptime_seconds : 0;
  const rates = new Rates(seconds > 0 ? before : null, seconds);

  say(
    `runnel ${now.version} on ${now.host}, pid ${now.pid}, up ${formatDuration(now.uptime_seconds)}: ${readiness(now)}`,
  );
  if (notice !== null) say(notice, 'bad');
  for (const reason of now.reasons.slice(0, REASONS)) say(`! ${reason}`, 'bad');
  if (now.reasons.length > REASONS) say(`! and ${now.reasons.length - REASONS} more reasons`, 'bad');
  say(`${processOf(now, rates)}; ${kafkaOf(now)}; ${spoolOf(now)}`);
  for (const { input, reason, records, bytes } of now.lost.slice(0, LOSSES)) {
    say(`lost: ${input}, ${reason}: ${count(records, 'record')}, ${formatSize(bytes)}`, 'bad');
  }
  if (now.lost.length > LOSSES) say(`lost: and ${now.lost.length - LOSSES} more reasons`, 'bad');

  const third = Math.max(3, Math.floor((screen.height - lines.length) / 3));
  const airy = screen.height >= AIRY;
  const show = (heads: string[], name: string, rows: Row[], height: number, total = rows.length) => {
    const room = Math.min(height, screen.height - lines.length);
    if (rows.length === 0 || room < 3) return;
    if (airy) lines.push({ text: '', tone: 'plain' });
    lines.push(...tableOf(heads, name, rows, screen.width, airy ? room - 1 : room, total));
  };
  show(['RECORDS/S', 'BYTES/S', 'ON THEIR WAY'], 'TOPIC', topicRows(now, rates), third);
  const inputs = inputsIn(now);
  show(['LINES/S', 'BYTES/S', 'WAITING', 'BEHIND', 'FILES'], 'INPUT', inputRows(inputs, rates), third);
  const files = inputs.flatMap((input) => input.files).sort(mostBehindFirst);
  const total = inputs.reduce((sum, input) => sum + (input.files_total ?? 0), 0);
  const fileHeads = ['LINES/S', 'WAITING', 'BEHIND', 'POSITION', 'SIZE'];
  show(fileHeads, 'FILE', fileRows(files, rates), Number.POSITIVE_INFINITY, total);
  return lines.slice(0, Math.max(1, screen.height));
}

function readiness(s: Status): string {
  return s.ready ? 'ready' : 'not ready';
}

function processOf(s: Status, rates: Rates): string {
  const cpu = rates.of(s.process.cpu_seconds, (b) => b.process.cpu_seconds);
  return `${formatSize(s.process.rss_bytes)} of memory, ${cpu === null ? '-' : `${(cpu * 100).toFixed(1)} %`} cpu`;
}

function kafkaOf({ kafka }: Status): string {
  const ack = kafka.last_ack_seconds === null ? '' : `, acknowledged ${formatDuration(kafka.last_ack_seconds)} ago`;
  return `kafka ${kafka.state}${ack}`;
}

function spoolOf({ spool }: Status): string {
  if (spool.records === 0) return 'local log empty';
  return `local log ${count(spool.records, 'record')}, ${formatSize(spool.bytes)}, oldest ${formatDuration(spool.oldest_seconds)}`;
}

function topicRows(s: Status, rates: Rates): Row[] {
  return s.topics.map((t) => {
    const then = (b: Status) => b.topics.find((o) => o.topic === t.topic && o.partition === t.partition);
    const records = rates.of(t.records, (b) => then(b)?.records);
    const bytes = rates.of(t.bytes, (b) => then(b)?.bytes);
    return { cells: [perSecond(records), bytesOf(bytes), `${t.in_flight}`], ...named(`${t.topic}/${t.partition}`, t) };
  });
}

function inputsIn(s: Status): InputRow[] {
  return INPUTS.flatMap((kind) => kind.rows(s));
}

function inputRows(inputs: readonly InputRow[], rates: Rates): Row[] {
  return inputs.map((input) => {
    const before = rates.input(input.name);
    const cells = [
      perSecond(rates.of(input.lines, () => before?.lines)),
      bytesOf(rates.of(input.bytes, () => before?.bytes)),
      input.lag_bytes === null ? '-' : formatSize(input.lag_bytes),
      input.lag_seconds > 0 ? formatDuration(input.lag_seconds) : '-',
      `${input.files_total ?? '-'}`,
    ];
    return { cells, name: input.name, note: input.note === '' ? '' : `: ${input.note}` };
  });
}

function fileRows(files: readonly FileRow[], rates: Rates): Row[] {
  return files.map((f) => {
    const lines = perSecond(rates.of(f.lines, () => rates.linesOf(f)));
    const cells = [lines, formatSize(f.lag_bytes), behind(f.lag_bytes, f.lag_seconds), `${f.position}`, `${f.size}`];
    return { cells, ...named(f.path, f) };
  });
}

function named(name: string, { error }: { error: string | null }): Pick<Row, 'name' | 'note'> {
  return { name, note: error === null ? '' : `: ${error}` };
}

/** At most `height` lines, the heads included; where rows are left out the last line says how many. */
function tableOf(
  heads: string[],
  name: string,
  rows: readonly Row[],
  width: number,
  height: number,
  total: number,
): Line[] {
  const room = height - 1;
  const all = total <= room && total === rows.length;
  const shown = rows.slice(0, all ? room : Math.min(rows.length, room - 1));
  const widths = heads.map((head, i) =>
    shown.reduce((most, { cells }) => Math.max(most, columns(cells[i]!)), head.length),
  );
  const numbers = (cells: readonly string[]) => cells.map((cell, i) => padStart(cell, widths[i]!)).join('  ');
  const left = width - (numbers(heads).length + 2);
  const lines: Line[] = [{ text: fitEnd(`${numbers(heads)}  ${name}`, width), tone: 'head' }];
  for (const row of shown) {
    const note = fitEnd(printable(row.note), Math.max(0, Math.floor(left / 2)));
    const tail = fitStart(printable(row.name), left - columns(note)) + note;
    lines.push({ text: fitEnd(`${numbers(row.cells)}  ${tail}`, width), tone: row.note === '' ? 'plain' : 'bad' });
  }
  if (total > shown.length) lines.push({ text: fitEnd(`and ${total - shown.length} more`, width), tone: 'plain' });
  return lines;
}

function mostBehindFirst(a: FileRow, b: FileRow): number {
  return b.lag_bytes - a.lag_bytes || b.lag_seconds - a.lag_seconds || (a.path < b.path ? -1 : 1);
}

function behind(bytes: number, seconds: number): string {
  return bytes > 0 ? formatDuration(seconds) : '-';
}

function perSecond(rate: number | null): string {
  return rate === null ? '-' : rate < 10 && rate > 0 ? rate.toFixed(1) : `${Math.round(rate)}`;
}

function bytesOf(rate: number | null): string {
  return rate === null ? '-' : formatSize(Math.round(rate));
}

/** Increases a second since the status before; null where that does not say. */
class Rates {
  readonly #before: Status | null;
  readonly #seconds: number;
  readonly #inputs = new Map<string, InputRow>();
  readonly #lines = new Map<string, number>();

  constructor(before: Status | null, seconds: number) {
    this.#before = before;
    this.#seconds = seconds;
    for (const input of before ? inputsIn(before) : []) {
      this.#inputs.set(input.name, input);
      for (const file of input.files) this.#lines.set(file.id, file.lines);
    }
  }

  of(now: number | null, then: (before: Status) => number | null | undefined): number | null {
    const value = this.#before === null ? undefined : then(this.#before);
    return now === null || typeof value !== 'number' ? null : Math.max(0, (now - value) / this.#seconds);
  }

  input(name: string): InputRow | undefined {
    return this.#inputs.get(name);
  }

  linesOf(file: FileRow): number | undefined {
    return this.#lines.get(file.id);
  }
}
