/** What `npm ci` in a clone installs, and where it can. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const ROOT = dirname(import.meta.dirname);
const MANIFEST = JSON.parse(fs.readFileSync(join(ROOT, 'package.json'), 'utf8'));

interface Lock {
  packages: Record<
    string,
    {
      resolved?: string;
      version?: string;
      optionalDependencies?: Record<string, string>;
      engines?: { node?: string };
      os?: string | string[];
      cpu?: unknown;
      optional?: boolean;
    }
  >;
}

const { packages } = JSON.parse(fs.readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lock;

test('the lock is complete for every platform and names no registry of this machine', () => {
  const missing: string[] = [];
  for (const [at, { optionalDependencies }] of Object.entries(packages)) {
    for (const name of Object.keys(optionalDependencies ?? {})) {
      if (!packages[`${at}/node_modules/${name}`] && !packages[`node_modules/${name}`]) missing.push(name);
    }
  }
  assert.deepEqual(missing, []);
  const hosts = Object.values(packages).flatMap(({ resolved }) => resolved ?? []);
  assert.deepEqual(
    hosts.filter((url) => !/^(https:\/\/registry\.npmjs\.org\/|file:scripts\/)/.test(url)),
    [],
  );
});

test('a clone is installed without a warning, on machines that have no Node of the repository too', () => {
  const [, oldest] = /^>=(\d+\.\d+)$/.exec(MANIFEST.devEngines.runtime.version)!;
  const inWay = Object.entries(packages).flatMap(([at, { engines, os, cpu, optional }]) => {
    if (at === '' || optional) return [];
    const fits = !engines?.node || engines.node.split('||').some((range) => takes(range, oldest!));
    const everywhere = !cpu && (!os || ['linux', 'darwin'].every((name) => os.includes(name)));
    return fits && everywhere ? [] : [at];
  });
  assert.deepEqual(inWay, []);
});

/** Whether a range as packages write it (`>=18`, `^20.19.0`, `>= 14.18.0`) has a version in it. */
function takes(range: string, version: string): boolean {
  const [, how, text] = /^\s*(\^|>=|>|~)?\s*([\d.]+)/.exec(range) ?? [];
  if (text === undefined) return range.trim() === '*';
  const [major = 0, minor = 0] = text.split('.').map(Number);
  const [here = 0, below = 0] = version.split('.').map(Number);
  return here === major ? below >= minor : how?.startsWith('>') === true && here > major;
}
