/**
 * What `runnel top` shows: one frame of a status and the one before it, as lines that fit the screen. Inputs and topics
 * get a third of the height each at most; files get the rest.
 */
import type { FileRow, InputRow } from '../core/input.ts';
import { count, formatDuration, formatSize } from '../core/units.ts';
import { INPUTS } from '../sources/all.ts';
import { columns, fitEnd, fitStart, padStart } from './columns.ts';
import { LastMinute } from './last-minute.ts';
import { printable } from './render.ts';
import type { Status } from './shape.ts';
import { HELP, type TopState } from './top-state.ts';

export interface Screen {
  width: number;
  height: number;
}

export interface Line {
  text: string;
  tone: 'plain' | 'head' | 'bad' | 'chosen';
}

interface Row {
  cells: string[];
  /** Stands last and is cut at its beginning, `note` behind it at its end. */
  name: string;
  note: string;
  chosen?: boolean;
}

const REASONS = 3;
const LOSSES = 3;
/** Screens of this height have room for an empty line before each table, */
const AIRY = 24;
/** and of this one for a line that says which keys there are. */
const KEYED = 16;
/** Of this width there is room for sparklines. */
const WIDE = 80;

/** How it is looked at. */
export interface Looking {
  /** What has to be said of the view itself: that the agent does not answer. */
  notice?: string | null;
  /** What the minute before was like. */
  recent?: LastMinute;
  /** What has been chosen by keys; without, there are none. */
  state?: TopState | null;
}

export function frame(now: Status, before: Status | null, screen: Screen, looking: Looking = {}): Line[] {
  const { notice = null, recent = new LastMinute(), state = null } = looking;
  if (state?.help) return helpIn(screen);
  const lines: Line[] = [];
  const keyed = state !== null && screen.height >= KEYED;
  const height = screen.height - (keyed ? 1 : 0);
  const say = (text: string, tone: Line['tone'] = 'plain') => {
    lines.push({ text: fitEnd(printable(text), screen.width), tone });
  };
  const rates = new Rates(now, before);

  say(
    `runnel ${now.version} on ${now.host}, pid ${now.pid}, up ${formatDuration(now.uptime_seconds)}: ${readiness(now)}`,
  );
  if (notice !== null) say(notice, 'bad');
  for (const reason of now.reasons.slice(0, REASONS)) say(`! ${reason}`, 'bad');
  if (now.reasons.length > REASONS) say(`! and ${now.reasons.length - REASONS} more reasons`, 'bad');
  const inputs = inputsIn(now);
  say(`${processOf(now, rates)}; ${kafkaOf(now)}; ${oldestOf(now, inputs)}`);
  for (const text of logsOf(now, recent)) say(text);
  for (const { input, reason, records, bytes } of now.lost.slice(0, LOSSES)) {
    say(`lost: ${input}, ${reason}: ${count(records, 'record')}, ${formatSize(bytes)}`, 'bad');
  }
  if (now.lost.length > LOSSES) say(`lost: and ${now.lost.length - LOSSES} more reasons`, 'bad');

  const third = Math.max(3, Math.floor((height - lines.length) / 3));
  const airy = screen.height >= AIRY;
  const show = (heads: string[], name: string, rows: Row[], most: number, total = rows.length) => {
    const room = Math.min(most, height - lines.length);
    if (rows.length === 0 || room < 3) return;
    if (airy) lines.push({ text: '', tone: 'plain' });
    lines.push(...tableOf(heads, name, rows, screen.width, airy ? room - 1 : room, total));
  };
  const wanted = (row: { name: string }) => isWanted(row.name, state);
  show(['RECORDS/S', 'BYTES/S', 'ON THEIR WAY'], 'TOPIC', topicRows(now, rates).filter(wanted), third);
  const lately = screen.width >= WIDE ? recent : null;
  const inputHeads = ['LINES/S', ...(lately ? ['LAST 60 S'] : []), 'BYTES/S', 'WAITING', 'BEHIND', 'FILES'];
  show(inputHeads, 'INPUT', inputRows(inputs.filter(wanted), rates, lately), third);
  const files = filesIn(now, before, state);
  const all = inputs.reduce((sum, input) => sum + (input.files_total ?? 0), 0);
  const fileHeads = ['LINES/S', 'WAITING', 'BEHIND', 'POSITION', 'SIZE'];
  // Of those that are not listed nobody knows the names.
  const total = state?.filter ? files.length : all;
  show(fileHeads, 'FILE', fileRows(files, rates, state?.chosen ?? null), Number.POSITIVE_INFINITY, total);
  const shown = lines.slice(0, Math.max(1, height));
  if (keyed) {
    while (shown.length < height) shown.push({ text: '', tone: 'plain' });
    shown.push({ text: fitEnd(printable(keysOf(state)), screen.width), tone: 'plain' });
  }
  return shown;
}

/** The files that are listed and wanted, in the order that they are shown in. */
export function filesIn(now: Status, before: Status | null, state: TopState | null): FileRow[] {
  const rates = new Rates(now, before);
  const rateOf = (file: FileRow) => rates.of(file.lines, () => rates.linesOf(file)) ?? 0;
  const by: Record<TopState['sort'], (a: FileRow, b: FileRow) => number> = {
    behind: () => 0,
    rate: (a, b) => rateOf(b) - rateOf(a),
    size: (a, b) => b.size - a.size,
    name: (a, b) => (a.path < b.path ? -1 : 1),
  };
  const first = by[state?.sort ?? 'behind'];
  const files = inputsIn(now).flatMap((input) => input.files);
  return files.filter(({ path }) => isWanted(path, state)).sort((a, b) => first(a, b) || mostBehindFirst(a, b));
}

function isWanted(name: string, state: TopState | null): boolean {
  return !state || name.toLowerCase().includes(state.filter.toLowerCase());
}

function keysOf({ typing, filter, sort }: TopState): string {
  if (typing) return `/${filter}_`;
  const kept = filter === '' ? '/ filter' : `/${filter}  Esc all`;
  return `q end  ? help  ${kept}  s sort (${sort})  up, down, Enter tap`;
}

function helpIn({ width, height }: Screen): Line[] {
  const lines: Line[] = [{ text: 'runnel top', tone: 'head' }];
  for (const [keys, what] of HELP) lines.push({ text: `${keys.padEnd(16)}${what}`, tone: 'plain' });
  lines.push({ text: '', tone: 'plain' }, { text: 'any key goes back', tone: 'plain' });
  return lines.map(({ text, tone }) => ({ text: fitEnd(text, width), tone })).slice(0, Math.max(1, height));
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

/** Of what was received and Kafka does not have, wherever it is. */
function oldestOf({ spool }: Status, inputs: readonly InputRow[]): string {
  const age = Math.max(spool.records > 0 ? spool.oldest_seconds : 0, ...inputs.map(({ lag_seconds }) => lag_seconds));
  return age === 0 ? 'nothing waits' : `oldest unsent byte ${formatDuration(age)}`;
}

/** How full the local log is, and when it will be; those of inputs with a budget of their own where something waits in them. */
function logsOf({ spool }: Status, recent: LastMinute): string[] {
  return spool.budgets.flatMap(({ group, bytes, max_size }) => {
    if (group !== null && bytes === 0) return [];
    const name = group === null ? 'local log' : `local log of ${group}`;
    if (bytes === 0) return [`${name} empty, room for ${formatSize(max_size)}`];
    const full = group === null ? recent.fullIn(max_size) : null;
    const when = full === null ? '' : `, full in ${formatDuration(full)}`;
    const share = ((bytes / max_size) * 100).toFixed(1);
    const records = group === null ? `${count(spool.records, 'record')}, ` : '';
    return [`${name} ${records}${formatSize(bytes)} of ${formatSize(max_size)} (${share} %)${when}`];
  });
}

function topicRows(s: Status, rates: Rates): Row[] {
  return s.topics.map((t) => {
    const then = (b: Status) => b.topics.find((o) => o.topic === t.topic && o.partition === t.partition);
    const records = rates.of(t.records, (b) => then(b)?.records);
    const bytes = rates.of(t.bytes, (b) => then(b)?.bytes);
    return { cells: [perSecond(records), bytesOf(bytes), `${t.in_flight}`], ...named(`${t.topic}/${t.partition}`, t) };
  });
}

export function inputsIn(s: Status): InputRow[] {
  return INPUTS.flatMap((kind) => kind.rows(s));
}

function inputRows(inputs: readonly InputRow[], rates: Rates, recent: LastMinute | null): Row[] {
  return inputs.map((input) => {
    const before = rates.input(input.name);
    const cells = [
      perSecond(rates.of(input.lines, () => before?.lines)),
      ...(recent ? [recent.sparkline(input.name)] : []),
      bytesOf(rates.of(input.bytes, () => before?.bytes)),
      input.lag_bytes === null ? '-' : formatSize(input.lag_bytes),
      input.lag_seconds > 0 ? formatDuration(input.lag_seconds) : '-',
      `${input.files_total ?? '-'}`,
    ];
    return { cells, name: input.name, note: input.note === '' ? '' : `: ${input.note}` };
  });
}

function fileRows(files: readonly FileRow[], rates: Rates, chosen: string | null): Row[] {
  return files.map((f) => {
    const lines = perSecond(rates.of(f.lines, () => rates.linesOf(f)));
    const cells = [lines, formatSize(f.lag_bytes), behind(f.lag_bytes, f.lag_seconds), `${f.position}`, `${f.size}`];
    return { cells, ...named(f.path, f), chosen: f.path === chosen };
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
  const many = all ? room : Math.min(rows.length, room - 1);
  // What is chosen is in sight.
  const from = Math.max(0, rows.findIndex(({ chosen }) => chosen) - many + 1);
  const shown = rows.slice(from, from + many);
  const widths = heads.map((head, i) =>
    shown.reduce((most, { cells }) => Math.max(most, columns(cells[i]!)), head.length),
  );
  const numbers = (cells: readonly string[]) => cells.map((cell, i) => padStart(cell, widths[i]!)).join('  ');
  const left = width - (numbers(heads).length + 2);
  const lines: Line[] = [{ text: fitEnd(`${numbers(heads)}  ${name}`, width), tone: 'head' }];
  for (const row of shown) {
    const note = fitEnd(printable(row.note), Math.max(0, Math.floor(left / 2)));
    const mark = row.chosen ? '> ' : '';
    const tail = mark + fitStart(printable(row.name), left - columns(note) - mark.length) + note;
    const tone = row.chosen ? 'chosen' : row.note === '' ? 'plain' : 'bad';
    lines.push({ text: fitEnd(`${numbers(row.cells)}  ${tail}`, width), tone });
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

  constructor(now: Status, before: Status | null) {
    // Not by `time`: a clock that is set makes no rate.
    this.#seconds = before?.pid === now.pid ? now.uptime_seconds - before.uptime_seconds : 0;
    this.#before = this.#seconds > 0 ? before : null;
    for (const input of this.#before ? inputsIn(this.#before) : []) {
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
