import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type LogOptions, log, Said, setLog } from '../src/log.ts';

const HOUR = 3_600_000;

test('what was said is said again after its time, and not before', () => {
  const said = new Said();
  assert.equal(said.begin('it', HOUR, 0), true);
  assert.equal(said.begin('other', HOUR, 1), true);
  assert.equal(said.begin('it', HOUR, HOUR - 1), false);
  assert.equal(said.begin('it', HOUR, HOUR), true);
  assert.equal(said.begin('it', HOUR, HOUR + 1), false);
});

test('what is over is forgotten, however much there is to say', () => {
  const said = new Said();
  let most = 0;
  // A hundred an hour, for a month.
  for (let i = 0; i < 100 * 24 * 30; i++) {
    said.begin(`name ${i}`, HOUR, (i * HOUR) / 100);
    most = Math.max(most, said.bytes);
  }
  assert.ok(most <= 100_000, `${most} bytes`);
  said.begin('name', HOUR, 0);
  assert.equal(said.begin('name', HOUR, 1), false);
});

test('what is never to be said again takes so much memory at most, whoever makes it up', () => {
  for (const length of [1, 4000]) {
    const said = new Said();
    let most = 0;
    for (let i = 0; i < 10_000_000 / (100 + length); i++) {
      said.begin(`${i} ${'x'.repeat(length)}`, Number.POSITIVE_INFINITY, 0);
      most = Math.max(most, said.bytes);
    }
    assert.ok(most <= 4_000_000, `${most} bytes`);
  }
});

/** What is written of four messages, one of each level. */
function written(t: TestContext, options: LogOptions): string[] {
  const lines: string[] = [];
  const { mock } = t.mock.method(process.stderr, 'write', (line: string) => lines.push(line) > 0);
  setLog(options);
  for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level](`a ${level}\n\x1b[2J\x9b`);
  setLog({ level: 'info', format: 'text' });
  mock.restore();
  return lines;
}

test('what is of less weight than log.level is not said', (t) => {
  const levels = (level: LogOptions['level']) =>
    written(t, { level, format: 'text' }).map((line) => line.split(' ')[1]);
  assert.deepEqual(levels('debug'), ['debug', 'info', 'warn', 'error']);
  assert.deepEqual(levels('info'), ['info', 'warn', 'error']);
  assert.deepEqual(levels('error'), ['error']);
});

test('a message is one line in either format, without control characters', (t) => {
  const [text] = written(t, { level: 'error', format: 'text' });
  assert.match(text!, /^\d{4}-\d\d-\d\dT[\d:.]+Z error a error\\x0a\\x1b\[2J\\x9b\n$/);
  const [json] = written(t, { level: 'error', format: 'json' });
  assert.match(json!, /^\{[\x20-\x7e]*\}\n$/);
  const { time, level, message } = JSON.parse(json!);
  assert.ok(!Number.isNaN(Date.parse(time)));
  assert.deepEqual([level, message], ['error', 'a error\n\x1b[2J\x9b']);
});

test('a warning that was not to be said has not been said', (t) => {
  const lines: string[] = [];
  t.mock.method(process.stderr, 'write', (line: string) => lines.push(line) > 0);
  setLog({ level: 'error', format: 'text' });
  log.warnOnce('a warning', 'a warning');
  setLog({ level: 'info', format: 'text' });
  log.warnOnce('a warning', 'a warning');
  assert.equal(lines.length, 1);
});
