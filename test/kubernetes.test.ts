/**
 * The manifests of kubernetes/: rendered by kubectl where there is one, checked against the types of Kubernetes' API (1.30),
 * and what they say against the image and the program. The agent is run as the DaemonSet runs it, but for the cluster.
 */
// Slow: starts an agent.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { makeHome, runnel } from './support/agent.ts';

const ROOT = dirname(import.meta.dirname);
const DIR = join(ROOT, 'kubernetes');
const { version } = JSON.parse(fs.readFileSync(join(ROOT, 'package.json'), 'utf8'));
const FILES = ['daemonset.yaml', 'sidecar.yaml', 'sinks.yaml'];
/** Where the types of each kind are. */
const TYPES: Record<string, string> = {
  Namespace: 'core/v1',
  ConfigMap: 'core/v1',
  DaemonSet: 'apps/v1',
  Deployment: 'apps/v1',
};

// biome-ignore lint/suspicious/noExplicitAny: its type is what is tested
type Manifest = any;

function read(file: string): Manifest[] {
  return parseAllDocuments(fs.readFileSync(join(DIR, file), 'utf8')).map((document) => {
    assert.deepEqual([...document.errors, ...document.warnings], [], file);
    return document.toJS();
  });
}

const manifests = FILES.flatMap(read);
const workloads = manifests.filter(({ spec }) => spec?.template);
const podOf = (workload: Manifest) => workload.spec.template.spec;
const containersOf = (workload: Manifest): Manifest[] => [
  ...(podOf(workload).initContainers ?? []),
  ...podOf(workload).containers,
];
const configurations = manifests.filter(({ kind }) => kind === 'ConfigMap');
const configOf = (name: string) =>
  configurations.find(({ metadata }) => metadata.name === name)!.data['runnel.yaml'] as string;

test('they are what the types of the API allow, and nothing else', (t) => {
  // Where the packages are found.
  const dir = fs.mkdtempSync(join(ROOT, 'node_modules/.kubernetes-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const lines = manifests.map((manifest, i) => {
    const from = TYPES[manifest.kind];
    assert.ok(from, manifest.kind);
    assert.equal(manifest.apiVersion, from.replace(/^core\//, ''));
    return `export const m${i}: import('kubernetes-types/${from}').${manifest.kind} = ${JSON.stringify(manifest)};`;
  });
  fs.writeFileSync(join(dir, 'manifests.ts'), lines.join('\n'));
  const check = () =>
    spawnSync(
      join(ROOT, 'node_modules/.bin/tsc'),
      ['--ignoreConfig', '--noEmit', '--strict', '--types', '', join(dir, 'manifests.ts')],
      {
        encoding: 'utf8',
      },
    );
  const { status, stdout } = check();
  assert.equal(status, 0, stdout);
  // It would find what is not so.
  fs.writeFileSync(join(dir, 'manifests.ts'), lines.join('\n').replace('"hostPort":8125', '"hostport":8125'));
  assert.match(check().stdout, /hostport.* does not exist/);
});

const skipKubectl = spawnSync('kubectl', ['version', '--client']).status === 0 ? false : 'there is no kubectl';

test('kubectl renders them, with the image of this version', { skip: skipKubectl }, () => {
  const rendered = execFileSync('kubectl', ['kustomize', DIR], { encoding: 'utf8' });
  const found = parseAllDocuments(rendered).map((document) => document.toJS() as Manifest);
  const wanted = ['daemonset.yaml', 'sinks.yaml'].flatMap(read);
  const called = ({ kind, metadata }: Manifest) => `${kind}/${metadata.name}`;
  assert.deepEqual(found.map(called).sort(), wanted.map(called).sort());
});

test('all of them are of the image of this version, and its user', () => {
  const { images } = parse(fs.readFileSync(join(DIR, 'kustomization.yaml'), 'utf8'));
  assert.deepEqual(images, [{ name: 'runnel', newName: 'runnel', newTag: version }]);
  const dockerfile = fs.readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
  const user = Number(/^USER (\d+)$/m.exec(dockerfile)?.[1]);
  for (const workload of workloads) {
    assert.equal(podOf(workload).securityContext.runAsUser, user);
    const ours = containersOf(workload).filter(({ image }) => image.startsWith('runnel:'));
    assert.ok(ours.length > 0);
    for (const { image } of ours) assert.equal(image, `runnel:${version}`);
  }
});

test('nobody has a capability, a token, or a file system of its own to write', () => {
  for (const workload of workloads) {
    const pod = podOf(workload);
    assert.equal(pod.automountServiceAccountToken, false);
    assert.equal(pod.securityContext.runAsNonRoot, true);
    assert.equal(pod.securityContext.seccompProfile.type, 'RuntimeDefault');
    for (const key of ['hostNetwork', 'hostPID', 'hostIPC']) assert.equal(pod[key], undefined);
    for (const { name, securityContext, resources } of containersOf(workload)) {
      assert.equal(securityContext.allowPrivilegeEscalation, false, name);
      assert.equal(securityContext.readOnlyRootFilesystem, true, name);
      assert.deepEqual(securityContext.capabilities, { drop: ['ALL'] }, name);
      assert.ok(resources.limits.memory && resources.requests.memory && resources.requests.cpu, name);
      // But one, which changes the mode of a directory that is root's.
      if (securityContext.runAsUser === 0) assert.equal(`${workload.kind}/${name}`, 'DaemonSet/state');
    }
  }
});

test('what is mounted is a volume, and what a probe asks is a port', () => {
  for (const workload of workloads) {
    const volumes = podOf(workload).volumes.map(({ name }: Manifest) => name);
    const mounted = containersOf(workload).flatMap(({ volumeMounts }) =>
      volumeMounts.map(({ name }: Manifest) => name),
    );
    assert.deepEqual([...new Set(mounted)].sort(), [...volumes].sort());
    for (const { ports = [], ...container } of containersOf(workload)) {
      for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
        const asked = container[probe]?.httpGet;
        if (!asked) continue;
        assert.ok(
          ports.some(({ name }: Manifest) => name === asked.port),
          `${container.name} ${probe}`,
        );
        assert.match(asked.path, /^\/(health|ready)$/);
      }
    }
    const { config } = Object.fromEntries(
      podOf(workload).volumes.map((volume: Manifest) => [volume.name.replace(/^runnel-/, ''), volume]),
    );
    const text = configOf(config.configMap.name);
    const { port } = Object(/^admin: \{listen: 0\.0\.0\.0:(?<port>\d+)\}$/m.exec(text)?.groups);
    const admin = containersOf(workload)
      .flatMap(({ ports = [] }) => ports)
      .find(({ name }: Manifest) => name === 'admin');
    assert.equal(String(admin.containerPort), port);
  }
});

for (const { metadata, data } of configurations) {
  test(`the configuration ${metadata.name} is valid`, async () => {
    await using home = await makeHome();
    fs.writeFileSync(home.path('password'), 'secret');
    const text = data['runnel.yaml'].replace(/\$\{file:[^}]*\}/, `\${file:${home.path('password')}}`);
    fs.writeFileSync(home.path('runnel.yaml'), text.replaceAll('${HOSTNAME}', 'pod-1'));
    const { code, stderr } = await runnel('validate', '-c', home.path('runnel.yaml'));
    assert.equal(code, 0, stderr);
  });
}

/** As the container of the DaemonSet: its user and group, no capability, nothing of the file system to write but the state. */
function contained(state: string): string[] {
  const { runAsUser, runAsGroup } = podOf(workloads[0]).securityContext;
  const who = [`--reuid=${runAsUser}`, `--regid=${runAsGroup}`, '--clear-groups'];
  const rights = ['--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all', '--no-new-privs'];
  const mounts = 'mount --bind "$0" "$0" && mount -o remount,ro,bind / && exec "$@"';
  return ['unshare', '--mount', 'sh', '-c', mounts, state, 'setpriv', ...who, ...rights, '--'];
}

const canContain =
  process.platform === 'linux' &&
  process.getuid?.() === 0 &&
  spawnSync('unshare', ['--mount', 'setpriv', '--bounding-set=-all', 'true']).status === 0;

test('as the DaemonSet runs it, it reads what the kubelet writes and nobody else may read', {
  skip: canContain ? false : 'not root, or there is no unshare or setpriv',
}, async () => {
  await using home = await makeHome();
  fs.chmodSync(home.dir, 0o755);
  const pod = home.path('pods/shop_cart-1_0a1b/cart');
  fs.mkdirSync(pod, { recursive: true });
  // As containerd and the kubelet do it.
  for (const path of [home.path('pods'), dirname(pod), pod]) fs.chmodSync(path, 0o750);
  fs.writeFileSync(join(pod, '0.log'), '2026-12-01T12:00:00.000000000Z stdout F paid\n', { mode: 0o640 });
  // Of the kubelet; then as the container `state` leaves it.
  fs.mkdirSync(home.dataDir);
  const [{ command }] = podOf(workloads[0]).initContainers;
  execFileSync(command[0], [...command.slice(1, -1), home.dataDir]);

  const { logs, shutdown_timeout } = parse(configOf('runnel'));
  const [{ exclude: _, ...log }] = logs;
  const include = log.include.replace('/var/log/pods', home.path('pods'));
  const config = { logs: [{ ...log, include }], metrics: { host: { cpu: true } }, shutdown_timeout };
  const agent = await home.start(config, { through: contained(home.dataDir) });
  const status = await agent.until(({ logs }) => logs[0]!.lines === 1, 'the line is read');
  assert.deepEqual([status.ready, status.reasons], [true, []]);
  assert.equal(fs.statSync(join(home.dataDir, 'agent.json')).uid, 10_001);
  await agent.stop();
});
