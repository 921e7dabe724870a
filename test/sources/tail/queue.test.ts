/** Whose turn it is: live files each in turn, the backlog oldest first, and the two alternate. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Queue, type Queued } from '../../../src/sources/tail/queue.ts';

interface Named extends Queued {
  name: string;
}

const NOW = 1_000_000;
const live = (name: string): Named => ({ name, written: NOW - 100, queued: null });
const old = (name: string, age: number): Named => ({ name, written: NOW - 10_000 - age, queued: null });

function queueOf(...files: Named[]): Queue<Named> {
  const queue = new Queue<Named>();
  for (const file of files) queue.add(file, NOW);
  return queue;
}

function takeAll(queue: Queue<Named>): string {
  let names = '';
  for (let file = queue.take(); file; file = queue.take()) names += file.name;
  return names;
}

test('live files take turns; one that is added twice has one turn', () => {
  const [a, b, c] = [live('a'), live('b'), live('c')];
  const queue = queueOf(a, b, c, a);
  const first = queue.take();
  assert.equal(first, a);
  queue.add(a, NOW);
  assert.equal(takeAll(queue), 'bca');
  assert.equal(queue.take(), undefined);
});

test('the backlog is read oldest first, and a file of it that has more to read comes next again', () => {
  const queue = queueOf(old('a', 3), old('b', 9), old('c', 1), old('d', 7), old('e', 5));
  const first = queue.take()!;
  assert.equal(first.name, 'b');
  queue.add(first, NOW);
  assert.equal(takeAll(queue), 'bdeac');
});

test('live files and the backlog alternate, so neither starves', () => {
  const queue = queueOf(live('a'), live('b'), live('c'), old('1', 2), old('2', 1));
  assert.equal(takeAll(queue), 'a1b2c');
});

test('a backlog file that is written to does not wait behind the backlog any more', () => {
  const files = Array.from({ length: 100 }, (_, i) => old(`(${i})`, i));
  const queue = queueOf(...files);
  const written = files[0]!;
  written.written = NOW;
  queue.add(written, NOW);
  assert.equal(queue.take(), written);
  const rest = takeAll(queue);
  assert.ok(!rest.includes('(0)'), 'it had its turn');
  assert.ok(rest.startsWith('(99)(98)'));
});

test('any number of files come out, each once, the backlog in its order', () => {
  const random = (seed: number) => (seed * 7919) % 10_007;
  const files = Array.from({ length: 10_000 }, (_, i) => (i % 3 === 0 ? live(`${i}`) : old(`${i}`, random(i))));
  const queue = queueOf(...files);
  const taken: Named[] = [];
  for (let file = queue.take(); file; file = queue.take()) taken.push(file);
  assert.equal(new Set(taken).size, files.length);
  const backlog = taken.filter((file) => file.written < NOW - 10_000).map((file) => file.written);
  assert.deepEqual(
    backlog,
    [...backlog].sort((a, b) => a - b),
  );
});

test('what is announced as upcoming is in the queue', () => {
  const queue = queueOf(live('a'), live('b'), old('1', 5), old('2', 3), old('3', 1));
  assert.deepEqual([...queue.upcoming(2)].map((file) => file.name).sort(), ['1', '2', 'a', 'b']);
  queue.take();
  queue.take();
  assert.deepEqual([...queue.upcoming(9)].map((file) => file.name).sort(), ['2', '3', 'b']);
});
