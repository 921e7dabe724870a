import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBusy, isUnknown, outcomeOf, readAnswer, refusalReason } from '../../../src/consumers/opensearch/answer.ts';

const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

test('an answer without errors is all, and is not parsed', () => {
  assert.equal(readAnswer(bytes('{"took":1,"errors":false,"items":[]}'), 3, false), 'all');
});

test('an answer with errors has an item each', () => {
  const items = [{ create: { status: 201 } }, { create: { status: 409, error: { type: 'x' } } }];
  const answer = readAnswer(bytes({ errors: true, items }), 2, false);
  assert.deepEqual(
    answer,
    items.map(({ create }) => create),
  );
});

test('what is no answer to so many items says nothing', () => {
  const item = { create: { status: 201 } };
  const none = ['', '<html>', '{"errors":true', '{}', 'null', '[]', '{"errors":true,"items":3}'];
  for (const text of none) assert.equal(readAnswer(bytes(text), 1, false), null, text);
  assert.equal(readAnswer(bytes({ errors: true, items: [item] }), 2, false), null);
  assert.equal(readAnswer(bytes({ errors: true, items: [{ index: { status: 201 } }] }), 1, false), null);
  assert.equal(readAnswer(bytes({ errors: true, items: [{ create: {} }] }), 1, false), null);
  // Where each was written has to be known.
  assert.equal(readAnswer(bytes({ errors: false }), 1, true), null);
});

test('each status has its outcome', () => {
  const outcomes = { 201: 'written', 409: 'present', 400: 'refused', 403: 'blocked', 404: 'again', 413: 'refused' };
  const more = { 429: 'again', 500: 'again', 503: 'again', 422: 'refused' };
  for (const [status, outcome] of Object.entries({ ...outcomes, ...more })) {
    assert.equal(outcomeOf({ status: Number(status) }), outcome, status);
    assert.equal(isUnknown({ status: Number(status) }), Number(status) >= 500, status);
  }
  // As OpenSearch 2.19.1 answers where a stream is gone and no shard may be made.
  const reason = 'Validation Failed: 1: this action would add [1] total shards';
  assert.equal(outcomeOf({ status: 400, error: { type: 'validation_exception', reason } }), 'blocked');
  assert.equal(outcomeOf({ status: 400, error: { type: 'mapper_parsing_exception' } }), 'refused');
});

test('a reason is one line, with the cause', () => {
  const error = { type: 'mapper_parsing_exception', reason: 'failed to\nparse', caused_by: { reason: 'bad "x"' } };
  assert.deepEqual(refusalReason({ status: 400, error }), {
    type: 'mapper_parsing_exception',
    reason: 'mapper_parsing_exception: failed to parse: bad "x"',
  });
  assert.deepEqual(refusalReason({ status: 400 }), { type: 'refused', reason: 'refused' });
});

test('a full disk that comes as 429 is no sign of too much at once', () => {
  assert.ok(isBusy({ status: 429, error: { type: 'rejected_execution_exception' } }));
  assert.ok(!isBusy({ status: 429, error: { type: 'cluster_block_exception' } }));
  assert.ok(!isBusy({ status: 503 }));
});
