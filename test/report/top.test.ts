import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columns, fitEnd, fitStart } from '../../src/report/columns.ts';
import { LastMinute } from '../../src/report/last-minute.ts';
import type { Status } from '../../src/report/shape.ts';
import { filesIn, frame, inputsIn } from '../../src/report/top.ts';
import { TopState } from '../../src/report/top-state.ts';
import { statusOf } from '../support/status.ts';

const WIDE = { width: 160, height: 50 };

/** Many files, and names and errors from outside. */
function busy(): Status {
  const status = statusOf({ ready: false, reasons: Array.from({ length: 9 }, (_, i) => `reason ${i} \u001b[2J`) });
  const [file] = status.logs[0]!.files;
  status.logs[0]!.files = Array.from({ length: 300 }, (_, i) => ({
    ...file!,
    id: `${i}`,
    path: `/var/log/${'deep/'.repeat(i % 40)}日本語-${i}\u001b]0;title\u0007\u202e.log`,
    lag_bytes: i * 1000,
    error: i % 3 === 0 ? `EIO: \u009b31m ${'long '.repeat(i % 30)}` : null,
  }));
  status.logs[0]!.files_total = 1000;
  status.topics = Array.from({ length: 40 }, (_, partition) => ({
    ...status.topics[0]!,
    partition,
    error: 'no\nleader',
  }));
  return status;
}

test('a frame fits every screen, and nothing of it is a control character', () => {
  const status = busy();
  for (let width = 1; width <= 200; width += 7) {
    for (let height = 1; height <= 60; height += 3) {
      const lines = frame(status, status, { width, height }, { notice: 'no agent answers\r\n', state: new TopState() });
      assert.ok(lines.length <= height, `${lines.length} lines of ${height}`);
      for (const { text } of lines) {
        assert.ok(columns(text) <= width, `${columns(text)} columns of ${width}: ${text}`);
        assert.doesNotMatch(text, /[\x00-\x1f\x7f-\x9f\u202a-\u202e]/);
      }
    }
  }
});

test('the most behind files come first, and a line says how many there is no room for', () => {
  const lines = frame(busy(), null, WIDE).map(({ text }) => text);
  const heads = lines.findIndex((line) => /LINES\/S +WAITING +BEHIND +POSITION +SIZE +FILE$/.test(line));
  assert.ok(heads > 0);
  assert.match(lines[heads + 1]!, /^ +- +292 KiB +200 ms +900 +900 {2}.*日本語-299/);
  assert.match(lines[heads + 2]!, /291 KiB/);
  const shown = lines.length - heads - 2;
  assert.equal(lines.length, WIDE.height);
  assert.equal(lines.at(-1), `and ${1000 - shown} more`);
  assert.ok(lines.includes('! and 6 more reasons'));
});

test('rates are increases since the frame before', () => {
  const before = statusOf();
  // The clock was set an hour ahead meanwhile.
  const now = statusOf({ time: '2026-11-22T15:00:02.000Z', uptime_seconds: before.uptime_seconds + 2 });
  now.topics[0]!.records += 2000;
  now.topics[0]!.in_flight = 3;
  now.topics[0]!.error = 'not enough replicas';
  now.logs[0]!.lines += 1000;
  now.logs[0]!.bytes += 204_800;
  now.logs[0]!.files[0]!.lines += 5;
  now.process.cpu_seconds += 0.5;
  const text = frame(now, before, WIDE)
    .map((line) => line.text)
    .join('\n');
  assert.match(text, /, 25\.0 % cpu; kafka connected/);
  assert.match(text, /^ +1000 +0 B +3 {2}runnel\.logs\/0: not enough replicas$/m);
  assert.match(text, /^ +500 +100 KiB +1000 B +1 min 30 s +3 {2}logs nginx$/m);
  assert.match(text, /^ +0 +0 B +- +- +- {2}statsd udp:\/\/127\.0\.0\.1:8125: 2 rejected, 4 dropped by the kernel$/m);
  assert.match(text, /^ +2\.5 +100 B +200 ms +900 +900 {2}\/var\/log\/nginx\/a\.log$/m);
  assert.match(text, /^lost: statsd, kernel_drop: 1 record, 40 B$/m);
  // Another process has counters of its own.
  const other = frame({ ...now, pid: 2 }, before, WIDE).map((line) => line.text);
  assert.ok(other.some((line) => /^ +- +- +3 {2}runnel\.logs\/0/.test(line)));
});

test('text is cut to columns, not to characters', () => {
  assert.equal(columns('日本e\u0301'), 5);
  assert.equal(fitEnd('日本語', 5), '日本…');
  assert.equal(fitEnd('日本語', 4), '日…');
  assert.equal(fitStart('/var/log/a.log', 6), '…a.log');
  assert.equal(fitStart('日本語', 6), '日本語');
  assert.equal(fitStart('日本語', 2), '…');
  assert.equal(fitEnd('abc', 0), '');
});

/** A status a second, of an input that reads so many lines in each. */
function watched(lines: readonly number[], logBytes: readonly number[] = []): { recent: LastMinute; now: Status } {
  const recent = new LastMinute();
  const now = statusOf();
  lines.forEach((n, i) => {
    now.uptime_seconds = 100 + i;
    now.logs[0]!.lines += n;
    now.spool.bytes = logBytes[i] ?? 0;
    recent.see(now, inputsIn(now));
  });
  return { recent, now };
}

test('a sparkline is the last minute, a bar every five seconds', () => {
  const { recent } = watched([0, ...Array.from({ length: 65 }, (_, i) => (i < 5 ? 1000 : i < 35 ? 0 : 70))]);
  // What was before the minute is not in it.
  assert.equal(recent.sparkline('logs nginx'), '▁▁▁▁▁▁██████');
  assert.equal(watched([0, 9, 9, 9, 9, 9]).recent.sparkline('logs nginx'), `${' '.repeat(11)}█`);
  assert.equal(recent.sparkline('another'), ' '.repeat(12));
  // One that has started again is another one.
  const again = statusOf({ pid: 2 });
  recent.see(again, inputsIn(again));
  assert.equal(recent.sparkline('logs nginx'), ' '.repeat(12));
});

test('when the local log will be full is told once it is known how it grows', () => {
  const zeros = Array.from({ length: 11 }, () => 0);
  assert.equal(watched(zeros, [0, 10, 20]).recent.fullIn(1000), watched(zeros, zeros).recent.fullIn(1000));
  const growing = zeros.map((_, i) => i * 10);
  const { recent, now } = watched(zeros, growing);
  assert.equal(recent.fullIn(1100), 100);
  assert.equal(watched(zeros, growing.toReversed()).recent.fullIn(1100), null);
  assert.equal(watched([0, 0], [0, 500]).recent.fullIn(1000), null);
  now.spool.budgets = [
    { group: null, bytes: 100, max_size: 1100 },
    { group: 'otlp', bytes: 5, max_size: 10 },
    { group: 'audit', bytes: 0, max_size: 10 },
  ];
  const text = frame(now, null, WIDE, { recent }).map((line) => line.text);
  assert.ok(text.includes('local log 2 records, 100 B of 1.1 KiB (9.1 %), full in 1 min 40 s'), text.join('\n'));
  assert.ok(text.includes('local log of otlp 5 B of 10 B (50.0 %)'));
  assert.ok(!text.some((line) => line.startsWith('local log of audit')));
  assert.ok(text.some((line) => line.endsWith('oldest unsent byte 1 min 30 s')));
});

test('keys choose, sort, filter and help', () => {
  const status = busy();
  const state = new TopState();
  const paths = () => filesIn(status, status, state).map(({ path }) => path);
  const text = () => frame(status, status, WIDE, { state }).map((line) => line.text);
  assert.equal(state.press('\x1b[B\x1b[B', paths()), null);
  assert.equal(state.chosen, paths()[1]);
  assert.match(text().find((line) => line.includes('> '))!, /291 KiB .*> .*-298/);
  assert.deepEqual(state.press('\r', paths()), { tap: paths()[1] });
  // What is chosen is in sight, wherever it is, and stays chosen in another order.
  state.press('j'.repeat(100), paths());
  assert.equal(text().filter((line) => line.includes('> ')).length, 1);
  const { chosen } = state;
  state.press('sss', paths());
  assert.equal(state.sort, 'name');
  assert.deepEqual(paths(), paths().toSorted());
  assert.equal(state.chosen, chosen);
  // q is a letter while a text is written.
  state.press('/-QQ\x7f\x7f28', paths());
  assert.equal(state.filter, '-28');
  assert.ok(text().at(-1)!.startsWith('/-28_'));
  state.press('\r', paths());
  assert.equal(paths().length, 11);
  assert.ok(!text().some((line) => /topic|runnel\.logs/.test(line)));
  // What is not to be seen is not tapped.
  assert.equal(state.press('\r', paths()), null);
  state.press('\x1b', paths());
  assert.equal(paths().length, 300);
  state.press('?', paths());
  assert.ok(text().some((line) => /^Enter +show its lines as they leave/.test(line)));
  assert.equal(state.press('q', paths()), 'quit');
  state.press('x', paths());
  assert.match(text()[0]!, /^runnel 1/);
  assert.equal(state.press('\x1a', paths()), 'suspend');
  assert.equal(new TopState().press('\r', []), null);
  new TopState().press('k', []);
});

test('a text to look for has an end, and nothing in it that a terminal would obey', () => {
  const state = new TopState();
  state.press(`/${'a'.repeat(1000)}\x1b[A\x07é`, []);
  assert.equal(state.filter, 'a'.repeat(200));
});
