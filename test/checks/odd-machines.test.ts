/** Machines that are not as one thinks: what is gone, unreadable, added, or too much is no reason for the rest to fail. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { availableChecks, type HostSettings } from '../../src/checks/all.ts';
import { HostFiles } from '../../src/checks/files.ts';
import type { Point } from '../../src/checks/meter.ts';
import { CheckRunner } from '../../src/checks/runner.ts';
import { type Files, LATER, MACHINES, machine } from '../support/machines.ts';

const LINUX = MACHINES['linux 6.12 with docker'];

/** Runs one check of a machine again and again. */
async function checkOf(t: TestContext, name: string, files: Files, settings: HostSettings = {}) {
  const made = machine(files);
  const host = new HostFiles(made.root);
  t.after(() => {
    host.close();
    made[Symbol.dispose]();
  });
  const runner = new CheckRunner(name, (await availableChecks(host, settings)).get(name)!);
  const run = async (more: Files = {}) => {
    made.put(more);
    host.newRound();
    return (await runner.run(5000)).filter((p) => !p.name.startsWith('check.'));
  };
  return { run, root: made.root, status: runner.status };
}

const named = (points: readonly Point[], name: string) => points.filter((p) => p.name === name).map((p) => p.value);

const disk = (name: string, reads: number) => ` 8 0 ${name} ${reads} 0 0 0 0 0 0 0 0 0 0\n`;

test('the series of a disk that is unplugged end, and begin anew when it comes back', async (t) => {
  const { run, status } = await checkOf(t, 'disk', { ...LINUX, '/proc/diskstats': disk('sda', 100) });
  const reads = async (text: string) => named(await run({ '/proc/diskstats': text }), 'system.disk.operations');
  await run();
  assert.deepEqual(await reads(disk('sda', 107) + disk('sdb', 5)), [7, 0]);
  assert.deepEqual(await reads(disk('sdb', 6)), [1, 0]);
  assert.deepEqual(await reads(disk('sda', 3) + disk('sdb', 6)), [0, 0]);
  assert.deepEqual(await reads(disk('sda', 4) + disk('sdb', 6)), [1, 0, 0, 0]);
  assert.equal(status.errors, 0);
});

test('fields that a later kernel adds change nothing', async (t) => {
  const { run, status } = await checkOf(t, 'cpu', LINUX);
  await run();
  const later = LATER['/proc/stat']!.replace(/^(cpu.*)$/gm, '$1 99 99').replace('ctxt', 'novel 1 2 3\nctxt');
  const points = await run({ '/proc/stat': later });
  assert.deepEqual(named(points, 'system.cpu.time'), [0, 0, 0, 1, 0, 0, 0]);
  assert.equal(status.last_error, null);
});

test('a file that cannot be read is an error of its check, said with its name, until it can', async (t) => {
  const { run, root, status } = await checkOf(t, 'load', LINUX);
  rmSync(join(root, '/proc/loadavg'));
  mkdirSync(join(root, '/proc/loadavg'));
  assert.deepEqual(await run(), []);
  assert.match(status.last_error ?? '', /cannot read \/proc\/loadavg: EISDIR/);
  rmSync(join(root, '/proc/loadavg'), { recursive: true });
  assert.equal((await run({ '/proc/loadavg': '1 2 3 1/2 3\n' })).length, 3);
  assert.equal(status.last_error, null);
});

test("where other users' processes are hidden, that is said", async (t) => {
  const settings = { processes: { match: [{ name: 'nginx' }] } };
  const { run, root, status } = await checkOf(t, 'processes', LINUX, settings);
  rmSync(join(root, '/proc/1'), { recursive: true });
  assert.deepEqual(named(await run(), 'process.count'), [0]);
  assert.match(status.lacks ?? '', /hidepid/);
  // Nor is a count of their states what it seems.
  const states = await checkOf(t, 'processes', LINUX, { processes: { states: true } });
  await states.run();
  assert.equal(states.status.lacks, null);
  rmSync(join(states.root, '/proc/1'), { recursive: true });
  await states.run();
  assert.match(states.status.lacks ?? '', /hidepid/);
});

test('a file system that an error makes read-only is seen, though nobody mounts anything', async (t) => {
  const root = (options: string) => ({ '/proc/1/mountinfo': `1 0 0:9 / / rw - btrfs /dev/vda1 ${options}\n` });
  const { run } = await checkOf(t, 'filesystem', { ...LINUX, ...root('rw') });
  const readonly = async () => named(await run(root('ro')), 'system.filesystem.readonly');
  assert.deepEqual(named(await run(), 'system.filesystem.readonly'), [0]);
  const seen = [await readonly(), await readonly(), await readonly(), await readonly()];
  assert.deepEqual(seen.at(-1), [1]);
});

test('of ten thousand mounts of containers none is asked', async (t) => {
  const lines = Array.from(
    { length: 10_000 },
    (_, i) => `${i + 100} 27 0:${i + 50} / /var/lib/docker/overlay2/${i}/merged rw - overlay overlay rw`,
  );
  const { run, status } = await checkOf(t, 'filesystem', { ...LINUX, '/proc/1/mountinfo': `${lines.join('\n')}\n` });
  assert.deepEqual(await run(), []);
  assert.equal(status.last_error, null);
});

test('with host_root the network is that of PID 1 there, not of this process', async (t) => {
  const heads = 'Inter-|\n face |\n';
  const line = (bytes: number) => `${heads}  eth9:${bytes} 1 0 0 0 0 0 0 ${bytes} 1 0 0 0 0 0 0\n`;
  const { run } = await checkOf(t, 'network', { ...LINUX, '/proc/1/net/dev': line(5) });
  await run();
  const points = await run({ '/proc/1/net/dev': line(12) });
  assert.deepEqual(named(points, 'system.network.io'), [7, 7]);
  assert.ok(points.every((p) => p.attributes.includes('eth9')));
});

/** A /proc of its own, in which others' processes are not there to nobody; and the checks as nobody runs them. */
const HIDING = `mount -t proc -o hidepid=invisible proc /proc; exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"`;
const hiding = (...command: string[]) =>
  spawnSync('unshare', ['--mount', '--propagation', 'private', 'sh', '-ec', HIDING, 'sh', ...command], {
    encoding: 'utf8',
  });
const noHiding =
  process.platform === 'linux' && process.getuid?.() === 0 && hiding('true').status === 0
    ? false
    : 'NOT TESTED: needs root, unshare and setpriv';

test('where /proc is really mounted so, each check says what it can', { skip: noHiding }, () => {
  const program = join(import.meta.dirname, '../support/sandboxed.ts');
  const { stdout, stderr } = hiding(process.execPath, program);
  assert.equal(stderr, '');
  const { went } = JSON.parse(stdout) as { went: Record<string, { error: string | null; lacks: string | null }> };
  const failed = Object.entries(went).filter(([, { error }]) => error !== null);
  assert.deepEqual(failed, []);
  assert.match(went.processes!.lacks ?? '', /hidepid/);
});
