/** The whole agent while Kafka is away for long: memory stays bounded, and the status says what waits. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { makeHome } from '../support/agent.ts';
import { createTopic, noKafka, type ProxiedKafka, sharedKafkaBehindProxy } from '../support/kafka.ts';
import { assertValues, numbered, Writer } from '../support/lines.ts';

const skip = noKafka;
const MB = 1 << 20;
const AWAY_SECONDS = 15 * 60;
let kafka: ProxiedKafka;

before(async () => {
  if (!skip) kafka = await sharedKafkaBehindProxy();
});
after(async () => {
  await kafka?.[Symbol.asyncDispose]();
});

test('writes that go on for a quarter of an hour without Kafka take no memory beyond the pool, and all arrive once', {
  skip,
}, async () => {
  await using home = await makeHome();
  await createTopic(kafka.brokers, 'away');
  const config = {
    kafka: { brokers: kafka.proxied },
    buffer_memory: '16MiB',
    logs: [{ name: 'app', include: home.path('app.log'), topic: 'away', encoding: 'raw' }],
  };
  // To the agent half a minute is a quarter of an hour: of back-off, of metadata's age, of everything that it times.
  const agent = await home.start(config, { clock: 30 });
  await using writer = new Writer(home.path('app.log'), 'app', 3000);
  await agent.until((s) => s.conservation.total.forwarded > 5000, 'lines flow');
  const before = (await agent.status()).process.rss_bytes;
  kafka.proxy.refuse();
  await agent.until((s) => s.reasons.some((reason) => /^kafka: /.test(reason)), 'the broker is missed');
  // More than the pool holds.
  for (let i = 0; i < 10; i++) await writer.append(30_000);
  let highest = 0;
  const { logs } = await agent.until((s) => {
    highest = Math.max(highest, s.process.rss_bytes);
    return s.kafka.last_ack_seconds! > AWAY_SECONDS;
  }, 'a quarter of an hour has passed');
  const { lag_bytes, lag_seconds } = logs[0]!.files[0]!;
  assert.ok(lag_bytes > 20 * MB && lag_seconds > 0.9 * AWAY_SECONDS, `${lag_bytes} bytes, ${lag_seconds} s behind`);
  assert.ok(highest < before + (16 + 60) * MB, `${before / MB} MB before, ${highest / MB} MB while it was away`);
  kafka.proxy.heal();
  const lines = await writer.stop();
  const { reasons } = await agent.settled(lines.length, 100_000);
  assert.deepEqual(reasons, []);
  await agent.stop();
  await assertValues(kafka.brokers, 'away', lines);
});

test('with brokers that were never reached the status shows each file, and how far it is behind', {
  skip,
}, async () => {
  await using home = await makeHome();
  const lines = numbered('app', 0, 5000);
  const text = `${lines.join('\n')}\n`;
  await writeFile(home.path('app.log'), text);
  kafka.proxy.refuse();
  const agent = await home.start({
    kafka: { brokers: kafka.proxied },
    logs: [{ name: 'app', include: home.path('app.log'), topic: 'never', encoding: 'raw' }],
  });
  const { logs, reasons } = await agent.until(
    (s) => (s.logs[0]?.files[0]?.lag_seconds ?? 0) > 1 && s.reasons.length > 0,
    'the file is shown',
  );
  const [file] = logs[0]!.files;
  assert.deepEqual([file!.size, file!.position, file!.lag_bytes], [text.length, 0, text.length]);
  assert.match(reasons[0]!, /^kafka: .*(ECONNRESET|closed|hang up)/);
  kafka.proxy.heal();
  await agent.settled(lines.length);
  await agent.stop();
  await assertValues(kafka.brokers, 'never', lines);
});
