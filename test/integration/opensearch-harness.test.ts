/** The tests' OpenSearch is a real one, and does what the sink's design stands on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ask,
  expectOk,
  freshPrefix,
  makeStreams,
  noOpenSearch,
  sharedOpenSearch,
  startOpenSearch,
  storedDocuments,
} from '../support/opensearch.ts';

const skip = noOpenSearch;

async function create(url: string, stream: string, id: string): Promise<number> {
  const document = { '@timestamp': '2026-11-30T00:00:00Z' };
  const answer = await ask(url, 'PUT', `/${stream}/_create/${id}`, document);
  return answer.status;
}

test('an id is refused twice, but for a rollover between', { skip }, async () => {
  await using opensearch = await sharedOpenSearch();
  const prefix = freshPrefix('harness');
  await makeStreams(opensearch.url, prefix, 1);
  assert.equal(await create(opensearch.url, `${prefix}-1`, 'a'), 201);
  assert.equal(await create(opensearch.url, `${prefix}-1`, 'a'), 409);
  await expectOk(ask(opensearch.url, 'POST', `/${prefix}-1/_rollover`));
  assert.equal(await create(opensearch.url, `${prefix}-1`, 'a'), 201);
  const stored = await storedDocuments(opensearch.url, `${prefix}-*`);
  assert.deepEqual(
    stored.map(({ id }) => id),
    ['a', 'a'],
  );
  assert.equal(new Set(stored.map(({ index }) => index)).size, 2);
});

test('what is acknowledged outlives kill -9', { skip }, async () => {
  await using opensearch = await startOpenSearch();
  await makeStreams(opensearch.url, 'kept', 1);
  assert.equal(await create(opensearch.url, 'kept-1', 'a'), 201);
  await opensearch.restart();
  assert.equal((await storedDocuments(opensearch.url, 'kept-*')).length, 1);
});
