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

test('a line that is not taken has its reason in words, with what would be right', () => {
  const form = 'a line is NAME:VALUE|TYPE';
  const check = (line: string, reason: string) => assert.deepEqual(explainStatsd(line).errors, [{ line, reason }]);
  check('hits:1|count', 'count is none of c g ms h d s');
  check('hits:1', `there is no type: ${form}`);
  check('hits:1||#a', `there is no type: ${form}`);
  check(':1|c', `there is no name: ${form}`);
  check('hits|c', `there is no value: ${form}`);
  check('hits:|c', `there is no value: ${form}`);
  check('users:|s', `there is no value: ${form}`);
  check('load:0,75|g', '0,75 is no number: write 0.75');
  check('load:1:x|g', 'x is no number');
  check('hits:1|c|@2', '@2 is no sample rate: it is above 0 and at most 1');
  check('hits:1|c|Tnow', 'Tnow is no time: whole seconds since 1970, such as T1796083200');
  check('_e{9,4}:title|text', 'no event: it is _e{TITLE BYTES,TEXT BYTES}:TITLE|TEXT, and the title is not empty');
  check('_sc|up|9', 'no service check: it is _sc|NAME|STATUS, the status from 0 to 3');
});
