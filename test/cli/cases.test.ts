/** `runnel test` and `runnel presets`: what is right, what is said where something is not, and how they end. */
// Slow: runs programs.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { difference, holdsAll, matchOf } from '../../src/cli/matching.ts';
import type { TrialRecord } from '../../src/cli/trial.ts';
import { flowOf } from '../../src/config/flow.ts';
import { PRESETS } from '../../src/transforms/presets/all.ts';
import { makeHome, runnel } from '../support/agent.ts';

test('a record is right when it holds what is expected', () => {
  const record = { message: 'x', log: { level: 'error', offset: 0 }, 'a.b': 1, list: [1, { c: 2 }], none: null };
  const right: unknown[] = [
    {},
    { message: 'x' },
    { 'log.level': 'error' },
    { log: { level: 'error' } },
    { 'a.b': 1, list: [1, { c: 2 }] },
    { other: null, none: null, 'log.other': null },
  ];
  const wrong: [unknown, string][] = [
    [{ message: 'y' }, 'value.message is "x", expected "y"'],
    [{ 'a.b': '1' }, 'value.a.b is 1, expected "1"'],
    [{ log: { level: 'error', x: 1 } }, 'value.log.x is not there, expected 1'],
    [{ list: [1] }, 'value.list is [1,{"c":2}], expected [1]'],
    [{ message: null }, 'value.message is "x", expected none'],
    [{ message: { a: 1 } }, 'value.message is "x", expected {"a":1}'],
  ];
  for (const expected of right)
    assert.deepEqual([holdsAll(record, expected), difference(record, expected)], [true, null]);
  for (const [expected, said] of wrong) {
    assert.deepEqual([holdsAll(record, expected), difference(record, expected)], [false, said]);
  }
});

test('as many records are matched as can be, in any order', () => {
  const told = (topic: string, value: object) => ({ topic, value }) as TrialRecord;
  const records = [told('a', { x: 1, y: 1 }), told('a', { x: 1 }), told('b', { x: 1 })];
  const all = [{ value: { x: 1 } }, { topic: 'b', value: { x: 1 } }, { value: { y: 1 } }];
  assert.deepEqual(matchOf(all, records), { missing: [], unexpected: [] });
  assert.deepEqual(matchOf([{ topic: 'c', value: {} }, ...all], records).missing, [{ topic: 'c', value: {} }]);
  assert.deepEqual(matchOf(all.slice(1), records).unexpected, [records[1]]);
});

test('cases that are right end with 0, others with 1, and are explained', async () => {
  await using home = await makeHome();
  const logs = [
    { name: 'app', include: '/var/log/app.log', process: [{ drop: { line: { contains: 'probe' } } }] },
    { name: 'raw', include: '/var/log/raw.log', encoding: 'raw' },
  ];
  const config = await home.configure({ logs });
  const run = async (cases: string, ...args: string[]) => {
    writeFileSync(home.path('cases.yaml'), cases);
    const { code, stdout, stderr } = await runnel('test', home.path('cases.yaml'), '-c', config, ...args);
    return [code, stdout, stderr.replaceAll(`${home.dir}/`, '')] as const;
  };
  const right = `
- input: app
  lines: ['a line', kube-probe, '']
  expect:
  - {topic: runnel.logs, value: {message: a line, log.offset: 0, log: {file.path: /var/log/app.log}, nothing: ~}}
  - {value: {message: '', log.skipped: 11}}
- {path: /var/log/raw.log, lines: ['200'], expect: [{value: 200}]}
- {input: app, lines: [probe, 'another probe'], expect: []}
`;
  const wrong = '- {input: app, lines: [x], expect: [{value: {message: y}}]}\n- {input: ap, lines: [x], expect: []}\n';
  assert.deepEqual(await run(right), [0, `${home.path('cases.yaml')}: 3 cases, all right\n`, '']);
  const [code, said] = await run(right + wrong);
  assert.equal(code, 1);
  assert.match(said, /case 4: failed\n {2}missing .*\n {2}unexpected .*\n {2}value.message is "x", expected "y"\n/);
  assert.match(said, /case 5: there is no input ap: did you mean app\?\n.*: 5 cases, 2 failed\n/);
  const [, json] = await run(right + wrong, '--json');
  const results = JSON.parse(json);
  assert.deepEqual(results[0], { case: 1, ok: true, missing: [], unexpected: [] });
  assert.deepEqual([results[3].case, results[3].ok, results[3].missing], [4, false, [{ value: { message: 'y' } }]]);
  assert.deepEqual([results[3].unexpected[0].topic, results[3].unexpected[0].value.message], ['runnel.logs', 'x']);
  assert.deepEqual(await run('- {lines: [{"a":1}], input: app, expects: []}\n- {lines: [x], input: app}\n'), [
    2,
    '',
    'cases.yaml:1:12: [0].lines[0] must be a single value (text in quotes), not a map\n' +
      'cases.yaml:1:34: unknown key expects: did you mean expect?\n',
  ]);
  assert.deepEqual(await run('- {lines: [x], input: app}\n'), [
    2,
    '',
    'cases.yaml:1:3: [0] needs expect: the records that come of its lines, [] where all are dropped\n',
  ]);
});

test('steps are printed as YAML reads them', () => {
  const steps = [
    ...Object.values(PRESETS).flatMap(({ steps }) => steps),
    { add: { a: "it's", b: '5', c: 'true', d: '', e: 'a\nb' } },
    [1.5, true],
  ];
  for (const step of steps) assert.deepEqual(parse(flowOf(step)), step);
});

test('presets are listed, and printed as steps', async () => {
  const { code, stdout } = await runnel('presets', '--json');
  assert.equal(code, 0);
  for (const { name, about, steps } of JSON.parse(stdout)) {
    assert.match(name, /^[a-z][a-z0-9-]+$/);
    assert.ok(about.length > 5 && steps.length > 0, name);
  }
  const printed = await runnel('presets', 'nginx');
  assert.deepEqual(parse(printed.stdout).process, PRESETS.nginx!.steps);
  const none = await runnel('presets', 'no-such-preset');
  assert.deepEqual([none.code, none.stdout], [2, '']);
  assert.match(none.stderr, /there is no preset no-such-preset/);
});
