/** What an instance had in the last hour, as status and page show it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Engine } from '../../src/alerts/engine.ts';
import { sparkline, ValueHistory } from '../../src/alerts/history.ts';
import { gaugePoint } from '../../src/alerts/point.ts';
import { configFrom } from '../../src/options.ts';

const MINUTE = 60_000;

test('the latest value of each minute, of an hour', () => {
  const history = new ValueHistory();
  assert.deepEqual(history.values, []);
  history.add(1, 5 * MINUTE);
  history.add(2, 5 * MINUTE + 1000);
  history.add(null, 6 * MINUTE);
  history.add(3, 8 * MINUTE);
  assert.deepEqual(history.values, [2, null, null, 3]);
  for (let minute = 9; minute < 100; minute++) history.add(minute, minute * MINUTE);
  assert.deepEqual([history.values.length, history.values[0], history.values.at(-1)], [60, 40, 99]);
  history.add(null, 120 * MINUTE);
  assert.deepEqual([history.values.length, history.values[0], history.values.at(-1)], [39 + 21, 61, null]);
  history.add(7, 1000 * MINUTE);
  assert.deepEqual(history.values, [7]);
});

test('a line of blocks', () => {
  assert.equal(sparkline([0, 1, null, 7], null), '▁▂ █');
  assert.equal(sparkline([5, 5], null), '▁▁');
  assert.equal(sparkline([0, 5], 10), '▁▅');
  assert.equal(sparkline([], 1), '');
});

test('the values before it fired are there, also those of which nothing was wrong', () => {
  const engine = new Engine(configFrom({ alerts: { rules: [{ name: 'r', metric: 'm', fire: '> 5' }] } }).alerts.rules);
  for (const [i, value] of [1, 2, 3, 9].entries()) engine.window('s', MINUTE, i * MINUTE, [gaugePoint('m', {}, value)]);
  const [instance] = engine.notOk();
  assert.deepEqual(instance!.history!.values, [1, 2, 3, 9]);
});
