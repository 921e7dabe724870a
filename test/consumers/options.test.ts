/** What is said of a `sink` that is written wrongly, and what is made of one that is right. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ConfigError } from '../../src/config/errors.ts';
import type { OpenSearchOptions } from '../../src/consumers/opensearch/options.ts';
import { loadConfig } from '../../src/options.ts';
import { directory } from '../support/directory.ts';

const KAFKA = 'kafka: {brokers: k}\n';

async function load(t: TestContext, text: string) {
  const path = join(directory(t), 'sink.yaml');
  await writeFile(path, `${KAFKA}${text}`);
  return { path, loading: loadConfig(path) };
}

async function faults(t: TestContext, text: string): Promise<string[]> {
  const { path, loading } = await load(t, text);
  const error = await loading.then(
    () => assert.fail('it was not refused'),
    (error: Error) => error,
  );
  assert.ok(error instanceof ConfigError);
  return error.message.replaceAll(`${path}:`, '').split('\n');
}

const rest = 'urls: "http://o:9200"';

test('a sink that is right has its defaults filled in', async (t) => {
  const text = `sink: {opensearch: [{${rest}}, {${rest}, topics: runnel.metrics, rollover: none, retention: 14d}]}`;
  const { config, isSet } = await (await load(t, text)).loading;
  assert.ok(isSet('sink'));
  const [logs, metrics] = config.sink.opensearch!.map(({ options }) => options as OpenSearchOptions);
  const of = ({ topics, group, records, stream_prefix, dead_letter_topic, retention }: OpenSearchOptions) => [
    ...[topics, group, records, stream_prefix, dead_letter_topic, retention],
  ];
  assert.deepEqual(of(logs!), [['runnel.logs'], 'runnel-sink-logs', 'logs', 'ds', 'runnel.dead-letter', null]);
  assert.deepEqual(logs!.rollover, { size: 30 * 2 ** 30, age: 86_400_000 });
  assert.deepEqual(
    [logs!.turn, logs!.window, logs!.streams, logs!.bulk],
    [1000, 20_000, 4, { size: 5 << 20, linger: 500, in_flight: 2 }],
  );
  assert.deepEqual(of(metrics!), [
    ...[['runnel.metrics'], 'runnel-sink-metrics', 'metrics', 'metrics-ds', 'runnel.dead-letter', 14 * 86_400_000],
  ]);
  assert.equal(metrics!.rollover, false);
});

test('a map is a list of one', async (t) => {
  const { config } = await (await load(t, `sink: {opensearch: {${rest}, group: g}}`)).loading;
  assert.deepEqual(
    config.sink.opensearch!.map(({ id, path }) => [id, path]),
    [['g', ['sink', 'opensearch', 0]]],
  );
});

test('all that is wrong is told, with its place and what would be right', async (t) => {
  const all: [string[], string[]][] = [];
  const check = async (text: string, ...expected: string[]) => all.push([await faults(t, text), expected]);
  await check(
    'sink: {opensearch: {topics: a}}',
    '2:20: sink.opensearch needs urls: the nodes of OpenSearch or Elasticsearch that are written to, in turn',
  );
  await check('sink: {opensaerch: {}}', '2:8: unknown key opensaerch in sink: did you mean opensearch?');
  await check(
    `sink: {opensearch: {hosts: o, turn: 0}}`,
    '2:21: unknown key hosts in sink.opensearch: did you mean urls?',
    '2:37: sink.opensearch[0].turn must be from 1 to 1000000, not "0"',
  );
  await check(
    'sink: {opensearch: {urls: "o:9200"}}',
    '2:27: sink.opensearch[0].urls[0] must be a URL, for example https://os-1:9200, not "o:9200"',
  );
  await check(
    `sink: {opensearch: {${rest}, username: a}}`,
    '2:54: sink.opensearch[0].username needs password: the secret that goes with the name',
  );
  await check(
    `sink: {opensearch: {${rest}, username: a, password: b, api_key: c}}`,
    '2:79: sink.opensearch[0].api_key contradicts username: use one of them',
  );
  await check(
    `sink: {opensearch: {${rest}, tls: {}}}`,
    '2:27: sink.opensearch[0].urls[0] is http, and tls is set: write https',
  );
  await check(
    `sink: {opensearch: {${rest}, rollover: never}}`,
    '2:54: sink.opensearch[0].rollover must be none or a map, not "never"',
  );
  await check(
    `sink: {opensearch: {${rest}, retention: 14}}`,
    '2:55: sink.opensearch[0].retention needs a unit, for example 14s',
  );
  await check(
    `sink: {opensearch: {${rest}, stream_prefix: DS}}`,
    '2:59: sink.opensearch[0].stream_prefix must be in lower case: write ds',
  );
  await check(
    `sink: {opensearch: {${rest}, bulk: {size: 50MiB}}}`,
    '2:20: sink.opensearch[0].buffer_memory must be at least 100MiB: two requests of bulk.size',
  );
  await check(
    `sink: {opensearch: {${rest}, topics: [a, d], dead_letter_topic: d}}`,
    '2:56: sink.opensearch[0].topics[1] is the dead-letter topic: what is refused would be read again for ever',
  );
  await check(
    `sink:\n  opensearch:\n    - {${rest}, topics: a}\n    - {${rest}, topics: b, stream_prefix: x}\n`,
    '5:7: sink.opensearch[1].group is runnel-sink-logs, as of another entry: each needs a group of its own',
  );
  await check(
    `sink:\n  opensearch:\n    - {${rest}, group: a}\n    - {${rest}, group: b}\n`,
    '5:7: sink.opensearch[1].stream_prefix is ds, as of another entry: two may not write to the same streams',
  );
  assert.deepEqual(
    all.map(([found]) => found),
    all.map(([, expected]) => expected),
  );
});

test('a sink without brokers has nothing to read', async (t) => {
  const path = join(directory(t), 'sink.yaml');
  await writeFile(path, `sink: {opensearch: {${rest}}}`);
  await assert.rejects(loadConfig(path), {
    message: `${path}:1:20: sink.opensearch reads from Kafka, and kafka.brokers is empty: name the brokers`,
  });
});
