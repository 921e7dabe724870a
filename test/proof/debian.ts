/** A Debian for proofs to boot: $RUNNEL_TEST_DEBIAN, or one that is made once. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { dirname, join } from 'node:path';

export const ROOT = dirname(dirname(import.meta.dirname));
/** Of who starts systemd-nspawn. */
export const NSPAWN_ENV = { ...process.env, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1' };

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

/** Its root, copied to `to`. */
export function copyDebian(to: string): void {
  run('cp', '-a', '--reflink=auto', debian(), to);
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
