/** Conditions: which lines they hold for, and what is said where one is written wrongly. */
// Slow: runs a program.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { Account } from '../../src/core/account.ts';
import { Batch } from '../../src/core/batch.ts';
import { Pool } from '../../src/core/pool.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { processList, stepsOf } from '../../src/transforms/process.ts';
import { makeHome, runnel } from '../support/agent.ts';

const pool = new Pool(8 << 20);
const kernel = new Kernel(pool.memory);
const share = pool.share('test');
const slot = await pool.take(share, 'batch');
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
  const batch = new Batch(slot, share, stream);
  batch.used = slot.bytes.write(lines.map((line) => `${line}\n`).join(''));
  batch.count = kernel.findLines(slot, slot.bytesAt, slot.bytesAt + batch.used, slot.bytesAt, 0);
  for (const step of stepsOf(v.parse(processList(), process), kernel)!) step.apply(batch);
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
});

test('steps come one after the other', () => {
  assert.deepEqual(left([{ keep: { line: { contains: '200' } } }, { drop: { line: { starts: 'get' } } }]), [
    'GET /health 200',
    'GET / 200',
  ]);
  assert.deepEqual(left([{ drop: { line: { contains: ' ' } } }, { drop: { line: 'kube-probe' } }]), ['']);
});

test('what is written wrongly is said with its place and what would be right', async () => {
  await using home = await makeHome();
  const long = 'x'.repeat(257);
  const many = Array.from({ length: 65 }, (_, i) => `word ${i}`);
  const large = Array.from({ length: 16 }, (_, i) => `${i}${'x'.repeat(254)}`);
  const tests = Array.from({ length: 33 }, (_, i) => ({ line: `${i}` }));
  const wrong: [object, RegExp][] = [
    [{ dropp: { line: 'x' } }, /unknown key dropp in logs\[0\].process: did you mean drop\?/],
    [{ drop: { line: 'x' }, keep: { line: 'x' } }, /\[1\] has drop and keep: make a step of each/],
    [{ drop: { line: { contain: 'x' } } }, /\[2\].drop.line.contain is no test of a line: did you mean contains\?/],
    [{ drop: { status: 200 } }, /\[3\].drop.status is not known: a condition is about line/],
    [{ drop: { line: { contains: [] } } }, /\[4\].drop.line.contains is an empty list/],
    [{ drop: { line: { contains: ['a', ''] } } }, /\[5\].drop.line.contains\[1\] is empty: every line holds nothing/],
    [{ keep: null }, /\[6\].keep is empty/],
    [{ keep: 'x' }, /\[7\].keep must be a condition, for example \{line: \{contains: kube-probe\}\}, not "x"/],
    [{}, /\[8\] needs keep or drop, for example/],
    [{ drop: { line: { contains: [null] } } }, /\[9\].drop.line.contains\[0\] is empty/],
    [{ drop: { line: { contains: long } } }, /\[10\].drop.line.contains is 257 bytes long: at most 256/],
    [{ drop: { line: many } }, /\[11\].drop.line has 65 texts: at most 64 in a list; make a second step of the rest/],
    [{ drop: { line: large } }, /\[12\].drop.line is 40\d\d bytes: at most 4000 in a list/],
    [{ drop: tests }, /\[13\].drop\[32\].line is one test too many: at most 32 in a condition/],
    [{ drop: { line: { contains: { a: 'b' } } } }, /\[14\].drop.line.contains must be a text/],
  ];
  const logs = [{ name: 'app', include: home.path('*.log'), process: wrong.map(([step]) => step) }];
  const config = await home.configure({ logs });
  const { code, stderr: err } = await runnel('validate', '-c', config);
  assert.equal(code, 2);
  const said = err.trim().split('\n');
  for (const [i, [, message]] of wrong.entries()) assert.match(said[i] ?? '', message);
  assert.equal(said.length, wrong.length, err);
  for (const line of said) assert.match(line, /^\/.*runnel\.yaml:\d+:\d+: /);
});
