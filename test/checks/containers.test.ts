/** Containers by their cgroups' paths, their names by what runtimes keep; units of systemd; sensors; the clock. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseCpuMax, parseIoStat } from '../../src/checks/cgroup-stat.ts';
import { cgroups, containerOf, findCgroups } from '../../src/checks/cgroups.ts';
import { parseTimex } from '../../src/checks/clock.ts';
import { parseDockerConfig, parseLogLinks, parsePodmanList } from '../../src/checks/container-names.ts';
import { HostFiles } from '../../src/checks/files.ts';
import { SeriesMeter } from '../../src/checks/meter.ts';
import { CheckRunner } from '../../src/checks/runner.ts';
import { parseUnits, reportUnits } from '../../src/checks/systemd.ts';
import { parseMillidegrees } from '../../src/checks/temperature.ts';
import { CONTAINERS, MACHINES, machine } from '../support/machines.ts';
import { until } from '../support/until.ts';

test('a container is known by the path of its cgroup', () => {
  const id = 'f'.repeat(64);
  const uid = '12345678-1234-1234-1234-123456789abc';
  const slice = `/kubepods.slice/kubepods-pod${uid.replaceAll('-', '_')}.slice`;
  const cases: [string, string | null, string | null][] = [
    [`/system.slice/docker-${id}.scope`, 'docker', null],
    [`/docker/${id}`, 'docker', null],
    [`${slice}/cri-containerd-${id}.scope`, 'containerd', uid],
    [`${slice}/crio-${id}.scope`, 'cri-o', uid],
    [`/kubepods/burstable/pod${uid}/${id}`, 'containerd', uid],
    [`/machine.slice/libpod-${id}.scope`, 'podman', null],
    [`/libpod_parent/libpod-${id}`, 'podman', null],
    [`/machine.slice/libpod-conmon-${id}.scope`, null, null],
    [`${slice}/crio-conmon-${id}.scope`, null, null],
    ['/system.slice/nginx.service', null, null],
    [`/system.slice/docker-${id.slice(1)}.scope`, null, null],
  ];
  for (const [path, runtime, pod] of cases) {
    const found = containerOf(path);
    assert.deepEqual([found?.runtime ?? null, found?.pod ?? null], [runtime, pod], path);
    if (found) assert.equal(found.id, id);
  }
});

test('a tree of cgroups that never ends is left in time', () => {
  let looked = 0;
  const { slices } = findCgroups(() => {
    looked++;
    return ['a.slice', 'b.slice'];
  });
  assert.deepEqual(slices, ['/a.slice', '/b.slice']);
  assert.ok(looked < 10_000);
});

test('what a cgroup says', () => {
  assert.equal(parseCpuMax('150000 100000\n'), 1.5);
  assert.ok(Number.isNaN(parseCpuMax('max 100000\n')));
  assert.ok(Number.isNaN(parseCpuMax('')));
  assert.deepEqual(parseIoStat('8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=50 dios=60\n8:16 rbytes=10\n'), {
    read: 11,
    written: 2,
    reads: 3,
    writes: 4,
  });
});

test('what runtimes call their containers', () => {
  const id = 'd'.repeat(64);
  assert.deepEqual(parseLogLinks([`web-1_prod_nginx-proxy-${id}.log`, 'odd.log']).get(id), {
    'container.name': 'nginx-proxy',
    'k8s.pod.name': 'web-1',
    'k8s.namespace.name': 'prod',
  });
  assert.deepEqual(parseDockerConfig('{"Name":"/web","Config":{"Image":"nginx:1"}}'), {
    'container.name': 'web',
    'container.image.name': 'nginx:1',
  });
  assert.deepEqual(parseDockerConfig('{}'), {});
  assert.deepEqual(
    [...parsePodmanList(`[{"id":"${id}","names":["db"]},{"id":1}]`)],
    [[id, { 'container.name': 'db' }]],
  );
});

test('a container that ends ends cleanly, one that has begun is seen at the next look', async (t) => {
  using made = machine(MACHINES['linux 6.12 with docker']);
  const host = new HostFiles(made.root);
  t.after(() => host.close());
  const runner = new CheckRunner('cgroups', cgroups(host));
  const ids = async () => {
    host.newRound();
    const points = await runner.run(5000);
    assert.equal(runner.status.last_error, null);
    return points
      .filter((p) => p.name === 'container.memory.usage')
      .map((p) => JSON.parse(`{${p.attributes}}`) as Record<string, string>);
  };
  assert.deepEqual(await ids(), [
    {
      'container.id': CONTAINERS.docker,
      'container.runtime': 'docker',
      'container.name': 'web',
      'container.image.name': 'nginx:1',
    },
  ]);
  const directory = `/sys/fs/cgroup/system.slice/docker-${CONTAINERS.docker}.scope`;
  rmSync(join(made.root, directory), { recursive: true });
  // The kernel says ENODEV of what is open still; a file that is gone is as one that was never opened.
  for (const name of ['cpu.stat', 'memory.current']) host.forget(`${directory}/${name}`);
  await ids();
  assert.deepEqual(await ids(), []);
});

/** A root in which the kernel's own cgroups (v2) are seen; null: they may not be mounted here. */
function mountCgroups() {
  const root = mkdtempSync(join(tmpdir(), 'runnel-cgroups-'));
  const place = join(root, 'sys/fs/cgroup');
  mkdirSync(place, { recursive: true });
  const isMounted = spawnSync('mount', ['-t', 'cgroup2', 'none', place], { stdio: 'ignore' }).status === 0;
  const remove = () => {
    if (isMounted) execFileSync('umount', [place]);
    // Nothing of the kernel's is below it any more, else this fails.
    for (const dir of ['sys/fs/cgroup', 'sys/fs', 'sys', '']) rmdirSync(join(root, dir));
  };
  if (isMounted) return { root, place, [Symbol.dispose]: remove };
  remove();
  return null;
}

test('the cgroups of this kernel: what a container has used, and its end while its files are open', async (t) => {
  using mounted = mountCgroups();
  if (mounted === null) return t.skip('cgroups may not be mounted here');
  const slice = join(mounted.place, `runnel-${process.pid}.slice`);
  const scope = join(slice, `docker-${CONTAINERS.docker}.scope`);
  mkdirSync(scope, { recursive: true });
  const work = 'while read -r x; do i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo; done';
  const child = spawn('/bin/sh', ['-c', work], { stdio: ['pipe', 'pipe', 'ignore'] });
  const host = new HostFiles(mounted.root);
  const end = async () => {
    child.kill('SIGKILL');
    await until('it is empty', () => readFileSync(join(scope, 'cgroup.procs'), 'latin1') === '');
    rmdirSync(scope);
    rmdirSync(slice);
  };
  try {
    writeFileSync(join(scope, 'cgroup.procs'), String(child.pid));
    const runner = new CheckRunner('cgroups', cgroups(host));
    const seconds = async () => {
      host.newRound();
      const points = (await runner.run(5000)).filter((p) => p.name === 'container.cpu.time');
      assert.equal(runner.status.last_error, null);
      return points.filter((p) => p.attributes.includes(CONTAINERS.docker)).map(({ value }) => value);
    };
    await seconds();
    child.stdin.write('x\n');
    await once(child.stdout, 'data');
    const [user, system] = await seconds();
    assert.ok(user! + system! > 0.01, `${user} ${system}`);
    await end();
    assert.deepEqual(await seconds(), []);
    assert.deepEqual(await seconds(), []);
  } finally {
    host.close();
    if (existsSync(scope)) await end();
  }
});

test('units of systemd', () => {
  const units = parseUnits(
    'Id=nginx.service\nLoadState=loaded\nActiveState=active\nNRestarts=2\nActiveEnterTimestampMonotonic=5000000\n\n' +
      'Id=no.service\nLoadState=not-found\nActiveState=inactive\nActiveEnterTimestampMonotonic=0\n',
  );
  const meter = new SeriesMeter();
  reportUnits(meter, units, 12);
  assert.equal(meter.lacked(), 'there is no unit no.service');
  const points = meter.take(true);
  const states = points.filter((p) => p.name === 'systemd.unit.state' && p.value === 1).map((p) => p.attributes);
  assert.deepEqual(states, [
    '"systemd.unit.name":"nginx.service","systemd.unit.state":"active"',
    '"systemd.unit.name":"no.service","systemd.unit.state":"inactive"',
  ]);
  assert.deepEqual(
    points.filter((p) => p.name === 'systemd.unit.uptime').map((p) => p.value),
    [7],
  );
});

test('degrees, and a sensor that is not there', () => {
  assert.equal(parseMillidegrees('45500\n'), 45.5);
  assert.equal(parseMillidegrees('-5000\n'), -5);
  assert.ok(Number.isNaN(parseMillidegrees('-274000\n')));
  assert.ok(Number.isNaN(parseMillidegrees('')));
});

test('the clock: micro- or nanoseconds, kept or not', () => {
  const timex = Buffer.alloc(208);
  timex.writeBigInt64LE(-1500n, 8);
  timex.writeBigInt64LE(2000n, 24);
  timex.writeBigInt64LE(30n, 32);
  const rest = { mostError: 0.002, estimatedError: 0.00003 };
  assert.deepEqual(parseTimex(timex, 0), { offset: -0.0015, ...rest, synchronised: true });
  timex.writeInt32LE(0x2040, 40);
  assert.deepEqual(parseTimex(timex, 5), { offset: -0.0000015, ...rest, synchronised: false });
});
