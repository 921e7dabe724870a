/** A Debian for proofs, booted in a container with its own systemd and no network: $RUNNEL_TEST_DEBIAN, or one that is made once. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { dirname, join } from 'node:path';

export const ROOT = dirname(dirname(import.meta.dirname));
/** Of who starts systemd-nspawn. */
export const NSPAWN_ENV = { ...process.env, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1' };
const MOST_MS = 600_000;

const UNIT = `[Service]
Type=oneshot
WorkingDirectory=/root
Environment=HOME=/root
ExecStart=-/bin/sh -xc '. /root/proof.sh > /root/said 2>&1; echo done > /root/done'
ExecStopPost=-/bin/sh -c 'journalctl --no-pager -n 2000 > /root/journal; systemctl exit'
[Install]
WantedBy=multi-user.target
`;

/** Why it cannot be had, or one of these programs; null: it can. */
export function cannotProve(...programs: string[]): string | null {
  if (process.getuid?.() !== 0) return 'needs root, to boot a container';
  const missing = ['systemd-nspawn', 'debootstrap', ...programs].find((one) => spawnSync(one, ['--version']).error);
  return missing === undefined ? null : `there is no ${missing}`;
}

export function run(file: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(file, args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 });
  assert.equal(status, 0, `${file} ${args.join(' ')}: ${error ?? ''}${stderr}`);
  return stdout.trim();
}

export interface Boot {
  /** A copy of the Debian is made in it. */
  dir: string;
  /** What it does, as root: a shell script. */
  script: string;
  /** Puts what that needs into its /root. */
  prepare(at: (...names: string[]) => string, root: string): void;
  /** A directory of this machine, and where it is seen there; nothing is written to it. */
  shown?: readonly [string, string];
}

/** Its root, copied to `to`. */
export function copyDebian(to: string): void {
  run('cp', '-a', '--reflink=auto', debian(), to);
}

/** Until the script has ended. */
export function bootDebian({ dir, script, prepare, shown }: Boot): Booted {
  const root = join(dir, 'root');
  copyDebian(root);
  const at = (...names: string[]) => join(root, 'root', ...names);
  fs.writeFileSync(at('proof.sh'), script);
  prepare(at, root);
  fs.writeFileSync(join(root, 'etc/systemd/system/proof.service'), UNIT);
  const wants = join(root, 'etc/systemd/system/multi-user.target.wants');
  fs.mkdirSync(wants, { recursive: true });
  fs.symlinkSync('../proof.service', join(wants, 'proof.service'));

  const how = ['--boot', '--register=no', '--keep-unit', '--private-network', '--console=pipe', '--directory', root];
  if (shown) how.push(`--bind-ro=${shown.join(':')}`);
  const booted = spawnSync('systemd-nspawn', how, { env: NSPAWN_ENV, encoding: 'utf8', timeout: MOST_MS });
  const read = (name: string) =>
    fs.existsSync(at(name)) ? fs.readFileSync(at(name), 'utf8').trim() : `there is no ${name}`;
  const all = () => [booted.stdout, booted.stderr, read('said'), read('journal')].join('\n');
  assert.equal(read('done'), 'done', all());
  return { read, all };
}

/** What is found in its /root, and all that it said. */
export interface Booted {
  read(name: string): string;
  all(): string;
}

function debian(): string {
  if (process.env.RUNNEL_TEST_DEBIAN) return process.env.RUNNEL_TEST_DEBIAN;
  const at = join(ROOT, 'node_modules/.cache/debian');
  if (fs.existsSync(join(at, 'complete'))) return at;
  fs.rmSync(at, { recursive: true, force: true });
  run('debootstrap', '--variant=minbase', '--include=systemd-sysv,dbus,libatomic1', 'bookworm', at);
  fs.writeFileSync(join(at, 'complete'), '');
  return at;
}
