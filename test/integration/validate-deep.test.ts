/** `validate --deep` against real brokers: what it finds, and what it says to do. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Home, makeHome, runnel } from '../support/agent.ts';
import { createTopic, type Kafka, noKafka, startKafka, USERS, withAdmin } from '../support/kafka.ts';
import { freePort } from '../support/ports.ts';

const skip = noKafka;
let kafka: Kafka;

before(async () => {
  if (!skip) kafka = await startKafka({ sasl: true, tls: true, acls: true });
});
after(() => kafka?.stop());

interface Deep {
  code: number | null;
  findings: string[];
  out: string;
}

/** Findings without file and place, each `level: message`. */
async function deep(home: Home, config: object): Promise<Deep> {
  const file = await home.configure({ metrics: { host: false, topic: 'm' }, statsd: { listen: [] }, ...config });
  const { code, stderr, stdout } = await runnel('validate', '--deep', '-c', file);
  const lines = stderr.trim().split('\n').filter(Boolean);
  return {
    code,
    findings: lines.map((line) =>
      line.replace(/^(\w+): \S+runnel\.yaml:\d+:\d+: /, '$1: ').replace(/127\.0\.0\.1:\d+/g, 'IT'),
    ),
    out: stdout,
  };
}

test('what Kafka takes is 0, with the topics as they are; a wrong file is 2, without asking', { skip }, async () => {
  await using home = await makeHome();
  await createTopic(kafka.brokers, 'fine', { partitions: 3 });
  const logs = [{ include: home.path('*.log'), topic: 'fine' }];
  const { code, out } = await deep(home, { kafka: { brokers: [kafka.brokers], topic_prefix: 'new' }, logs });
  assert.equal(code, 0);
  assert.match(out, /cluster \S+: 1 of 1 broker can be used\n/);
  assert.match(out, /\n {2}fine: 3 partitions, 1 replica, max\.message\.bytes=1048588, compression\.type=producer, /);
  assert.match(
    out,
    /\n {2}m: will be created\n {2}new\.events: will be created\nKafka takes what this configuration sends\n$/,
  );
  // It was asked whether it would be created, and was not.
  assert.ok(!(await withAdmin(kafka.brokers, (admin) => admin.listTopics())).includes('m'));
  assert.equal((await deep(home, { kafka: { brokers: [9092] } })).code, 2);
  assert.match((await deep(home, { kafka: {} })).out, /kafka\.brokers is empty: there is no Kafka to ask\n$/);
});

test('diagnose says the same, and how far the clocks are from each other', { skip }, async () => {
  await using home = await makeHome();
  await createTopic(kafka.brokers, 'watched');
  const logs = [{ include: home.path('*.log'), topic: 'watched' }];
  const file = await home.configure({ kafka: { brokers: [kafka.brokers] }, logs });
  const { code, stdout } = await runnel('diagnose', '-c', file);
  assert.equal(code, 0, stdout);
  assert.match(stdout, /^ok +kafka: cluster \S+: 1 broker can be used, \d topics? asked for$/m);
  assert.match(stdout, /^ok +clock: is \d+ ms from Kafka's, give or take \d+ ms$/m);
  const short = await home.configure({ kafka: { brokers: [kafka.brokers], create_topics: false }, logs });
  const refused = await runnel('diagnose', '-c', short);
  assert.equal(refused.code, 1);
  assert.match(refused.stdout, /^error +kafka: \S+: metrics\.topic \S+ does not exist, .*: create it$/m);
});

test('settings that do not fit are said with what would', { skip }, async () => {
  await using home = await makeHome();
  await createTopic(kafka.brokers, 'small', { 'max.message.bytes': 2000, 'compression.type': 'gzip' });
  await createTopic(kafka.brokers, 'strict', { 'min.insync.replicas': 2 });
  await createTopic(kafka.brokers, 'compact', { 'cleanup.policy': 'compact' });
  const logs = ['small', 'strict', 'compact'].map((topic) => ({
    name: topic,
    include: home.path(`${topic}.log`),
    topic,
  }));
  const config = { kafka: { brokers: [kafka.brokers], create_topics: false, topic_prefix: 'none' }, logs };
  const { code, findings, out } = await deep(home, config);
  assert.equal(code, 1);
  assert.deepEqual(
    findings.filter((line) => !line.includes('names no file')),
    [
      "warning: logs[0].topic small: max.message.bytes=2000: larger batches are sent in parts, and a record that alone is larger is cut; Kafka's default is 1048588",
      'warning: logs[0].topic small: compression.type=gzip: its brokers compress anew what comes as zstd: set kafka.compression: gzip, or compression.type=producer',
      'error: logs[1].topic strict: min.insync.replicas=2 is more than its 1 replica, so that it takes nothing with acks=all: add replicas, or set min.insync.replicas=1',
      'error: logs[2].topic compact: cleanup.policy=compact: of each key it keeps the last record, and the key is the host: set cleanup.policy=delete',
      'error: metrics.topic m does not exist, and kafka.create_topics is false: create it',
      'error: kafka.topic_prefix none.events does not exist, and kafka.create_topics is false: create it',
    ],
  );
  assert.match(out, /Kafka does not take all that this configuration sends\n$/);
});

test('rights that are missing are named, with whom to give them', { skip }, async () => {
  await using home = await makeHome();
  await createTopic(kafka.brokers, 'seen');
  await createTopic(kafka.brokers, 'unseen');
  const alice = { principal: 'User:alice', host: '*', permissionType: 3, resourcePatternType: 3 };
  await withAdmin(kafka.brokers, (a) =>
    a.createAcls({ acl: [{ ...alice, resourceType: 2, resourceName: 'seen', operation: 8 }] }),
  );
  const sasl = { mechanism: 'plain', username: 'alice', password: USERS.alice };
  const logs = ['seen', 'unseen'].map((topic) => ({ name: topic, include: home.path(`${topic}.log`), topic }));
  const config = { kafka: { brokers: [kafka.saslBrokers], sasl, delivery: 'exactly_once' }, logs };
  const { code, findings } = await deep(home, config);
  assert.equal(code, 1);
  assert.deepEqual(
    findings.filter((line) => !/names no file|holds a password/.test(line)),
    [
      'error: logs[0].topic seen: no right to it: give User:alice Write on this topic',
      'warning: logs[0].topic seen: its settings may not be asked for (DescribeConfigs): what is too large is learned from what it refuses',
      'error: logs[1].topic unseen may not be seen: give User:alice Describe and Write on this topic',
      'error: metrics.topic m may not be seen: give User:alice Describe and Write on this topic',
      'error: kafka.topic_prefix runnel.events may not be seen: give User:alice Describe and Write on this topic',
      'error: kafka.topic_prefix runnel.positions may not be seen: give User:alice Describe, Read and Write on this topic',
      'warning: kafka is without the right to write idempotently, so that records may come twice after failures: give User:alice IdempotentWrite on the cluster',
      'error: kafka.delivery exactly_once: no right to the transactional id runnel-0000000000000000-runnel.positions: give User:alice Describe and Write on the ids that begin with runnel-',
    ],
  );
  const admin = { ...sasl, username: 'admin', password: USERS.admin };
  const may = await deep(home, { ...config, kafka: { ...config.kafka, sasl: admin } });
  assert.deepEqual([may.code, may.findings.filter((line) => line.startsWith('error'))], [0, []]);
});

test('an audit stream goes in transactions, and needs the rights to them, whatever the rest goes by', {
  skip,
}, async () => {
  await using home = await makeHome();
  await createTopic(kafka.brokers, 'audited');
  const alice = { principal: 'User:alice', host: '*', permissionType: 3, resourcePatternType: 3 };
  const acl = [4, 8, 10].map((operation) => ({ ...alice, resourceType: 2, resourceName: 'audited', operation }));
  await withAdmin(kafka.brokers, (a) => a.createAcls({ acl }));
  const sasl = { mechanism: 'plain', username: 'alice', password: USERS.alice };
  const audit = { listen: [`unix://${home.path('audit.sock')}`], topic: 'audited' };
  const { code, findings } = await deep(home, { kafka: { brokers: [kafka.saslBrokers], sasl }, audit });
  assert.equal(code, 1);
  assert.deepEqual(
    findings.filter((line) => /audited|positions|transactional/.test(line)),
    [
      'error: kafka.topic_prefix runnel.positions may not be seen: give User:alice Describe, Read and Write on this topic',
      'error: audit.topic audited: no right to the transactional id runnel-0000000000000000-chained-audited: give User:alice Describe and Write on the ids that begin with runnel-',
    ],
  );
});

test('each broker that cannot be used is named, and why', { skip }, async () => {
  await using home = await makeHome();
  const nobody = `127.0.0.1:${await freePort()}`;
  const said = async (brokers: string[], more: object = {}) => {
    const { code, findings, out } = await deep(home, { kafka: { brokers, ...more } });
    if (code === 1) assert.match(out, /no broker can be used: nothing else could be asked\n$/);
    return [code, ...findings.filter((line) => line.includes('cannot be used'))];
  };
  const cannot = (i: number, why: string) => `error: kafka.brokers[${i}] cannot be used: ${why}`;
  assert.deepEqual(await said([nobody, 'broker.invalid']), [
    1,
    cannot(0, 'IT refuses connections'),
    cannot(1, 'no address for broker.invalid: is the name right?'),
  ]);
  assert.deepEqual(await said([nobody, kafka.brokers]), [
    0,
    'warning: kafka.brokers[0] cannot be used: IT refuses connections; the others are used meanwhile',
  ]);
  assert.deepEqual(await said([kafka.tlsBrokers]), [
    1,
    cannot(0, 'IT speaks TLS at this port: write tls: {} into kafka, or ca_file where the authority is your own'),
  ]);
  assert.deepEqual(await said([kafka.tlsBrokers], { tls: {} }), [
    1,
    cannot(0, 'IT: its certificate comes from nobody who is trusted here: name the authority in kafka.tls.ca_file'),
  ]);
  assert.deepEqual(await said([kafka.brokers], { tls: {} }), [
    1,
    cannot(
      0,
      'IT ended the connection in the TLS handshake: does it speak TLS at this port? Without TLS leave kafka.tls out',
    ),
  ]);
  assert.deepEqual(await said([kafka.saslBrokers], { sasl: { username: 'alice', password: 'x' } }), [
    1,
    cannot(0, 'IT refuses the login of alice (scram-sha-512): are name, password and mechanism right?'),
  ]);
  assert.deepEqual(await said([kafka.saslBrokers]), [
    1,
    cannot(0, 'IT ended the connection without an answer: does it want a login (kafka.sasl)?'),
  ]);
});

test('--json has all of it', { skip }, async () => {
  await using home = await makeHome();
  const file = await home.configure({
    kafka: { brokers: [kafka.brokers], create_topics: false },
    statsd: { listen: [] },
  });
  const { code, stdout } = await runnel('validate', '--deep', '--json', '-c', file);
  const { valid, kafka: said } = JSON.parse(stdout);
  assert.deepEqual([code, valid, said.ok, said.cluster], [1, true, false, kafka.clusterId]);
  assert.deepEqual(said.brokers, [{ address: kafka.brokers, configured: true, error: null }]);
  const { level, line, message } = said.findings[0];
  assert.equal(level, 'error');
  assert.ok(line >= 1);
  assert.match(message, /does not exist, and kafka\.create_topics is false: create it$/);
  assert.equal(said.topics[0].exists, false);
});
