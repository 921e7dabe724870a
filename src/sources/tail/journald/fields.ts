/**
 * What of an entry of the journal stands in its record, and under which name: those of ECS, and `systemd.*` where that has
 * none. Fields that begin with `_` are journald's own word, the others what the program says.
 */
import { SEVERITIES } from '../../../kernel/process/levels.ts';
import { TIME } from '../../../transforms/supplied.ts';

/** How a value is written: a text, a number, or the level that the number of a priority stands for. */
type As = 'text' | 'number' | 'level';

export interface JournalField {
  /** Of the journal. */
  readonly of: string;
  /** In the record. */
  readonly name: string;
  readonly as: As;
}

export const FIELDS: readonly JournalField[] = [
  { of: 'PRIORITY', name: 'log.level', as: 'level' },
  { of: 'PRIORITY', name: 'log.syslog.severity.code', as: 'number' },
  { of: 'SYSLOG_FACILITY', name: 'log.syslog.facility.code', as: 'number' },
  { of: 'SYSLOG_IDENTIFIER', name: 'log.syslog.appname', as: 'text' },
  { of: '_PID', name: 'process.pid', as: 'number' },
  { of: '_COMM', name: 'process.name', as: 'text' },
  { of: '_UID', name: 'user.id', as: 'text' },
  { of: '_SYSTEMD_UNIT', name: 'systemd.unit', as: 'text' },
  { of: '_SYSTEMD_USER_UNIT', name: 'systemd.user_unit', as: 'text' },
  { of: '_TRANSPORT', name: 'systemd.transport', as: 'text' },
  { of: '_BOOT_ID', name: 'systemd.boot_id', as: 'text' },
  { of: 'CONTAINER_ID_FULL', name: 'container.id', as: 'text' },
  { of: 'CONTAINER_NAME', name: 'container.name', as: 'text' },
  { of: 'IMAGE_NAME', name: 'container.image.name', as: 'text' },
];

/** Those that steps may name. */
export const JOURNAL_FIELDS: readonly string[] = FIELDS.map(({ name }) => name);

/** Cells of a record, in this order. */
export const CELLS: readonly string[] = [TIME, ...JOURNAL_FIELDS];

/** The fields of the journal that are asked for, beside its addresses. */
export const ASKED: readonly string[] = ['MESSAGE', ...new Set(FIELDS.map(({ of }) => of))];

/** What stands in a record for the value; null: it is none of that kind. */
export function cellBytes(value: Buffer, as: As): Buffer | null {
  if (as === 'text') return value.length > 0 ? value : null;
  if (as === 'level') return value.length === 1 ? (LEVELS[value[0]! - 0x30] ?? null) : null;
  return isWhole(value) ? value : null;
}

const LEVELS = SEVERITIES.map((level) => Buffer.from(level));

/** A number as JSON writes it. */
function isWhole(digits: Buffer): boolean {
  if (digits.length === 0 || digits.length > 15 || (digits[0] === 0x30 && digits.length > 1)) return false;
  for (const digit of digits) if (digit < 0x30 || digit > 0x39) return false;
  return true;
}
