/** What is said of steps that are written wrongly: its place, what is wrong, and what would be right. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type ConfigError, either } from '../../src/config/errors.ts';
import { loadConfig } from '../../src/options.ts';
import { VERBS } from '../../src/transforms/all.ts';
import { PRESETS } from '../../src/transforms/presets/all.ts';

const dir = mkdtempSync(join(tmpdir(), 'runnel-wrong-'));
after(() => rmSync(dir, { recursive: true }));
const file = join(dir, 'runnel.yaml');

/** All that is said of steps, each on a line of its own: `line:column`, from the first step on, then the message. */
async function saidOf(steps: readonly string[], input = 'encoding: json'): Promise<string[]> {
  const head = ['logs:', '- name: app', '  include: /var/log/app.log', `  ${input}`, '  process:'];
  writeFileSync(file, [...head, ...steps.map((step) => `  - ${step}`)].join('\n'));
  try {
    await loadConfig(file, { env: { SECRET: 'hunter2' } });
    return [];
  } catch (error) {
    return (error as ConfigError).faults.map(({ line, column, message }) => {
      return `${line - head.length}:${column} ${message.replace('logs[0].process', '')}`;
    });
  }
}

/** Each step by itself, with what is said of it. */
async function check(cases: readonly [step: string, said: string | null][]): Promise<void> {
  for (const [step, said] of cases) {
    assert.deepEqual((await saidOf([step])).join('\n') || null, said, step.slice(0, 200));
  }
}

const EMPTY = 'is empty: for a field that is not there write {exists: false}, for an empty text quotes';
const odd = (text: string) =>
  `is a number that is compared as it is written, and YAML reads ${text} as another: quote it`;
const ENVELOPE = 'which says where and when a record was read: no step has it';
const EXAMPLE = 'for example {line: {contains: kube-probe}}';

test('a step has one verb, and may have a condition', async () => {
  await check([
    ['{dropp: {line: x}}', '1:6 unknown key dropp in : did you mean drop?'],
    [
      '{drop: {line: x}, keep: {line: x}}',
      '1:5 [0] has drop and keep: make a step of each, in the order they are meant',
    ],
    [
      '{drop: {line: x}, when: {line: y}}',
      '1:29 [0].when is nothing for drop: write it into its condition, as in {drop: {line: ..., FIELD: ...}}',
    ],
    [
      'drop',
      '1:5 [0] is only "drop": write it with what it is to do, for example {drop: {line: {contains: kube-probe}}}',
    ],
    ['~', '1:5 [0] is empty'],
    ['${SECRET}', '1:5 [0] must be a preset: what ${...} put here is none, and is not shown'],
  ]);
  for (const step of ['{when: {line: y}}', '{}'])
    assert.match((await saidOf([step]))[0]!, /^1:5 \[0\] needs .*keep.*, for example/);
  assert.match((await saidOf(['nginxx']))[0]!, /^1:5 \[0\] is no preset: "nginxx"/);
  assert.match((await saidOf(['[drop]']))[0]!, /^1:5 \[0\] must be a map with .*drop.*, not a list$/);
});

test('a condition is what it can be', async () => {
  await check([
    ['{drop: x}', `1:12 [0].drop must be a condition, ${EXAMPLE}, not "x"`],
    ['{drop: []}', '1:12 [0].drop is an empty list: it would match nothing; leave the step out'],
    ['{drop: {}}', `1:12 [0].drop needs a field or line, ${EXAMPLE}`],
    ['{drop: {not: {}}}', `1:18 [0].drop.not needs a field or line, ${EXAMPLE}`],
    ['{keep: }', '1:6 [0].keep is empty'],
    ['{drop: {line: {contain: x}}}', '1:29 [0].drop.line.contain is no test of a line: did you mean contains?'],
    [
      '{drop: {line: {has: x}}}',
      '1:25 [0].drop.line.has is no test of a line: use contains, starts, ends, glob, matches or not',
    ],
    [
      '{drop: {line: {gt: 5}}}',
      '1:24 [0].drop.line.gt is a test of a field: of a line use contains, starts, ends, glob, matches or not',
    ],
    ['{drop: {line: {}}}', '1:19 [0].drop.line needs a test, for example {contains: kube-probe}'],
    [
      '{drop: {line: {contains: []}}}',
      '1:30 [0].drop.line.contains is an empty list: it would match nothing; leave the step out',
    ],
    ['{drop: {line: {contains: [a, {b: c}]}}}', '1:34 [0].drop.line.contains[1] must be a text'],
    ["{drop: {line: [a, '']}}", '1:23 [0].drop.line[1] is empty: every line holds nothing'],
    [
      '{drop: {line: {matches: (a*)*}}}',
      '1:29 [0].drop.line.matches repeats what may match nothing: let it match at least one character, and write * or ? behind it',
    ],
    [
      "{drop: {line: {matches: [a, 'b[']}}}",
      '1:36 [0].drop.line.matches[1] is no regular expression: unterminated character class',
    ],
    ['{drop: {line: ~}}', `1:19 [0].drop.line ${EMPTY}`],
    ['{drop: {line: [null]}}', `1:20 [0].drop.line[0] ${EMPTY}`],
    ['{drop: {line: }}', `1:19 [0].drop.line ${EMPTY}`],
    [
      '{drop: {status: 200}}',
      '1:21 [0].drop.status is a field, and no step before this one makes any: begin with one that parses',
    ],
    ['{drop: {log.file.path: /x}}', `1:28 [0].drop.log.file.path is of the envelope (log.file), ${ENVELOPE}`],
    ['{keep: [{not: {host.name: x}}]}', `1:31 [0].keep[0].not.host.name is of the envelope (host), ${ENVELOPE}`],
    ['{drop: {a..b: x}}', '1:19 [0].drop.a..b is no name of a field: an empty part stands beside a dot'],
    [
      '{drop: {http: {status: x}}}',
      '1:28 [0].drop.http.status is no test; a field within http is written http.status: did you mean starts?',
    ],
  ]);
});

test('a number that is no text as it stands must be quoted', async () => {
  await check([
    ['{drop: {line: 007}}', `1:19 [0].drop.line ${odd('007')}`],
    ['{drop: {line: [200, 2.50]}}', `1:25 [0].drop.line[1] ${odd('2.50')}`],
    ['{drop: {line: {contains: 0x10}}}', `1:30 [0].drop.line.contains ${odd('0x10')}`],
    ['{keep: {line: 1e3}}', `1:19 [0].keep.line ${odd('1e3')}`],
    ['{drop: {line: [\'1e3\', "007", 200, -1.5, 0, 12:30, 1.2.3, yes, true, 12345678901234567890]}}', null],
  ]);
});

test('what is too much is refused with how much may be', async () => {
  const many = Array.from({ length: 65 }, (_, i) => `word${i}`);
  const large = Array.from({ length: 16 }, (_, i) => `w${i}${'x'.repeat(250)}`);
  const tests = Array.from({ length: 33 }, (_, i) => `{line: w${i}}`);
  const step = '{drop: {line: x}}';
  await check([
    [
      `{drop: {line: {contains: ${'x'.repeat(257)}}}}`,
      '1:30 [0].drop.line.contains is 257 bytes long: at most 256; a part of it will do',
    ],
    [
      `{drop: {line: [${many}]}}`,
      '1:19 [0].drop.line has 65 texts: at most 64 in a list; make a second step of the rest',
    ],
    [
      `{drop: {line: [${large}]}}`,
      '1:19 [0].drop.line is 4038 bytes: at most 4000 in a list; make a second step of the rest',
    ],
    [
      `{drop: [${tests}]}`,
      '1:394 [0].drop[32].line is one test too many: at most 32 in a condition; put texts into one list',
    ],
  ]);
  assert.deepEqual(await saidOf([`{drop: {line: {matches: ${'x'.repeat(100_000)}}}}`]), [
    '1:29 [0].drop.line.matches is 100000 characters long: a pattern has at most 32768',
  ]);
  assert.deepEqual(await saidOf(Array(1000).fill(step)), []);
  assert.deepEqual(await saidOf(Array(1001).fill(step)), [
    '1001:5 [1000] is one step too many: at most 1000 of an input',
  ]);
});

test('what each verb needs is said', async () => {
  const json = (step: string, said: string) => [step, said] as const;
  const cases = [
    json('{grok: "%{X}"}', '6 unknown key grok in [1]: write {parse: {grok: PATTERN}}'),
    json('{mask: [card]}', '6 unknown key mask in [1]: write mask beside process: it comes before all steps'),
    json('{filter: {line: x}}', '6 unknown key filter in [1]: write keep, for what goes on, or drop'),
    json('{parse: jsn}', '13 [1].parse is no format: "jsn", did you mean json?'),
    json('{parse: []}', '13 [1].parse is an empty list: name a format'),
    json('{parse: [none, json]}', '14 [1].parse[0] takes any line: it must be the last of the list'),
    json("{parse: {regex: 'a(b'}}", '25 [1].parse[0].regex is no regular expression: unterminated group'),
    json(
      '{time: {field: ts, zone: Mars/Base}}',
      '30 [1].time.zone is no zone: use a name as Europe/Berlin or UTC, an offset as +02:00, or local',
    ),
    json(
      '{level: {field: a, map: {x: ERROR}}}',
      '33 [1].level.map.x must be a level in small letters, for example warning',
    ),
    json(
      '{sample: {limit: 100}}',
      '22 [1].sample.limit must be lines a second, from 1/s to 1000000/s, for example 100/s, not "100"',
    ),
    json(
      '{route: {by: t, topics: {}}}',
      '29 [1].route.topics is empty: all would stay where they are; leave the step out',
    ),
    json("{route: ''}", "13 [1].route must be 1 to 249 letters, digits, '.', '_' or '-', not \"\""),
    json('{rename: {}}', '14 [1].rename is empty: write for example {msg: message}'),
    json(
      '{rename: {b: c, a: b}}',
      '24 [1].rename.a comes to b, and b is renamed beside it: which comes first? Make two steps',
    ),
    json(
      '{rename: {a: b.x, b: c}}',
      '18 [1].rename.a comes to b.x, and b is renamed beside it: which comes first? Make two steps',
    ),
    json('{rename: {a: host.name}}', `18 [1].rename.a is of the envelope (host), ${ENVELOPE}`),
    json('{remove: []}', '14 [1].remove is an empty list: leave the step out'),
    json('{add: {a: [1]}}', '15 [1].add.a must be a text'),
    json('{metric: {name: x}}', '14 [1].metric needs one of count: true, sum: FIELD and histogram: FIELD'),
  ];
  for (const [step, said] of cases) assert.deepEqual(await saidOf(['{parse: json}', step]), [`2:${said}`], step);
});

test("a step makes no field where the envelope has an object, or a line's fields of its names stand", async () => {
  const said = async (...steps: string[]) => (await saidOf(steps)).join('\n');
  const object = (name: string) => `is an object of the envelope: name what is to be in it, as ${name}.NAME`;
  const apart = "is where a line's fields stand that have names of the envelope: use another name";
  const made = (name: string) => [
    `{add: {${name}: x}}`,
    `{rename: {a: ${name}}}`,
    `{set: {${name}: {from: a}}}`,
    `{parse: {json: {field: a, into: ${name}}}}`,
    `{parse: {logfmt: {field: a, into: ${name}}}}`,
    `{parse: {csv: {field: a, columns: [${name}]}}}`,
    `{parse: {regex: {field: a, pattern: '(?<${name}>x)'}}}`,
  ];
  for (const [name, why] of [
    ['log', object('log')],
    ['event', object('event')],
    ['event.created', 'is the time of reading, where a record has another: use another name'],
    ['conflict', apart],
    ['conflict.host', apart],
  ] as const) {
    for (const step of made(name)) assert.ok((await said('{parse: json}', step)).endsWith(why), `${step}: ${why}`);
  }
  // What a line has there may be read, and goes.
  for (const step of [
    '{parse: {json: {field: log}}}',
    '{rename: {log: x}}',
    '{remove: [event]}',
    '{drop: {event: x}}',
  ]) {
    assert.equal(await said('{parse: json}', step), '');
  }
});

test('steps that have no room are refused, with how much there is', async () => {
  const tests = (from: number) => Array.from({ length: 30 }, (_, i) => `{f${from + i}: {exists: true}}`);
  const keeps = [0, 30, 60].map((from) => `{keep: [${tests(from)}]}`);
  assert.deepEqual(await saidOf(['{parse: json}', ...keeps]), [
    '1:3  cannot be used: its steps name more than 64 fields: make them fewer',
  ]);
  const words = (k: number) => Array.from({ length: 64 }, (_, i) => `w${k}x${i}${'y'.repeat(40)}`);
  const large = Array.from({ length: 30 }, (_, k) => `{drop: {x: [${words(k)}]}}`);
  const [said] = await saidOf(['{parse: json}', ...large]);
  assert.match(said!, /^1:3 {2}cannot be used: its steps need \d+ KiB of tables more, and \d+ KiB are left: make them/);
});

test('fields are for records that have a place for them', async () => {
  const steps = ['{drop: {line: {contains: x}}}', '{parse: json}', '{drop: {level: debug}}'];
  assert.deepEqual(await saidOf(steps, 'encoding: raw'), [
    '2:5 [1] is about fields (parse), which encoding: raw has none of: use steps about line, or encoding: json',
  ]);
  assert.deepEqual(await saidOf([steps[0]!, '{keep: {line: {matches: ^a}}}'], 'encoding: raw'), []);
});

test('a field that no step makes is refused, with the one that is probably meant', async () => {
  const access = '{parse: combined}';
  const said = async (...steps: string[]) => (await saidOf(steps)).join('\n');
  assert.equal(
    await said(access, '{keep: {status: {gte: 500}}}'),
    '2:21 [1].keep.status is not there: combined has no status, did you mean http.response.status_code?',
  );
  assert.equal(
    await said(access, '{rename: {http.request.method: verb}}', '{drop: {http.request.method: GET}}'),
    '3:34 [2].drop.http.request.method is called verb since process[1]',
  );
  assert.equal(
    await said('{parse: json}', '{remove: [debug.*]}', '{drop: {debug.x: 1}}'),
    '3:22 [2].drop.debug.x was removed by process[1]',
  );
  assert.equal(
    await said('{level: severity}'),
    '1:13 [0].level is a field, and no step before this one makes any: begin with one that parses',
  );
  assert.equal(await said('{parse: json}', '{drop: {anything.at.all: 1}}'), '');
  assert.equal(
    await said('{parse: json}', '{time: ts}', '{time: ts2}'),
    '3:5 [2] is a second time: process[1] has one, and an input has one at most',
  );
});

test('all that is wrong is said, each at its place', async () => {
  assert.deepEqual(
    await saidOf(['{drop: {line: 0x1}}', '{keep: {line: x}}', '{keep: {line: {end: x}}, drop: {line: x}}', 'nothing']),
    [
      `1:19 [0].drop.line ${odd('0x1')}`,
      '3:5 [2] has keep and drop: make a step of each, in the order they are meant',
      `4:5 [3] is no preset: "nothing": it must be a map with ${either(VERBS.map(({ name }) => name))}, for example {drop: {line: {contains: kube-probe}}}; a preset is one of ${Object.keys(PRESETS).join(', ')}`,
    ],
  );
});

test('sample, route and metric say what they need', async () => {
  const one = 'needs one of count: true, sum: FIELD and histogram: FIELD';
  await check([
    [
      '{sample: 0}',
      '1:14 [0].sample must be a part of the lines, above 0 and at most 1: drop drops all; 0.1, {rate: 0.05, by: trace_id} or {limit: 100/s, by: user.name}',
    ],
    [
      '{sample: {rate: 0.5, limit: 5/s}}',
      '1:14 [0].sample needs only one of rate or limit: 0.1, {rate: 0.05, by: trace_id} or {limit: 100/s, by: user.name}',
    ],
    [
      '{sample: {limit: 5/m}}',
      '1:22 [0].sample.limit must be lines a second, from 1/s to 1000000/s, for example 100/s, not "5/m"',
    ],
    ['{sample: {rat: 0.5}}', '1:20 [0].sample.rat is not known: did you mean rate?'],
    ['{route: a b}', `1:13 [0].route must be 1 to 249 letters, digits, '.', '_' or '-', not "a b"`],
    ['{route: {by: tenant}}', '1:13 [0].route needs by and topics, as in {by: tenant, topics: {acme: logs.acme}}'],
    [
      '{metric: {count: true}}',
      '1:14 [0].metric needs name, as in {name: http.server.requests, count: true, by: [http.response.status_code]}',
    ],
    ['{metric: {name: x}}', `1:14 [0].metric ${one}`],
    ['{metric: {name: x, count: false}}', '1:31 [0].metric.count must be true: each line counts one'],
    ['{metric: {name: x, count: true, max_series: 0}}', '1:49 [0].metric.max_series must be from 1 to 10000'],
    ['{metric: {name: x, histogram: [a]}}', '1:35 [0].metric.histogram must be a text'],
  ]);
});
