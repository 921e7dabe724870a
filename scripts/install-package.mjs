/** The package as its users get it, put into a directory with what it uses, to the version that package-lock.json says. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const manifest = JSON.parse(fs.readFileSync(join(root, 'package.json'), 'utf8'));
export const QUIET = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];

/** `cpu`: as Node calls it. */
export function installPackage(at, cpu, version = manifest.version) {
  fs.mkdirSync(at, { recursive: true });
  const run = (file, args) => execFileSync(file, args, { cwd: at, stdio: ['ignore', 'ignore', 'inherit'] });
  const { devDependencies: _, devEngines: __, scripts: ___, ...shipped } = { ...manifest, version };
  fs.writeFileSync(join(at, 'package.json'), `${JSON.stringify(shipped, null, 2)}\n`);
  fs.copyFileSync(join(root, 'package-lock.json'), join(at, 'package-lock.json'));
  // With the lock, and not by `npm ci`: that insists on what development needs, and leaves some of it here.
  run('npm', ['install', '--omit=dev', '--os=linux', `--cpu=${cpu}`, '--libc=glibc', ...QUIET]);
  for (const name of ['package-lock.json', 'node_modules/.package-lock.json', 'node_modules/.bin']) {
    fs.rmSync(join(at, name), { recursive: true, force: true });
  }
  run(process.execPath, [join(root, 'scripts/build-dist.mjs'), join(at, 'dist')]);
  // A package of its own.
  fs.rmSync(join(at, 'dist/client'), { recursive: true });
  for (const name of ['config', 'prometheus', 'dashboards'])
    fs.cpSync(join(root, name), join(at, name), { recursive: true });
}
