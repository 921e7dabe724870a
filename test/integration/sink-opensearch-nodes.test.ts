/** The sink on a cluster of three nodes, of which one is killed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noKafka } from '../support/kafka.ts';
import { ask, expectOk, makeStreams, noOpenSearch, startCluster } from '../support/opensearch.ts';
import { compare, logRecords, untilConsumed } from '../support/sink.ts';
import { sinkLab } from '../support/sink-lab.ts';

const skip = noKafka || noOpenSearch;
const COUNT = 30_000;

test('of three nodes one dies in the midst of it: the others are asked, nothing is missing or twice', {
  skip,
  timeout: 240_000,
}, async (t) => {
  const nodes = await startCluster(3);
  t.after(() => Promise.all(nodes.map((node) => node.stop())));
  const urls = nodes.map(({ url }) => url);
  const { brokers, prefix, topic, start, feedAll } = await sinkLab(t, { partitions: 2 });
  // Three streams, so that each node has a primary.
  await makeStreams(urls[0]!, prefix, 3, { replicas: 1 });
  await expectOk(ask(urls[0]!, 'GET', `/_cluster/health/.ds-${prefix}-*?wait_for_status=green&timeout=60s`));
  await feedAll(logRecords(0, COUNT, 2));
  const sink = await start({ urls, streams: 3 });
  await sink.until('it is in the midst of it', ({ books }) => books.written > COUNT / 10);
  await nodes[1]!.kill();
  const { consumers } = await sink.until('its URL rests', ({ consumers }) => restingIn(consumers).includes(urls[1]!));
  assert.deepEqual(restingIn(consumers), [urls[1]]);
  for (let i = 1; i <= 3; i++) await expectOk(ask(urls[0]!, 'POST', `/${prefix}-${i}/_rollover`));
  await untilConsumed(brokers, prefix, topic);
  const { books } = await sink.until('all is settled', ({ books }) => books.in_flight === 0);
  assert.equal(books.written + books.present, COUNT);
  const { missing, twice } = await compare(urls[2]!, `${prefix}-*`, COUNT);
  assert.deepEqual([missing, twice], [[], 0]);
});

/** The URLs of nodes that rest. */
function restingIn(consumers: readonly Record<string, unknown>[]): string[] {
  const [{ nodes }] = consumers as unknown as [{ nodes: { url: string; resting: boolean }[] }];
  return nodes.flatMap(({ url, resting }) => (resting ? [url] : []));
}
