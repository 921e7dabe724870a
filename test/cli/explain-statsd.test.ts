import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainStatsd } from '../../src/cli/explain-statsd.ts';

test('a time of its own is shown, and where the sample is dropped for it, that too', () => {
  const now = Math.floor(Date.now() / 1000);
  const lines = [`hits:1|c|T${now - 60}`, 'temp:2|g|T1656581400', `took:3|ms|T${now}`];
  const { samples, errors, dropped } = explainStatsd(lines.join('\n'));
  assert.deepEqual(
    samples.map((s) => [s.name, s.timestamp]),
    [
      ['hits', now - 60],
      ['temp', 1656581400],
      ['took', now],
    ],
  );
  assert.deepEqual(errors, []);
  assert.deepEqual(dropped, [
    { line: lines[1], reason: 'bad_timestamp' },
    { line: lines[2], reason: 'unsupported_timestamp' },
  ]);
  assert.equal(explainStatsd(lines[0]!).dropped, undefined);
});
