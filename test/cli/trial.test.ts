/** What `explain log` says of each step. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trial } from '../../src/cli/trial.ts';
import { configFrom } from '../../src/options.ts';
import { made, run } from '../support/processed.ts';

const PATH = '/var/log/app.log';
const process = [
  { parse: 'json' },
  { time: 'ts' },
  { level: 'severity' },
  { drop: { 'log.level': 'debug' } },
  { keep: { line: { contains: '{' } } },
  { level: { field: 'other' }, when: { status: { gte: 500 } } },
];

async function outcomeOf(line: string, input: object = { process }) {
  const config = configFrom({ host: 'web-1', logs: [{ name: 'app', include: [PATH], ...input }] });
  const [told] = await trial(config, config.logs[0]!, PATH, [line]);
  assert.ok(typeof told === 'object');
  return told;
}

test('of each step it is said what became of the record, and which fields it has then', async () => {
  const line = '{"ts":"2026-01-02T03:04:05Z","severity":"WARN","msg":"x","status":200}';
  const { steps, value, topic, key } = await outcomeOf(line);
  const [parse, time, level] = steps;
  assert.deepEqual([topic, key], ['runnel.logs', 'web-1']);
  assert.deepEqual(
    steps.map(({ step, verb, result }) => `${step} ${verb} ${result}`),
    ['1 parse ok', '2 time ok', '3 level ok', '4 drop ok', '5 keep ok', '6 level skipped'],
  );
  assert.deepEqual(parse!.fields, { ts: '2026-01-02T03:04:05Z', severity: 'WARN', msg: 'x', status: 200 });
  const { '@timestamp': at, event, ...rest } = time!.fields;
  assert.deepEqual(
    [at, Object.keys(event as object), rest],
    ['2026-01-02T03:04:05.000Z', ['created'], { severity: 'WARN', msg: 'x', status: 200 }],
  );
  assert.deepEqual(level!.fields.log, { level: 'warn' });
  assert.deepEqual((value as { log: object }).log, {
    level: 'warn',
    file: { path: PATH, id: '<file identity>' },
    offset: 0,
    length: line.length + 1,
  });
});

test('what failed, what was dropped, and what a step is not for', async () => {
  const resultsOf = async (line: string) => (await outcomeOf(line)).steps.map(({ result }) => result);
  assert.deepEqual(await resultsOf('{"severity":"DEBUG"}'), ['ok', 'ok', 'ok', 'dropped', 'skipped', 'skipped']);
  assert.deepEqual(await resultsOf('{"ts":"soon","status":500,"other":"E"}'), ['ok', 'failed', 'ok', 'ok', 'ok', 'ok']);
  assert.deepEqual(await resultsOf('{"broken'), ['failed', 'skipped', 'skipped', 'skipped', 'ok', 'skipped']);
  const dropped = await outcomeOf('{"severity":"DEBUG"}');
  assert.deepEqual([dropped.value, dropped.steps[3]!.fields, dropped.steps[5]!.fields], [null, {}, {}]);
  const broken = await outcomeOf('{"broken');
  assert.deepEqual(broken.steps[0]!.fields, { message: '{"broken', error: { type: 'parse' } });
});

test('a raw record has no fields', async () => {
  const { steps, value } = await outcomeOf('a line', {
    encoding: 'raw',
    process: [{ keep: { line: { matches: '^a' } } }],
  });
  assert.deepEqual([steps, value], [[{ step: 1, verb: 'keep', result: 'ok', fields: {} }], 'a line']);
});

test('what is too much for one read is said', async () => {
  const config = configFrom({ logs: [{ name: 'app', include: [PATH] }] });
  assert.match((await trial(config, config.logs[0]!, PATH, ['x'.repeat(600_000)])) as string, /more than 512 KiB/);
  assert.match((await trial(config, config.logs[0]!, PATH, Array(1001).fill('x'))) as string, /more than 1000 lines/);
});

test('what is masked is in nothing that is said of a line', async () => {
  const mask = ['card', 'email', 'password'];
  const steps = [
    { parse: ['json', 'logfmt'] },
    { level: 'level' },
    { drop: { line: { contains: 'gone' } } },
    { parse: { regex: { pattern: 'x(?<x>.)', field: 'message' } } },
  ];
  const lines = [
    '{"level":"INFO","card":4111111111111111,"message":"for \\u0061lice@example.com"}',
    '{"password":"hunter2","mail":"alice@example.com"',
    'password=hunter2 card=4111-1111-1111-1111',
    'gone alice@example.com token: "hunter2',
    '{"level":"alice@example.com"}',
  ];
  for (const line of lines) {
    const said = JSON.stringify(await outcomeOf(line, { mask, process: steps }));
    assert.doesNotMatch(said, /411111111111|4111-1111|alice|hunter2/);
    assert.match(said, /\*{5}/);
  }
});

test('lines that are tried become what they become when they are read', async () => {
  const lines = [
    '10.0.0.1 - - [21/Sep/2026:14:13:20 +0000] "GET /a HTTP/1.1" 200 512 "-" "curl/8.5.0"',
    '{"level":"WARN","ts":"2026-01-02T03:04:05Z","msg":"a \\"b\\"","a.b":1,"a":{"c":[1]},"host":"x","n":1.50}',
    'level=warn ts=2026-01-02T03:04:05Z msg="a b" n=1 flag',
    '{"a":1,"a":2,"text":"\\ud800","log":{"x":1},"event":7}',
    '{"broken',
    '',
    'a \u00e9 \u0001 plain one',
    `{"long":"${'x'.repeat(40_000)}"}`,
    `{${Array.from({ length: 300 }, (_, i) => `"k${i}":${i}`).join()}}`,
  ];
  const edits = [
    { time: 'ts' },
    { level: 'level' },
    { rename: { msg: 'message' } },
    { remove: 'a.*' },
    { add: { seen: 'yes' } },
  ];
  const programs = [
    [{ parse: ['json', 'logfmt', 'none'] }, ...edits],
    [{ parse: { json: { keep_message: 'true' } } }, ...edits, { drop: { line: { contains: 'broken' } } }],
    ['apache'],
    [{ parse: { json: { into: 'app' } } }, { set: { 'app.n': { number: 'true' } } }],
  ];
  for (const steps of programs) {
    const config = configFrom({
      host: 'web-1',
      tags: { env: 'prod' },
      logs: [{ name: 'app', include: [PATH], process: steps }],
    });
    const tried = await trial(config, config.logs[0]!, PATH, lines);
    assert.ok(typeof tried === 'object');
    const values = tried.map(({ value }) => value).filter((value) => value !== null);
    assert.deepEqual(
      values.map(bare),
      textsOf(steps, lines).map((text) => bare(JSON.parse(text))),
    );
  }
});

/** As the pipeline makes them. */
function textsOf(steps: unknown[], lines: readonly string[]): string[] {
  const all = made(steps);
  try {
    return run(all, lines).texts;
  } finally {
    all.close();
  }
}

/** Without what says when it was read, and from which file. */
// biome-ignore lint/suspicious/noExplicitAny: a document
function bare({ '@timestamp': at, event, log, ...rest }: any): object {
  const { created: _, ...said } = event;
  const { file: __, ...where } = log;
  return { ...rest, at: event.created ? at : null, event: said, log: where };
}
