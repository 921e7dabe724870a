/** Each record is in the streams once: through kills, rollovers, and a server that lies. The long form: `npm run proof -- sink`. */
// Slow: processes are killed and started again, beside a Kafka and an OpenSearch
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { directory } from '../support/directory.ts';
import { noKafka, sharedKafka } from '../support/kafka.ts';
import { noOpenSearch, sharedOpenSearch } from '../support/opensearch.ts';
import { chaosRound, killRounds } from '../support/sink-rounds.ts';

const skip = noKafka || noOpenSearch;

test('nothing is missing or twice after kills right between answer and commit, with rollovers', { skip }, async (t) => {
  await using kafka = await sharedKafka();
  await using opensearch = await sharedOpenSearch();
  const said = await killRounds({ brokers: kafka.brokers, url: opensearch.url, dir: directory(t) }, 3, 2500);
  assert.deepEqual([said.missing, said.twice, said.stored], [[], 0, 7500], JSON.stringify(said));
  assert.equal(said.between_answer_and_commit, 2);
});

test('nothing is missing or twice where the server refuses, cuts and answers half, with rollovers', {
  skip,
}, async (t) => {
  await using kafka = await sharedKafka();
  await using opensearch = await sharedOpenSearch();
  const said = await chaosRound({ brokers: kafka.brokers, url: opensearch.url, dir: directory(t) }, 8000);
  assert.deepEqual([said.missing, said.twice, said.stored], [[], 0, 7992], JSON.stringify(said));
  assert.ok(said.rollovers > 2, 'it was over before anything rolled over');
});
