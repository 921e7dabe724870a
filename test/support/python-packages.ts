/**
 * Packages of Python's for tests: from PyPI, once, into $RUNNEL_CACHE/NAME or ~/.cache/runnel-test/NAME. A download goes
 * into a folder of its own that is renamed when it is complete.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const cache = process.env.RUNNEL_CACHE || join(homedir(), '.cache', 'runnel-test');

/** The folder for PYTHONPATH, or why they cannot be had here. `name` changes with what is in it. */
export function pythonPackages(name: string, packages: readonly string[]): { folder: string } | { missing: string } {
  const folder = join(cache, name);
  if (existsSync(folder)) return { folder };
  mkdirSync(cache, { recursive: true });
  const download = mkdtempSync(join(cache, 'python-download-'));
  const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:'];
  const { status, stderr, error } = spawnSync('python3', [...args, '--target', download, ...packages], {
    timeout: 240_000,
    encoding: 'utf8',
  });
  try {
    if (status === 0 && !existsSync(folder)) renameSync(download, folder);
  } catch {
    // Another test file was first.
  }
  rmSync(download, { recursive: true, force: true });
  if (existsSync(folder)) return { folder };
  return { missing: `pip cannot install ${packages.join(' ')}: ${error?.message ?? stderr.trim().split('\n').at(-1)}` };
}
