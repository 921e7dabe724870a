/** A rule as it is evaluated: what of the configuration's options belongs together is looked at here. */
import { createHash } from '../builtin.ts';
import type { Condition } from '../transforms/condition.ts';
import type { FiringConditions, NoData } from './machine.ts';
import { type AlertThreshold, opposite, wrongClear } from './threshold.ts';
import type { ValueOf } from './value.ts';

/** The status of a check, from which on a rule fires. */
export const CHECK_LEVELS = { warning: 1, critical: 2, error: 3 } as const;
export type CheckLevel = keyof typeof CHECK_LEVELS;
export type Severity = 'critical' | 'warning' | 'info';

/** Where the status of checks is told, and which one that is of. */
export const CHECK_METRIC = 'check.status';
export const CHECK_ATTRIBUTE = 'check';
/** Lines that a log rule counts are this metric, by rule. */
export const LINES_METRIC = 'runnel.alerts.lines';
export const LINES_ATTRIBUTE = 'rule';

export interface Rule {
  name: string;
  ruleset: 'alerts' | 'builtin';
  /** The metric, `*` for any text. */
  metric: string;
  /** The denominator; below `min` there is no value. */
  of: string | null;
  min: number;
  where: Readonly<Record<string, string>>;
  /** Attributes that tell instances apart; null: all. */
  by: readonly string[] | null;
  value: ValueOf;
  kind: 'threshold' | 'absent' | 'forecast';
  /** Milliseconds without a measurement, of `absent`. */
  absent: number;
  forecast: { reaches: number; within: number } | null;
  fire: AlertThreshold;
  clear: AlertThreshold;
  for: number;
  keep: number;
  no_data: NoData;
  severity: Severity;
  summary: string | null;
  labels: Readonly<Record<string, string>>;
  log: { input: string; match: Condition } | null;
  /** Of the check whose status it is about. */
  check: string | null;
  /** Changes where what it looks at, or when it fires, changes: not with its words. */
  hash: string;
}

/** What a rule may say, as the schema gives it. */
export interface WrittenRule {
  name: string;
  metric?: string | undefined;
  log?: { input: string; match: Condition } | undefined;
  check?: string | undefined;
  where: Readonly<Record<string, string>>;
  by?: readonly string[] | undefined;
  value?: ValueOf | undefined;
  of?: string | undefined;
  min?: number | undefined;
  absent?: number | undefined;
  forecast?: { reaches: number; within: number } | undefined;
  fire?: AlertThreshold | CheckLevel | undefined;
  clear?: AlertThreshold | undefined;
  for: number;
  keep: number;
  no_data: NoData;
  severity: Severity;
  summary?: string | undefined;
  labels: Readonly<Record<string, string>>;
}

type Refuse = (path: readonly (string | number)[], message: string) => void;

const LAST: ValueOf = { reduction: 'last', quantile: 0, over: null };
const HOUR = 3_600_000;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_.]*$/;
const OWN_LABELS = ['alertname', 'instance', 'severity'];

export function readRule(written: WrittenRule, refuse: Refuse): Rule {
  const { metric, log, check } = written;
  const sources = [metric, log, check].filter((one) => one !== undefined).length;
  if (sources !== 1) refuse([], 'needs one of metric, log and check');
  for (const label of Object.keys(written.labels)) {
    if (!LABEL.test(label)) refuse(['labels', label], 'is no label name: letters, digits and _');
    else if (OWN_LABELS.includes(label)) refuse(['labels', label], 'is set by the agent');
  }
  const kind = written.absent !== undefined ? 'absent' : written.forecast ? 'forecast' : 'threshold';
  const value = written.value ?? (log ? { reduction: 'count' as const, quantile: 0, over: null } : LAST);
  if (kind === 'forecast' && written.absent !== undefined) refuse(['forecast'], 'contradicts absent');
  if (kind !== 'threshold') checkWithoutFire(written, kind, refuse);
  if (log) checkLog(written, value, refuse);
  if (check !== undefined) checkCheck(written, refuse);
  const fire = fireOf(written, kind, refuse);
  const clear = written.clear ?? opposite(fire);
  if (written.clear && kind === 'threshold') {
    const wrong = wrongClear(fire, written.clear);
    if (wrong !== null) refuse(['clear'], wrong);
  }
  if (written.min !== undefined && written.of === undefined) refuse(['min'], 'is of no use without of');
  if (written.of !== undefined && value.reduction === 'change') refuse(['value'], 'change cannot be had of a ratio');
  const rule: Omit<Rule, 'hash'> = {
    name: written.name,
    ruleset: 'alerts',
    metric: log ? LINES_METRIC : check !== undefined ? CHECK_METRIC : (metric ?? ''),
    of: written.of ?? null,
    min: written.min ?? 0,
    where: log
      ? { [LINES_ATTRIBUTE]: written.name }
      : check !== undefined
        ? { ...written.where, [CHECK_ATTRIBUTE]: check }
        : written.where,
    by: log ? [] : (written.by ?? null),
    value: kind === 'forecast' && value.over === null ? { ...value, over: HOUR } : value,
    kind,
    absent: written.absent ?? 0,
    forecast: written.forecast ?? null,
    fire,
    clear,
    for: written.for,
    keep: written.keep,
    no_data: written.no_data,
    severity: written.severity,
    summary: written.summary ?? null,
    labels: written.labels,
    log: log ?? null,
    check: check ?? null,
  };
  return { ...rule, hash: hashOf(rule) };
}

/** What an evaluation needs of it. `interval`: of its source, milliseconds. */
export function conditionsOf(rule: Rule, interval: number): FiringConditions {
  return { ...rule, no_data_after: NO_DATA_WINDOWS * interval };
}

const NO_DATA_WINDOWS = 3;

function fireOf({ fire, check, forecast }: WrittenRule, kind: Rule['kind'], refuse: Refuse): AlertThreshold {
  const never: AlertThreshold = { operator: '>', threshold: Number.POSITIVE_INFINITY };
  // The value is 1 where it is so.
  if (kind === 'absent') return { operator: '>', threshold: 0 };
  // In so many seconds it is there.
  if (forecast) return { operator: '<=', threshold: forecast.within / 1000 };
  if (fire === undefined) {
    if (check !== undefined) return { operator: '>=', threshold: CHECK_LEVELS.warning };
    refuse([], "needs fire, for example fire: '> 0.9', or absent or forecast");
    return never;
  }
  if (typeof fire !== 'string') return fire;
  if (check === undefined)
    refuse(['fire'], `is ${fire}, which only a check is: write a comparison, for example '> 0.9'`);
  return { operator: '>=', threshold: CHECK_LEVELS[fire] };
}

function checkWithoutFire(written: WrittenRule, kind: 'absent' | 'forecast', refuse: Refuse): void {
  for (const key of ['fire', 'clear'] as const) {
    if (written[key] !== undefined) refuse([key], `is of no use with ${kind}`);
  }
  if (written.log) refuse([kind], 'cannot be had of lines: count them with value and fire');
  if (written.of !== undefined) refuse(['of'], `is of no use with ${kind}`);
  const words = ['last', 'avg', 'min', 'max'];
  if (kind === 'absent' && written.value) refuse(['value'], 'is of no use with absent');
  if (kind === 'forecast' && written.value && !words.includes(written.value.reduction)) {
    refuse(['value'], `must be one of ${words.join(', ')} with forecast`);
  }
}

function checkLog({ by, where, of }: WrittenRule, value: ValueOf, refuse: Refuse): void {
  if (by) refuse(['by'], 'is of no use with log: a metric step in process counts lines by fields');
  if (Object.keys(where).length > 0) refuse(['where'], 'is of no use with log: use match');
  if (of !== undefined) refuse(['of'], 'is of no use with log');
  if (!['count', 'sum', 'rate', 'change'].includes(value.reduction))
    refuse(['value'], 'must be count or rate with log');
}

function checkCheck({ value, of, clear }: WrittenRule, refuse: Refuse): void {
  if (value && !['last', 'min', 'max', 'avg'].includes(value.reduction))
    refuse(['value'], 'must be last, min, max or avg with check');
  if (of !== undefined) refuse(['of'], 'is of no use with check');
  if (clear && clear.operator === '==') refuse(['clear'], "must be a side, for example '< 1'");
}

function hashOf(rule: Omit<Rule, 'hash'>): string {
  const { summary: _, severity: __, labels, ruleset: ___, ...looks } = rule;
  // Labels tell alerts apart.
  const text = JSON.stringify({ ...looks, labels });
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
