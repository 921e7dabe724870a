/** What the sink does with each answer, on a real OpenSearch: written, refused, blocked, too busy, away. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { createTopic, noKafka, withAdmin } from '../support/kafka.ts';
import { readRecords } from '../support/kcat.ts';
import { ask, expectOk, makeStreams, noOpenSearch, startOpenSearch, storedDocuments } from '../support/opensearch.ts';
import { compare, logDocument, logRecords, untilConsumed } from '../support/sink.ts';
import { sinkLab } from '../support/sink-lab.ts';

const skip = noKafka || noOpenSearch;

const text = (seq: number) => JSON.stringify(logDocument(seq));

test('what is refused is a dead letter with its reason, and its neighbours are written', { skip }, async (t) => {
  const mappings = { properties: { message: { type: 'text' }, n: { type: 'integer' } } };
  const { brokers, url, prefix, topic, letters, start, feedAll } = await sinkLab(t, { mappings });
  const time = '"@timestamp":"2026-11-30T00:00:00Z"';
  const bad = [
    `{${time},"message":"cut`,
    'no json at all',
    '[1]',
    '',
    `{${time}}{"x":1}`,
    '{"message":"no time"}',
    '{"@timestamp":"yesterday"}',
    `{${time},"message":{"a":1}}`,
    `{${time},"n":"many"}`,
    Buffer.from(`{${time},"message":"\xff\xfe"}`, 'latin1'),
    `{${time},\n"n":"of several lines"\n}\n`,
  ];
  // A line feed would begin another action.
  const injected = `{${time},"seq":1000}\n{"delete":{"_id":"0"}}\n`;
  const spread = `\n {${time},\n  "seq":1001}`;
  await feedAll([
    ...bad.flatMap((value, i) => [{ value: text(i) }, { value }]),
    { value: null },
    { value: injected },
    { value: spread },
    { value: text(1002) },
  ]);
  const sink = await start();
  const { books, dead_letter, skipped } = await sink.until(
    'all is settled',
    ({ books }) => books.read === 26 && books.in_flight === 0,
  );
  assert.deepEqual([books.written, books.dead_letter, books.skipped], [13, 12, 1], sink.log);
  assert.deepEqual(
    skipped.map(({ reason, records }) => [reason, records]),
    [['null_value', 1]],
  );
  assert.ok(dead_letter.some(({ reason }) => reason === 'not_an_object'));
  assert.ok(dead_letter.some(({ reason }) => reason === 'mapper_parsing_exception'));
  assert.equal(await sink.stop(), 0);
  const stored = await storedDocuments(url, `${prefix}-*`);
  const seqs = stored.map(({ source }) => source.seq).sort((a, b) => a - b);
  assert.deepEqual(seqs, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1001, 1002]);
  const kept = await readRecords(brokers, letters);
  const values = kept.map(({ value }) => value!.toString('latin1')).sort();
  assert.deepEqual(values, [...bad, injected].map((value) => Buffer.from(value).toString('latin1')).sort());
  for (const { headers } of kept) {
    assert.deepEqual([headers.topic, headers.partition], [topic, '0']);
    assert.match(headers.offset!, /^\d+$/);
    assert.match(headers.status!, /^(400|invalid)$/);
    assert.match(headers.reason!, /^[a-z_]+: ./);
  }
});

test('lines of a raw topic become documents, with what their headers say', { skip }, async (t) => {
  const { url, prefix, start, feedAll } = await sinkLab(t);
  const headers = { host: 'web-1', path: '/var/log/a "b".log', file: 'f00', env: 'prod', offset: '1234', length: '20' };
  const line = 'GET "/é"\t200 \\ {"x"';
  await feedAll([
    { value: line, headers },
    { value: '', headers: { ...headers, offset: '1254', length: '1', skipped: '7' } },
    {
      value: '{"is":"a line, too"}',
      headers: { ...headers, offset: '1255', length: '21', flags: 'truncated,multiline', iostream: 'stderr' },
    },
  ]);
  const sink = await start();
  await sink.until('all is written', ({ books }) => books.written === 3);
  const stored = (await storedDocuments(url, `${prefix}-*`)).map(({ source }) => source);
  stored.sort((a, b) => a.log.offset - b.log.offset);
  const file = { path: '/var/log/a "b".log', id: 'f00' };
  const rest = { host: { name: 'web-1' }, labels: { env: 'prod' } };
  assert.deepEqual(
    stored.map(({ '@timestamp': time, ...others }) => [new Date(time).getTime() > 0, others]),
    [
      [true, { message: line, log: { file, offset: 1234, length: 20 }, ...rest }],
      [true, { message: '', log: { file, offset: 1254, length: 1, skipped: 7 }, ...rest }],
      [
        true,
        {
          message: '{"is":"a line, too"}',
          log: { file, offset: 1255, length: 21, flags: ['truncated', 'multiline'], iostream: 'stderr' },
          ...rest,
        },
      ],
    ],
  );
});

test('an index that takes nothing is waited for, and nothing is dropped', { skip }, async (t) => {
  const { url, prefix, start, feedAll } = await sinkLab(t, { streams: 1 });
  await expectOk(ask(url, 'PUT', `/${prefix}-1/_settings`, { 'index.blocks.write': true }));
  await feedAll(logRecords(0, 500, 1));
  const sink = await start();
  const { reasons } = await sink.until('it says why it waits', ({ reasons }) => reasons.some((r) => /blocked/.test(r)));
  assert.match(reasons.join(), /403 cluster_block_exception/);
  await expectOk(ask(url, 'PUT', `/${prefix}-1/_settings`, { 'index.blocks.write': null }));
  await sink.until('all is written', ({ books, reasons }) => books.written === 500 && reasons.length === 0);
});

test('a cluster that is read-only is waited for; one that is killed has all of it once when it is back', {
  skip,
}, async (t) => {
  // Of its own: others share the cluster.
  const server = await startOpenSearch();
  t.after(() => server.stop());
  const { prefix, start, feedAll } = await sinkLab(t, { partitions: 2 });
  await makeStreams(server.url, prefix, 2);
  const block = (value: true | null) =>
    expectOk(ask(server.url, 'PUT', '/_cluster/settings', { transient: { 'cluster.blocks.read_only': value } }));
  await block(true);
  await feedAll(logRecords(0, 8000, 2));
  const sink = await start({ urls: [server.url] });
  await sink.until('it is said', ({ reasons }) => reasons.some((reason) => reason.includes('cluster read-only')));
  await block(null);
  await sink.until('it is in the midst of it', ({ books }) => books.written > 3000);
  await server.kill();
  await sink.until('it is said', ({ reasons }) => reasons.some((reason) => !reason.includes('read-only')));
  await server.start();
  for (let i = 1; i <= 2; i++) await expectOk(ask(server.url, 'POST', `/${prefix}-${i}/_rollover`));
  const done = await sink.until('all is settled', ({ books }) => books.written + books.present === 8000, 120_000);
  assert.equal(done.books.dead_letter, 0);
  const { missing, twice } = await compare(server.url, `${prefix}-*`, 8000);
  assert.deepEqual([missing, twice], [[], 0]);
});

test('a wrong password is waited for, and said', { skip }, async (t) => {
  const { proxy, start, feedAll } = await sinkLab(t);
  proxy.behave = ({ headers }) => (headers.authorization === 'ApiKey right' ? 'pass' : 401);
  await feedAll(logRecords(0, 100, 1));
  const sink = await start({ api_key: 'right' });
  await sink.until('all is written', ({ books }) => books.written === 100);
  proxy.behave = () => 401;
  await feedAll(logRecords(100, 200, 1));
  await sink.until('it says what is wrong', ({ reasons }) => reasons.some((r) => /401.*api_key/.test(r)));
  proxy.behave = () => 'pass';
  await sink.until('all is written', ({ books, reasons }) => books.written === 200 && reasons.length === 0);
});

test('what is too large is halved; what is so alone is a dead letter', { skip }, async (t) => {
  const { url, prefix, proxy, start, feedAll } = await sinkLab(t);
  proxy.behave = ({ stream, body }) => (stream && body.length > 9000 ? 413 : 'pass');
  const large = JSON.stringify({ ...logDocument(50), filler: 'x'.repeat(9000) });
  await feedAll(logRecords(0, 400, 1).map((record, i) => (i === 50 ? { ...record, value: large } : record)));
  const sink = await start();
  const { dead_letter } = await sink.until('all is settled', ({ books }) => books.written + books.dead_letter === 400);
  assert.deepEqual(
    dead_letter.map(({ reason, records }) => [reason, records]),
    [['too_large', 1]],
  );
  const { missing, twice } = await compare(url, `${prefix}-*`, 400);
  assert.deepEqual([missing, twice], [[50], 0]);
});

test('a server that is too busy gets fewer requests at a time', { skip }, async (t) => {
  const { url, prefix, proxy, start, feedAll } = await sinkLab(t, { streams: 1 });
  await feedAll(logRecords(0, 3000, 1));
  let refused = 0;
  proxy.behave = ({ stream }) => (stream && refused++ < 3 ? 429 : 'pass');
  const sink = await start({ bulk: { size: '64KiB', linger: '100ms', in_flight: 8 } });
  const { consumers } = await sink.until('all is settled', ({ books }) => books.written + books.present === 3000);
  const [{ limit }] = consumers[0]!.streams as [{ limit: number }];
  assert.ok(limit <= 4, `${limit} at a time`);
  const { missing, twice } = await compare(url, `${prefix}-*`, 3000);
  assert.deepEqual([missing, twice], [[], 0]);
});

test('while the server is away no more is read than the memory holds, and all is written when it is back', {
  skip,
}, async (t) => {
  const { brokers, url, prefix, topic, proxy, start, feedAll } = await sinkLab(t, { partitions: 2 });
  let away = true;
  proxy.behave = () => (away ? 'cut before' : 'pass');
  await feedAll(logRecords(0, 30_000, 2));
  const first = await start();
  await first.until('it says that it is away', ({ reasons }) => reasons.some((r) => /connection/.test(r)));
  assert.equal(await first.stop(), 0, 'a stop ends in time');
  away = false;
  const sink = await start({ window: 5000 });
  await sink.until('it writes', ({ books }) => books.written > 0);
  away = true;
  const { books } = await sink.until('it waits', ({ reasons }) => reasons.some((r) => /connection/.test(r)));
  assert.ok(books.in_flight <= 10_000, `${books.in_flight} records beyond the window`);
  away = false;
  await untilConsumed(brokers, prefix, topic);
  const { missing, twice } = await compare(url, `${prefix}-*`, 30_000);
  assert.deepEqual([missing, twice], [[], 0]);
});

test('streams or turn that are changed twice too soon end it with exit code 2 and the remedy', { skip }, async (t) => {
  const { proxy, start, feedAll } = await sinkLab(t, { streams: 2 });
  await feedAll(logRecords(0, 100, 1));
  for (const [turn, written] of [
    [500, 100],
    [400, 0],
  ] as const) {
    const sink = await start({ turn });
    await sink.until(
      'it is settled',
      ({ books, partitions }) => books.written === written && partitions[0]?.committed === 100,
    );
    assert.equal(await sink.stop(), 0);
  }
  const sink = await start({ turn: 300 });
  assert.equal(await sink.ended, 2, sink.log);
  assert.match(sink.log, /run with streams: 2, turn: 400 until .* has passed offset 6\d\d\d/);
  assert.ok(proxy.counts.pass! > 0);
});

test('an ordinary index in place of a stream ends it before anything is written', { skip }, async (t) => {
  const { url, prefix, start, feedAll } = await sinkLab(t, { streams: 1 });
  await expectOk(ask(url, 'PUT', `/${prefix}x-1`));
  await feedAll(logRecords(0, 10, 1));
  const sink = await start({ stream_prefix: `${prefix}x`, streams: 1 });
  assert.equal(await sink.ended, 1);
  assert.match(sink.log, /is an ordinary index and no data stream/);
});

test('a topic that is made anew is read from its beginning, under other ids', { skip }, async (t) => {
  const { brokers, url, prefix, topic, start, feedAll } = await sinkLab(t);
  await feedAll(logRecords(0, 300, 1));
  const sink = await start();
  await sink.until('all is written', ({ books }) => books.written === 300);
  await withAdmin(brokers, (admin) => admin.deleteTopics({ topics: [topic] }));
  await createTopic(brokers, topic);
  await feedAll(logRecords(300, 600, 1));
  await sink.until('the new one is written, too', ({ books }) => books.written === 600);
  const { missing, twice } = await compare(url, `${prefix}-*`, 600);
  assert.deepEqual([missing, twice], [[], 0]);
});

test('a topic that is made anew, with more in it than was read, while the sink stands still', { skip }, async (t) => {
  const { brokers, url, prefix, topic, start, feedAll } = await sinkLab(t);
  await feedAll(logRecords(0, 300, 1));
  const sink = await start();
  await sink.until('all is committed', ({ partitions }) => partitions[0]?.committed === 300);
  // So that it sees only that its offset is there.
  sink.child.kill('SIGSTOP');
  await withAdmin(brokers, (admin) => admin.deleteTopics({ topics: [topic] }));
  await createTopic(brokers, topic);
  await feedAll(logRecords(300, 1000, 1));
  sink.child.kill('SIGCONT');
  await sink.until('the new one is written, too', ({ books }) => books.written === 1000);
  const { missing, twice } = await compare(url, `${prefix}-*`, 1000);
  assert.deepEqual([missing, twice], [[], 0]);
});

test('after SIGTERM and after kill -9 the next process goes on at once', { skip }, async (t) => {
  const { start, feedAll } = await sinkLab(t, { partitions: 4 });
  const session = { session_timeout: '20s' };
  let sink = await start(session);
  await sink.until('it has the partitions', ({ partitions }) => partitions.length === 4);
  for (const end of ['stop', 'kill'] as const) {
    await sink[end]();
    const began = performance.now();
    sink = await start(session);
    await sink.until('it has the partitions', ({ partitions }) => partitions.length === 4);
    await feedAll(logRecords(0, 10, 1));
    await sink.until('it writes', ({ books }) => books.written === 10);
    const took = performance.now() - began;
    // Without its place it would be the rest of the session.
    assert.ok(took < 8000, `${took} ms after ${end}`);
    t.diagnostic(`${Math.round(took)} ms after ${end}`);
  }
});

test('a dead letter that is larger than its topic takes holds nobody up', { skip }, async (t) => {
  const { brokers, url, prefix, topic, letters, start, feedAll } = await sinkLab(t);
  await withAdmin(brokers, (admin) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: 2, name: topic, configEntries: [{ name: 'max.message.bytes', value: '4000000' }] }],
    }),
  );
  const large = randomBytes(2_000_000).toString('base64');
  await feedAll([{ value: text(0) }, { value: large }, { value: text(1) }]);
  const sink = await start();
  await sink.until('all is settled', ({ books }) => books.read === 3 && books.in_flight === 0, 30_000);
  const stored = await storedDocuments(url, `${prefix}-*`);
  assert.deepEqual(stored.map(({ source }) => source.seq).sort(), [0, 1]);
  const [letter] = await readRecords(brokers, letters);
  assert.deepEqual([letter!.headers.offset, letter!.headers.flags], ['1', 'truncated']);
  assert.ok(large.startsWith(letter!.value!.toString()));
  assert.match(sink.log, /a record is larger than the topic takes, and was cut/);
});

test('offsets that retention has deleted are counted and said', { skip }, async (t) => {
  const { brokers, topic, start, feedAll } = await sinkLab(t);
  await feedAll(logRecords(0, 200, 1));
  const first = await start();
  await first.until('all is committed', ({ partitions }) => partitions[0]?.committed === 200);
  assert.equal(await first.stop(), 0);
  await feedAll(logRecords(200, 500, 1));
  await withAdmin(brokers, async (admin) => {
    // Without it kafkajs knows no leaders.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '450' }] });
  });
  const sink = await start();
  const { lost } = await sink.until('the rest is written', ({ books }) => books.written === 50);
  assert.deepEqual(
    lost.map(({ reason, records }) => [reason, records]),
    [['beyond_retention', 250]],
  );
});

test('of two processes with one id the older ends, with the sentence', { skip }, async (t) => {
  const { start } = await sinkLab(t);
  const first = await start();
  await first.until('it is a member', ({ partitions }) => partitions.length === 1);
  // Another data_dir, on a host of the same name.
  const second = await start({}, { slots: 'other' });
  assert.equal(await first.ended, 1, first.log);
  assert.match(first.log, /another process is a member of group .* this one ends/);
  await second.until('it has the partition', ({ partitions }) => partitions.length === 1);
});

test('--check tells what is twice, mends it, and tells what is missing', { skip }, async (t) => {
  const { url, prefix, start, run, feedAll } = await sinkLab(t, { streams: 1 });
  await feedAll([...logRecords(0, 300, 1), { value: null }, { value: 'refused' }, ...logRecords(300, 400, 1)]);
  const sink = await start();
  await sink.until('all is committed', ({ partitions }) => partitions[0]?.committed === 402);
  assert.equal(await sink.stop(), 0);
  const whole = await run(['--check']);
  assert.deepEqual([whole.code, /nothing is missing/.test(whole.said)], [0, true], whole.said);
  const stored = await storedDocuments(url, `${prefix}-*`);
  await expectOk(ask(url, 'POST', `/${prefix}-1/_rollover`));
  for (const { id, source } of stored.slice(0, 3)) {
    await expectOk(ask(url, 'PUT', `/${prefix}-1/_create/${id}`, source));
  }
  const twice = await run(['--check']);
  assert.deepEqual([twice.code, /3 are twice/.test(twice.said)], [1, true], twice.said);
  const mended = await run(['--check', '--repair']);
  assert.deepEqual([mended.code, /3 newer copies are deleted/.test(mended.said)], [0, true], mended.said);
  assert.equal((await storedDocuments(url, `${prefix}-*`)).length, 400);
  const gone = stored[5]!;
  await expectOk(ask(url, 'DELETE', `/${gone.index}/_doc/${gone.id}`));
  const missing = await run(['--check', '--json']);
  assert.equal(missing.code, 1);
  assert.deepEqual([JSON.parse(missing.said.slice(missing.said.indexOf('[')))[0].missing.length], [1], missing.said);
});
