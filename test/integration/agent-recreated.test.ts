/** The whole agent, when a topic is deleted and made anew with fewer partitions: what waited goes where its key belongs. */
import assert from 'node:assert/strict';
import { appendFile, mkdir, readdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { partitionFor } from '../../src/records/murmur2.ts';
import { type AgentConfig, type Home, makeHome, type RunningAgent } from '../support/agent.ts';
import { sameInOrder } from '../support/crash.ts';
import {
  createTopic,
  endOffsets,
  noKafka,
  type ProxiedKafka,
  sharedKafkaBehindProxy,
  withAdmin,
} from '../support/kafka.ts';
import { readRecords } from '../support/kcat.ts';
import { numbered } from '../support/lines.ts';

const skip = noKafka;
/** Lines of each file that are acknowledged before the topic is deleted, and go with it. */
const GONE = 10;
let kafka: ProxiedKafka;

before(async () => {
  if (!skip) kafka = await sharedKafkaBehindProxy();
});
after(async () => {
  await kafka?.[Symbol.asyncDispose]();
});

/** Files of a host whose key goes to the last of three partitions, or each to its own. */
class Files {
  readonly home: Home;
  readonly topic: string;
  readonly config: AgentConfig;
  readonly lines = new Map<string, string[]>();

  readonly #partitions: number;
  readonly #byFile: boolean;

  constructor(home: Home, topic: string, partitions: number, count: number, more: Record<string, unknown> = {}) {
    this.#partitions = partitions;
    this.#byFile = more.partition_by === 'file';
    this.home = home;
    this.topic = topic;
    this.config = {
      host: 'web-1',
      kafka: { brokers: kafka.proxied, create_topics: false, topic_prefix: topic, ...more },
      shutdown_timeout: '2s',
      logs: [{ name: 'app', include: home.path('logs', '*.log'), topic, encoding: 'raw' }],
    };
    for (let i = 0; i < count; i++) this.lines.set(`file-${i}`, []);
  }

  /** So many more lines for each, or for those whose key is not below this partition. */
  async write(count: number, from = 0): Promise<void> {
    await mkdir(this.home.path('logs'), { recursive: true });
    for (const [name, lines] of this.lines) {
      if (from > 0 && this.#partitionOf(name) < from) continue;
      const more = numbered(name, lines.length, count);
      this.lines.set(name, lines.concat(more));
      await appendFile(this.home.path('logs', `${name}.log`), `${more.join('\n')}\n`);
    }
  }

  async recreate(partitions: number): Promise<void> {
    await withAdmin(kafka.brokers, (admin) => admin.deleteTopics({ topics: [this.topic] }));
    await createTopic(kafka.brokers, this.topic, { partitions });
  }

  /** Its partition when the topic has as many as at first. */
  #partitionOf(name: string): number {
    return partitionFor(this.#byFile ? `web-1:${this.home.path('logs', `${name}.log`)}` : 'web-1', this.#partitions);
  }

  async create(): Promise<void> {
    await createTopic(kafka.brokers, this.topic, { partitions: this.#partitions });
  }

  /** An agent whose first lines are acknowledged, and of the next ones not what Kafka has in the partitions from `from` on. */
  async inFlight(from: number): Promise<RunningAgent> {
    await this.create();
    await this.write(GONE);
    const agent = await this.home.start(this.config);
    await agent.settled(GONE * this.lines.size);
    const stored = async () =>
      (await endOffsets(kafka.brokers, this.topic)).slice(from).reduce((sum, end) => sum + end);
    const before = await stored();
    kafka.proxy.hold('replies');
    // These first: what others have in flight might leave no memory for them.
    await this.write(10_000, from);
    while ((await stored()) === before) await sleep(50);
    await this.write(10_000);
    return agent;
  }

  /** Resolves when nothing is acknowledged any more although more is at Kafka; gives how many lines were. */
  async acknowledged(agent: RunningAgent): Promise<number> {
    const forwarded = async () => (await agent.status()).conservation.total.forwarded;
    for (let before = -1, now = await forwarded(); ; before = now, now = await forwarded()) {
      const stored = (await endOffsets(kafka.brokers, this.topic)).reduce((sum, end) => sum + end);
      if (now === before && stored > now + GONE) return now;
      await sleep(200);
    }
  }

  async finish(agent: RunningAgent): Promise<void> {
    const read = ({ files_total, files }: { files_total: number; files: { lag_bytes: number }[] }) =>
      files_total === this.lines.size && files.every(({ lag_bytes }) => lag_bytes === 0);
    await agent.until((s) => read(s.logs[0]!), 'everything is sent');
    const { topics, reasons, conservation } = await agent.settled(1);
    assert.deepEqual(reasons, []);
    assert.equal(conservation.total.received + conservation.total.recovered, conservation.total.forwarded);
    for (const { possible_duplicates } of topics) assert.equal(possible_duplicates, 0);
    await agent.stop();
    assert.deepEqual(await windowFiles(this.home), []);
  }

  /**
   * All that was not acknowledged before, once, in the order of each file. In the partition of its key; what was for
   * another one that is still there goes there, and before.
   */
  async check(partitions: number, gone = GONE): Promise<void> {
    const records = await readRecords(kafka.brokers, this.topic);
    const moved = records.filter(({ key, partition }) => partition === partitionFor(String(key), partitions));
    const stayed = records.filter(({ key, partition }) => partition !== partitionFor(String(key), partitions));
    for (const { key, partition } of stayed) assert.equal(partition, partitionFor(String(key), this.#partitions));
    const values = [...stayed, ...moved].map(({ value }) => String(value));
    const stored = Map.groupBy(values, (value) => value.split(' ')[0]!);
    for (const [name, lines] of this.lines) {
      assert.equal(sameInOrder(stored.get(name) ?? [], lines.slice(gone)), null, name);
    }
  }
}

function windowFiles(home: Home): Promise<string[]> {
  return readdir(home.path('data', 'window')).catch(() => []);
}

test('what waits for a partition that is gone goes to the one of its key now, before what is newer', {
  skip,
}, async () => {
  await using home = await makeHome();
  const files = new Files(home, 'fewer', 3, 2);
  await files.create();
  await files.write(GONE);
  const agent = await home.start(files.config);
  await agent.settled(GONE * 2);
  await files.recreate(1);
  await files.write(20_000);
  await agent.until((s) => s.conservation.total.forwarded > GONE * 2, 'lines flow');
  await files.write(1000);
  await files.finish(agent);
  await files.check(1);
  assert.match(agent.stderr, /topic fewer has 1 partitions, partition 2 is gone: what waits for it goes to/);
});

test('the same with blocks of several keys that were sent and not acknowledged', { skip }, async () => {
  await using home = await makeHome();
  const files = new Files(home, 'keys', 5, 9, { partition_by: 'file' });
  const agent = await files.inFlight(2);
  await files.recreate(2);
  kafka.proxy.cut();
  kafka.proxy.heal();
  await files.write(1000);
  await files.finish(agent);
  await files.check(2);
});

test('a window that was kept for a partition that is gone goes first, in the partition of its key', {
  skip,
}, async () => {
  await using home = await makeHome();
  const files = new Files(home, 'kept', 3, 1);
  const agent = await files.inFlight(1);
  await agent.stop();
  kafka.proxy.heal();
  assert.deepEqual(await windowFiles(home), ['kept-2']);
  await files.recreate(1);
  await files.write(1000);
  await files.finish(await home.start(files.config));
  await files.check(1);
});

test('stopped while it waits, and again while the other partition answers nothing, it still comes once', {
  skip,
}, async () => {
  await using home = await makeHome();
  const files = new Files(home, 'stopped', 5, 9, { partition_by: 'file' });
  const first = await files.inFlight(2);
  await files.recreate(2);
  kafka.proxy.cut();
  kafka.proxy.heal();
  await first.until((s) => s.topics.some(({ error }) => /^partition_missing: /.test(error ?? '')), 'it is missed');
  await first.stop();
  const kept = await windowFiles(home);
  assert.ok(
    kept.some((name) => Number(name.split('-')[1]) >= 2),
    `${kept}`,
  );
  // What it moves is taken, and the answers do not come.
  const second = await home.start(files.config);
  await second.until(() => /is gone: what waits for it goes/.test(second.stderr), 'it is moved');
  kafka.proxy.hold('replies');
  await second.stop();
  kafka.proxy.heal();
  await files.write(1000);
  await files.finish(await home.start(files.config));
  await files.check(2);
});

test('what the local log sends to a partition that is gone goes to the one of its key now', { skip }, async () => {
  await using home = await makeHome();
  const files = new Files(home, 'spooled', 3, 1);
  const { kafka: brokers, ...alone } = files.config;
  await files.create();
  await files.write(200_000);
  const first = await home.start(alone);
  await first.until((s) => s.logs[0]?.files[0]?.lag_bytes === 0, 'everything is in the local log');
  await first.stop();
  // So slow that most of it is not sent yet.
  kafka.proxy.delay(100);
  const agent = await home.start({ ...alone, kafka: brokers! });
  await agent.until((s) => s.conservation.total.forwarded > 0, 'it is sent');
  kafka.proxy.hold('replies');
  const gone = await files.acknowledged(agent);
  await files.recreate(1);
  kafka.proxy.cut();
  kafka.proxy.heal();
  await files.write(1000);
  await files.finish(agent);
  await files.check(1, gone);
});

test('exactly once: what no transaction had committed goes to the partitions of its keys now', { skip }, async () => {
  await using home = await makeHome();
  const files = new Files(home, 'exactly', 5, 9, { partition_by: 'file', delivery: 'exactly_once' });
  await createTopic(kafka.brokers, 'exactly.positions', { 'cleanup.policy': 'compact' });
  await files.create();
  await files.write(GONE);
  const agent = await home.start(files.config);
  await agent.settled(GONE * files.lines.size);
  await files.recreate(2);
  await files.write(20_000);
  await agent.until(() => /is gone: what waits for it goes/.test(agent.stderr), 'it is moved');
  await files.write(1000);
  await files.finish(agent);
  await files.check(2);
});
