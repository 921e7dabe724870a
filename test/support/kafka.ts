/**
 * A real Apache Kafka for tests: one node, broker and controller in one, on free ports of the loopback interface.
 *
 *   brokers         PLAINTEXT
 *   proxied         PLAINTEXT behind the TCP proxy `proxy`: the broker advertises the proxy's port, so that a client
 *                   that begins there stays there
 *   saslBrokers     SASL_PLAINTEXT, with `sasl`: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 for USERS, OAUTHBEARER
 *   tlsBrokers      SSL, with `tls`: the certificate is signed by `ca`
 *   saslTlsBrokers  SASL_SSL, with both
 *
 *   await using kafka = await startKafka();
 *
 * The broker's process ends with the one that started it, whatever ends that.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import kafkajs, { type Admin, type ITopicConfig } from 'kafkajs';
import { kafkajs as mendKafkajs } from '../../src/kafka/connect/kafkajs.ts';
import { classOption, javaArguments, keepClasses, noKafka, wantsClasses } from './kafka-jars.ts';
import { makeCertificates } from './kafka-tls.ts';
import { freePorts } from './ports.ts';
import { TcpProxy } from './proxy.ts';

export { noKafka };

/** Names and passwords that the SASL listeners know. With `acls`, `admin` may do everything, `alice` nothing. */
export const USERS = { admin: 'admin-secret', alice: 'alice-secret' } as const;

export interface KafkaOptions {
  sasl?: boolean;
  tls?: boolean;
  /** Checks ACLs: everything is denied but to `admin` and to whoever comes without a name (PLAINTEXT). */
  acls?: boolean;
  /** So many test files at a time may have a proxy of their own before it (`sharedKafka`). */
  lets?: number;
  /** One of several: see kafka-cluster.ts. */
  node?: { id: number; clusterId: string; controllerPort: number; voters: string };
  /** More of the broker's properties, or others. */
  properties?: Record<string, string | number>;
  heapMb?: number;
}

const START_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 20_000;
const running = new Map<ChildProcess, string>();

// The admin client below is kafkajs's own; without the agent's mends its timers fill the tests' output with warnings.
mendKafkajs();

process.on('exit', () => {
  for (const [child, dir] of running) {
    child.kill('SIGKILL');
    // While it dies it may still write: then the rest of the folder is left to the system's cleaning.
    spawnSync('rm', ['-rf', dir]);
  }
});
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => process.exit(code));
}

/** A broker of one's own. Takes about three seconds; what does not stop or restart it may use `sharedKafka`. */
export async function startKafka(options: KafkaOptions = {}): Promise<Kafka> {
  if (noKafka) throw new Error(noKafka);
  for (let attempt = 1; ; attempt++) {
    const kafka = await Kafka.format(options);
    try {
      await kafka.start();
      return kafka;
    } catch (error) {
      await kafka.stop();
      // Its ports were free when they were chosen; somebody may have been faster. Its log says nothing of that.
      if (attempt === 3 || !/^Error: Kafka ended/.test(String(error))) throw error;
    }
  }
}

/** What test files share: they end and freeze no broker, and their topics are their own. */
export interface SharedKafka extends AsyncDisposable {
  brokers: string;
}

/** The same behind a proxy that is one file's. */
export type ProxiedKafka = Pick<Kafka, 'brokers' | 'proxied' | 'proxy'> & AsyncDisposable;

/** The broker at $KAFKA_BROKERS (the test script starts one for the whole run), else one of one's own. */
export async function sharedKafka(): Promise<SharedKafka> {
  const brokers = process.env.KAFKA_BROKERS;
  return brokers ? { brokers, [Symbol.asyncDispose]: async () => {} } : startKafka();
}

/** The same with a proxy, where the broker has listeners to let; who has the port of one has the listener. */
export async function sharedKafkaBehindProxy(): Promise<ProxiedKafka> {
  const brokers = process.env.KAFKA_BROKERS;
  for (const listener of process.env.RUNNEL_TEST_LISTENERS?.split(',') ?? []) {
    const [target, port] = listener.split(':').map(Number);
    const proxy = await TcpProxy.start(target!, port).catch(() => null);
    if (proxy) return { brokers: brokers!, proxied: proxy.address, proxy, [Symbol.asyncDispose]: () => proxy.stop() };
  }
  return startKafka();
}

export class Kafka {
  readonly brokers: string;
  readonly proxy: TcpProxy;
  readonly saslBrokers: string;
  readonly tlsBrokers: string;
  readonly saslTlsBrokers: string;
  /** Path of the certificate authority's PEM file; empty without `tls`. */
  readonly ca: string;
  /** Client certificate and key that the authority signed; the TLS listeners ask for one and insist on none. */
  readonly clientCertificate: { cert: string; key: string };
  /** For $RUNNEL_TEST_LISTENERS: `port:proxy's port` of each listener that is to let. */
  readonly toLet: string;
  readonly dir: string;
  clusterId = '';
  readonly #scram: readonly string[];
  readonly #heapMb: number;
  readonly #classes: string;
  #child: ChildProcess | null = null;

  private constructor(dir: string, ports: Ports, proxy: TcpProxy, scram: readonly string[], heapMb: number) {
    const at = (port: number | undefined) => (port === undefined ? '' : `127.0.0.1:${port}`);
    this.dir = dir;
    this.proxy = proxy;
    this.brokers = at(ports.PLAINTEXT);
    this.saslBrokers = at(ports.SASL);
    this.tlsBrokers = at(ports.TLS);
    this.saslTlsBrokers = at(ports.SASLTLS);
    const lets = Object.keys(ports).filter((name) => /^LET\d/.test(name));
    this.toLet = lets.map((name) => `${ports[name]}:${ports[`PROXY_${name}`]}`).join(',');
    this.ca = ports.TLS ? path.join(dir, 'ca.pem') : '';
    this.clientCertificate = { cert: path.join(dir, 'client.pem'), key: path.join(dir, 'client.key') };
    this.#scram = scram;
    this.#heapMb = heapMb;
    this.#classes = path.join(dir, 'classes.jsa');
  }

  /** Makes the broker's folder; `start` runs it. */
  static async format(options: KafkaOptions): Promise<Kafka> {
    const dir = await mkdtemp(path.join(tmpdir(), 'runnel-kafka-'));
    const { PROXY, ...ports } = await portsFor(options);
    if (options.node) ports.CONTROLLER = options.node.controllerPort;
    const proxy = await TcpProxy.start(ports.PROXIED!, PROXY);
    try {
      if (options.tls) await makeCertificates(dir);
      const file = path.join(dir, 'server.properties');
      await writeFile(file, properties(dir, ports, proxy.port, options));
      const scram = options.sasl
        ? Object.entries(USERS).flatMap(([name, password]) =>
            ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((m) => ['-S', `${m}=[name=${name},password=${password}]`]),
          )
        : [];
      const kafka = new Kafka(dir, ports, proxy, scram, options.heapMb ?? 384);
      await kafka.#format(options.node?.clusterId ?? makeClusterId());
      return kafka;
    } catch (error) {
      await proxy.stop();
      await rm(dir, { recursive: true, force: true });
      throw error;
    }
  }

  /** Addresses to give to a client that shall go through the proxy. */
  get proxied(): string {
    return this.proxy.address;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('Kafka is not running');
    return pid;
  }

  /** The certificate authority of the TLS listeners, PEM. */
  readCa(): Promise<string> {
    return readFile(this.ca, 'utf8');
  }

  /** The broker's own folder of a partition: its segment files. */
  partitionDir(topic: string, partition = 0): string {
    return path.join(this.dir, 'data', `${topic}-${partition}`);
  }

  async start(): Promise<void> {
    const java = await javaArguments('kafka.Kafka', [path.join(this.dir, 'server.properties')], this.#heapMb);
    const log = openSync(path.join(this.dir, 'broker.log'), 'a');
    const [program, ...args] = [...dieWithParent(), 'java', ...classOption(this.#classes), ...java];
    const child = spawn(program!, args, { cwd: this.dir, stdio: ['ignore', log, log] });
    closeSync(log);
    this.#child = child;
    running.set(child, this.dir);
    child.once('exit', () => running.delete(child));
    await this.#answering();
  }

  /** Ends the broker at once (SIGKILL); its data stay for `restart`. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Starts it again, at the same addresses and with the same data; ends it first when it runs. */
  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** Ends it, and starts another cluster at its addresses: as where the volumes are wiped. It may have the same id. */
  async renew(clusterId = makeClusterId()): Promise<void> {
    await this.kill();
    await rm(path.join(this.dir, 'data'), { recursive: true });
    await this.#format(clusterId);
    await this.start();
  }

  /** Freezes the broker: connections stay open and are taken by the system, nothing is answered. */
  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** Ends it and removes all of it. */
  async stop(): Promise<void> {
    if (this.#child?.exitCode === null && wantsClasses()) {
      const exited = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      await Promise.race([exited, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
      await keepClasses(this.#classes);
    }
    await this.kill();
    await this.proxy.stop();
    await rm(this.dir, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #format(clusterId: string): Promise<void> {
    this.clusterId = clusterId;
    const file = path.join(this.dir, 'server.properties');
    const options = ['format', '-t', clusterId, '-c', file, ...this.#scram];
    const format = await javaArguments('kafka.tools.StorageTool', options);
    await promisify(execFile)('java', [...(wantsClasses() ? [] : classOption('')), ...format]);
  }

  async #answering(): Promise<void> {
    const child = this.#child!;
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const answer = await withAdmin(this.brokers, (admin) => admin.describeCluster()).catch(() => null);
      if (answer && answer.brokers.length > 0 && answer.controller !== null) return;
      const end = child.exitCode ?? child.signalCode;
      if (end !== null || Date.now() > deadline) {
        const log = await readFile(path.join(this.dir, 'broker.log'), 'utf8');
        const what = end === null ? 'Kafka does not answer' : `Kafka ended at its start (${end})`;
        throw new Error(`${what}:\n${log.slice(-4000)}`);
      }
      await sleep(100);
    }
  }
}

export function makeClusterId(): string {
  return randomBytes(16).toString('base64url').replace(/^-/, '_');
}

/** Runs `work` with an admin client of its own. */
export async function withAdmin<T>(brokers: string, work: (admin: Admin) => Promise<T>): Promise<T> {
  const client = new kafkajs.Kafka({
    brokers: brokers.split(','),
    logLevel: kafkajs.logLevel.NOTHING,
    connectionTimeout: 5000,
    requestTimeout: 10_000,
    retry: { retries: 0 },
  });
  const admin = client.admin();
  try {
    await admin.connect();
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Besides the number of partitions: the topic's configuration, by Kafka's names. */
export type TopicOptions = { partitions?: number } & Record<string, string | number>;

/** Creates a topic and waits until its partitions have leaders. */
export async function createTopic(
  brokers: string,
  topic: string,
  { partitions = 1, ...config }: TopicOptions = {},
): Promise<void> {
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value: String(value) }));
  const wanted: ITopicConfig = { topic, numPartitions: partitions, replicationFactor: 1, configEntries };
  await withAdmin(brokers, async (admin) => {
    // kafkajs's own wait gives up at once where a broker does not know the topic yet.
    await admin.createTopics({ topics: [wanted], waitForLeaders: false });
    const deadline = Date.now() + 20_000;
    for (;;) {
      // Answered by the leaders themselves, which may not be it yet when the metadata says so.
      const offsets = await admin.fetchTopicOffsets(topic).catch(() => []);
      if (offsets.length === partitions) return;
      if (Date.now() > deadline) throw new Error(`${topic} has no leaders after 20 s`);
      await sleep(50);
    }
  });
}

/** Creates a topic whose name begins with `name` and is no other's: for brokers that are shared. Gives the name. */
export async function freshTopic(brokers: string, name: string, options: TopicOptions = {}): Promise<string> {
  const topic = `${name}-${randomBytes(4).toString('hex')}`;
  await createTopic(brokers, topic, options);
  return topic;
}

/** Waits until the partitions of `topic` together have at least `count` offsets. */
export async function untilStored(brokers: string, topic: string, count: number, limitMs = 60_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  await withAdmin(brokers, async (admin) => {
    for (;;) {
      const offsets = await admin.fetchTopicOffsets(topic);
      const stored = offsets.reduce((sum, partition) => sum + Number(partition.high), 0);
      if (stored >= count) return;
      if (Date.now() > deadline) throw new Error(`${topic} has ${stored} of ${count} records after ${limitMs} ms`);
      await sleep(50);
    }
  });
}

/** The offset after the last record of each partition of `topic`; a broker that has just started may not lead it yet. */
export async function endOffsets(brokers: string, topic: string, limitMs = 30_000): Promise<number[]> {
  const deadline = Date.now() + limitMs;
  const ask = (): Promise<{ partition: number; high: string }[]> =>
    withAdmin(brokers, (admin) => admin.fetchTopicOffsets(topic)).catch(async (error) => {
      if (!error.retriable || Date.now() > deadline) throw error;
      await sleep(200);
      return ask();
    });
  const offsets = await ask();
  return offsets.sort((a, b) => a.partition - b.partition).map((o) => Number(o.high));
}

type Ports = Record<string, number | undefined>;

/** One port a listener, and one for each proxy. */
async function portsFor({ sasl, tls, lets = 0 }: KafkaOptions): Promise<Ports> {
  const names = ['PLAINTEXT', 'PROXIED', 'CONTROLLER', 'PROXY'];
  if (sasl) names.push('SASL');
  if (tls) names.push('TLS');
  if (sasl && tls) names.push('SASLTLS');
  for (let i = 0; i < lets; i++) names.push(`LET${i}`, `PROXY_LET${i}`);
  const ports = await freePorts(names.length);
  return Object.fromEntries(names.map((name, i) => [name, ports[i]]));
}

function properties(dir: string, ports: Ports, proxyPort: number, options: KafkaOptions): string {
  const listeners = Object.entries(ports).filter(([name, port]) => port !== undefined && !/^PROXY_/.test(name));
  const advertised = listeners
    .filter(([name]) => name !== 'CONTROLLER')
    .map(([name, port]) => [name, name === 'PROXIED' ? proxyPort : (ports[`PROXY_${name}`] ?? port)] as const);
  const list = (of: readonly (readonly [string, number | undefined])[]) =>
    of.map(([name, port]) => `${name}://127.0.0.1:${port}`).join(',');
  const special: Record<string, string> = { SASL: 'SASL_PLAINTEXT', TLS: 'SSL', SASLTLS: 'SASL_SSL' };
  const all: Record<string, string | number> = {
    'process.roles': 'broker,controller',
    'node.id': options.node?.id ?? 1,
    'controller.quorum.voters': options.node?.voters ?? `1@127.0.0.1:${ports.CONTROLLER}`,
    listeners: list(listeners),
    'advertised.listeners': list(advertised),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': listeners.map(([name]) => `${name}:${special[name] ?? 'PLAINTEXT'}`).join(','),
    'log.dirs': path.join(dir, 'data'),
    'num.partitions': 1,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'auto.create.topics.enable': 'false',
    'connection.failed.authentication.delay.ms': 0,
    // A killed broker may come back at once: its registration must not outlive it for the usual nine seconds.
    'broker.heartbeat.interval.ms': 200,
    'broker.session.timeout.ms': 1000,
    ...(options.sasl ? saslProperties(options) : {}),
    ...(options.tls ? tlsProperties(dir) : {}),
    ...(options.acls
      ? {
          'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
          'super.users': 'User:ANONYMOUS;User:admin',
        }
      : {}),
    ...options.properties,
  };
  return Object.entries(all)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

function saslProperties({ tls }: KafkaOptions): Record<string, string> {
  const users = Object.entries(USERS).map(([name, password]) => `user_${name}="${password}"`);
  const all: Record<string, string> = { 'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER' };
  for (const listener of tls ? ['sasl', 'sasltls'] : ['sasl']) {
    const jaas = (mechanism: string) => `listener.name.${listener}.${mechanism}.sasl.jaas.config`;
    all[jaas('plain')] = `org.apache.kafka.common.security.plain.PlainLoginModule required ${users.join(' ')};`;
    all[jaas('scram-sha-256')] = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
    // Tokens that nobody has signed, as `unsecuredToken` makes them.
    all[jaas('oauthbearer')] =
      'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="admin";';
    all[jaas('scram-sha-512')] = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  }
  return all;
}

/** A token for the SASL listeners, of this user, that ends in so many seconds. */
export function unsecuredToken(user: keyof typeof USERS, seconds = 3600): string {
  const now = Date.now() / 1000;
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part({ sub: user, iat: now, exp: now + seconds })}.`;
}

function tlsProperties(dir: string): Record<string, string> {
  return {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': path.join(dir, 'server-chain.pem'),
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': path.join(dir, 'ca.pem'),
    'ssl.client.auth': 'requested',
  };
}

/** Linux ends the broker with us even when we are killed, where util-linux is there to ask for it. */
function dieWithParent(): string[] {
  const has = process.platform === 'linux' && spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0;
  return has ? ['setpriv', '--pdeathsig', 'KILL', '--'] : [];
}
