/**
 * The image, built of the Dockerfile by buildah on a Debian with this Node in place of the one that the Dockerfile names,
 * which no registry is asked for; and run: as its user, its root read-only, as process 1, with no network.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cannotProve, copyDebian, NSPAWN_ENV, ROOT, run } from './debian.ts';

const LIMIT_MS = 60_000;
const dockerfile = fs.readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
const given = (instruction: RegExp) => instruction.exec(dockerfile)![1]!;

export async function proveImage(): Promise<string> {
  const why = cannotProve('buildah', 'nsenter', 'setpriv');
  if (why) return `image: NOT PROVEN: ${why}`;
  const dir = fs.mkdtempSync(join(tmpdir(), 'runnel-image-'));
  const buildah = (...args: string[]) =>
    run('buildah', '--storage-driver=vfs', '--root', join(dir, 'store'), '--runroot', join(dir, 'run'), ...args);
  try {
    const image = build(dir, buildah);
    const root = buildah('mount', buildah('from', '--pull-never', image));
    return await start(dir, root);
  } finally {
    spawnSync('umount', ['--quiet', join(dir, 'store/vfs')]);
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

/** Returns the id of the image. */
function build(dir: string, buildah: (...args: string[]) => string): string {
  const base = join(dir, 'base');
  copyDebian(base);
  fs.copyFileSync(process.execPath, join(base, 'usr/local/bin/node'));
  fs.chmodSync(join(base, 'usr/local/bin/node'), 0o755);
  const npm = dirname(dirname(run('sh', '-c', 'readlink -f "$(command -v npm)"')));
  fs.cpSync(npm, join(base, 'usr/local/lib/node_modules/npm'), { recursive: true });
  fs.symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(base, 'usr/local/bin/npm'));
  const container = buildah('from', 'scratch');
  buildah('copy', '--quiet', container, base, '/');
  // Who signs what npm is given here.
  const { NODE_EXTRA_CA_CERTS } = process.env;
  if (NODE_EXTRA_CA_CERTS) {
    buildah('copy', '--quiet', container, fs.realpathSync(NODE_EXTRA_CA_CERTS), '/etc/extra-ca.pem');
    buildah('config', '--env', 'NODE_EXTRA_CA_CERTS=/etc/extra-ca.pem', container);
  }
  buildah('commit', '--quiet', '--rm', container, `docker.io/library/${given(/^FROM (\S+)$/m)}`);
  fs.rmSync(base, { recursive: true });
  return buildah('bud', '--quiet', '--isolation=chroot', '--pull-never', ROOT);
}

async function start(dir: string, root: string): Promise<string> {
  const user = given(/^USER (\d+)$/m);
  const state = join(dir, 'state');
  const logs = join(dir, 'log');
  // As docker fills a volume that is new.
  run('cp', '-a', join(root, given(/^VOLUME (\S+)$/m)), state);
  fs.mkdirSync(logs);
  // As rsyslog does it on Debian: root:adm.
  fs.writeFileSync(join(logs, 'syslog'), 'a line\n', { mode: 0o640 });
  fs.chownSync(join(logs, 'syslog'), 0, 4);
  const config = given(/^COPY config\/image\.yaml (\S+)$/m);
  const [name] = fs
    .readFileSync(join(root, 'etc/passwd'), 'utf8')
    .split('\n')
    .find((line) => line.split(':')[2] === user)!
    .split(':');
  const how = ['--quiet', '--read-only', '--register=no', '--keep-unit', '--private-network', '--directory', root];
  const mounts = [
    `--bind=${state}:/var/lib/runnel`,
    `--bind-ro=${logs}:/var/log`,
    '--setenv=PATH=/usr/local/bin:/usr/bin:/bin',
  ];
  const args = JSON.parse(given(/^CMD (.*)$/m)) as string[];
  const container = spawn('systemd-nspawn', [...how, ...mounts, `--user=${name}`, 'runnel', ...args], {
    env: NSPAWN_ENV,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(container, 'exit');
  let said = '';
  for (const stream of [container.stdout, container.stderr]) stream.on('data', (text) => (said += text));
  try {
    const until = async <T>(what: string, find: () => T | null | undefined | false): Promise<T> => {
      const deadline = Date.now() + LIMIT_MS;
      for (;;) {
        const found = find();
        if (found) return found;
        assert.ok(container.exitCode === null && Date.now() < deadline, `${what}: not so\n${said}`);
        await sleep(200);
      }
    };
    const agent = await until('it runs as process 1', () => firstProcess(container.pid!));
    const inside = (...command: string[]) =>
      spawnSync(
        'nsenter',
        ['-t', agent, '-a', 'setpriv', `--reuid=${user}`, `--regid=${user}`, '--groups=4', ...command],
        { encoding: 'utf8' },
      );
    const health = JSON.parse(/^HEALTHCHECK .*CMD (.*)$/m.exec(dockerfile)![1]!) as string[];
    const status = await until('its health check succeeds', () => {
      const { status, stdout } = inside('env', 'PATH=/usr/local/bin:/usr/bin:/bin', ...health);
      const told = status === 0 && JSON.parse(stdout);
      return told && told.logs[0].lines === 1 && told;
    });
    assert.equal(status.ready, true, JSON.stringify(status.reasons));
    const shown = fs.readFileSync(`/proc/${agent}/status`, 'utf8');
    assert.match(shown, new RegExp(`^Uid:\\t${user}\\t${user}\\t${user}\\t${user}$`, 'm'));
    assert.match(shown, /^CapEff:\t0{16}$/m);
    assert.match(inside('touch', '/etc/written').stderr, /Read-only file system/);
    process.kill(Number(agent), 'SIGTERM');
    assert.deepEqual(await exited, [0, null], said);
    assert.match(said, /stopped after/);
  } finally {
    container.kill('SIGKILL');
    await exited;
  }
  const spool = run(process.execPath, 'src/main.ts', 'spool', 'cat', 'runnel.logs', '-c', written(dir, state));
  assert.equal(JSON.parse(spool).message, 'a line');
  return `image: built, read-only, user ${user}, ${config}: healthy, read a log of adm's, stopped with 0`;
}

/** A configuration that finds its state from outside. */
function written(dir: string, state: string): string {
  const path = join(dir, 'runnel.yaml');
  fs.writeFileSync(path, JSON.stringify({ data_dir: state }));
  return path;
}

/** The process that is number 1 below systemd-nspawn, and the agent: null where there is none yet. */
function firstProcess(nspawn: number): string | null {
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
      if (/^NSpid:\t\d+\t1$/m.test(status) && /^Name:\trunnel$/m.test(status) && isBelow(pid, nspawn)) return pid;
    } catch {
      // It has ended meanwhile.
    }
  }
  return null;
}

function isBelow(pid: string, ancestor: number): boolean {
  for (let at = Number(pid); at > 1; ) {
    if (at === ancestor) return true;
    at = Number(/^PPid:\t(\d+)$/m.exec(fs.readFileSync(`/proc/${at}/status`, 'utf8'))?.[1] ?? 0);
  }
  return false;
}
