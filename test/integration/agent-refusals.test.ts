/** The whole agent while a broker that lives refuses: rights, quotas, settings that change under it. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { type AclEntry } from 'kafkajs';
import { type Home, makeHome } from '../support/agent.ts';
import { createTopic, type Kafka, noKafka, startKafka, USERS, withAdmin } from '../support/kafka.ts';
import { runJava } from '../support/kafka-jars.ts';
import { readRecords } from '../support/kcat.ts';
import { assertValues, Writer } from '../support/lines.ts';

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ConfigResourceTypes, ResourcePatternTypes } = kafkajs;
const skip = noKafka;
const SESSION_MS = 2000;
let kafka: Kafka;

before(async () => {
  if (skip) return;
  const properties = {
    'listener.name.sasl.connections.max.reauth.ms': SESSION_MS,
    'producer.id.expiration.check.interval.ms': 200,
  };
  kafka = await startKafka({ sasl: true, acls: true, properties });
});
after(async () => {
  await kafka?.stop();
});

/** An agent that reads one file into `topic`, and who writes the file. */
async function start(home: Home, topic: string, kafkaConfig: Record<string, unknown>, linesPerSecond = 2000) {
  await mkdir(home.path('logs'));
  const agent = await home.start({
    kafka: { brokers: kafka.brokers, ...kafkaConfig },
    logs: [{ name: 'app', include: home.path('logs', '*.log'), topic, encoding: 'raw' }],
  });
  const writer = new Writer(home.path('logs', 'app.log'), topic, linesPerSecond);
  await agent.until((s) => s.conservation.total.forwarded > 500, 'lines flow');
  const says = (pattern: RegExp) =>
    agent.until((s) => s.reasons.some((reason) => pattern.test(reason)), `the status says ${pattern}`);
  /** What was written has arrived once and in order, and nothing stands in the way any more. */
  const arrives = async () => {
    const lines = await writer.stop();
    const status = await agent.settled(lines.length);
    assert.deepEqual(status.reasons, []);
    await agent.stop();
    await assertValues(kafka.brokers, topic, lines);
    return status;
  };
  return { agent, writer, says, arrives, [Symbol.asyncDispose]: () => writer.stop().then(() => undefined) };
}

const alice = { mechanism: 'scram-sha-512', username: 'alice', password: USERS.alice };

function mayWrite(topic: string): AclEntry[] {
  return [AclOperationTypes.WRITE, AclOperationTypes.DESCRIBE].map((operation) => ({
    resourceType: AclResourceTypes.TOPIC,
    resourceName: topic,
    resourcePatternType: ResourcePatternTypes.LITERAL,
    principal: 'User:alice',
    host: '*',
    operation,
    permissionType: AclPermissionTypes.ALLOW,
  }));
}

async function setTopic(topic: string, config: Record<string, string>): Promise<void> {
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }];
  await withAdmin(kafka.brokers, (admin) => admin.alterConfigs({ validateOnly: false, resources }));
}

test('a right that is taken away holds the lines back, and they go on when it is given again', { skip }, async () => {
  await using home = await makeHome();
  await createTopic(kafka.brokers, 'rights');
  const acl = mayWrite('rights');
  await withAdmin(kafka.brokers, (admin) => admin.createAcls({ acl }));
  await using run = await start(home, 'rights', { brokers: kafka.saslBrokers, sasl: alice });
  const { says, arrives } = run;
  const filters = acl.map(({ permissionType, operation, ...rest }) => ({ ...rest, operation, permissionType }));
  await withAdmin(kafka.brokers, (admin) => admin.deleteAcls({ filters }));
  await says(/^topic rights: (topic_forbidden: no right to topic rights|.*TOPIC_AUTHORIZATION_FAILED)/);
  await sleep(500);
  await withAdmin(kafka.brokers, (admin) => admin.createAcls({ acl }));
  await arrives();
});

test('sessions that end every two seconds are renewed without a failure', { skip }, async () => {
  await using home = await makeHome();
  await createTopic(kafka.brokers, 'sessions');
  await withAdmin(kafka.brokers, (admin) => admin.createAcls({ acl: mayWrite('sessions') }));
  await using run = await start(home, 'sessions', { brokers: kafka.saslBrokers, sasl: alice });
  const { agent, arrives } = run;
  await sleep(4 * SESSION_MS);
  const { kafka: said } = await arrives();
  assert.equal(said.retries, 0);
  assert.doesNotMatch(agent.stderr, /no broker answers/);
});

test('a quota slows it down, and the status says for how long', { skip }, async () => {
  await using home = await makeHome();
  await createTopic(kafka.brokers, 'quota');
  const quota = async (...change: string[]) => {
    const entity = ['--entity-type', 'clients', '--entity-name', 'slow'];
    await runJava('kafka.admin.ConfigCommand', '--bootstrap-server', kafka.brokers, '--alter', ...change, ...entity);
  };
  await quota('--add-config', 'producer_byte_rate=100000');
  await using run = await start(home, 'quota', { client_id: 'slow', compression: 'none' }, 4000);
  const { agent, arrives } = run;
  await agent.until((s) => s.kafka.throttled_seconds > 1, 'the broker asks to wait');
  // Being slow is no fault.
  assert.deepEqual((await agent.status()).reasons, []);
  await quota('--delete-config', 'producer_byte_rate');
  await arrives();
});

test('a limit of the topic that is lowered makes blocks smaller', { skip }, async () => {
  await using home = await makeHome();
  await createTopic(kafka.brokers, 'smaller');
  await using run = await start(home, 'smaller', { compression: 'none', linger: '1s' }, 5000);
  const { agent, arrives, writer } = run;
  await setTopic('smaller', { 'max.message.bytes': '30000' });
  await writer.append(10_000);
  await agent.until(() => /smaller takes batches of 30000 bytes/.test(agent.stderr), 'it has noticed');
  await arrives();
});

test('timestamps that the topic does not take are replaced', { skip }, async () => {
  await using home = await makeHome();
  await createTopic(kafka.brokers, 'times');
  await using run = await start(home, 'times', {});
  const { agent, arrives } = run;
  // Whatever the clock says, it is more than a millisecond before the broker's.
  await setTopic('times', { 'message.timestamp.before.max.ms': '1', 'message.timestamp.after.max.ms': '60000' });
  await agent.until(() => /times: INVALID_TIMESTAMP.*check the clocks/.test(agent.stderr), 'it has noticed', 30_000);
  await sleep(1000);
  await setTopic('times', { 'message.timestamp.before.max.ms': '3600000' });
  await arrives();
});

test('a producer that the broker has forgotten goes on, with nothing lost or twice', { skip }, async () => {
  await using home = await makeHome();
  await createTopic(kafka.brokers, 'forgotten');
  const forgetAfter = async (ms: number) => {
    const configEntries = [{ name: 'producer.id.expiration.ms', value: String(ms) }];
    const resources = [{ type: ConfigResourceTypes.BROKER, name: '1', configEntries }];
    await withAdmin(kafka.brokers, (admin) => admin.alterConfigs({ validateOnly: false, resources }));
  };
  await using run = await start(home, 'forgotten', {});
  const { agent, writer } = run;
  await writer.stop();
  await agent.settled(writer.lines.length);
  await forgetAfter(500);
  await sleep(3000);
  const deleted = 10;
  const partitions = [{ partition: 0, offset: String(deleted) }];
  await withAdmin(kafka.brokers, async (admin) => {
    await admin.fetchTopicOffsets('forgotten');
    await admin.deleteTopicRecords({ topic: 'forgotten', partitions });
  });
  await writer.append(30_000);
  const { reasons } = await agent.settled(writer.lines.length);
  await forgetAfter(86_400_000);
  assert.deepEqual(reasons, []);
  await agent.stop();
  await assertValues(kafka.brokers, 'forgotten', writer.lines.slice(deleted));
});

test('a topic that gets more partitions spreads the files over them, each file in order', { skip }, async () => {
  await using home = await makeHome();
  await mkdir(home.path('logs'));
  await createTopic(kafka.brokers, 'grown', { partitions: 1 });
  const agent = await home.start({
    kafka: { brokers: kafka.proxied, partition_by: 'file' },
    logs: [{ name: 'app', include: home.path('logs', '*.log'), topic: 'grown', encoding: 'raw' }],
  });
  const writers = Array.from({ length: 6 }, (_, i) => new Writer(home.path('logs', `${i}.log`), `file-${i}`, 500));
  await agent.until((s) => s.conservation.total.forwarded > 1000, 'lines flow');
  const topicPartitions = [{ topic: 'grown', count: 4 }];
  await withAdmin(kafka.brokers, (admin) => admin.createPartitions({ topicPartitions }));
  // Metadata is asked for every five minutes, and when a connection breaks.
  while (!(await agent.status()).topics.some(({ partition }) => partition > 0)) {
    kafka.proxy.cut();
    await sleep(1000);
  }
  await sleep(1000);
  const all = await Promise.all(writers.map((writer) => writer.stop()));
  await agent.settled(all.flat().length);
  await agent.stop();
  const records = await readRecords(kafka.brokers, 'grown');
  const partitions = new Set(records.map(({ partition }) => partition));
  assert.ok(partitions.size > 1, `${partitions.size} partitions`);
  for (const [i, lines] of all.entries()) {
    const own = records.filter(({ value }) => String(value).startsWith(`file-${i} `));
    // Once in one partition, then in another: the lines of both follow each other.
    const order = [...new Set(own.map(({ partition }) => partition))].sort();
    assert.ok(order.length <= 2 && (order.length === 1 || order[0] === 0), `partitions ${order} of file ${i}`);
    assert.deepEqual(
      own.map(({ value }) => String(value)),
      lines,
    );
  }
});
