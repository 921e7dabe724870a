// Slow: files have to be silent for as long as options say.
import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { MULTILINE, TRUNCATED } from '../../src/core/batch.ts';
import { descriptors } from '../../src/sources/tail/file/descriptors.ts';
import type { TailOptions } from '../../src/sources/tail/tail.ts';
import { Bench } from '../support/tail.ts';
import { until } from '../support/until.ts';

type Rules = Partial<NonNullable<TailOptions['input']['multiline']>>;

function rules(options: Rules): { multiline: Required<TailOptions['input']>['multiline'] } {
  const defaults = { start: undefined, continue: undefined, end: undefined };
  return { multiline: { ...defaults, max_lines: 500, max_bytes: 262_144, timeout: 600_000, ...options } };
}

/** The records that a file of this text becomes, when it has been silent. */
function check(what: string, options: Rules, text: string, expected: string[], max_line = 262_144): void {
  test(what, async (t) => {
    const bench = new Bench(t);
    writeFileSync(bench.path('a.log'), text);
    const out = await bench.start({ ...rules({ timeout: 200, ...options }), max_line });
    await out.count(expected.length);
    assert.deepEqual(out.texts(), expected);
    let end = 0;
    for (const line of out.lines) {
      assert.equal(line.offset, end, 'no gap');
      end += line.length;
      assert.equal((line.flags & MULTILINE) !== 0, line.text.includes('\n'), line.text);
    }
    assert.equal(end, text.length);
  });
}

const JAVA = [
  '2026-01-01 12:00:00 ERROR failed',
  'java.lang.IllegalStateException: no',
  '\tat com.acme.A.a(A.java:1)',
  '\t... 3 more',
  'Caused by: java.io.IOException: x',
  '\tat com.acme.B.b(B.java:2)',
].join('\n');
const PYTHON = 'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n    f()\nValueError: bad';
const GO = 'panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/a/main.go:5 +0x20\nexit status 2';
const NODE = 'Error: no\n    at f (/a/b.js:1:2)\n    at node:internal/main:1:1 {\n  code: 1\n}';

check('a Java trace, by start', { start: '^\\d{4}-' }, `2026 no\n${JAVA}\n2026-01-01 next\n${JAVA}\n`, [
  '2026 no',
  JAVA,
  '2026-01-01 next',
  JAVA,
]);
check('a Java trace, by continue', { continue: '^(\\s|Caused by:|[a-z.]+[A-Z])' }, `a\n${JAVA}\nb\n`, ['a', JAVA, 'b']);
check(
  'a Python trace: start, continue and end',
  { start: '^Traceback', continue: '^\\s|^\\w+Error', end: '^\\w+Error' },
  `x\n${PYTHON}\ny\n${PYTHON}\n`,
  ['x', PYTHON, 'y', PYTHON],
);
check('a Go panic, by start and end', { start: '^panic:', end: '^exit status' }, `a\n${GO}\nb\nc\n`, [
  'a',
  GO,
  'b',
  'c',
]);
check('a Node trace, by continue', { continue: '^[\\s}]' }, `${NODE}\nnext\n${NODE}\n`, [NODE, 'next', NODE]);
check('end alone: everything up to it', { end: ';$' }, 'select\n 1;\nx;\na\nb\n', ['select\n 1;', 'x;', 'a\nb']);
check('what begins nothing is joined with its like where there is only start', { start: '^#' }, 'a\nb\n#1\nc\n#2\n', [
  'a\nb',
  '#1\nc',
  '#2',
]);
check('with continue it is a record of its own', { start: '^#', continue: '^ ' }, 'a\nb\n#1\n c\nd\n e\n', [
  'a',
  'b',
  '#1\n c',
  'd',
  ' e',
]);
check('max_lines ends a group', { start: '^#', max_lines: 3 }, '#1\na\nb\nc\nd\n#2\n', ['#1\na\nb', 'c\nd', '#2']);
check(
  'max_bytes ends a group before it is exceeded',
  { start: '^#', max_bytes: 256 },
  `#1\n${'a'.repeat(253)}\n#2\n${'a'.repeat(254)}\n`,
  [`#1\n${'a'.repeat(253)}`, '#2', 'a'.repeat(254)],
);
check('CRLF becomes LF between lines', { start: '^#' }, '#1\r\na\r\nb\r\n#2\r\n\r\nc\n', ['#1\na\nb', '#2\n\nc']);
check('empty lines belong to a group', { start: '^#' }, '\n#1\n\n\na\n\n#2\n', ['', '#1\n\n\na\n', '#2']);
check(
  'a line longer than max_line is a record of its own',
  { start: '^#' },
  `#1\n${'a'.repeat(300)}\nb\n`,
  ['#1', 'a'.repeat(256), 'b'],
  256,
);

test('the last group goes out when the file was silent; what follows begins anew', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '#1\na\n');
  const out = await bench.start(rules({ start: '^#', timeout: 300 }));
  await out.count(1);
  appendFileSync(bench.path('a.log'), 'b\n#2\n');
  await out.count(3);
  assert.deepEqual(out.texts(), ['#1\na', 'b', '#2']);
  assert.equal(bench.source.files()[0]!.lag_bytes, 0);
});

test('a group that is written line by line stays open, and is one record', async (t) => {
  const bench = new Bench(t);
  const out = await bench.start(rules({ start: '^#' }));
  const lines = ['#1', ...Array.from({ length: 100 }, (_, i) => `line ${i}`)];
  for (const line of lines) {
    appendFileSync(bench.path('a.log'), `${line.slice(0, 3)}`);
    await setTimeout(1);
    appendFileSync(bench.path('a.log'), `${line.slice(3)}\n`);
  }
  await setTimeout(500);
  assert.deepEqual(out.texts(), []);
  appendFileSync(bench.path('a.log'), '#2\n');
  await out.count(1);
  assert.deepEqual(out.texts(), [lines.join('\n')]);
});

test('a large group that grows bit by bit is one record', async (t) => {
  const bench = new Bench(t);
  const out = await bench.start(rules({ start: '^#', max_lines: 8000 }));
  let text = '#1';
  appendFileSync(bench.path('a.log'), '#1\n');
  for (let i = 0; i < 200; i++) {
    const line = `${i} ${'x'.repeat(1000)}`;
    appendFileSync(bench.path('a.log'), `${line}\n`);
    text += `\n${line}`;
    if (i % 10 === 0) await setTimeout(2);
  }
  appendFileSync(bench.path('a.log'), '#2\n');
  await out.count(1);
  assert.ok(out.texts()[0] === text);
});

test('groups over reads and batches, larger than a read and full tables: every byte once', async (t) => {
  const bench = new Bench(t);
  const groups: string[] = [];
  let size = 0;
  for (let i = 0; size < 6_000_000; i++) {
    const lines = Array.from(
      { length: 1 + ((i * 7919) % 60) },
      (_, n) => ' '.repeat(1) + 'y'.repeat((i * 31 + n * 17) % [3, 90, 2000][i % 3]!),
    );
    groups.push([`#${i}`, ...lines].join('\n'));
    size += groups.at(-1)!.length + 1;
  }
  groups.push(`#big\n${`${'z'.repeat(99_999)}\n`.repeat(8)}end`);
  groups.push('#last');
  writeFileSync(bench.path('a.log'), `${groups.join('\n')}\n`);
  const out = await bench.start(rules({ start: '^#', max_bytes: 900_000, timeout: 300 }));
  await out.count(groups.length);
  assert.equal(out.lines.length, groups.length);
  for (const [i, text] of out.texts().entries()) assert.ok(text === groups[i], `group ${i}`);
  const last = out.lines.at(-1)!;
  assert.equal(last.offset + last.length, size + 800_000 + 9 + '#last\n'.length);
});

test('stopped while a group is open: after the start it comes once, and whole', async (t) => {
  const bench = new Bench(t);
  const options = rules({ start: '^#' });
  writeFileSync(bench.path('a.log'), '#1\na\n#2\nb\n');
  const out = await bench.start(options);
  await out.count(1);
  await setTimeout(100);
  await bench.stop();
  appendFileSync(bench.path('a.log'), 'c\n');
  await bench.start(options, false);
  await setTimeout(300);
  await bench.stop();
  appendFileSync(bench.path('a.log'), 'd\n#3\n');
  await bench.start(options, false);
  await out.count(2);
  await bench.stop();
  assert.deepEqual(out.texts(), ['#1\na', '#2\nb\nc\nd']);
  assert.deepEqual([out.lines[1]!.offset, out.lines[1]!.length], [5, 9]);
});

test('a line that is much longer than a read ends a group and is cut', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), `#1\na\n${'x'.repeat(3_000_000)}\nb\n#2\n`);
  const out = await bench.start(rules({ start: '^#' }));
  await out.count(3);
  assert.deepEqual(
    out.lines.map((l) => [l.text.length, l.length, l.flags]),
    [
      [4, 5, MULTILINE],
      [262_144, 3_000_001, TRUNCATED],
      [1, 2, 0],
    ],
  );
});

test('over a rotation the group goes on in the new file: one record, of the old file', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '#1\na\n#2\nb\n');
  const out = await bench.start(rules({ start: '^#' }));
  out.gaps = true;
  await out.count(1);
  renameSync(bench.path('a.log'), bench.path('a.old'));
  writeFileSync(bench.path('a.log'), '');
  await setTimeout(50);
  appendFileSync(bench.path('a.log'), 'c\nd\n');
  await setTimeout(50);
  appendFileSync(bench.path('a.log'), '#3\ne\n#4\n');
  await out.count(3);
  assert.deepEqual(out.texts(), ['#1\na', '#2\nb\nc\nd', '#3\ne']);
  const [, joined, next] = out.lines;
  assert.deepEqual([joined!.offset, joined!.length, joined!.flags], [5, 5, MULTILINE]);
  assert.deepEqual([next!.offset, next!.length, next!.skipped], [4, 5, 4]);
  assert.notEqual(joined!.id, next!.id);
  // Nothing of it comes again.
  await bench.stop();
  await bench.start(rules({ start: '^#' }), false);
  await setTimeout(300);
  assert.equal(out.lines.length, 3);
});

test('over a rotation by copytruncate, too', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), `#0\n${'x'.repeat(300)}\n#1\na\n`);
  const out = await bench.start(rules({ start: '^#' }));
  out.gaps = true;
  await out.count(1);
  copyFileSync(bench.path('a.log'), bench.path('a.old'));
  truncateSync(bench.path('a.log'));
  appendFileSync(bench.path('a.log'), 'b\n#2\nc\n#3\n');
  await out.count(3);
  assert.deepEqual(out.texts().slice(1), ['#1\na\nb', '#2\nc']);
});

test('over a rotation of a file that was held, for it may have been a copy, too', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.1.log'), '#same\na\n#other\n');
  const out = await bench.start(rules({ start: '^#' }));
  out.gaps = true;
  await out.count(1);
  writeFileSync(bench.path('a.log'), '#same\n');
  await until('it is found', () => bench.source.files_total === 2);
  await setTimeout(50);
  renameSync(bench.path('a.log'), bench.path('a.old'));
  writeFileSync(bench.path('a.log'), 'c\n#2\n#3\n');
  await out.count(3);
  assert.deepEqual(out.texts(), ['#same\na', '#same\nc', '#2']);
});

test('over a rotation while descriptors are scarce, too', async (t) => {
  const scarce = descriptors as { limit: number };
  const { limit } = scarce;
  t.after(() => {
    scarce.limit = limit;
  });
  scarce.limit = 2;
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '#1\na\n#2\n');
  const out = await bench.start({ ...rules({ start: '^#' }), rotate_wait: 600_000 });
  out.gaps = true;
  await out.count(1);
  renameSync(bench.path('a.log'), bench.path('a.old'));
  writeFileSync(bench.path('a.log'), '');
  await setTimeout(100);
  for (const name of ['b.log', 'c.log']) {
    writeFileSync(bench.path(name), `#${name}\n#end\n`);
    await until('it is read', () => out.texts().includes(`#${name}`));
  }
  appendFileSync(bench.path('a.log'), 'b\n#3\n#4\n');
  await out.count(5);
  assert.deepEqual(out.texts(bench.path('a.log')), ['#1\na', '#2\nb', '#3']);
});

test('a group that does not go on in the new file ends with the old one', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '#1\na\n');
  const out = await bench.start(rules({ start: '^#' }));
  await until('it is read', () => bench.source.files_total === 1 && bench.source.files()[0]!.size === 5);
  renameSync(bench.path('a.log'), bench.path('a.old'));
  writeFileSync(bench.path('a.log'), '#2\nb\n#3\n');
  await out.count(2);
  assert.deepEqual(out.texts(), ['#1\na', '#2\nb']);
});

test('where the new file stays empty or is not there, silence decides', async (t) => {
  for (const empty of [true, false]) {
    const bench = new Bench(t);
    writeFileSync(bench.path('a.log'), '#1\na\n');
    const out = await bench.start({ ...rules({ start: '^#', timeout: 300 }) });
    await until('it is read', () => bench.source.files()[0]?.size === 5);
    if (empty) {
      renameSync(bench.path('a.log'), bench.path('a.old'));
      writeFileSync(bench.path('a.log'), '');
    } else rmSync(bench.path('a.log'));
    await out.count(1);
    assert.deepEqual(out.texts(), ['#1\na']);
    await bench.stop();
  }
});

test('a pattern that explodes does not stop the agent', async (t) => {
  const bench = new Bench(t);
  const line = `${'a'.repeat(3000)}!`;
  writeFileSync(bench.path('a.log'), `${`${line}\n`.repeat(200)}b\n`);
  const out = await bench.start(rules({ start: '^(a+)+$', max_lines: 100, timeout: 300 }));
  await out.count(3);
  assert.equal(out.lines.length, 3);
});

test('rotated again and again in the midst of groups, at full speed: every group whole, once, in order', async (t) => {
  const bench = new Bench(t);
  const out = await bench.start(rules({ start: '^#', timeout: 60_000 }));
  out.gaps = true;
  let seed = 11;
  const below = (limit: number) => {
    seed = (seed * 48271) % 2147483647;
    return seed % limit;
  };
  const groups = ['#first', '#second'];
  appendFileSync(bench.path('a.log'), `${groups.join('\n')}\n`);
  await out.count(1);
  let turn = 0;
  let rotated = false;
  let since = 0;
  for (let i = 0; i < 3000; i++) {
    const lines = [`#${i}`, ...Array.from({ length: below(8) }, (_, n) => `${n} ${'x'.repeat(below(100))}`)];
    groups.push(lines.join('\n'));
    for (const line of lines) {
      appendFileSync(bench.path('a.log'), `${line}\n`);
      // A file that comes and goes within a moment may never be seen.
      if (rotated) await setTimeout(5 + below(30));
      rotated = false;
      // A group over more than two files ends where nothing comes any more in the second.
      if (++since < 20 || below(100) !== 0) continue;
      since = 0;
      // Nothing is written to the old file after the new one is there, as a writer does that rotates its own file.
      renameSync(bench.path('a.log'), bench.path(`a.${turn++}`));
      rotated = true;
    }
    if (below(20) === 0) await setTimeout(1);
  }
  appendFileSync(bench.path('a.log'), '#end\n');
  await until('all groups', () => out.lines.length >= groups.length, 60_000);
  assert.ok(turn > 50);
  assert.deepEqual(out.texts(), groups);
});
