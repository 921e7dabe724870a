/** Conditions: which lines they hold for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { Account } from '../../src/core/account.ts';
import { Batch } from '../../src/core/batch.ts';
import { Pool, type Slot } from '../../src/core/pool.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { processingOf, processList } from '../../src/transforms/process.ts';

const pool = new Pool(16 << 20);
const kernel = new Kernel(pool.memory, pool.arenas);
const share = pool.share('test');
const [slot, fields] = (await pool.takeAll(share, 'batch', 2)) as [Slot, Slot];
const stream = {
  name: 'a.log',
  topic: 'test',
  key: 'web-1',
  account: new Account('logs.app'),
  envelope: () => assert.fail(),
  replayable: true,
};

const LINES = ['', 'GET /health 200', 'GET / 200', 'POST / 500', 'kube-probe', 'get / 200'];

/** The lines that these steps leave. */
function left(process: object[], lines: readonly string[] = LINES): string[] {
  const batch = new Batch(slot, share, stream, fields);
  batch.used = slot.bytes.write(lines.map((line) => `${line}\n`).join(''));
  batch.count = kernel.findLines(slot, slot.bytesAt, slot.bytesAt + batch.used, slot.bytesAt, 0);
  const { steps, close } = processingOf(v.parse(processList(), process), kernel, 't')!;
  for (const step of steps) step.apply(batch);
  close();
  return Array.from({ length: batch.count }, (_, i) =>
    slot.bytes.toString('utf8', slot.starts[i]! - slot.bytesAt, slot.ends[i]! - slot.bytesAt),
  );
}

const keeps = (condition: unknown, expected: string[]) => {
  assert.deepEqual(left([{ keep: condition }]), expected, JSON.stringify(condition));
  assert.deepEqual(left([{ drop: { not: condition } }]), expected);
  const others = LINES.filter((line) => !expected.includes(line));
  assert.deepEqual(left([{ drop: condition }]), others);
  assert.deepEqual(left([{ keep: { not: condition } }]), others);
};

const JSON_LINES = [
  '{"n":1,"level":"error","http":{"status":500},"ok":true}',
  '{"n":2,"level":"info","http.status":200,"text":"a\\nb \\"quoted\\""}',
  '{"n":3,"level":"","http":{"status":"404"},"ok":false}',
  '{"n":4,"none":null,"text":"größer","list":[1,2]}',
  '{"n":5,"http":{"status":200},"big":9007199254740993}',
];
const BROKEN = '{"n":6,"level":"error"';

/** The numbers of the records for which it holds. What is no JSON passes in any case. */
const holdsFor = (condition: object, ...expected: number[]) => {
  const lines = [...JSON_LINES.slice(0, 3), BROKEN, ...JSON_LINES.slice(3)];
  const others = JSON_LINES.map((_, i) => i + 1).filter((n) => !expected.includes(n));
  const numbers = (step: object) => {
    const kept = left([{ parse: 'json' }, step], lines);
    assert.ok(kept.includes(BROKEN));
    return kept.filter((line) => line !== BROKEN).map((line) => JSON.parse(line).n as number);
  };
  assert.deepEqual(numbers({ keep: condition }), expected, JSON.stringify(condition));
  assert.deepEqual(numbers({ drop: { not: condition } }), expected);
  assert.deepEqual(numbers({ drop: condition }), others);
  assert.deepEqual(numbers({ keep: { not: condition } }), others);
};

test('a condition holds for the records whose fields are as it says', () => {
  holdsFor({ level: 'error' }, 1);
  holdsFor({ level: ['error', 'info'] }, 1, 2);
  holdsFor({ level: '' }, 3);
  holdsFor({ 'http.status': 200 }, 2, 5);
  holdsFor({ 'http.status': ['404', 500] }, 1, 3);
  holdsFor({ 'http.status': { gte: 404 } }, 1, 3);
  holdsFor({ 'http.status': { gt: 200, lt: 500 } }, 3);
  holdsFor({ big: { gt: '9007199254740992' } }, 5);
  holdsFor({ n: { lte: 2.5 } }, 1, 2);
  holdsFor({ ok: true }, 1);
  holdsFor({ ok: 'false' }, 3);
  holdsFor({ ok: { exists: true } }, 1, 3);
  holdsFor({ ok: { exists: false } }, 2, 4, 5);
  holdsFor({ none: { exists: true } }, 4);
  holdsFor({ level: { not: 'error' } }, 2, 3, 4, 5);
  holdsFor({ text: { contains: '\nb "q' } }, 2);
  holdsFor({ text: { starts: 'größ' } }, 4);
  holdsFor({ text: { ends: ['"', 'x'] } }, 2);
  holdsFor({ text: { matches: '^a\\sb' } }, 2);
  holdsFor({ text: { glob: 'gr??er' } }, 4);
  holdsFor({ list: { contains: '2' } }, 4);
  holdsFor({ level: 'info', 'http.status': 200 }, 2);
  holdsFor([{ level: 'error' }, { n: { gte: 4 } }], 1, 4, 5);
  holdsFor({ level: { exists: true }, not: [{ n: 1 }, { n: 2 }] }, 3);
  holdsFor({ nowhere: { contains: 'x' } });
});

test('a condition on the line holds for lines that are no JSON, too', () => {
  assert.deepEqual(left([{ parse: 'json' }, { keep: { line: { contains: '"n":6' } } }], [...JSON_LINES, BROKEN]), [
    BROKEN,
  ]);
});

test('a step with a condition leaves the other records as they are, and what could not be parsed', () => {
  const lines = [...JSON_LINES, BROKEN];
  const upTo = (n: number) => ({ keep: { n: { lt: n } } });
  assert.deepEqual(
    left([{ parse: 'json', when: { line: { contains: '"level"' } } }, { drop: { n: { gt: 0 } } }], lines),
    [...JSON_LINES.slice(3), BROKEN],
  );
  assert.deepEqual(left([{ parse: 'json' }, upTo(3)], lines), [...JSON_LINES.slice(0, 2), BROKEN]);
});

test('a condition holds for the lines that it should hold for', () => {
  keeps({ line: { contains: '200' } }, ['GET /health 200', 'GET / 200', 'get / 200']);
  keeps({ line: { contains: ['health', 'probe'] } }, ['GET /health 200', 'kube-probe']);
  keeps({ line: { starts: ['GET', 'POST'] } }, ['GET /health 200', 'GET / 200', 'POST / 500']);
  keeps({ line: { ends: 'probe' } }, ['kube-probe']);
  keeps({ line: 'kube-probe' }, ['kube-probe']);
  keeps({ line: ['kube-prob', 'GET / 200'] }, ['GET / 200']);
  keeps({ line: { starts: 'GET', ends: '200', not: { contains: 'health' } } }, ['GET / 200']);
  keeps([{ line: { starts: 'GET' } }, { line: { ends: '500' } }], ['GET /health 200', 'GET / 200', 'POST / 500']);
  keeps({ line: { starts: 'GET' }, not: { line: { contains: 'health' } } }, ['GET / 200']);
  keeps({ line: { contains: 'nowhere' } }, []);
  keeps({ line: { matches: '^(GET|POST) ' } }, ['GET /health 200', 'GET / 200', 'POST / 500']);
  keeps({ line: { matches: ['health', 'probe$'] } }, ['GET /health 200', 'kube-probe']);
  keeps({ line: { matches: '(?i)^get', not: { matches: 'h.*h' } } }, ['GET / 200', 'get / 200']);
  keeps({ line: { glob: 'GET *00' } }, ['GET /health 200', 'GET / 200']);
  keeps({ line: { glob: ['*prob?', 'P* / ???'] } }, ['POST / 500', 'kube-probe']);
  keeps({ line: { glob: 'GET' } }, []);
});

test('steps come one after the other', () => {
  assert.deepEqual(left([{ keep: { line: { contains: '200' } } }, { drop: { line: { starts: 'get' } } }]), [
    'GET /health 200',
    'GET / 200',
  ]);
  assert.deepEqual(left([{ drop: { line: { contains: ' ' } } }, { drop: { line: 'kube-probe' } }]), ['']);
});
