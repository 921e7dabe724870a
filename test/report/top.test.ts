import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columns, fitEnd, fitStart } from '../../src/report/columns.ts';
import type { Status } from '../../src/report/shape.ts';
import { frame } from '../../src/report/top.ts';
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
      const lines = frame(status, status, { width, height }, 'no agent answers\r\n');
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
