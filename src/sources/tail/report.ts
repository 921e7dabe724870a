/** `logs` in the status, and how it is shown. */
import type { Figures, Sample } from '../../core/figures.ts';
import type { InputRow } from '../../core/input.ts';
import { formatCount, type Table } from '../../core/table.ts';
import { count, formatDuration, formatSize } from '../../core/units.ts';
import { type StepStatus, stepLines, stepNotices, stepTables } from '../../transforms/report.ts';
import type { FileStatus } from './file/status.ts';

export interface LogStatus<Files = FileStatus[]> {
  name: string;
  files_total: number;
  lines: number;
  bytes: number;
  /** How changes become known: `polling` where inotify cannot be used, or tells not all, for some of the directories. */
  watching: 'inotify' | 'polling';
  /** Files that cannot be read now. */
  unreadable: number;
  /** Files that match and are not read, by reason; directories that are not looked into count one each. */
  left_out: Record<string, number>;
  /** Patterns that have named no file yet, and those that have left nothing out. */
  idle_patterns: { include: string[]; exclude: string[] };
  /** Lines that were cut because they were too long. */
  truncated: number;
  /** Sequences of bytes that were no UTF-8 and became U+FFFD. */
  replaced: number;
  /** Bytes of files that may be copies of others, and were read as files of their own. */
  reread_bytes: number;
  /** Files that had gone away when the agent started: what was written to them at last is not known. */
  not_found: number;
  /** Files that were deleted because `delete_after` says so. */
  deleted: number;
  /** Lines that were not of the configured format (cri, docker), and passed as they were. */
  malformed: number;
  /** Secrets that were masked, by rule. */
  masked: Record<string, number>;
  steps: StepStatus[];
  /** Of all its files together; the age is that of the oldest byte. */
  lag_bytes: number;
  lag_seconds: number;
  /** Age of the oldest line that the process before left on its way, and Kafka has not; 0: there is none. */
  left_seconds: number;
  /** Where rules of alerts count lines: whether they have seen all that is there, and bytes that they never saw. */
  ahead?: { current: boolean; skipped_bytes: number };
  /** The most behind first; `GET /status?files=N` lists the first N. */
  files: Files;
}

/** A mount of a kind that may hang, on which there is something to read. */
export interface MountStatus {
  mountpoint: string;
  type: string;
  /** Since when it does not answer, ISO 8601; null: it does. */
  hanging: string | null;
  /** How often it did not. */
  hangs: number;
}

export interface TailStatus {
  logs: LogStatus[];
  mounts: MountStatus[];
}

export function figures(s: TailStatus, to: Figures): void {
  to.counter(
    'log_lines',
    'Lines read.',
    ['input'],
    s.logs.map((l) => [l.lines, l.name]),
  );
  to.counter(
    'log_bytes',
    'Bytes read.',
    ['input'],
    s.logs.map((l) => [l.bytes, l.name]),
  );
  to.counter(
    'log_truncated',
    'Lines cut because they were too long.',
    ['input'],
    s.logs.map((l) => [l.truncated, l.name]),
  );
  to.counter(
    'log_replaced',
    'Sequences of bytes that were no UTF-8 and became U+FFFD.',
    ['input'],
    s.logs.map((l) => [l.replaced, l.name]),
  );
  to.counter(
    'log_reread_bytes',
    'Bytes of files that may be copies of others, and were read as files of their own.',
    ['input'],
    s.logs.map((l) => [l.reread_bytes, l.name]),
  );
  to.counter(
    'log_not_found',
    'Files that had gone away when the agent started: what was written to them at last is not known.',
    ['input'],
    s.logs.map((l) => [l.not_found, l.name]),
  );
  to.counter(
    'log_files_deleted',
    'Files deleted because delete_after says so.',
    ['input'],
    s.logs.map((l) => [l.deleted, l.name]),
  );
  to.counter(
    'log_malformed',
    'Lines that were not of the configured format, and passed as they were.',
    ['input'],
    s.logs.map((l) => [l.malformed, l.name]),
  );
  to.counter(
    'masked',
    'Secrets that were masked.',
    ['input', 'rule'],
    s.logs.flatMap((l) => Object.entries(l.masked).map(([rule, n]): Sample => [n, `logs.${l.name}`, rule])),
  );
  to.counter(
    'filtered',
    'What a step of process left out.',
    ['input', 'step'],
    s.logs.flatMap((l) => l.steps.map((of): Sample => [of.in - of.out, `logs.${l.name}`, of.step])),
  );
  to.counter(
    'step_failed',
    'What a step of process should have changed, and could not.',
    ['input', 'step'],
    s.logs.flatMap((l) => l.steps.map((of): Sample => [of.failed, `logs.${l.name}`, of.step])),
  );
  to.counter(
    'step_gave_up',
    'Times that a pattern of a step would have taken too long for a line, and counted as not matching.',
    ['input', 'step'],
    s.logs.flatMap((l) => l.steps.map((of): Sample => [of.gave_up ?? 0, `logs.${l.name}`, of.step])),
  );
  to.counter(
    'log_unseen_bytes',
    'Bytes that rules of alerts never saw: too many came while Kafka was away.',
    ['input'],
    s.logs.flatMap(({ ahead, name }): Sample[] => (ahead ? [[ahead.skipped_bytes, name]] : [])),
  );
  to.gauge(
    'log_files',
    'Files that are followed.',
    ['input'],
    s.logs.map((l) => [l.files_total, l.name]),
  );
  to.gauge(
    'log_files_unreadable',
    'Files that cannot be read now.',
    ['input'],
    s.logs.map((l) => [l.unreadable, l.name]),
  );
  to.gauge(
    'log_left_out',
    'Files that match and are not read; directories that are not looked into count one each.',
    ['input', 'reason'],
    s.logs.flatMap((l) => Object.entries(l.left_out).map(([reason, n]): Sample => [n, l.name, reason])),
  );
  to.gauge(
    'mount_hanging',
    '1: the file system does not answer, and its files wait.',
    ['mountpoint'],
    s.mounts.map((m) => [m.hanging === null ? 0 : 1, m.mountpoint]),
  );
  to.counter(
    'mount_hangs',
    'How often the file system did not answer.',
    ['mountpoint'],
    s.mounts.map((m) => [m.hangs, m.mountpoint]),
  );
  to.gauge(
    'log_lag_bytes',
    'Bytes in the files that are not acknowledged.',
    ['input'],
    s.logs.map((l) => [l.lag_bytes, l.name]),
  );
  to.gauge(
    'log_lag_seconds',
    'Age of the oldest byte that is not acknowledged.',
    ['input'],
    s.logs.map((l) => [l.lag_seconds, l.name]),
  );
}

export function lines({ logs }: TailStatus, local: boolean): string[] {
  return logs.flatMap((input) => {
    const unreadable = input.unreadable > 0 ? `, ${input.unreadable} unreadable` : '';
    const left = Object.entries(input.left_out).filter(([, files]) => files > 0);
    const leftOut = left.map(([reason, files]) => `, ${files} left out (${reason})`).join('');
    const polled = input.watching === 'polling' ? ', polled' : '';
    const age = formatDuration(input.lag_seconds);
    const waiting = input.lag_bytes > 0 ? `, ${formatSize(input.lag_bytes)} waiting (${age})` : '';
    const earlier = input.left_seconds > 0;
    const before = earlier ? `, lines of before the start on their way (${formatDuration(input.left_seconds)})` : '';
    const done = local ? 'all in the local log' : earlier ? 'all read' : 'all sent';
    const replaced = input.replaced > 0 ? `, ${count(input.replaced, 'sequence')} not UTF-8` : '';
    const malformed = input.malformed > 0 ? `, ${count(input.malformed, 'line')} not of the format` : '';
    const hidden = input.files_total - input.files.length;
    return [
      '',
      `logs ${input.name}: ${count(input.lines, 'line')}, ${formatSize(input.bytes)}, ${count(input.files_total, 'file')}${waiting}${before}${unreadable}${leftOut}${replaced}${malformed}${polled}`,
      ...maskedLine(input.masked),
      ...stepLines(input.steps),
      ...unseenLine(input),
      ...input.files.map((file) => lineOf(file, done)),
      ...notRead(input),
      ...(hidden > 0 ? [`  and ${count(hidden, 'file')} less behind`] : []),
    ];
  });
}

function lineOf(f: FileStatus, done: string): string {
  const lag = f.lag_bytes > 0 ? `${formatSize(f.lag_bytes)} waiting (${formatDuration(f.lag_seconds)})` : done;
  const cut = f.truncated > 0 ? `, ${f.truncated} cut` : '';
  const waits = f.waiting ? `, waits: ${f.waiting.reason} (${formatDuration(f.waiting.seconds)})` : '';
  const stuck = f.waits_for === null ? '' : `, waits for topic ${f.waits_for}`;
  const error = f.error === null ? '' : `: ${f.error}`;
  return `  ${f.path}: at ${f.position} of ${f.size} bytes, ${lag}, ${count(f.lines, 'line')}${cut}${waits}${stuck}${error}`;
}

function maskedLine(masked: Record<string, number>): string[] {
  const rules = Object.entries(masked).map(([rule, n]) => `${n} ${rule}`);
  return rules.length === 0 ? [] : [`  masked: ${rules.join(', ')}`];
}

function unseenLine({ ahead }: LogStatus): string[] {
  if (!ahead || ahead.skipped_bytes === 0) return [];
  return [`  rules of alerts never saw ${formatSize(ahead.skipped_bytes)}: too much came while Kafka was away`];
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

export function rows({ logs }: TailStatus): InputRow[] {
  return logs.map((l) => {
    const { lines, bytes, lag_bytes, lag_seconds, files_total, files } = l;
    const unreadable = l.unreadable > 0 ? [`${count(l.unreadable, 'file')} cannot be read`] : [];
    const failed = l.steps.flatMap((of) => (of.failed > 0 ? [`step ${of.step}: ${of.failed} failed`] : []));
    const note = [...unreadable, ...failed].join(', ');
    return { name: `logs ${l.name}`, lines, bytes, lag_bytes, lag_seconds, files_total, files, note };
  });
}

export function tables({ logs }: TailStatus): Table[] {
  return logs.flatMap(({ name, masked, steps }) => [
    ...stepTables(`logs ${name}`, steps),
    ...maskedTable(name, masked),
  ]);
}

function maskedTable(name: string, masked: Record<string, number>): Table[] {
  const rows = Object.entries(masked).map(([rule, n]) => [rule, formatCount(n)]);
  return rows.length === 0 ? [] : [{ title: `Masked in logs ${name}`, heads: ['', 'secrets'], rows, folded: true }];
}

/** What may not be meant so, and holds nothing up. */
export function notices({ logs }: Pick<TailStatus, 'logs'>): string[] {
  return logs.flatMap(({ name, steps }) => stepNotices(`logs ${name}`, steps));
}
