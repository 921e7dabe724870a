/** Conditions: which lines they hold for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { Account } from '../../src/core/account.ts';
import { Batch } from '../../src/core/batch.ts';
import { Pool } from '../../src/core/pool.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { processingOf, processList } from '../../src/transforms/process.ts';

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
  for (const step of processingOf(v.parse(processList(), process), kernel)!.steps) step.apply(batch);
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
