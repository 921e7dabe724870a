/** `checks` in the status, and how they are shown. */
import type { CheckStatus } from '../../checks/runner.ts';
import type { Figures } from '../../core/figures.ts';
import type { InputRow } from '../../core/input.ts';
import { failure, faults, formatCount, type Table } from '../../core/table.ts';
import { count } from '../../core/units.ts';

const STATES = ['ok', 'warning', 'critical', 'unknown'];

export interface HostStatus {
  checks: CheckStatus[];
}

export function figures(s: HostStatus, to: Figures): void {
  to.counter(
    'check_runs',
    'Runs of a check.',
    ['check'],
    s.checks.map((c) => [c.runs, c.name]),
  );
  to.counter(
    'check_errors',
    'Runs that failed.',
    ['check'],
    s.checks.map((c) => [c.errors, c.name]),
  );
  to.counter(
    'check_warnings',
    'Runs of a check that found something wrong, or did without a part that may not be asked.',
    ['check'],
    s.checks.map((c) => [c.warnings, c.name]),
  );
  to.counter(
    'check_criticals',
    'Runs of a check that found something critical.',
    ['check'],
    s.checks.map((c) => [c.criticals, c.name]),
  );
  to.counter(
    'check_skipped',
    'Runs that were left out because the one before had not ended.',
    ['check'],
    s.checks.map((c) => [c.skipped, c.name]),
  );
  to.counter(
    'check_truncated',
    'Measurements of a check that were left out: beyond max_series, there twice, or too long.',
    ['check'],
    s.checks.map((c) => [c.truncated ?? 0, c.name]),
  );
  to.counter(
    'check_not_finite',
    'Measurements of a check that were left out since they are no numbers.',
    ['check'],
    s.checks.map((c) => [c.not_finite ?? 0, c.name]),
  );
  to.gauge(
    'check_last_seconds',
    'How long the last run took.',
    ['check'],
    s.checks.map((c) => [c.last_seconds, c.name]),
  );
}

export function lines({ checks }: HostStatus): string[] {
  if (checks.length === 0) return [];
  return [
    '',
    'checks',
    ...checks.map((c) => {
      const left = (c.truncated ?? 0) + (c.not_finite ?? 0);
      const counts = { failed: c.errors, skipped: c.skipped, 'left out': left };
      const bad = Object.entries(counts)
        .map(([what, n]) => (n > 0 ? `, ${n} ${what}` : ''))
        .join('');
      const state = c.state ? `, ${STATES[c.state]}${c.message ? `: ${c.message}` : ''}` : '';
      const error =
        c.last_error === null ? (c.lacks === null ? state : `; without a part: ${c.lacks}`) : `: ${c.last_error}`;
      return `  ${c.name}: ${count(c.runs, 'run')}, last ${lastOf(c)}${bad}${error}`;
    }),
  ];
}

/** Those that failed. */
export function rows({ checks }: HostStatus): InputRow[] {
  const none = { lines: null, bytes: null, lag_bytes: null, lag_seconds: 0, files_total: null, files: [] };
  return checks.flatMap(({ name, last_error }) =>
    last_error === null ? [] : [{ name: `check ${name}`, ...none, note: last_error }],
  );
}

export function tables({ checks }: HostStatus): Table[] {
  return [
    {
      title: 'Checks',
      folded: true,
      heads: ['', 'runs', 'errors', 'skipped', 'last', ''],
      rows: checks.map((c) => [
        c.name,
        formatCount(c.runs),
        faults(c.errors),
        faults(c.skipped),
        lastOf(c),
        c.last_error === null ? (c.lacks ?? '') : failure(c.last_error),
      ]),
    },
  ];
}

function lastOf({ last_seconds }: CheckStatus): string {
  return `${(last_seconds * 1000).toFixed(1)} ms`;
}
