/** Rollover and retention: on a real OpenSearch, and with the answers that Elasticsearch gives. */
// Slow: an OpenSearch of its own, where the run has none
import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { ensure } from '../../../../src/consumers/opensearch/setup/setup.ts';
import { StreamUpkeep } from '../../../../src/consumers/opensearch/setup/upkeep.ts';
import { Transport } from '../../../../src/consumers/opensearch/transport.ts';
import { FakeElasticsearch } from '../../../support/fake-elasticsearch.ts';
import { ask, expectOk, freshPrefix, noOpenSearch, sharedOpenSearch } from '../../../support/opensearch.ts';
import { sinkOptions } from '../../../support/sink-options.ts';
import { until } from '../../../support/until.ts';

let server: Awaited<ReturnType<typeof sharedOpenSearch>>;
before(async () => {
  if (!noOpenSearch) server = await sharedOpenSearch();
});
after(() => server?.[Symbol.asyncDispose]());

const it = (name: string, run: (t: TestContext) => Promise<void>) => test(name, { skip: noOpenSearch }, run);

const DAY = 86_400_000;
const GiB = 2 ** 30;

function connected(t: TestContext, url: string): Transport {
  const transport = new Transport({ urls: [url] });
  t.after(() => transport.close());
  return transport;
}

async function streams(t: TestContext, count: number) {
  const prefix = freshPrefix('keep');
  const options = sinkOptions(server.url, { stream_prefix: prefix, streams: `${count}` });
  const transport = connected(t, server.url);
  await ensure(transport, options);
  t.after(async () => {
    await ask(server.url, 'DELETE', `/_data_stream/${prefix}-*`);
    await ask(server.url, 'DELETE', `/_index_template/runnel-${prefix}`);
    await ask(server.url, 'DELETE', `/_component_template/runnel-${prefix}-*`);
  });
  const indices = async (stream: number) => {
    const { body } = await ask(server.url, 'GET', `/_data_stream/${prefix}-${stream}`);
    return body.data_streams[0].indices.map((one: { index_name: string }) => one.index_name) as string[];
  };
  const write = (stream: number, documents: number) =>
    Promise.all(
      Array.from({ length: documents }, () =>
        expectOk(ask(server.url, 'POST', `/${prefix}-${stream}/_doc?refresh=true`, { '@timestamp': 0 })),
      ),
    );
  return { prefix, options, transport, indices, write };
}

/** Looks at once, and then as often as a test needs. */
function keep(t: TestContext, transport: Transport, options: Parameters<typeof StreamUpkeep.start>[1]) {
  const stop = new AbortController();
  const upkeep = StreamUpkeep.start(transport, options, stop.signal, 50);
  const end = () => {
    stop.abort();
    return upkeep.close();
  };
  t.after(end);
  const looks = async (times = 2) => {
    for (let i = 0; i < times; i++) {
      const { looked } = upkeep.status();
      await until('it has looked', () => upkeep.status().looked !== looked || upkeep.problems().length > 0);
    }
  };
  return { upkeep, looks, end };
}

it('a stream goes on in a new index when it has so many documents; the others do not', async (t) => {
  const { prefix, options, transport, indices, write } = await streams(t, 2);
  await write(1, 3);
  await write(2, 1);
  const rollover = { size: 30 * GiB, age: DAY, docs: 3 };
  const { upkeep, looks } = keep(t, transport, { ...options, rollover });
  await until('it has rolled over', () => upkeep.status().rolled_over === 1);
  await looks();
  assert.deepEqual([(await indices(1)).length, (await indices(2)).length], [2, 1]);
  assert.deepEqual([upkeep.status().rolled_over, upkeep.problems()], [1, []]);
  assert.deepEqual(upkeep.status().streams, [
    { name: `${prefix}-1`, generation: 2, indices: 2 },
    { name: `${prefix}-2`, generation: 1, indices: 1 },
  ]);
});

it('by size, and by age; an empty index is never rolled over for its age', async (t) => {
  const { options, transport, indices, write } = await streams(t, 2);
  await write(1, 1);
  const old = keep(t, transport, { ...options, rollover: { size: 30 * GiB, age: 1, docs: undefined } });
  await until('it has rolled over', () => old.upkeep.status().rolled_over === 1);
  await old.looks(3);
  await old.end();
  // The new one is empty, as that of the other stream has been from the beginning.
  assert.deepEqual([(await indices(1)).length, (await indices(2)).length], [2, 1]);
  await write(2, 1);
  const large = keep(t, transport, { ...options, rollover: { size: 1, age: null, docs: undefined } });
  await until('it has rolled over', () => large.upkeep.status().rolled_over === 1);
  assert.equal((await indices(2)).length, 2);
});

it('several processes at once roll over once', async (t) => {
  const { options, transport, indices, write } = await streams(t, 1);
  await write(1, 3);
  const rollover = { size: 30 * GiB, age: null, docs: 3 };
  const all = Array.from({ length: 6 }, () => keep(t, transport, { ...options, rollover }));
  await Promise.all(all.map(({ looks }) => looks(3)));
  assert.equal((await indices(1)).length, 2);
  assert.deepEqual(
    all.flatMap(({ upkeep }) => upkeep.problems()),
    [],
  );
  assert.equal(
    all.reduce((sum, { upkeep }) => sum + upkeep.status().rolled_over, 0),
    1,
  );
});

it('what was rolled over longer ago than the retention is deleted, and never the index that is written to', async (t) => {
  const { prefix, options, transport, indices } = await streams(t, 1);
  for (let i = 0; i < 3; i++) await expectOk(ask(server.url, 'POST', `/${prefix}-1/_rollover`));
  const before = await indices(1);
  assert.equal(before.length, 4);
  const lasting = keep(t, transport, { ...options, rollover: false, retention: DAY });
  await lasting.looks();
  await lasting.end();
  assert.deepEqual(await indices(1), before);
  const short = keep(t, transport, { ...options, rollover: false, retention: 1 });
  await until('three are deleted', () => short.upkeep.status().deleted === 3);
  await short.looks();
  assert.deepEqual(await indices(1), before.slice(3));
  assert.deepEqual(short.upkeep.problems(), []);
});

it('a stream that is gone is no reason to stop looking at the others', async (t) => {
  const { prefix, options, transport, indices, write } = await streams(t, 2);
  await expectOk(ask(server.url, 'DELETE', `/_data_stream/${prefix}-1`));
  await write(2, 3);
  const { upkeep } = keep(t, transport, { ...options, rollover: { size: 30 * GiB, age: null, docs: 3 } });
  await until('it has rolled over', () => upkeep.status().rolled_over === 1);
  assert.equal((await indices(2)).length, 2);
});

test('what does not answer is a problem while it lasts', async (t) => {
  const transport = connected(t, 'http://127.0.0.1:1');
  const options = { ...sinkOptions('http://127.0.0.1:1'), retention: DAY };
  const { upkeep } = keep(t, transport, options);
  await until('it is said', () => upkeep.problems().length === 1);
  assert.deepEqual(upkeep.problems(), ['cannot look at the streams: http://127.0.0.1:1 refuses connections']);
});

test('Elasticsearch: templates in its words, flat attributes, names of indices with the day in them', async (t) => {
  const fake = await FakeElasticsearch.start(t);
  const transport = connected(t, fake.url);
  const options = sinkOptions(fake.url, { records: 'metrics', streams: '2' });
  assert.equal((await ensure(transport, options)).length, 5);
  assert.deepEqual(await ensure(transport, options), []);
  const { template } = fake.templates.get('_component_template/runnel-metrics-ds-mappings');
  assert.deepEqual(template.mappings.properties.attributes, { type: 'flattened' });

  fake.add('metrics-ds-1', [3 * DAY, 2 * DAY, DAY], 5);
  const rollover = { size: 30 * GiB, age: DAY, docs: 5 };
  fake.beaten = true;
  const { upkeep, looks } = keep(t, transport, { ...options, rollover, retention: DAY / 2 });
  await until('it has rolled over', () => upkeep.status().rolled_over === 1);
  await looks();
  assert.deepEqual(
    fake.streams.get('metrics-ds-1')!.indices.map(({ index_name }) => index_name),
    ['.ds-metrics-ds-1-2026.11.30-000003', '.ds-metrics-ds-1-2026.11.30-000004'],
  );
  assert.deepEqual([upkeep.status().deleted, upkeep.problems()], [2, []]);
});
