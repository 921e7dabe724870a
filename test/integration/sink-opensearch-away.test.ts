/** The sink while its server cannot take what it has: away for an hour, red, a shard's node lost, a certificate ended. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { directory } from '../support/directory.ts';
import { noKafka, startKafka } from '../support/kafka.ts';
import { makeCertificates } from '../support/kafka-tls.ts';
import { ask, expectOk, noOpenSearch } from '../support/opensearch.ts';
import { OpenSearchProxy } from '../support/opensearch-proxy.ts';
import { compare, logRecords, untilConsumed } from '../support/sink.ts';
import { sinkLab } from '../support/sink-lab.ts';

const skip = noKafka || noOpenSearch;
const MINUTES = 60_000;

test('a server that is away for an hour is asked now and then, nothing piles up, and it goes on at once', {
  skip,
}, async (t) => {
  const clock = 60;
  const count = 40_000;
  const { brokers, url, prefix, topic, proxy, start, feedAll } = await sinkLab(t, { partitions: 2 });
  let away = false;
  let asked = 0;
  proxy.behave = () => {
    if (away) asked++;
    return away ? 'cut before' : 'pass';
  };
  await feedAll(logRecords(0, count / 2, 2));
  // Kafka's clock is the machine's: a session that is long to us is as long to it.
  const options = { session_timeout: '5m', window: 50_000, buffer_memory: '16MiB' };
  const sink = await start(options, { clock });
  await sink.until('it writes', ({ books }) => books.written > 0);
  away = true;
  await feedAll(logRecords(count / 2, count, 2));
  await sink.until('it says that it is away', ({ reasons }) => reasons.some((r) => /connection/.test(r)));
  await sleep((10 * MINUTES) / clock);
  const early = await sink.until('its memory is full', ({ consumers }) => bufferedIn(consumers) > 11 << 20);
  const [lines, requests] = [sink.log.split('\n').length, asked];
  await sleep((50 * MINUTES) / clock);
  const late = await sink.until('it waits', ({ reasons }) => reasons.length > 0);
  assert.deepEqual(late.books, early.books, 'no more is read than there is room for');
  assert.ok(late.books.in_flight > 0 && late.books.read < count, JSON.stringify(late.books));
  const buffered = bufferedIn(late.consumers);
  assert.ok(buffered <= 16 << 20, `${buffered} bytes of bulk requests`);
  const grown = late.process.rss_bytes - early.process.rss_bytes;
  assert.ok(grown < 48 << 20, `${grown} bytes more than after ten minutes`);
  // Four bulk requests, the streams, and the upkeep: each every 5 to 10 s at last, or every minute.
  const each = (asked - requests) / 50;
  assert.ok(each > 1 && each < 60, `${each} requests a minute`);
  const said = sink.log.split('\n').length - lines;
  assert.ok(said < 20, `${said} lines in 50 minutes:\n${sink.log}`);
  away = false;
  const back = performance.now();
  await sink.until('it goes on', ({ books }) => books.written + books.present > late.books.written);
  const seconds = ((performance.now() - back) * clock) / 1000;
  assert.ok(seconds < 300, `it goes on after ${seconds} s`);
  t.diagnostic(`${each} requests a minute, ${said} lines, ${grown} bytes, goes on after ${Math.round(seconds)} s`);
  // Its clock is too impatient with a busy Kafka: one with the machine's does the rest.
  await sink.kill();
  await start(options);
  await untilConsumed(brokers, prefix, topic);
  const { missing, twice } = await compare(url, `${prefix}-*`, count);
  assert.deepEqual([missing, twice], [[], 0]);
});

test('a stream that is red waits, the other one goes on; all is there once it is green', { skip }, async (t) => {
  const { brokers, url, prefix, topic, start, feedAll } = await sinkLab(t, { partitions: 2 });
  await feedAll(logRecords(0, 1000, 2));
  const sink = await start();
  await sink.until('all is written', ({ books }) => books.written === 1000);
  // No node has the name: what it writes into next is nowhere.
  const settings = { 'index.routing.allocation.require._name': 'nobody', 'index.number_of_replicas': 0 };
  const template = { index_patterns: [`${prefix}-1`], data_stream: {}, priority: 901, template: { settings } };
  await expectOk(ask(url, 'PUT', `/_index_template/${prefix}-red`, template));
  await expectOk(ask(url, 'POST', `/${prefix}-1/_rollover?wait_for_active_shards=0`));
  const { status } = await expectOk(ask(url, 'GET', `/_cluster/health/.ds-${prefix}-1-*`));
  assert.equal(status, 'red');
  await feedAll(logRecords(1000, 5000, 2));
  await sink.until('the other stream is written', ({ books }) => books.written === 3000);
  const { books } = await sink.until('it says why the red one waits', ({ reasons }) =>
    reasons.some((reason) => reason.includes(`${prefix}-1: 503 unavailable_shards_exception`)),
  );
  assert.deepEqual([books.written, books.in_flight], [3000, 2000]);
  await sink.until('it looks before it writes again', ({ reasons }) =>
    reasons.some((reason) => reason.includes(`${prefix}-1: not all of it can be searched`)),
  );
  await feedAll(logRecords(5000, 6000, 2));
  await sink.until('the other stream goes on', ({ books }) => books.written === 3500);
  const settle = { 'index.routing.allocation.require._name': null };
  await expectOk(ask(url, 'PUT', `/.ds-${prefix}-1-*/_settings`, settle));
  await untilConsumed(brokers, prefix, topic);
  await sink.until('all is well', ({ books, reasons }) => books.written === 6000 && reasons.length === 0);
  const { missing, twice } = await compare(url, `${prefix}-*`, 6000);
  assert.deepEqual([missing, twice], [[], 0]);
});

test('what a node that was lost may have written is looked for, in older indices, too', { skip }, async (t) => {
  const { brokers, url, prefix, topic, proxy, start, feedAll } = await sinkLab(t, { streams: 1 });
  let lost = 3;
  proxy.behave = ({ stream }) => (stream && lost-- > 0 ? 'lost' : 'pass');
  proxy.answered = () => {
    if (lost >= 0) return expectOk(ask(url, 'POST', `/${prefix}-1/_rollover`));
  };
  await feedAll(logRecords(0, 2000, 1));
  const sink = await start();
  await untilConsumed(brokers, prefix, topic);
  const { books } = await sink.until('all is settled', ({ books }) => books.in_flight === 0);
  assert.equal(books.written + books.present, 2000);
  assert.ok(books.present > 0, 'some were there');
  const { missing, twice } = await compare(url, `${prefix}-*`, 2000);
  assert.deepEqual([missing, twice], [[], 0]);
});

test('while Kafka is away it waits and says so; then it commits what was on its way, and goes on', {
  skip,
}, async (t) => {
  const kafka = await startKafka();
  const { brokers, url, prefix, topic, start, feedAll } = await sinkLab(t, { partitions: 2, ownKafka: kafka });
  await feedAll(logRecords(0, 20_000, 2));
  const sink = await start();
  await sink.until('it is in the midst of it', ({ books }) => books.written > 2000);
  await kafka.kill();
  const { reasons } = await sink.until('it is said', ({ ready, reasons }) => !ready && reasons.length > 0);
  assert.ok(reasons.join().includes(brokers), reasons.join());
  await sink.until('what it has is settled', ({ books }) => books.in_flight === 0);
  await kafka.start();
  await untilConsumed(brokers, prefix, topic);
  const { books } = await sink.until('all is well', ({ reasons }) => reasons.length === 0);
  assert.equal(books.written + books.present, 20_000);
  const { missing, twice } = await compare(url, `${prefix}-*`, 20_000);
  assert.deepEqual([missing, twice], [[], 0]);
});

test('a certificate that has ended is said by name; when it is renewed the sink goes on', { skip }, async (t) => {
  const dir = directory(t);
  await makeCertificates(dir);
  const [good, ended] = await Promise.all(
    ['server-chain.pem', 'server-expired.pem'].map((file) => readFile(join(dir, file))),
  );
  const { url, prefix, start, feedAll } = await sinkLab(t);
  await using secure = await OpenSearchProxy.start(url, good);
  await feedAll(logRecords(0, 100, 1));
  const sink = await start({ urls: [secure.url], tls: { ca_file: join(dir, 'ca.pem') } });
  await sink.until('all is written', ({ books }) => books.written === 100);
  secure.renew(ended!);
  await feedAll(logRecords(100, 200, 1));
  const said = `${secure.url} its certificate has ended: it has to be renewed there`;
  await sink.until('it is said', ({ reasons }) => reasons.some((reason) => reason.endsWith(said)));
  assert.ok(sink.log.includes(said), sink.log);
  secure.renew(good!);
  await sink.until('it goes on', ({ books, reasons }) => books.written + books.present === 200 && reasons.length === 0);
  assert.equal(await sink.stop(), 0);
  const { missing, twice } = await compare(url, `${prefix}-*`, 200);
  assert.deepEqual([missing, twice], [[], 0]);
});

/** Bytes of bulk requests that wait. */
function bufferedIn(consumers: readonly Record<string, unknown>[]): number {
  return Number(consumers[0]!.buffered_bytes ?? 0);
}
