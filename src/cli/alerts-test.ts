/** `runnel alerts test FILE`: rules of a configuration against series, in virtual time. */
import { type Failure, type Rehearsal, readValues, rehearse, type Series } from '../alerts/rehearsal.ts';
import { LINES_METRIC, type Rule } from '../alerts/rule.ts';
import { loadDocument } from '../config/document.ts';
import { ConfigError, type Fault, nearest } from '../config/errors.ts';
import { dictionary, leaf, list, listOrOne, option, optional, required, section, Wrong } from '../config/option.ts';
import { duration, oneOf, text } from '../config/types.ts';
import { count } from '../core/units.ts';
import { type ConfigChoice, configFor } from './locate.ts';
import { complain, print, printJson } from './output.ts';

const values = leaf({ label: 'values', json: {}, example: '0.5x6 0.95x20 _x3' }, (written) => {
  const read = readValues(written);
  if (typeof read === 'string') throw new Wrong(read);
  return read;
});

const schema = listOrOne(
  section({
    interval: option(duration({ min: '1s' }), '10s', 'Point i lies at i times this.'),
    series: required(
      list(
        section({
          metric: optional(text('metric name'), 'What it is called.'),
          lines: optional(text('rule'), 'Or the lines that the rule of this name counts.'),
          attributes: option(dictionary(text()), {}, 'Its attributes.'),
          type: option(
            oneOf('gauge', 'sum', 'histogram'),
            'gauge',
            'sum: what was counted in each interval; histogram: a sample each.',
          ),
          values: required(values, 'One a point, `_` none, `0.5x6` six times.'),
        }),
      ),
      'What is measured.',
    ),
    restart_at: option(list(duration()), [], 'The agent is started again.'),
    expect: required(
      list(
        section({
          at: required(duration(), 'When, since the first point.'),
          rule: required(text('rule'), 'The rule.'),
          state: required(oneOf('ok', 'pending', 'firing', 'no_data'), 'Its state.'),
          labels: option(dictionary(text()), {}, 'Of the instances with these labels.'),
        }),
      ),
      'What is so then.',
    ),
  }),
);

interface Result {
  test: number;
  ok: boolean;
  failures: Failure[];
}

/** Exit 0 where all is as expected, 1 where not, 2 where a file cannot be used. */
export async function alertsTest(file: string, choice: ConfigChoice & { json?: boolean }): Promise<number> {
  const config = await configFor(choice);
  if (config === null) return 2;
  const { rules } = config.alerts;
  let tests: Rehearsal[];
  try {
    tests = await load(file, rules);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    complain(error.message);
    return 2;
  }
  const results = tests.map((one, i): Result => {
    const failures = rehearse(rules, one);
    return { test: i + 1, ok: failures.length === 0, failures };
  });
  const wrong = results.filter(({ ok }) => !ok);
  if (choice.json)
    printJson(
      `${JSON.stringify(results.map(({ failures, ...rest }) => ({ ...rest, failures: failures.map(shown) })))}\n`,
    );
  else {
    for (const { test, failures } of wrong)
      for (const failure of failures) print(`test ${test}: ${sentence(failure)}\n`);
    print(
      `${file}: ${count(results.length, 'test')}, ${wrong.length === 0 ? 'all right' : `${wrong.length} failed`}\n`,
    );
  }
  return wrong.length === 0 ? 0 : 1;
}

async function load(file: string, rules: readonly Rule[]): Promise<Rehearsal[]> {
  const { values: tests, says } = await loadDocument(file, schema);
  const faults: Fault[] = [];
  const names = rules.map(({ name }) => name);
  const read = tests.map(({ series, expect, ...rest }, i) => {
    for (const [j, { rule }] of expect.entries()) {
      if (names.includes(rule)) continue;
      const near = nearest(rule, names);
      faults.push(
        says(
          [i, 'expect', j, 'rule'],
          `is ${rule}, and there is none in the configuration${near ? `: did you mean ${near}?` : ''}`,
        ),
      );
    }
    const all = series.map(({ metric, lines, ...one }, j): Series => {
      if ((metric === undefined) === (lines === undefined))
        faults.push(says([i, 'series', j], 'needs one of metric and lines'));
      if (lines !== undefined) return { ...one, metric: LINES_METRIC, attributes: { rule: lines }, type: 'sum' };
      return { ...one, metric: metric ?? '' };
    });
    return { ...rest, expect, series: all };
  });
  if (faults.length > 0) throw new ConfigError(faults);
  return read;
}

function shown({ expected, found }: Failure) {
  const { at, rule, state, labels } = expected;
  return { at: `${at / 1000}s`, rule, expected: { state, labels }, found };
}

function sentence({ expected, found }: Failure): string {
  const { at, rule, state, labels } = expected;
  const of = Object.keys(labels).length === 0 ? '' : ` of ${JSON.stringify(labels)}`;
  const is = found.map((one) => `${one.state} ${JSON.stringify(one.labels)}`).join(', ') || 'ok';
  return `at ${at / 1000}s, ${rule}: expected ${state}${of}, found ${is}`;
}
