/**
 * Packages of npm for tests that are too much to be installed with all others: once, into $RUNNEL_CACHE/NAME or
 * ~/.cache/runnel-test/NAME. A download goes into a folder of its own that is renamed when it is complete.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder } from './maven.ts';

/** A folder with node_modules, or why it cannot be had here. */
export function nodePackages(name: string, packages: readonly string[]): { folder: string } | { missing: string } {
  const folder = cacheFolder(name);
  if (existsSync(folder)) return { folder };
  const cache = dirname(folder);
  mkdirSync(cache, { recursive: true });
  const download = mkdtempSync(join(cache, 'node-download-'));
  writeFileSync(join(download, 'package.json'), '{"private": true}');
  const args = ['install', '--no-audit', '--no-fund', '--omit=optional', '--ignore-scripts', ...packages];
  const { status, stderr, error } = spawnSync('npm', args, { cwd: download, timeout: 240_000, encoding: 'utf8' });
  try {
    if (status === 0 && !existsSync(folder)) renameSync(download, folder);
  } catch {
    // Another test file was first.
  }
  rmSync(download, { recursive: true, force: true });
  if (existsSync(folder)) return { folder };
  return { missing: `npm cannot install ${packages.join(' ')}: ${error?.message ?? stderr.trim().split('\n').at(-1)}` };
}
