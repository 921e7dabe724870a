/** What the page is told: text and tables. How that looks is page-look.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { History } from '../../src/report/history.ts';
import { adviceOn } from '../../src/report/page/advice.ts';
import { type PageView, viewOf } from '../../src/report/page/view.ts';
import type { Status } from '../../src/report/shape.ts';
import { statusOf } from '../support/status.ts';

function viewed(status: Status): PageView {
  return viewOf(status, new History(() => status));
}

function rowsOf(view: PageView, title: string): PageView['tables'][number]['rows'] {
  const table = view.tables.find((one) => one.title.startsWith(title));
  assert.ok(table, `${title} is not among ${view.tables.map((one) => one.title).join(', ')}`);
  for (const row of table.rows) assert.equal(row.length, table.heads.length, `${title}: a cell a head`);
  return table.rows;
}

test('an input has one line that adds up, and says so', () => {
  const status = statusOf();
  status.conservation.inputs.odd = { ...status.conservation.inputs['logs.nginx']!, unaccounted: -2 };
  const rows = rowsOf(viewed(status), 'Books');
  assert.deepEqual(rows[0], ['logs.nginx', '24', '0', '20', '0', { bad: '1' }, '2', '1', '✓']);
  assert.deepEqual(rows[1]!.at(-1), { bad: '≠ -2' });
  assert.equal(rows.at(-1)![0], 'all');
});

test('of the files the worst are first: those that fail, then the most behind', () => {
  const status = statusOf();
  status.logs[0]!.files[2]!.lag_bytes = 5000;
  const rows = rowsOf(viewed(status), 'Files');
  assert.deepEqual(
    rows.map(([path]) => path),
    ['/var/log/nginx/b<script>.log', '/var/log/nginx/c\u001b[31m.log', '/var/log/nginx/a.log'],
  );
  assert.deepEqual(rows[0]!.at(-1), { bad: 'EACCES' });
});

test('topics say when they were acknowledged last, and how long brokers made them wait', () => {
  const status = statusOf();
  Object.assign(status.topics[0]!, { last_ack_seconds: 75, throttled_seconds: 2.5, possible_duplicates: 1200 });
  const [row] = rowsOf(viewed(status), 'Topics');
  assert.deepEqual(row, [
    'runnel.logs/0',
    '9',
    '400 B',
    '0',
    '1 min 15 s ago',
    '0',
    '2.5 s',
    { bad: '1,200' },
    '0',
    '',
  ]);
});

test('a loss has its meaning and what to do; one that nobody knows has its name', () => {
  const status = statusOf();
  status.lost.push({ input: 'x', reason: 'constructor', records: 1, bytes: 2, last: '2026-11-22T13:59:59.000Z' });
  const [known, unknown] = rowsOf(viewed(status), 'Lost');
  assert.match(known!.join(' '), /the kernel dropped datagrams .* raise statsd\.receive_buffer/);
  assert.deepEqual(unknown!.slice(-2), ['', '']);
});

test('alerts that are not ok stand before all else, steps after the books, checks are folded', () => {
  const status = statusOf();
  status.alerts.list = [
    {
      rule: 'lag',
      state: 'firing',
      labels: {},
      value: 3,
      threshold: 2,
      last_hour: [1, 3],
      since: '2026-11-22T13:59:59.000Z',
      severity: 'warning',
      summary: '<b>behind</b>',
      silenced: false,
    },
  ];
  const view = viewed(status);
  assert.deepEqual(rowsOf(view, 'Alerts')[0]!.slice(0, 3), [{ bad: 'firing' }, 'lag', '<b>behind</b>']);
  const titles = view.tables.map(({ title }) => title.replace(/ \(.*/, ''));
  assert.deepEqual(titles.slice(0, 5), ['Alerts', 'Books', 'Files, the worst first', 'Topics', 'Lost']);
  assert.ok(titles.includes('Steps of logs nginx'));
  assert.deepEqual(view.tables.find(({ title }) => title === 'Checks')?.folded, true);
});

test('what is wrong has a time and a remedy', () => {
  const clock = { now: 0 };
  const status = statusOf({ ready: false, reasons: ['kafka: no broker answers; 7 records wait'] });
  const history = new History(
    () => status,
    undefined,
    () => clock.now,
  );
  history.look();
  clock.now = 90_000;
  // What waits is another number now: it is the same reason.
  status.reasons = ['kafka: no broker answers; 9 records wait', 'topic runnel.logs: topic_missing: create it'];
  status.spool.budgets = [
    { group: null, bytes: 90, max_size: 100 },
    { group: 'otlp', bytes: 1, max_size: 100 },
  ];
  status.kafka.certificate_days_left = { 'kafka-1:9092': 3.5, 'kafka-2:9092': 300 };
  const { ready, since, advice } = viewOf(status, history);
  assert.deepEqual([ready, since], [false, 90]);
  const text = advice.map((f) => `${f.text} | ${f.since} | ${f.remedy}`);
  assert.match(text[0]!, /^kafka: no broker answers; 9 records wait \| 90 \| .*runnel validate --deep/);
  assert.match(text[1]!, /^topic runnel\.logs: topic_missing: create it \| 0 \| Create the topic/);
  assert.ok(
    text.includes('the local log is full to 90 % of 100 B | null | Bring Kafka back, or raise spool.max_size.'),
  );
  assert.ok(text.includes('the certificate of kafka-1:9092 lasts 3 days | null | Renew it.'));
  assert.ok(!text.join().includes('kafka-2'));
  // Back for a moment: it begins anew.
  history.since({ ...status, ready: true, reasons: [] });
  clock.now = 100_000;
  const { notes: _, ...anew } = history.since(status);
  assert.deepEqual(anew, { ready: 0, reasons: [0, 0] });
});

test('what was counted long ago is nothing to do about now; what fails still is', () => {
  const clock = { now: 0 };
  const status = statusOf();
  const history = new History(
    () => status,
    undefined,
    () => clock.now,
  );
  history.look();
  clock.now = 901_000;
  status.statsd.listeners[0]!.error = null;
  const said = () => viewOf(status, history).advice.map(({ text }) => text);
  assert.deepEqual(
    said().filter((text) => text.startsWith('statsd')),
    [],
  );
  status.statsd.listeners[0]!.rejected++;
  assert.ok(said().includes('statsd udp://127.0.0.1:8125: 3 rejected, 4 dropped by the kernel'));
  status.statsd.listeners[0]!.error = 'address already in use';
  said();
  clock.now *= 2;
  assert.ok(
    said().includes('statsd udp://127.0.0.1:8125: 3 rejected, 4 dropped by the kernel, address already in use'),
  );
});

test('reasons that the agent gives have remedies', () => {
  for (const reason of [
    'kafka: connecting to a:9092',
    'topic x: topic_forbidden: no right to it',
    'local log of runnel.metrics: cannot write: ENOSPC',
    'cannot serve status on 127.0.0.1:8687: address already in use',
    'books of statsd: 3 items are counted twice; please report this',
    'logs nginx: step 2 has dropped all 1,000 lines (keep)',
    'statsd udp://127.0.0.1:8125: 2 rejected, 4 dropped by the kernel',
    'logs nginx: 2 files cannot be read',
  ]) {
    assert.ok(adviceOn(reason), reason);
  }
  assert.equal(adviceOn('something else'), null);
});

test('fifteen minutes are kept, in a ring of fixed size', () => {
  const clock = { now: 0 };
  const status = statusOf();
  const history = new History(
    () => status,
    undefined,
    () => clock.now,
  );
  for (let i = 0; i < 400; i++) {
    history.look();
    clock.now += 5000;
    status.conservation.total.received += 50;
    status.process.cpu_seconds += 0.5;
    status.spool.budgets[0]!.bytes = i;
  }
  const { ages, received, forwarded, cpu, lag, log, log_room, memory } = history.plotted();
  assert.equal(ages.length, 180);
  assert.deepEqual([ages[0], ages.at(-1)], [900, 5]);
  assert.deepEqual(new Set(received), new Set([10]));
  assert.deepEqual(new Set(forwarded), new Set([0]));
  assert.deepEqual(new Set(cpu), new Set([10]));
  assert.deepEqual(new Set(lag), new Set([90]));
  assert.deepEqual([log[0], log.at(-1), log_room], [219, 398, 1 << 30]);
  assert.deepEqual(new Set(memory), new Set([90_000_000]));
});

test('counters that begin anew make no negative rate, and the first look has none', () => {
  const clock = { now: 0 };
  const status = statusOf();
  const history = new History(
    () => status,
    undefined,
    () => clock.now,
  );
  history.look();
  clock.now = 5000;
  status.conservation.total.received = 0;
  history.look();
  assert.deepEqual(history.plotted().received, [0, 0]);
});
