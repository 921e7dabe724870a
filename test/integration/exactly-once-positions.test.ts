/** `runnel positions` beside kafka.delivery: exactly_once: what a person said counts, and not what Kafka has. */
import assert from 'node:assert/strict';
import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { type AgentConfig, type Home, makeHome, runnel } from '../support/agent.ts';
import { readCommitted } from '../support/committed.ts';
import { freshTopic, noKafka, type SharedKafka, sharedKafka } from '../support/kafka.ts';
import { numbered } from '../support/lines.ts';

const skip = noKafka;
let kafka: SharedKafka;

before(async () => {
  if (!skip) kafka = await sharedKafka();
});
after(async () => {
  await kafka?.[Symbol.asyncDispose]();
});

const NAMES = ['a', 'b'] as const;

interface Setting {
  topic: string;
  config: AgentConfig;
  file: (name: string) => string;
}

/** Two files of a hundred lines that are committed, of an agent that could not note what data_dir reflects of it. */
async function killed(home: Home, name: string): Promise<Setting> {
  await mkdir(home.path('logs'));
  const topic = await freshTopic(kafka.brokers, name);
  const config: AgentConfig = {
    kafka: { brokers: kafka.brokers, delivery: 'exactly_once', topic_prefix: topic },
    logs: [{ name: 'app', include: home.path('logs', '*.log'), topic, encoding: 'raw' }],
  };
  const file = (name: string) => home.path('logs', `${name}.log`);
  for (const name of NAMES) await append(file(name), name, 0);
  const agent = await home.start(config);
  await agent.settled(200);
  await agent.kill9();
  return { topic, config, file };
}

async function append(file: string, name: string, from: number): Promise<void> {
  await appendFile(file, `${numbered(name, from, 100).join('\n')}\n`);
}

async function positions(home: Home, ...args: string[]): Promise<void> {
  const ran = await runnel('positions', ...args, '--yes', '-c', home.path('runnel.yaml'));
  assert.equal(ran.code, 0, ran.stderr);
}

/** Starts the agent until so many lines are committed; the second start has nothing to send. */
async function startTwice(home: Home, { config }: Setting, lines: number): Promise<void> {
  const agent = await home.start(config);
  await agent.settled(lines);
  await agent.until((s) => s.logs[0]!.files.every((f) => f.lag_bytes === 0), 'all is committed');
  await agent.kill9();
  const again = await home.start(config);
  await again.until((s) => s.logs[0]!.files.every((f) => f.lag_bytes === 0), 'all is committed');
  assert.equal((await again.settled(0)).conservation.total.forwarded, 0);
  await again.stop();
}

async function committed(topic: string, name: string): Promise<string[]> {
  return (await readCommitted(kafka.brokers, topic)).map((r) => r.value).filter((value) => value.startsWith(name));
}

test('set back: its lines come again, once, and no other file’s', { skip }, async () => {
  await using home = await makeHome();
  const setting = await killed(home, 'set-back');
  await positions(home, 'set', setting.file('a'), 'beginning');
  await startTwice(home, setting, 100);
  assert.deepEqual(await committed(setting.topic, 'a'), [...numbered('a', 0, 100), ...numbered('a', 0, 100)]);
  assert.deepEqual(await committed(setting.topic, 'b'), numbered('b', 0, 100));
});

test('set to the end: what was not read is never sent', { skip }, async () => {
  await using home = await makeHome();
  const setting = await killed(home, 'set-end');
  for (const name of NAMES) await append(setting.file(name), name, 100);
  await positions(home, 'set', setting.file('a'), 'end');
  await startTwice(home, setting, 100);
  await append(setting.file('a'), 'a', 200);
  await startTwice(home, setting, 100);
  assert.deepEqual(await committed(setting.topic, 'a'), [...numbered('a', 0, 100), ...numbered('a', 200, 100)]);
  assert.deepEqual(await committed(setting.topic, 'b'), numbered('b', 0, 200));
});

test('forgotten: it is read as a file that is new, also when data_dir loses its positions later', {
  skip,
}, async () => {
  await using home = await makeHome();
  const setting = await killed(home, 'forget');
  await positions(home, 'forget', setting.file('a'));
  await startTwice(home, setting, 100);
  await rm(home.path('data', 'positions'));
  await startTwice(home, setting, 0);
  const twice = [...numbered('a', 0, 100), ...numbered('a', 0, 100)];
  assert.deepEqual(await committed(setting.topic, 'a'), twice);
  assert.deepEqual(await committed(setting.topic, 'b'), numbered('b', 0, 100));
  const files = (await readCommitted(kafka.brokers, setting.topic)).map(({ headers }) => headers.file);
  assert.equal(new Set(files).size, 3);
});

test('set where data_dir has lost its positions: those of the other files still come from Kafka', {
  skip,
}, async () => {
  await using home = await makeHome();
  const setting = await killed(home, 'set-lost');
  // The start after it notes what data_dir reflects.
  const agent = await home.start(setting.config);
  await agent.until((s) => s.logs[0]!.files.every((f) => f.lag_bytes === 0), 'all is committed');
  await agent.stop();
  await writeFile(home.path('data', 'positions'), 'torn');
  for (const name of NAMES) await append(setting.file(name), name, 100);
  await positions(home, 'set', setting.file('a'), 'end');
  await startTwice(home, setting, 100);
  assert.deepEqual(await committed(setting.topic, 'b'), numbered('b', 0, 200));
});
