/** A sink in its surroundings: Kafka with a topic of its own, OpenSearch behind a proxy that misbehaves, and streams. */
import type { TestContext } from 'node:test';
import { directory } from './directory.ts';
import { freshTopic, type Kafka, sharedKafka } from './kafka.ts';
import { freshPrefix, makeStreams, sharedOpenSearch } from './opensearch.ts';
import { OpenSearchProxy } from './opensearch-proxy.ts';
import { type Fed, feed, type SinkConfig, SinkProcess } from './sink.ts';

type More = Partial<Pick<SinkConfig, 'slots' | 'clock' | 'brokers'>>;

/** A topic, streams, and a server between; `start` runs a sink on them. */
export async function sinkLab(
  t: TestContext,
  { partitions = 1, streams = 2, mappings = {}, ownKafka = null as Kafka | null } = {},
) {
  const kafka = ownKafka ?? (await sharedKafka());
  const opensearch = await sharedOpenSearch();
  const proxy = await OpenSearchProxy.start(opensearch.url);
  const prefix = freshPrefix('sink');
  const topic = await freshTopic(kafka.brokers, 'sink', { partitions });
  const letters = await freshTopic(kafka.brokers, 'letters');
  await makeStreams(opensearch.url, prefix, streams, { mappings });
  const dir = directory(t);
  const sinks: SinkProcess[] = [];
  t.after(async () => {
    for (const sink of sinks) if (sink.isRunning) await sink.kill();
    await proxy[Symbol.asyncDispose]();
    await opensearch[Symbol.asyncDispose]();
    await kafka[Symbol.asyncDispose]();
  });
  const { brokers } = kafka;
  const url = opensearch.url;
  const config = (options: Record<string, unknown>, more: More) => ({
    dir,
    brokers,
    ...more,
    sink: {
      opensearch: {
        urls: [proxy.url],
        topics: [topic],
        group: prefix,
        stream_prefix: prefix,
        streams,
        turn: 500,
        window: 6000,
        dead_letter_topic: letters,
        bulk: { size: '64KiB', linger: '100ms' },
        template: { install: false },
        rollover: 'none',
        ...options,
      },
    },
  });
  const start = async (options: Record<string, unknown> = {}, more: More = {}) => {
    const sink = await SinkProcess.start('opensearch', config(options, more));
    sinks.push(sink);
    return sink;
  };
  const run = async (args: string[], options: Record<string, unknown> = {}) => {
    const sink = await SinkProcess.start('opensearch', config(options, {}), args);
    sinks.push(sink);
    return { code: await sink.ended, said: sink.log };
  };
  const feedAll = (records: readonly Fed[]) => feed(brokers, topic, records);
  return { brokers, url, proxy, prefix, topic, letters, start, run, feedAll };
}
