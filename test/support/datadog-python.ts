/**
 * Datadog's client for Python, for tests: from PyPI, once, into $RUNNEL_CACHE/datadog-VERSION or ~/.cache/runnel-test. A
 * download goes into a folder of its own that is renamed when it is complete.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const VERSION = '0.56.0';
const cache = process.env.RUNNEL_CACHE || join(homedir(), '.cache', 'runnel-test');
const folder = join(cache, `datadog-${VERSION}`);

/** The folder for PYTHONPATH; null: it cannot be had here. */
export function datadogPython(): string | null {
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const download = mkdtempSync(join(cache, 'datadog-download-'));
  const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', download];
  const { status } = spawnSync('python3', [...args, `datadog==${VERSION}`], { timeout: 120_000 });
  try {
    if (status === 0 && !existsSync(folder)) renameSync(download, folder);
  } catch {
    // Another test file was first.
  }
  rmSync(download, { recursive: true, force: true });
  return existsSync(folder) ? folder : null;
}
