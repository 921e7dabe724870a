/** Records of containers say which wrote them: trees of files as Docker and a kubelet make them, and an HTTPS server in place of that. */
// Slow: starts agents.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type Home, makeHome, runnel } from '../../../support/agent.ts';
import { makeCertificates } from '../../../support/kafka-tls.ts';

// biome-ignore lint/suspicious/noExplicitAny: a document as it came
type Doc = Record<string, any>;

const ID = '0123456789abcdef'.repeat(4);
const UID = '6fa2ae4c-9a0f-4f6e-8d0c-2f4b7c1d9e11';
const CRI = (text: string) => `2026-12-01T08:00:00.000000000Z stdout F ${text}\n`;

async function sent(home: Home, topic = 'runnel.logs'): Promise<Doc[]> {
  const { stdout, stderr, code } = await runnel('spool', 'cat', topic, '-n', '1000', '-c', home.path('runnel.yaml'));
  assert.equal(code, 0, stderr);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/** The log of a pod's container; gives its path. */
function podLog(home: Home, text: string, { pod = 'api-1', uid = UID, container = 'api', restarts = 0 } = {}): string {
  const dir = home.path('pods', `shop_${pod}_${uid}`, container);
  mkdirSync(dir, { recursive: true });
  const path = `${dir}/${restarts}.log`;
  writeFileSync(path, text);
  return path;
}

async function read(home: Home, log: Record<string, unknown>, lines: number): Promise<string> {
  const agent = await home.start({ logs: [{ name: 'app', ...log }] });
  await agent.until((s) => s.logs[0]!.lines >= lines && s.logs[0]!.lag_bytes === 0, `${lines} lines are read`);
  await agent.stop();
  return agent.stderr;
}

interface TestKubelet {
  url: string;
  asked: (string | undefined)[];
  list: unknown;
  status: number;
}

async function startKubelet(t: TestContext, home: Home): Promise<TestKubelet & { ca: string }> {
  await makeCertificates(home.dir);
  const both = readFileSync(home.path('server-chain.pem'));
  const kubelet: TestKubelet = { url: '', asked: [], list: { items: [] }, status: 200 };
  const server: Server = createServer({ cert: both, key: both }, (request, response) => {
    assert.equal(request.url, '/pods');
    kubelet.asked.push(request.headers.authorization);
    response.writeHead(kubelet.status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(kubelet.list));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  kubelet.url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(kubelet, { ca: home.path('ca.pem') });
}

const POD = (restartCount = 0) => ({
  metadata: { uid: UID, name: 'api-1', namespace: 'shop', labels: { app: 'api', secret: 'not asked for' } },
  spec: { nodeName: 'node-1' },
  status: {
    containerStatuses: [{ name: 'api', containerID: `containerd://${ID}`, image: 'r.io/api:2', restartCount }],
  },
});

test('paths alone say what they can, without the API', async () => {
  await using home = await makeHome();
  const path = podLog(home, CRI('hello'));
  mkdirSync(home.path('containers'));
  symlinkSync(podLog(home, CRI('linked'), { pod: 'web-1' }), home.path('containers', `web-1_shop_api-${ID}.log`));
  const include = [path, home.path('containers', '*.log')];
  await read(home, { include, format: 'cri', container: true }, 2);
  const records = await sent(home);
  const of = (message: string) => records.find((record) => record.message === message)!;
  const kubernetes = { namespace: 'shop', pod: { name: 'api-1', uid: UID }, container: { name: 'api' } };
  assert.deepEqual([of('hello').container, of('hello').kubernetes], [{ name: 'api' }, kubernetes]);
  assert.deepEqual(of('linked').container, { id: ID, name: 'api' });
  // Of the link's target, too.
  assert.deepEqual(of('linked').kubernetes.pod, { name: 'web-1', uid: UID });
  assert.equal(of('hello').log.iostream, 'stdout');
  // What would be made of a line has it, too, with steps and without.
  for (const process of [[], [{ drop: { 'kubernetes.namespace': 'other' } }]]) {
    await home.configure({ logs: [{ name: 'app', include, format: 'cri', container: true, process }] });
    const told = await runnel('explain', 'log', path, CRI('x').trim(), '-c', home.path('runnel.yaml'));
    const { steps, value } = JSON.parse(told.stdout);
    assert.deepEqual([steps.length, value.kubernetes], [process.length, kubernetes], told.stderr);
  }
});

test('records of files that are no container’s, and of inputs that do not ask, are as before', async () => {
  await using home = await makeHome();
  mkdirSync(home.path('logs'));
  writeFileSync(home.path('logs', 'a.log'), 'plain\n');
  await read(home, { include: home.path('logs', '*.log'), container: true }, 1);
  const [plain] = await sent(home);
  assert.deepEqual(Object.keys(plain!), ['@timestamp', 'message', 'log', 'host', 'event']);
});

test('what Docker says: name, image, labels; a container that is made anew is another one', async () => {
  await using home = await makeHome();
  const make = (id: string, name: string, line: string) => {
    const dir = home.path('docker', id);
    mkdirSync(dir, { recursive: true });
    const Labels = { 'com.docker.compose.service': name, other: 'x' };
    writeFileSync(
      `${dir}/config.v2.json`,
      JSON.stringify({ ID: id, Name: `/${name}`, Config: { Image: 'nginx:1', Labels } }),
    );
    const time = '2026-12-01T08:00:00.000000000Z';
    writeFileSync(`${dir}/${id}-json.log`, `${JSON.stringify({ log: `${line}\n`, stream: 'stdout', time })}\n`);
  };
  const other = ID.replace('0', 'f');
  make(ID, 'web', 'one');
  const log = {
    include: home.path('docker', '*', '*-json.log'),
    format: 'docker',
    container: { labels: 'com.docker.compose.service' },
  };
  const agent = await home.start({ logs: [{ name: 'app', ...log }] });
  await agent.until((s) => s.logs[0]!.lines === 1, 'it is read');
  renameSync(home.path('docker', ID), home.path('gone'));
  make(other, 'db', 'two');
  await agent.until((s) => s.logs[0]!.lines === 2, 'the other is read');
  await agent.stop();
  const [first, second] = await sent(home);
  const labels = (name: string) => ({ com_docker_compose_service: name });
  const fixed = { runtime: 'docker', image: { name: 'nginx:1' } };
  assert.deepEqual(first!.container, { id: ID, name: 'web', ...fixed, labels: labels('web') });
  assert.deepEqual(second!.container, { id: other, name: 'db', ...fixed, labels: labels('db') });
});

test('the kubelet is asked once for what paths do not say; steps have it', async (t) => {
  await using home = await makeHome();
  const kubelet = await startKubelet(t, home);
  kubelet.list = { items: [POD(1)] };
  writeFileSync(home.path('token'), 'secret-token\n');
  podLog(home, CRI('before the restart'));
  podLog(home, Array.from({ length: 500 }, (_, i) => CRI(`{"message":"line ${i}","container":{"mine":1}}`)).join(''), {
    restarts: 1,
  });
  podLog(home, CRI('other'), { pod: 'db-1', uid: UID.replace('6', '7') });
  const log = {
    include: home.path('pods', '*', '*', '*.log'),
    format: 'cri',
    container: { labels: 'app', kubelet: { url: kubelet.url, token_file: home.path('token'), ca_file: kubelet.ca } },
    process: [{ parse: 'json' }, { route: 'logs.api', when: { 'kubernetes.labels.app': 'api' } }],
  };
  await read(home, log, 502);
  // Once for all, and once more for the pod that is not in the list at most.
  assert.ok(kubelet.asked.length <= 2, `${kubelet.asked.length}`);
  assert.deepEqual(new Set(kubelet.asked), new Set(['Bearer secret-token']));
  const records = await sent(home, 'logs.api');
  assert.equal(records.length, 501);
  const last = records.find(({ message }) => message === 'line 499')!;
  const container = { id: ID, name: 'api', runtime: 'containerd', image: { name: 'r.io/api:2' }, mine: 1 };
  assert.deepEqual(last.container, container);
  const names = { namespace: 'shop', pod: { name: 'api-1', uid: UID }, container: { name: 'api' } };
  assert.deepEqual(last.kubernetes, { ...names, node: { name: 'node-1' }, labels: { app: 'api' } });
  // Its line is no JSON, and its container another one: what is known of it is there all the same.
  const early = records.find(({ message }) => message === 'before the restart')!;
  assert.deepEqual(
    [early.container.id, early.container.image.name, early.error.type],
    [undefined, 'r.io/api:2', 'parse'],
  );
  const [other] = await sent(home);
  assert.deepEqual(other!.kubernetes.pod.name, 'db-1');
});

test('a kubelet that refuses, or is not there, holds nothing up', async (t) => {
  await using home = await makeHome();
  const kubelet = await startKubelet(t, home);
  kubelet.status = 403;
  podLog(home, CRI('hello'));
  const include = home.path('pods', '*', '*', '*.log');
  const of = (more: object) => ({ include, format: 'cri', container: { kubelet: { url: kubelet.url, ...more } } });
  const refused = await read(home, of({ ca_file: kubelet.ca }), 1);
  assert.match(
    refused,
    /the kubelet at https:\S+ does not list its pods: it answers 403, the token needs nodes\/proxy/,
  );
  podLog(home, CRI('hello') + CRI('again'));
  const unknown = await read(home, of({}), 1);
  assert.match(unknown, /does not list its pods: .*(certificate|self-signed)/);
  assert.deepEqual(kubelet.asked.length, 1);
  podLog(home, CRI('hello') + CRI('again') + CRI('believed'));
  kubelet.status = 200;
  kubelet.list = { items: [POD()] };
  await read(home, of({ insecure: true }), 1);
  const records = await sent(home);
  assert.deepEqual(
    records.map(({ message, container }) => [message, container.id]),
    [
      ['hello', undefined],
      ['again', undefined],
      ['believed', ID],
    ],
  );
});
