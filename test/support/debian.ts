/**
 * Programs of Debian's that tests need: where one is missing and can be installed (root, apt-get), it is, once. Nothing of it
 * is started by that.
 */
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Shorter than a file of tests may take: then it is skipped. */
const LIMIT_MS = 100_000;

export function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}

/** False when it is there now, else why it is not, for a test's `skip` option. `there`: a command of the shell that asks. */
export function notInstalled(name: string, there: string, packages: string): string | false {
  const isThere = () => spawnSync('sh', ['-c', there]).status === 0;
  if (isThere()) return false;
  const install = `apt-get install -y --no-install-recommends ${packages}`;
  const without = `NOT TESTED: ${name} is not installed (${install})`;
  if (process.getuid?.() !== 0 || !hasProgram('apt-get')) return without;
  // Files of tests that start together wait for each other at the lock. No service is begun: who starts one asks policy-rc.d.
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const asked = `flock "$1" sh -c '${there} || ${install} || { apt-get update && ${install}; }'`;
  const lock = path.join(tmpdir(), 'runnel-apt.lock');
  spawnSync('sh', ['-c', asked, 'sh', lock], { env: environment, timeout: LIMIT_MS });
  return isThere() ? false : `${without}, and cannot be installed here`;
}
