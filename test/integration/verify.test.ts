/** `verify` against a real Kafka: what is complete, and every way in which it can fail to be. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import { compress } from '../../src/records/codecs.ts';
import { CODECS, type Codec, HEADER_BYTES, sealedHeader } from '../../src/records/record-batch.ts';
import { type Report, type VerifyOptions, verify } from '../../src/verify/verify.ts';
import { makeHome, runnel } from '../support/agent.ts';
import { freshTopic, type Kafka, noKafka, startKafka, withAdmin } from '../support/kafka.ts';
import { type Packing, pack } from '../support/packed.ts';

const skip = noKafka;
let kafka: Kafka;
let client: KafkaClient;

before(async () => {
  if (skip) return;
  kafka = await startKafka({ properties: { 'log.cleaner.backoff.ms': 100, 'log.retention.check.interval.ms': 500 } });
  client = new KafkaClient({ brokers: [kafka.brokers], client_id: 'test', create_topics: false, quiet: true });
});
after(async () => {
  client?.close();
  await kafka?.stop();
});

/** Sends lines of a file as one batch; gives where in the file they end. */
async function send(
  topic: string,
  text: string,
  how: Partial<Packing> = {},
  { codec = 'none' as Codec, partition = 0 } = {},
): Promise<number> {
  const { body, count } = pack(text, { encoding: 'json', ...how });
  const packed = await compress(codec, 1, body);
  const header = sealedHeader(packed, { count, codec, time: Date.now() });
  for (const deadline = Date.now() + 30_000; ; await sleep(50)) {
    const link = await client.leader(topic, partition);
    const { errorCode } = await client.produceOn(link, topic, partition, { header, body: packed });
    if (errorCode === 0) break;
    // The leader of a new topic may not know yet that it is.
    assert.ok([3, 6].includes(errorCode) && Date.now() < deadline, `error ${errorCode}`);
    client.topics.invalidate(topic);
  }
  return (how.from ?? 0) + Buffer.byteLength(text);
}

function ask(topic: string, options: Partial<VerifyOptions> = {}): Promise<Report> {
  return verify({
    client,
    topic,
    partitions: null,
    isolation: 'read_committed',
    host: null,
    id: null,
    file: null,
    exactlyOnce: false,
    anyStart: false,
    remember: 100_000,
    timeout: 30_000,
    ...options,
  });
}

function lines(from: number, count: number): string {
  return Array.from({ length: count }, (_, i) => `line ${from + i} ${'x'.repeat(((from + i) * 7) % 50)}\n`).join('');
}

test('files that came in order, with every codec and encoding, are complete', { skip }, async () => {
  const topic = await freshTopic(kafka.brokers, 'verify');
  const sizes: Record<string, number> = {};
  for (let round = 0; round < 3; round++) {
    for (const codec of CODECS) {
      for (const encoding of ['json', 'raw'] as const) {
        const id = `${codec}-${encoding}`;
        const from = sizes[id] ?? 0;
        sizes[id] = await send(topic, lines(round * 500, 500), { encoding, id, path: `/${id}.log`, from }, { codec });
      }
    }
  }
  const report = await ask(topic, { exactlyOnce: true });
  assert.deepEqual([report.result, report.reasons, report.foreign, report.records], ['complete', [], 0, 15_000]);
  assert.equal(report.files.length, 10);
  for (const file of report.files) {
    assert.equal(file.path, `/${file.id}.log`);
    assert.deepEqual([file.result, file.records, file.from, file.to], ['complete', 1500, 0, sizes[file.id]]);
    assert.equal(file.bytes, sizes[file.id]);
  }
});

test('of a large answer all is read, though some of it is compressed and some is not', { skip }, async () => {
  for (const codecs of [['none'], ['zstd', 'none', 'zstd'], ['zstd']] as const) {
    const topic = await freshTopic(kafka.brokers, 'verify-large');
    let from = 0;
    for (let round = 0; round < 6; round++) {
      const text = lines(round * 2000, 2000).replaceAll(/x+/g, () => randomBytes(40).toString('base64'));
      from = await send(topic, text, { encoding: 'raw', from }, { codec: codecs[round % codecs.length]! });
    }
    const report = await ask(topic, { exactlyOnce: true });
    assert.deepEqual([report.result, report.reasons, report.records], ['complete', [], 12_000], codecs.join());
  }
});

test('gaps, overlaps and duplicates are found, of each file its own', { skip }, async () => {
  const topic = await freshTopic(kafka.brokers, 'verify');
  const raw = { encoding: 'raw' } as const;
  // Of 10 lines of 4 bytes: 40 bytes.
  const ten = Array.from({ length: 10 }, (_, i) => `${100 + i}\n`);
  const part = (id: string, from: number, to: number, how: Partial<Packing> = {}) =>
    send(topic, ten.slice(from, to).join(''), { ...raw, id, path: `/${id}`, from: from * 4, ...how });
  await part('whole', 0, 10);
  await part('gap', 0, 3);
  await part('gap', 5, 7);
  await part('gap', 8, 10);
  await part('twice', 0, 6);
  await part('twice', 4, 10);
  await part('late', 5, 10);
  await part('late', 0, 5);
  await part('begins', 2, 10);
  await part('filtered', 0, 10, { drop: (i) => i === 0 || i === 4 || i === 5 });
  await part('torn', 0, 10);
  await send(topic, '05\n', { ...raw, id: 'torn', path: '/torn', from: 21 });
  await part('crossed', 0, 5);
  await send(topic, '104+105\n', { ...raw, id: 'crossed', path: '/crossed', from: 16 });

  const report = await ask(topic);
  assert.equal(report.result, 'incomplete');
  const of = Object.fromEntries(report.files.map((f) => [f.id, f]));
  const results = Object.fromEntries(report.files.map((f) => [f.id, f.result]));
  assert.deepEqual(results, {
    whole: 'complete',
    gap: 'incomplete',
    twice: 'complete',
    late: 'complete',
    begins: 'incomplete',
    filtered: 'complete',
    torn: 'incomplete',
    crossed: 'incomplete',
  });
  assert.deepEqual(of.gap!.gaps, [
    { from: 12, to: 20, bytes: 8 },
    { from: 28, to: 32, bytes: 4 },
  ]);
  assert.deepEqual([of.gap!.gaps_total, of.gap!.missing_bytes, of.gap!.reasons], [2, 12, ['bytes are missing']]);
  assert.deepEqual([of.twice!.duplicates, of.twice!.duplicate_bytes, of.twice!.overlaps_total], [2, 8, 0]);
  assert.deepEqual([of.late!.duplicates, of.late!.gaps_total], [0, 0]);
  assert.deepEqual(of.begins!.gaps, [{ from: 0, to: 8, bytes: 8 }]);
  assert.deepEqual([of.filtered!.skipped_bytes, of.filtered!.bytes, of.filtered!.records], [12, 28, 7]);
  assert.deepEqual(of.torn!.overlaps, [{ from: 21, to: 24, bytes: 3 }]);
  assert.deepEqual(of.crossed!.overlaps, [{ from: 16, to: 24, bytes: 8 }]);

  const once = await ask(topic, { id: 'twice', exactlyOnce: true });
  assert.deepEqual([once.result, once.files[0]!.reasons], ['incomplete', ['records came more than once']]);
  assert.equal((await ask(topic, { id: 'begins', anyStart: true })).result, 'complete');
  // What is forgotten cannot be told from an overlap.
  const forgetful = await ask(topic, { id: 'twice', remember: 1 });
  assert.deepEqual([forgetful.result, forgetful.files[0]!.duplicates + forgetful.files[0]!.unproven], ['undecided', 2]);
});

test('several partitions, hosts and files are kept apart, and can be chosen', { skip }, async () => {
  const topic = await freshTopic(kafka.brokers, 'verify', { partitions: 3 });
  const half = await send(topic, lines(0, 100), { host: 'a', id: '1' }, { partition: 2 });
  await send(topic, lines(100, 100), { host: 'a', id: '1', from: half }, { partition: 0 });
  await send(topic, lines(0, 10), { host: 'b', id: '1', from: 5 }, { partition: 1 });
  const all = await ask(topic);
  assert.deepEqual(
    all.files.map((f) => [f.host, f.result, f.records]),
    [
      ['b', 'incomplete', 10],
      ['a', 'complete', 200],
    ],
  );
  assert.equal((await ask(topic, { host: 'a' })).result, 'complete');
  assert.equal((await ask(topic, { host: 'a', partitions: [0] })).files[0]!.gaps[0]!.to, half);
  const none = await ask(topic, { host: 'c' });
  assert.deepEqual(
    [none.result, none.reasons],
    ['undecided', [`no record of any file of host c was found in topic ${topic}`]],
  );
  const missing = await ask(topic, { partitions: [3] });
  assert.deepEqual(missing.reasons, [`topic ${topic} has 3 partitions: there is no 3`]);
});

test('what Kafka has deleted leaves it undecided; what else is missing does not', { skip }, async () => {
  const topic = await freshTopic(kafka.brokers, 'verify');
  let at = 0;
  for (let i = 0; i < 4; i++) at = await send(topic, lines(i * 10, 10), { from: at });
  const after = await send(topic, lines(0, 10), { id: 'later' });
  // In the middle of a batch.
  await withAdmin(kafka.brokers, async (admin) => {
    await admin.fetchTopicOffsets(topic); // so it learns who the leader is
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '15' }] });
  });
  const report = await ask(topic);
  assert.equal(report.result, 'undecided');
  assert.equal(report.partitions[0]!.first, 15);
  const [first, second] = report.files;
  assert.deepEqual([first!.result, first!.records, first!.gaps.length], ['undecided', 25, 1]);
  assert.equal(first!.gaps[0]!.to, Buffer.byteLength(lines(0, 15)));
  assert.match(first!.reasons[0]!, /its beginning is missing, and Kafka has deleted the beginning of the topic/);
  assert.equal(second!.result, 'complete');
  await send(topic, lines(0, 10), { id: 'later', from: after + 1 });
  assert.equal((await ask(topic)).result, 'incomplete');
});

test('a compacted topic leaves it undecided', { skip }, async () => {
  const config = {
    'cleanup.policy': 'compact',
    'segment.ms': 100,
    'min.cleanable.dirty.ratio': 0.001,
    'min.compaction.lag.ms': 0,
    'delete.retention.ms': 0,
  };
  const topic = await freshTopic(kafka.brokers, 'verify', config);
  // The key is the host: only the last line of all stays.
  let at = await send(topic, lines(0, 10), {});
  at = await send(topic, lines(10, 10), { from: at });
  for (const deadline = Date.now() + 60_000; ; await sleep(300)) {
    await send(topic, lines(0, 1), { id: 'other', host: 'other' });
    const report = await ask(topic, { host: 'web-1' });
    if (report.files[0] && report.files[0].records < 20) {
      assert.ok(report.partitions[0]!.missing > 0);
      assert.equal(report.result, 'undecided');
      break;
    }
    assert.ok(Date.now() < deadline, 'the topic was not compacted');
  }
});

test('aborted transactions are left out, those of others are foreign', { skip }, async () => {
  const topic = await freshTopic(kafka.brokers, 'verify');
  const at = await send(topic, lines(0, 10), {});
  const theirs = new kafkajs.Kafka({ brokers: [kafka.brokers], logLevel: kafkajs.logLevel.NOTHING });
  const producer = theirs.producer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const document = (offset: number, length: number) =>
    JSON.stringify({
      message: 'x',
      log: { file: { path: '/var/log/a.log', id: '0123456789abcdef' }, offset, length },
      host: { name: 'web-1' },
    });
  try {
    for (const [commit, value] of [
      [false, document(at, 10)],
      [true, document(at, 20)],
      [false, document(at + 20, 5)],
    ] as const) {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value }, { value: 'foreign', headers: { trace: 'x' } }] });
      await (commit ? transaction.commit() : transaction.abort());
    }
    await send(topic, 'end\n', { from: at + 20 });
    const report = await ask(topic, { exactlyOnce: true });
    assert.deepEqual([report.result, report.foreign, report.aborted], ['complete', 1, 4]);
    assert.equal(report.files[0]!.to, at + 24);
    assert.equal(report.partitions[0]!.missing, 0);
    const dirty = await ask(topic, { isolation: 'read_uncommitted' });
    assert.deepEqual([dirty.result, dirty.files[0]!.overlaps_total, dirty.foreign], ['incomplete', 2, 3]);

    const open = await producer.transaction();
    await open.send({ topic, messages: [{ value: document(at + 24, 7) }] });
    const waiting = await ask(topic);
    assert.deepEqual([waiting.result, waiting.files[0]!.to, waiting.partitions[0]!.open], ['complete', at + 24, 1]);
    await open.abort();
  } finally {
    await producer.disconnect();
  }
});

test('records that kafkajs has compressed in its own batches are read', { skip }, async () => {
  const topic = await freshTopic(kafka.brokers, 'verify');
  const theirs = new kafkajs.Kafka({ brokers: [kafka.brokers], logLevel: kafkajs.logLevel.NOTHING });
  const producer = theirs.producer();
  await producer.connect();
  try {
    for (let i = 0; i < 5; i++) {
      const messages = Array.from({ length: 50 }, (_, n) => ({
        key: n % 2 ? 'key' : null,
        value: 'line',
        headers: { host: 'h', path: '/p', file: 'f', offset: `${(i * 50 + n) * 5}`, length: '5' },
      }));
      await producer.send({ topic, messages, compression: kafkajs.CompressionTypes.GZIP });
      await producer.send({ topic, messages: [{ key: 'only', value: null }] });
    }
  } finally {
    await producer.disconnect();
  }
  const report = await ask(topic);
  assert.deepEqual([report.result, report.records, report.foreign, report.files[0]!.to], ['complete', 255, 5, 1250]);
});

test('a damaged batch is named, and nothing is decided', { skip }, async () => {
  const topic = await freshTopic(kafka.brokers, 'verify');
  const at = await send(topic, lines(0, 10), {}, { codec: 'zstd' });
  await send(topic, lines(0, 10), { from: at });
  const dir = kafka.partitionDir(topic);
  const log = path.join(dir, readdirSync(dir).find((name) => name.endsWith('.log'))!);
  const fd = openSync(log, 'r+');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, HEADER_BYTES + 20);
  byte[0]! ^= 0xff;
  writeSync(fd, byte, 0, 1, HEADER_BYTES + 20);
  closeSync(fd);
  const report = await ask(topic);
  assert.equal(report.result, 'undecided');
  assert.deepEqual(report.reasons, [`the batch at offset 0 of ${topic}/0 is damaged: its checksum does not hold`]);
});

test('as a command: exit codes, JSON, a topic or a Kafka that is not there', { skip }, async () => {
  const topic = await freshTopic(kafka.brokers, 'verify');
  const at = await send(topic, lines(0, 10), {});
  const ask = (...args: string[]) => runnel('verify', '--brokers', kafka.brokers, ...args);
  const complete = await ask('--topic', topic, '--from-beginning', '--until-now');
  assert.equal(complete.code, 0, complete.stderr);
  assert.match(
    complete.stdout,
    new RegExp(
      `\ncomplete: web-1:/var/log/a\\.log \\(id 0123456789abcdef\\): bytes 0 to ${at}, 10 records\ncomplete\n$`,
    ),
  );
  await send(topic, lines(0, 10), { from: at + 7 });
  const incomplete = await ask('--topic', topic, '--json');
  assert.equal(incomplete.code, 1, incomplete.stderr);
  assert.deepEqual(JSON.parse(incomplete.stdout).files[0].gaps, [{ from: at, to: at + 7, bytes: 7 }]);
  assert.match((await ask('--topic', topic)).stdout, new RegExp(` {2}gap: ${at} to ${at + 7}, 7 bytes\nincomplete\n$`));

  const none = await ask('--topic', 'none');
  assert.equal(none.code, 3, none.stderr);
  assert.match(none.stdout, /^! there is no topic none$/m);
  assert.equal(none.stderr, '');
  const away = await runnel('verify', '--brokers', '127.0.0.1:1', '--topic', 'x', '--timeout', '1');
  assert.equal(away.code, 3, away.stderr);
  assert.match(away.stdout, /cannot read topic x within 1 s: .*127\.0\.0\.1:1.*/);
  for (const args of [
    ['--topic', topic, '--isolation', 'x'],
    ['--topic', topic, '--partition', 'x'],
    [],
    ['--topic', topic, '--file', '/nowhere/a.log'],
  ]) {
    const wrong = await ask(...args);
    assert.equal(wrong.code, 2, wrong.stderr);
    assert.notEqual(wrong.stderr, '');
  }
});

for (const encoding of ['json', 'raw'] as const) {
  test(`what the agent sends as ${encoding} is complete and is what the file holds`, { skip }, async () => {
    await using home = await makeHome();
    const topic = await freshTopic(kafka.brokers, 'verify');
    const file = home.path('logs', 'a.log');
    await mkdir(home.path('logs'));
    const odd = ['', '"quoted" \\ back', 'tab\tand ä → 😀', '\u0001control', 'x'.repeat(3000), 'ends in CR\r'];
    const text = Array.from({ length: 20_000 }, (_, i) => `${i} ${odd[i % odd.length]}\n`).join('');
    writeFileSync(file, Buffer.concat([Buffer.from(text), Buffer.from([0xff, 0xc3, 0x0a])]));
    const agent = await home.start({
      kafka: { brokers: [kafka.brokers] },
      logs: [{ name: 'app', include: [file], topic, encoding, max_line: '2KiB', tags: { env: 'test' } }],
    });
    await agent.settled(20_001);
    const same = await runnel(
      'verify',
      '-c',
      home.path('runnel.yaml'),
      '--topic',
      topic,
      '--file',
      file,
      '--exactly-once',
      '--json',
    );
    assert.equal(same.code, 0, same.stdout + same.stderr);
    const [facts] = JSON.parse(same.stdout).files;
    assert.deepEqual([facts.result, facts.compared.matching, facts.compared.different], ['complete', 20_001, 0]);
    await agent.stop();

    // The file gains a line that is not sent, and another byte.
    const changed = Buffer.concat([Buffer.from(text), Buffer.from([0xff, 0xc3, 0x0a]), Buffer.from('not sent\n')]);
    changed[1]! ^= 1;
    writeFileSync(file, changed);
    const other = await runnel('verify', '-c', home.path('runnel.yaml'), '--topic', topic, '--file', file, '--json');
    assert.equal(other.code, 1, other.stderr);
    const [differing] = JSON.parse(other.stdout).files;
    assert.deepEqual(differing.compared.differing, [{ from: 0, to: 3, bytes: 3 }]);
    assert.deepEqual(differing.gaps, [{ from: facts.to, to: facts.to + 9, bytes: 9 }]);
    assert.deepEqual(differing.reasons, ['records differ from the file', 'the end of the file has not arrived']);
  });
}

for (const encoding of ['json', 'raw'] as const) {
  for (const down of [false, true]) {
    const when = down ? 'while the agent is down' : 'and a restart right behind it';
    test(`${encoding}: records that go on over a rotation, ${when}, are complete`, { skip }, async () => {
      await using home = await makeHome();
      const topic = await freshTopic(kafka.brokers, 'verify');
      const file = home.path('logs', 'a.log');
      await mkdir(home.path('logs'));
      const config = {
        kafka: { brokers: [kafka.brokers] },
        logs: [{ name: 'app', include: [file], topic, encoding, multiline: { start: '^#', timeout: '10m' } }],
      };
      const verified = (...more: string[]) =>
        runnel('verify', '-c', home.path('runnel.yaml'), '--topic', topic, '--exactly-once', '--json', ...more);
      const rotate = () => {
        renameSync(file, home.path('logs', 'a.old'));
        writeFileSync(file, 'goes on\nand on\n#3\nhas two lines\n');
      };
      writeFileSync(file, `#1 ${'x'.repeat(500)}\nhas two lines\n#2\n`);
      const first = await home.start(config);
      await first.settled(1);
      if (!down) {
        rotate();
        await first.settled(2);
      }
      await first.stop();
      if (down) rotate();
      else appendFileSync(file, '#4\n');
      const second = await home.start(config);
      // The first process has sent the joined record, or the second one does.
      await second.settled(1);
      if (down) {
        await second.stop();
        appendFileSync(file, '#4\n');
        await (await home.start(config)).settled(1);
      }
      const report = await verified();
      assert.equal(report.code, 0, report.stdout + report.stderr);
      const { files } = JSON.parse(report.stdout) as Report;
      const facts = files.map(({ result, records, from, to, skipped_bytes }) => [
        result,
        records,
        from,
        to,
        skipped_bytes,
      ]);
      assert.deepEqual(facts, [
        ['complete', 2, 0, 521, 0],
        ['complete', 1, 0, 32, 15],
      ]);
      // Each is what the files hold.
      const old = await verified('--file', home.path('logs', 'a.old'), '--id', files[0]!.id);
      assert.equal(old.code, 0, old.stdout + old.stderr);
      const now = await verified('--file', file, '--id', files[1]!.id);
      assert.equal(JSON.parse(now.stdout).files[0].compared.different, 0);
    });
  }
}
