/**
 * Rules against series in virtual time, for `runnel alerts test`.
 *
 *   - interval: 10s
 *     series:
 *       - {metric: system.filesystem.utilization, attributes: {system.filesystem.mountpoint: /var}, values: "0.5x6 0.95x20 _x3"}
 *     restart_at: [2m]
 *     expect:
 *       - {at: 1m30s, rule: disk-full, state: firing, labels: {system.filesystem.mountpoint: /var}}
 *
 * MetricPoint i lies at i x interval; `_` is none, `0.5x6` six times the same.
 */
import { keyOf } from '../aggregate/bins.ts';
import { Engine } from './engine.ts';
import type { Instance } from './instance.ts';
import type { State } from './machine.ts';
import { gaugePoint, type MetricPoint } from './point.ts';
import { LINES_ATTRIBUTE, LINES_METRIC, type Rule } from './rule.ts';
import { labelsOf } from './words.ts';

export interface Series {
  metric: string;
  attributes: Readonly<Record<string, string>>;
  type: 'gauge' | 'sum' | 'histogram';
  /** Null: no point. */
  values: readonly (number | null)[];
}

export interface Expectation {
  /** Milliseconds since the first point. */
  at: number;
  rule: string;
  state: State;
  labels: Readonly<Record<string, string>>;
}

export interface Rehearsal {
  interval: number;
  series: readonly Series[];
  restart_at: readonly number[];
  expect: readonly Expectation[];
}

export interface Failure {
  expected: Expectation;
  /** What there is of the rule then. */
  found: { state: State; labels: Record<string, string> }[];
}

const SOURCE = 'test';
const STATES: readonly State[] = ['ok', 'pending', 'firing', 'no_data'];

/** What did not come as expected. */
export function rehearse(rules: readonly Rule[], { interval, series, restart_at, expect }: Rehearsal): Failure[] {
  const failures: Failure[] = [];
  const last = Math.max(
    0,
    ...expect.map(({ at }) => at),
    ...series.map(({ values }) => (values.length - 1) * interval),
  );
  let engine = new Engine(rules);
  for (let i = 0; i * interval <= last; i++) {
    const now = i * interval;
    if (restart_at.some((at) => at > now - interval && at <= now)) engine = restarted(rules, engine);
    engine.window(
      SOURCE,
      interval,
      now,
      series.flatMap((one) => pointAt(one, i)),
    );
    engine.tick(now, interval);
    // What is expected between two evaluations is as it was at the first of them.
    for (const expected of expect.filter(({ at }) => at >= now && at < now + interval)) {
      const found = [...engine.notOk()]
        .filter(({ rule }) => rule.name === expected.rule)
        .map((instance) => ({ state: instance.state, labels: labelsOf(instance) }));
      if (!isMet(expected, found)) failures.push({ expected, found });
    }
  }
  return failures;
}

export function isState(text: string): text is State {
  return STATES.includes(text as State);
}

/** `0.5x6 0.95x20 _x3`; a text: what is wrong. */
export function readValues(written: string): (number | null)[] | string {
  const values: (number | null)[] = [];
  for (const word of written.trim().split(/\s+/)) {
    const [, value, times] = /^(_|[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(?:x(\d{1,6}))?$/i.exec(word) ?? [];
    if (value === undefined) return `${word} is no value: write for example 0.5x6 0.95 _x3`;
    for (let i = 0; i < Number(times ?? 1); i++) values.push(value === '_' ? null : Number(value));
    if (values.length > MOST_VALUES) return `are more than ${MOST_VALUES}`;
  }
  return values;
}

const MOST_VALUES = 1_000_000;

function pointAt({ metric, attributes, type, values }: Series, i: number): MetricPoint[] {
  const value = values[i];
  // Of a histogram each is a sample.
  const bins = value != null && type === 'histogram' ? new Map([[keyOf(value), 1]]) : null;
  return value == null ? [] : [{ ...gaugePoint(metric, attributes, value), type, bins }];
}

function isMet({ state, labels }: Expectation, found: readonly Failure['found'][number][]): boolean {
  const these = found.filter((one) => Object.entries(labels).every(([name, value]) => one.labels[name] === value));
  return state === 'ok' ? these.length === 0 : these.some((one) => one.state === state);
}

/** As a restart of the agent: what is written down goes on, nothing else. */
function restarted(rules: readonly Rule[], engine: Engine): Engine {
  const next = new Engine(rules);
  for (const instance of engine.notOk() as Iterable<Instance>) next.restore(instance.saved(null));
  return next;
}

/** The series that stands for lines which a log rule counts. */
export function linesSeries(rule: string): Pick<Series, 'metric' | 'attributes' | 'type'> {
  return { metric: LINES_METRIC, attributes: { [LINES_ATTRIBUTE]: rule }, type: 'sum' };
}
