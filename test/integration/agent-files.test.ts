/** Files to Kafka through the whole agent: every byte, every header, every field. */
import assert from 'node:assert/strict';
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { makeHome } from '../support/agent.ts';
import { freshTopic, noKafka, sharedKafka } from '../support/kafka.ts';
import { readRecords } from '../support/kcat.ts';
import { anyLines } from '../support/lines.ts';

const skip = noKafka;
let kafka: Awaited<ReturnType<typeof sharedKafka>>;

before(async () => {
  if (!skip) kafka = await sharedKafka();
});
after(async () => {
  await kafka?.[Symbol.asyncDispose]();
});

const LF = Buffer.from('\n');

for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
  test(`200,000 lines arrive byte for byte and in order (${codec})`, { skip }, async () => {
    await using home = await makeHome();
    const topic = await freshTopic(kafka.brokers, `raw-${codec}`);
    const file = home.path('logs', 'any.log');
    await mkdir(home.path('logs'));
    const lines = anyLines(200_000);
    // Half is there at the start, half is appended, cut anywhere.
    const bytes = Buffer.concat(lines.flatMap((line) => [line, LF]));
    const half = bytes.length >> 1;
    await writeFile(file, bytes.subarray(0, half));
    const agent = await home.start({
      kafka: { brokers: [kafka.brokers], compression: codec },
      logs: [{ name: 'any', include: home.path('logs', '*.log'), topic, encoding: 'raw' }],
    });
    for (let at = half; at < bytes.length; at += 1_234_567) await appendFile(file, bytes.subarray(at, at + 1_234_567));
    const status = await agent.settled(200_000);
    assert.equal(status.conservation.inputs['logs.any']!.received, 200_000);
    const [of] = status.logs[0]!.files;
    assert.equal(of!.committed, bytes.length);
    await agent.stop();

    const records = await readRecords(kafka.brokers, topic);
    assert.equal(records.length, 200_000);
    let offset = 0;
    for (const [i, { key, value, headers }] of records.entries()) {
      const line = lines[i]!;
      // A CR before the LF is part of the terminator.
      const wanted = line.at(-1) === 13 ? line.subarray(0, -1) : line;
      if (!value?.equals(wanted)) assert.fail(`record ${i}: ${value} instead of ${wanted}`);
      if (Number(headers.offset) !== offset) assert.fail(`record ${i}: offset ${headers.offset} instead of ${offset}`);
      const length = line.length + 1;
      if (Number(headers.length) !== length) assert.fail(`record ${i}: length ${headers.length} instead of ${length}`);
      if (String(key) !== 'web-1' || headers.host !== 'web-1' || headers.path !== file || headers.file !== of!.id) {
        assert.fail(`record ${i}: key ${key}, headers ${JSON.stringify(headers)}`);
      }
      offset += length;
    }
    assert.equal(offset, bytes.length);
  });
}

test('a JSON record has every field, whatever the line holds, and offset and length make a chain', {
  skip,
}, async () => {
  await using home = await makeHome();
  const topic = await freshTopic(kafka.brokers, 'json');
  const file = home.path('logs', 'odd "name" ü.log');
  await mkdir(home.path('logs'));
  const controls = Buffer.from([...Array(32).keys(), 0x7f].filter((byte) => byte !== 10));
  const lines = [
    Buffer.from('GET / 200'),
    Buffer.alloc(0),
    Buffer.from('a "quoted" \\ back\\\\slash / and \t tab'),
    controls,
    Buffer.from('grüße \u{1f600} \u2028 \u0000'),
    Buffer.from([0xff, 0x61, 0xc3, 0x28, 0xed, 0xa0, 0x80, 0x62, 0xf0, 0x9f, 0x98]),
    Buffer.from('ends with CR\r'),
    ...anyLines(20_000),
  ];
  const bytes = Buffer.concat(lines.flatMap((line) => [line, LF]));
  await writeFile(file, bytes);
  const began = Date.now();
  const agent = await home.start({
    tags: { env: 'prod', team: 'a' },
    kafka: { brokers: [kafka.brokers] },
    logs: [{ name: 'nginx', include: home.path('logs', '*.log'), topic, tags: { team: 'b' } }],
  });
  const status = await agent.settled(lines.length);
  const [of] = status.logs[0]!.files;
  await agent.stop();

  const records = await readRecords(kafka.brokers, topic);
  assert.equal(records.length, lines.length);
  let offset = 0;
  for (const [i, { key, value, time }] of records.entries()) {
    const text = value!.toString();
    assert.ok(Buffer.from(text).equals(value!), `record ${i} is UTF-8`);
    const line = lines[i]!;
    const { '@timestamp': timestamp, ...rest } = JSON.parse(text);
    const length = line.length + 1;
    assert.deepEqual(rest, {
      // Node's decoder replaces as the encoding standard says: a U+FFFD for each maximal part of a sequence.
      message: (line.at(-1) === 13 ? line.subarray(0, -1) : line).toString(),
      log: { file: { path: file, id: of!.id }, offset, length },
      host: { name: 'web-1' },
      event: { dataset: 'nginx' },
      labels: { env: 'prod', team: 'b' },
    });
    assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.ok(Date.parse(timestamp) >= began - 1000 && Date.parse(timestamp) <= Date.now());
    assert.equal(String(key), 'web-1');
    assert.ok(Math.abs(time - Date.parse(timestamp)) < 5000);
    offset += length;
  }
  assert.equal(offset, bytes.length);
});
