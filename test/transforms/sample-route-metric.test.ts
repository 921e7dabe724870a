/** `sample`, `route` and `metric`: which lines go on, where they go, and what is counted of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account } from '../../src/core/account.ts';
import { Batch, type Stream } from '../../src/core/batch.ts';
import { configFrom } from '../../src/options.ts';
import { Buckets } from '../../src/transforms/buckets.ts';
import { type Processing, processingOf } from '../../src/transforms/process.ts';
import { recordsOf } from '../support/output.ts';
import { kernel, pool } from '../support/processed.ts';

const share = pool.share('sample');
const [slot, fields] = await pool.takeAll(share, 'batch', 2);

function processing(...process: object[]): Processing {
  const { logs } = configFrom({ logs: [{ name: 'app', include: ['/a.log'], topic: 'logs', process }] }, {});
  return processingOf(logs[0]!.process, kernel, 'logs')!;
}

interface Left {
  text: string;
  offset: number;
  topic: string;
}

/** What is left of lines that begin at `from` of the file with this id, and where it goes. */
function pass(made: Processing, lines: readonly string[], from = 0, id = 'a'): Left[] {
  const plan = made.fields;
  const stream = {
    name: `/${id}.log`,
    id,
    topic: 'logs',
    key: 'h',
    account: new Account('logs.app'),
    replayable: true,
  };
  const batch = new Batch(slot!, share, stream as unknown as Stream, plan ? fields : null);
  const used = slot!.bytes.write(lines.map((line) => `${line}\n`).join(''));
  batch.count = kernel.findLines(slot!, slot!.bytesAt, slot!.bytesAt + used, slot!.bytesAt, 0);
  Object.assign(batch, { from, end: from + used, used, time: 1, weight: batch.count });
  for (const step of made.steps) step.apply(batch);
  return [...recordsOf(batch)].map(({ text, offset }, i) => {
    return { text, offset, topic: made.topics[batch.routes?.[i] ?? 0]! };
  });
}

const texts = (left: readonly Left[]) => left.map(({ text }) => text);
const LINES = Array.from({ length: 4000 }, (_, i) => `line ${i}`);
const offsetOf = (line: number) => LINES.slice(0, line).reduce((sum, text) => sum + text.length + 1, 0);

test('a rate takes its part of the lines, by file and offset alone: whatever they are read with', () => {
  const made = processing({ sample: '0.1' });
  const all = texts(pass(made, LINES));
  assert.ok(all.length > 320 && all.length < 480, `${all.length} of 4000`);
  const again: string[] = [];
  for (let at = 0; at < LINES.length; ) {
    const count = 1 + ((at * 7) % 97);
    again.push(...texts(pass(made, LINES.slice(at, at + count), offsetOf(at))));
    at += count;
  }
  assert.deepEqual(again, all);
  assert.deepEqual(texts(pass(processing({ sample: { rate: '0.1' } }), LINES)), all, 'also by another process');
  const other = new Set(texts(pass(made, LINES, 0, 'b')));
  const both = all.filter((line) => other.has(line)).length;
  assert.ok(both < all.length / 4, `another file has others: ${both} are the same`);
  assert.equal(pass(processing({ sample: '1' }), LINES).length, LINES.length);
  const far = pass(processing({ sample: '0.5' }), LINES, 2 ** 40);
  assert.ok(far.length > 1800 && far.length < 2200, `${far.length} of 4000 beyond 1 TiB`);
});

test('by a field all lines of a value are taken or none, in all files; those without it count for themselves', () => {
  const made = processing({ parse: 'json' }, { sample: { rate: '0.3', by: 'trace' } });
  const lines = Array.from({ length: 2000 }, (_, i) => `{"trace":"t${i % 200}","n":${i}}`);
  const taken = new Set(texts(pass(made, lines)).map((line) => JSON.parse(line).trace));
  assert.ok(taken.size > 35 && taken.size < 90, `${taken.size} of 200 values`);
  for (const [from, id] of [
    [5000, 'a'],
    [0, 'b'],
  ] as const) {
    const left = texts(pass(made, lines, from, id));
    assert.deepEqual(
      left,
      lines.filter((line) => taken.has(JSON.parse(line).trace)),
    );
  }
  const without = texts(
    pass(
      made,
      lines.map((_, i) => `{"n":${i}}`),
    ),
  );
  assert.ok(without.length > 480 && without.length < 720, `${without.length} of 2000`);
  assert.equal(texts(pass(made, LINES.slice(0, 50))).length, 50, 'what could not be parsed is left alone');
  const escaped = texts(pass(made, ['{"trace":"\\u0041"}', '{"trace":"A"}']));
  assert.ok(escaped.length !== 1, 'a value is what it says, however it is written');
});

test('when: only those it is for are sampled', () => {
  const made = processing({ sample: '0.000001', when: { line: { contains: 'debug' } } });
  assert.deepEqual(texts(pass(made, ['a', 'b debug', 'c', 'd debug'])), ['a', 'c']);
});

test('a limit is so many a second of each key, and the keys are bounded', () => {
  const buckets = new Buckets(10);
  const taken = (key: string, now: number) => {
    let count = 0;
    while (buckets.take(key, 1, now)) count++;
    return count;
  };
  assert.equal(taken('a', 0), 10);
  assert.equal(taken('a', 0), 0);
  assert.equal(taken('b', 0), 10);
  assert.equal(taken('a', 500), 5);
  assert.equal(taken('a', 100_000), 10, 'what was not used is not kept');
  for (let i = 0; i < 50_000; i++) buckets.take(`k${i}`, 1, 100_000);
  assert.ok(buckets.keys <= 10_000);
  assert.equal(taken('one more', 100_000), 0, 'those beyond share one');
  assert.equal(taken('one more', 102_000), 10, 'who is not asked for any more goes');
  const made = processing({ sample: { limit: '20/s' } });
  const left = pass(made, LINES).length;
  assert.ok(left >= 20 && left < 100, `${left} at once`);
});

test('route moves a line, the last that applies wins, and it travels with the line', () => {
  const made = processing(
    { route: 'errors', when: { line: { contains: 'ERROR' } } },
    { drop: { line: { contains: 'noise' } } },
    { route: 'audit', when: { line: { contains: 'AUDIT' } } },
    { route: 'logs', when: { line: { contains: 'back' } } },
  );
  assert.deepEqual(made.topics, ['logs', 'errors', 'audit']);
  const left = pass(made, ['x', 'ERROR', 'noise', 'noise ERROR', 'ERROR AUDIT', 'AUDIT', 'ERROR back', 'y']);
  assert.deepEqual(
    left.map(({ text, topic }) => `${topic}: ${text}`),
    ['logs: x', 'errors: ERROR', 'audit: ERROR AUDIT', 'audit: AUDIT', 'logs: ERROR back', 'logs: y'],
  );
});

test('route by a field’s value: one that is not listed stays; what cannot be parsed goes where on_failure says', () => {
  const made = processing(
    { parse: { json: { on_failure: 'unparsed' } } },
    { route: { by: 'tenant', topics: { acme: 'logs.acme', '7': 'logs.seven', true: 'logs.true' } } },
  );
  assert.deepEqual(made.topics, ['logs', 'unparsed', 'logs.seven', 'logs.acme', 'logs.true']);
  const lines = [
    '{"tenant":"acme"}',
    '{"tenant":"\\u0061cme"}',
    '{"tenant":7}',
    '{"tenant":true}',
    '{"tenant":"x"}',
    '{}',
    'plain',
  ];
  assert.deepEqual(
    pass(made, lines).map(({ topic }) => topic),
    ['logs.acme', 'logs.acme', 'logs.seven', 'logs.true', 'logs', 'logs', 'unparsed'],
  );
});

/** The documents of what was counted, without what is the same for all. */
function told({ tallies, steps }: Processing): object[] {
  for (const step of steps) step.counted()?.(true);
  return tallies.flatMap((tally) => {
    tally.close();
    const all = tally.documents({ host: 'h', dataset: 'app', labels: {} }, { start: 0, end: 10_000, id: 'w' }, [
      ['p50', 0.5],
    ]);
    return [...all].map(({ document, lines }) => {
      const { name, type, value, count, sum, min, max, unit, attributes } = JSON.parse(document);
      return JSON.parse(JSON.stringify({ name, type, value, count, sum, min, max, unit, attributes, lines }));
    });
  });
}

test('metric counts lines, adds up fields and makes histograms of them, by labels', () => {
  const made = processing(
    { metric: { name: 'lines', count: 'true' } },
    { parse: 'json' },
    { metric: { name: 'requests', count: 'true', by: ['status', 'method'] } },
    { metric: { name: 'bytes', sum: 'bytes', unit: 'By' }, when: { method: 'GET' } },
    { metric: { name: 'duration', histogram: 'ms', unit: 'ms' } },
    { drop: { method: 'PUT' } },
  );
  const lines = [
    '{"status":200,"method":"GET","bytes":10,"ms":1.5}',
    '{"status":200,"method":"GET","bytes":"20","ms":2.5}',
    '{"status":500,"method":"PUT","bytes":1000,"ms":"x"}',
    '{"status":200,"ms":4}',
    'no json',
  ];
  assert.equal(pass(made, lines).length, 4, 'what is dropped later was counted');
  assert.deepEqual(told(made), [
    { name: 'lines', type: 'sum', value: 5, unit: '1', attributes: {}, lines: 5 },
    { name: 'requests', type: 'sum', value: 2, unit: '1', attributes: { method: 'GET', status: '200' }, lines: 2 },
    { name: 'requests', type: 'sum', value: 1, unit: '1', attributes: { method: 'PUT', status: '500' }, lines: 1 },
    { name: 'requests', type: 'sum', value: 1, unit: '1', attributes: { status: '200' }, lines: 1 },
    { name: 'bytes', type: 'sum', value: 30, unit: 'By', attributes: {}, lines: 2 },
    { name: 'duration', type: 'histogram', count: 3, sum: 8, min: 1.5, max: 4, unit: 'ms', attributes: {}, lines: 3 },
  ]);
  assert.equal(made.steps[4]!.failed, 1, 'x is no number');
  assert.deepEqual(told(made), [], 'a window begins with nothing');
  pass(made, lines);
  for (const step of made.steps) step.counted()?.(false);
  assert.deepEqual(told(made), [], 'a batch that is refused counts for nothing');
});

test('lines of any labels are counted as if each were looked at alone', () => {
  const labels = [
    undefined,
    '',
    'a',
    'GET',
    'sevenxx',
    'eight888',
    'Ж',
    'a"b',
    'x'.repeat(40),
    200,
    -1.5,
    true,
    null,
    'true',
  ];
  let state = 3;
  const one = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return labels[Math.floor((state / 2 ** 32) * labels.length)];
  };
  const records = Array.from({ length: 4000 }, (_, i) => ({
    k: one(),
    m: one(),
    n: i % 300,
    o: i % 7 ? 'y' : undefined,
  }));
  const bys = [['k'], ['k', 'm'], ['m', 'k', 'o'], ['n'], ['n', 'k']];
  const steps = bys.map((by, i) => ({ metric: { name: `m${i}`, count: 'true', by, max_series: '10000' } }));
  const some = { metric: { name: 'some', count: 'true', by: ['k'] }, when: { o: 'y' } };
  const made = processing({ parse: 'json' }, ...steps, some);
  const expected = new Map<string, number>();
  const count = (name: string, by: string[], record: Record<string, unknown>) => {
    const attributes = by.flatMap((key) => (record[key] === undefined ? [] : [[key, String(record[key])]]));
    const series = JSON.stringify([name, attributes.sort()]);
    expected.set(series, (expected.get(series) ?? 0) + 1);
  };
  for (const record of records) {
    for (const [i, by] of bys.entries()) count(`m${i}`, by, record);
    if (record.o === 'y') count('some', ['k'], record);
  }
  for (let i = 0; i < records.length; i += 500) {
    pass(
      made,
      records.slice(i, i + 500).map((record) => JSON.stringify(record)),
    );
  }
  const found = new Map<string, number>();
  for (const { name, attributes, value } of told(made) as { name: string; attributes: object; value: number }[]) {
    found.set(JSON.stringify([name, Object.entries(attributes).sort()]), value);
  }
  assert.deepEqual(new Map([...found].sort()), new Map([...expected].sort()));
});

test('beyond max_series a metric’s lines count in one series', () => {
  const made = processing({ parse: 'json' }, { metric: { name: 'n', count: 'true', by: ['k'], max_series: '3' } });
  pass(
    made,
    Array.from({ length: 100 }, (_, i) => `{"k":"${i}"}`),
  );
  const all = told(made) as { value: number; attributes: object }[];
  assert.equal(all.length, 4);
  assert.deepEqual(all.at(-1), {
    name: 'n',
    type: 'sum',
    value: 97,
    unit: '1',
    attributes: { 'runnel.overflow': 'true' },
    lines: 97,
  });
});
