/** What paths, Docker's files and the kubelet's list say of containers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { framedTexts, jsonEnvelope, rawEnvelope } from '../../../../src/records/envelope.ts';
import { factsOfDocker } from '../../../../src/sources/tail/containers/docker.ts';
import { namesWith, textsOf } from '../../../../src/sources/tail/containers/facts.ts';
import { podsOf } from '../../../../src/sources/tail/containers/kubelet.ts';
import { dockerConfigOf, factsOfPath } from '../../../../src/sources/tail/containers/paths.ts';

const ID = '0123456789abcdef'.repeat(4);
const UID = '6fa2ae4c-9a0f-4f6e-8d0c-2f4b7c1d9e11';

test('paths of the kubelet and of Docker say what they can', () => {
  const check = (path: string, expected: unknown) => assert.deepEqual(factsOfPath(path), expected, path);
  const names = { namespace: 'shop', name: 'api-7d9f-x2x', container: 'api' };
  const pod = (restarts: number) => ({ name: 'api', pod: { ...names, uid: UID, restarts } });
  check(`/var/log/pods/shop_api-7d9f-x2x_${UID}/api/0.log`, pod(0));
  check(`/host/var/log/pods/shop_api-7d9f-x2x_${UID}/api/12.log`, pod(12));
  check(`/var/log/pods/shop_api-7d9f-x2x_${UID}/api/1.log.20261201-080000.gz`, pod(1));
  check(`/var/log/containers/api-7d9f-x2x_shop_api-${ID}.log`, { id: ID, name: 'api', pod: names });
  check(`/var/lib/docker/containers/${ID}/${ID}-json.log`, { id: ID, runtime: 'docker' });
  check(`/var/lib/docker/containers/${ID}/${ID}-json.log.1`, { id: ID, runtime: 'docker' });
  for (const path of [
    '/var/log/nginx/access.log',
    '/var/log/pods/a_b/c/0.log',
    '/var/log/pods/a_b_c/d/x.log',
    `/var/log/containers/a_b-${ID}.log`,
    `/x/${ID}/${ID.replace('0', '1')}-json.log`,
    `/var/log/pods/shop_"x_${UID}/api/0.log`,
  ])
    check(path, null);
  assert.equal(dockerConfigOf(`/d/${ID}/${ID}-json.log`), `/d/${ID}/config.v2.json`);
});

test('what Docker says, also of containers that a kubelet has made', () => {
  const own = { ID, Name: '/web', Config: { Image: 'nginx:1.27', Labels: { tier: 'front' } } };
  assert.deepEqual(factsOfDocker(own), {
    id: ID,
    name: 'web',
    runtime: 'docker',
    image: 'nginx:1.27',
    labels: { tier: 'front' },
    pod: undefined,
  });
  const Labels = {
    'io.kubernetes.pod.name': 'api-1',
    'io.kubernetes.pod.namespace': 'shop',
    'io.kubernetes.pod.uid': UID,
    'io.kubernetes.container.name': 'api',
  };
  const made = factsOfDocker({ ID, Name: '/k8s_api_api-1_shop_1', Config: { Image: 'api@sha256:1', Labels } });
  assert.deepEqual([made!.name, made!.pod], ['api', { namespace: 'shop', name: 'api-1', uid: UID, container: 'api' }]);
  for (const odd of [null, [], 7, {}, { ID: 7 }, { ID: '' }]) assert.equal(factsOfDocker(odd), null);
  assert.equal(factsOfDocker({ ID, Config: 'x', Name: [] })!.name, undefined);
});

test('what the kubelet lists, whatever it is', () => {
  const pods = podsOf({
    items: [
      {
        metadata: {
          uid: UID,
          name: 'api-1',
          namespace: 'shop',
          labels: { app: 'api' },
          annotations: { 'kubernetes.io/config.hash': 'abc' },
        },
        spec: { nodeName: 'node-1' },
        status: {
          initContainerStatuses: [{ name: 'setup', containerID: 'containerd://1', image: 'busybox' }],
          containerStatuses: [
            { name: 'api', containerID: `containerd://${ID}`, image: 'r.io/api:2', restartCount: 3 },
            { name: 'waiting', image: 'r.io/w' },
          ],
        },
      },
      null,
      { metadata: 'odd', status: { containerStatuses: 'x' } },
    ],
  });
  assert.deepEqual([...pods.keys()], [UID, 'abc']);
  const { containers, ...pod } = pods.get(UID)!;
  assert.deepEqual(pod, { namespace: 'shop', name: 'api-1', node: 'node-1', labels: { app: 'api' } });
  assert.deepEqual(
    [...containers],
    [
      ['setup', { id: '1', image: 'busybox', runtime: 'containerd', restarts: 0 }],
      ['api', { id: ID, image: 'r.io/api:2', runtime: 'containerd', restarts: 3 }],
      ['waiting', { id: undefined, image: 'r.io/w', runtime: undefined, restarts: 0 }],
    ],
  );
  for (const odd of [null, 7, [], {}, { items: 7 }]) assert.equal(podsOf(odd).size, 0);
});

test('labels are those that are asked for; a text is cut, and all together are', () => {
  const labels = ['app', 'app.kubernetes.io/name', 'constructor', 'none'];
  const names = namesWith(labels);
  assert.deepEqual(
    names.slice(-4),
    ['app', 'app_kubernetes_io/name', 'constructor', 'none'].map((l) => `kubernetes.labels.${l}`),
  );
  const of = (facts: Parameters<typeof textsOf>[0]) => {
    const texts = textsOf(facts, labels);
    return Object.fromEntries(names.flatMap((name, i) => (texts[i] === null ? [] : [[name, texts[i]]])));
  };
  const known = of({ name: 'a', pod: { labels: { app: 'x', 'app.kubernetes.io/name': 'y', other: 'z' } } });
  assert.deepEqual(known, {
    'container.name': 'a',
    'kubernetes.labels.app': 'x',
    'kubernetes.labels.app_kubernetes_io/name': 'y',
  });
  assert.equal(Buffer.byteLength(of({ image: 'é'.repeat(1000) })['container.image.name']!), 512);
  const many = Array.from({ length: 20 }, (_, i) => `label-${i}`);
  const large = Object.fromEntries(many.map((name) => [name, 'x'.repeat(500)]));
  const kept = textsOf({ labels: large, pod: { labels: large } }, many).filter((text) => text !== null);
  assert.ok(kept.length >= 7 && kept.join('').length <= 4096, `${kept.length}`);
});

test('what goes around a record has it once, and nothing where nothing is known', () => {
  const origin = { host: 'web-1', path: '/a', id: '1', dataset: 'app', labels: {}, key: 'web-1' };
  const known = { 'container.id': ID, 'container.image.name': '"x"', 'kubernetes.labels.app': 'api' };
  const { offset, after } = jsonEnvelope({ ...origin, known });
  const members = `"container":{"id":"${ID}","image":{"name":"\\"x\\""}},"kubernetes":{"labels":{"app":"api"}}`;
  assert.equal(offset.toString(), `",${members},"log":{"file":{"path":"/a","id":"1"},"offset":`);
  assert.equal(after.toString(), jsonEnvelope(origin).after.toString());
  for (const none of [undefined, {}]) {
    const plain = jsonEnvelope({ ...origin, known: none }).offset.toString();
    assert.equal(plain, '","log":{"file":{"path":"/a","id":"1"},"offset":');
  }
  const raw = rawEnvelope({ ...origin, known });
  assert.equal(raw.headerCount, 6);
  assert.ok(raw.headers.includes(framedTexts(['container.id', ID])));
});
