/** The whole agent while Kafka is away for long: memory stays bounded, and the status says what waits. */
import assert from 'node:assert/strict';
import { appendFile, rm, truncate, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { renderStatus } from '../../src/report/render.ts';
import type { Status } from '../../src/report/shape.ts';
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
  assert.match(reasons[0]!, /^kafka: .*(ECONNRESET|closed|hang up|ended the connection)/);
  kafka.proxy.heal();
  await agent.settled(lines.length);
  await agent.stop();
  await assertValues(kafka.brokers, 'never', lines);
});

test('what status says of a file agrees with the books: truncated while Kafka is away, after a stop, after kill -9', {
  skip,
}, async () => {
  await using home = await makeHome();
  await createTopic(kafka.brokers, 'agreed');
  const log = home.path('app.log');
  const config = {
    kafka: { brokers: kafka.proxied },
    logs: [{ name: 'app', include: home.path('*.log'), topic: 'agreed', encoding: 'raw' }],
    shutdown_timeout: '1s',
  };
  const [first, second, third] = [0, 1000, 3000].map((from, i) => numbered('app', from, [1000, 2000, 10][i]!));
  const append = (lines: string[]) => appendFile(log, `${lines.join('\n')}\n`);
  await append(first!);
  let agent = await home.start(config);
  const { logs: sent } = await agent.settled(1000);
  assert.deepEqual([sent[0]!.lag_bytes, sent[0]!.lag_seconds], [0, 0]);

  kafka.proxy.refuse();
  const since = performance.now();
  await append(second!);
  const age = ({ logs }: Status) => logs[0]!.lag_seconds;
  const elapsed = () => (performance.now() - since) / 1000;
  await agent.until((s) => s.conservation.total.received === 3000 && age(s) > 1, 'all is read');
  const { id, lag_bytes } = (await agent.status()).logs[0]!.files[0]!;
  await truncate(log);
  const cut = await agent.until((s) => s.logs[0]!.files[0]!.id !== id, 'it begins anew');
  const text = renderStatus(cut);
  assert.equal(cut.logs[0]!.files[0]!.lag_bytes, lag_bytes);
  assert.ok(!text.includes('all sent') && text.includes('2000 on their way'), text);
  assert.match(text, /^3000 received \+ 0 recovered = 1000 forwarded .* \+ 2000 on their way \+ 0 in the local log$/m);

  const short = numbered('gone', 0, 5);
  await writeFile(home.path('gone.log'), `${short.join('\n')}\n`);
  await agent.until((s) => s.conservation.total.received === 3005, 'what is deleted is read');
  await rm(home.path('gone.log'));
  await agent.stop();
  assert.match(agent.stderr, /: 2005 lines that were on their way wait in \S+\/window, sent at the next start\n$/);
  for (const end of [() => agent.kill9(), () => agent.stop()]) {
    agent = await home.start(config);
    const again = await agent.until((s) => s.logs[0]!.files_total === 1, 'the file is found');
    assert.ok(Math.abs(age(again) - elapsed()) < 2, `${age(again)} s, not ${elapsed()}`);
    assert.match(renderStatus(again), /lines of before the start on their way \(.*\n.*, all read, /);
    assert.match(renderStatus(again), /^0 received \+ 2005 recovered = .* 2005 on their way \+ 0 in the local log$/m);
    await end();
  }
  kafka.proxy.heal();
  agent = await home.start(config);
  await append(third!);
  const all = await agent.settled(2015);
  assert.deepEqual([age(all), all.logs[0]!.left_seconds], [0, 0]);
  await agent.stop();
  await assertValues(kafka.brokers, 'agreed', [...first!, ...second!, ...short, ...third!]);
});
