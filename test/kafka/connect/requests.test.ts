import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Link } from '../../../src/kafka/connect/connection.ts';
import { topicSettings } from '../../../src/kafka/connect/requests.ts';

/** A broker that says this of a topic. */
function brokerThatSays(topicErrorCode: number, replicas: number[][]): Link {
  const topicMetadata = [{ topicErrorCode, partitionMetadata: replicas.map((each) => ({ replicas: each })) }];
  return { metadata: async () => ({ topicMetadata }), request: async () => ({ resources: [] }) } as unknown as Link;
}

test('a topic that may not be seen has not no replicas: nothing is known of it', async () => {
  const ask = (link: Link) => topicSettings(link, 't', ['retention.ms']);
  assert.deepEqual(await ask(brokerThatSays(0, [[1, 2, 3], [1]])), { replicas: 1, settings: null });
  await assert.rejects(ask(brokerThatSays(29, [])), /no broker tells of it: TOPIC_AUTHORIZATION_FAILED/);
  await assert.rejects(ask(brokerThatSays(3, [])), /no broker tells of it: UNKNOWN_TOPIC_OR_PARTITION/);
  await assert.rejects(ask(brokerThatSays(0, [])), /no broker tells of its partitions/);
});
