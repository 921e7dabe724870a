/** `kafka.delivery` is changed between two starts: what the last process left in flight is lost nowhere and comes once. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentConfig, type Home, makeHome, type RunningAgent, runnel } from '../support/agent.ts';
import { committedValues } from '../support/committed.ts';
import { sameInOrder } from '../support/crash.ts';
import {
  freshTopic,
  noKafka,
  type ProxiedKafka,
  sharedKafkaBehindProxy,
  untilStored,
  withAdmin,
} from '../support/kafka.ts';
import { numbered, Writer } from '../support/lines.ts';

const skip = noKafka;
const LIMIT_MS = 120_000;
let kafka: ProxiedKafka;

before(async () => {
  if (!skip) kafka = await sharedKafkaBehindProxy();
});
after(async () => {
  await kafka?.[Symbol.asyncDispose]();
});

interface Setting {
  topic: string;
  file: string;
  atLeastOnce: AgentConfig;
  exactlyOnce: AgentConfig;
}

async function setting(home: Home, name: string): Promise<Setting> {
  await mkdir(home.path('logs'));
  const topic = await freshTopic(kafka.brokers, name);
  const config = (delivery: string): AgentConfig => ({
    kafka: { brokers: kafka.proxied, delivery, topic_prefix: topic },
    shutdown_timeout: '2s',
    logs: [{ name: 'app', include: home.path('logs', '*.log'), topic, encoding: 'raw' }],
  });
  const file = home.path('logs', 'app.log');
  return { topic, file, atLeastOnce: config('at_least_once'), exactlyOnce: config('exactly_once') };
}

async function readToTheEnd(agent: RunningAgent): Promise<void> {
  await agent.until((s) => s.logs[0]!.files[0]?.lag_bytes === 0, 'everything is acknowledged', LIMIT_MS);
  await agent.settled(0, LIMIT_MS);
}

/** To its end, and once more: nothing is left to do for the second start. */
async function finish(home: Home, config: AgentConfig, { topic }: Setting, lines: readonly string[]): Promise<void> {
  const agent = await home.start(config);
  await readToTheEnd(agent);
  await agent.stop();
  const again = await home.start(config);
  await readToTheEnd(again);
  const { total } = (await again.status()).conservation;
  assert.deepEqual([total.received, total.recovered, total.forwarded], [0, 0, 0]);
  await again.stop();
  assert.equal(sameInOrder(await committedValues(kafka.brokers, topic), lines), null);
}

/** An agent that was stopped when much was at Kafka and nothing of it acknowledged. */
async function stoppedInFlight(home: Home, name: string): Promise<Setting & { lines: string[] }> {
  const made = await setting(home, name);
  const lines = numbered(name, 0, 60_000);
  await writeFile(made.file, `${lines.slice(0, 10).join('\n')}\n`);
  const agent = await home.start(made.atLeastOnce);
  await agent.settled(10);
  kafka.proxy.hold('replies');
  try {
    await appendFile(made.file, `${lines.slice(10).join('\n')}\n`);
    await untilStored(kafka.brokers, made.topic, 8000);
    await agent.stop();
  } finally {
    kafka.proxy.heal();
  }
  assert.deepEqual(await windowFiles(home), [`${made.topic}-0`]);
  return { ...made, lines };
}

function windowFiles(home: Home): Promise<string[]> {
  return readdir(home.path('data', 'window')).catch(() => []);
}

test('a window that was kept goes first when transactions are switched on, and once', { skip }, async () => {
  await using home = await makeHome();
  const made = await stoppedInFlight(home, 'window-exactly');
  await finish(home, made.exactlyOnce, made, made.lines);
  assert.deepEqual(await windowFiles(home), []);
});

test('the same over kill -9 and SIGTERM before all of the window is acknowledged', { skip }, async () => {
  await using home = await makeHome();
  const made = await stoppedInFlight(home, 'window-killed');
  for (const end of ['kill9', 'stop', 'kill9'] as const) {
    kafka.proxy.hold('replies');
    try {
      const agent = await home.start(made.exactlyOnce);
      await sleep(randomInt(500));
      await agent[end]();
    } finally {
      kafka.proxy.heal();
    }
    const agent = await home.start(made.exactlyOnce);
    await sleep(randomInt(300));
    await agent[end]();
  }
  await finish(home, made.exactlyOnce, made, made.lines);
});

test('a window that a run with transactions could not send either goes first without them', { skip }, async () => {
  await using home = await makeHome();
  const made = await stoppedInFlight(home, 'window-back');
  kafka.proxy.refuse();
  try {
    const agent = await home.start(made.exactlyOnce);
    await agent.stop();
  } finally {
    kafka.proxy.heal();
  }
  assert.deepEqual(await windowFiles(home), [`${made.topic}-0`]);
  await finish(home, made.atLeastOnce, made, made.lines);
});

test('what a transaction had committed when its process ended counts without them', { skip }, async () => {
  await using home = await makeHome();
  const made = await setting(home, 'left');
  await using writer = new Writer(made.file, 'app', 4000);
  for (let round = 0; round < 3; round++) {
    const agent = await home.start(made.exactlyOnce);
    const commits = (n: number) => (s: Awaited<ReturnType<RunningAgent['status']>>) =>
      (s.kafka.transactions?.commits ?? 0) >= n;
    await agent.until(commits(2), 'transactions are committed', LIMIT_MS);
    // The commit is done and its answer does not come.
    kafka.proxy.hold('replies');
    try {
      await sleep(1500);
      await (round === 1 ? agent.stop() : agent.kill9());
    } finally {
      kafka.proxy.heal();
    }
    // Is this one stopped, the next one with transactions goes by what it left.
    const without = await home.start(made.atLeastOnce);
    await without.until((s) => s.conservation.total.forwarded > 1000, 'lines flow', LIMIT_MS);
    await without.stop();
    assert.doesNotMatch(without.stderr, /cannot learn what was committed/);
  }
  const lines = await writer.stop();
  await finish(home, made.exactlyOnce, made, lines);
});

test('without brokers in between, the positions of data_dir count afterwards', { skip }, async () => {
  await using home = await makeHome();
  const made = await setting(home, 'alone');
  const lines = numbered('app', 0, 3000);
  const write = (from: number) => appendFile(made.file, `${lines.slice(from, from + 1000).join('\n')}\n`);
  await write(0);
  const first = await home.start(made.exactlyOnce);
  await readToTheEnd(first);
  // Kafka knows more than data_dir has noted of it.
  await first.kill9();
  await write(1000);
  const { brokers: _, ...alone } = made.exactlyOnce.kafka as Record<string, unknown>;
  const second = await home.start({ ...made.exactlyOnce, kafka: alone });
  // What it reads is in the local log.
  await second.until((s) => s.logs[0]!.files[0]?.lag_bytes === 0, 'everything is read');
  await second.stop();
  await write(2000);
  await finish(home, made.exactlyOnce, made, lines);
  const snapshot = await readFile(home.path('data', 'positions.topic'), 'utf8');
  assert.doesNotMatch(snapshot, /own/);
});

test('where Kafka does not say what was committed, the lines go on after a while', { skip }, async () => {
  await using home = await makeHome();
  const made = await setting(home, 'silent');
  const lines = numbered('app', 0, 2000);
  const write = (from: number) => appendFile(made.file, `${lines.slice(from, from + 1000).join('\n')}\n`);
  const short = { transaction_timeout: '1s' };
  await write(0);
  const first = await home.start({ ...made.exactlyOnce, kafka: { ...(made.exactlyOnce.kafka as object), ...short } });
  await readToTheEnd(first);
  await first.stop();
  await withAdmin(kafka.brokers, (admin) => admin.deleteTopics({ topics: [`${made.topic}.positions`] }));
  await write(1000);
  const missing = { ...(made.atLeastOnce.kafka as object), ...short, create_topics: false };
  const began = Date.now();
  const second = await home.start({ ...made.atLeastOnce, kafka: missing });
  const waits =
    /^not known yet what was committed .*: files are not read, .* until Kafka says it, (\S+Z) at most: topic .*\.positions does not exist/;
  const { reasons, ready } = await second.until(
    (s) => s.reasons.some((r) => waits.test(r)),
    'it says what it waits for',
  );
  const limit = Date.parse(reasons.map((reason) => waits.exec(reason)?.[1]).find((time) => time !== undefined)!);
  assert.ok(limit > began + 21_000 && limit < Date.now() + 21_000, `until ${limit - began} ms after the start`);
  assert.equal(ready, false);
  const { stdout } = await runnel('status', '-c', home.path('runnel.yaml'));
  assert.match(stdout, /: not ready\n {2}! not known yet what was committed with transactions: files are not read/);
  await readToTheEnd(second);
  assert.deepEqual((await second.status()).reasons, []);
  assert.match(second.stderr, /cannot learn what was committed .*silent.*\.positions does not exist/);
  await second.stop();
  await finish(home, made.exactlyOnce, made, lines);
});
