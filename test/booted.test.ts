/**
 * docs/install.md, step by step, on a Debian that is booted: a copy of the one at $RUNNEL_TEST_DEBIAN, in a container with
 * its own systemd and no network. Needs root and systemd-nspawn, and the directory, which this makes once:
 *
 *   debootstrap --variant=minbase --include=systemd-sysv,dbus,libatomic1 bookworm DIR
 */
// Slow: boots a system.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, copyFile, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const ROOT = dirname(import.meta.dirname);
const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
const TGZ = `runnel-agent-${version}.tgz`;
const QUIET = ['--no-audit', '--no-fund', '--prefer-offline', '--fetch-retries=0'];
const UNIFIED = { ...process.env, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1' };

function whyNot(): string | false {
  if (!process.env.RUNNEL_TEST_DEBIAN) return 'NOT TESTED: RUNNEL_TEST_DEBIAN names no Debian to boot';
  if (process.getuid?.() !== 0) return 'NOT TESTED: needs root, to boot a container';
  const has = spawnSync('systemd-nspawn', ['--version']).status === 0;
  return has ? false : 'NOT TESTED: there is no systemd-nspawn';
}

function run(file: string, args: string[], env = process.env): string {
  const { status, stdout, stderr, error } = spawnSync(file, args, { cwd: ROOT, env, encoding: 'utf8' });
  assert.equal(status, 0, `${file} ${args.join(' ')}: ${error ?? ''}${stderr}`);
  return stdout.trim();
}

/** The steps' commands, in order, but those that make the package. */
function stepsOf(page: string): string {
  const [, npm] = page.split('## From the package of npm, under systemd\n');
  const blocks = [...npm!.matchAll(/^ *```sh\n(?<text>[\s\S]*?)^ *```$/gm)].map(({ groups }) => groups!.text!);
  assert.match(blocks[0]!, /npm pack/);
  return blocks.slice(1).join('').replace(/^ {3}/gm, '');
}

/** What it is asked once it is installed: each answer in a file of its own. */
const LOOK = `
timeout 60 sh -c 'until runnel spool cat runnel.logs | grep this-line; do sleep 0.2; done'
systemctl show runnel -p ActiveState -p User -p NRestarts > /root/running
cat /proc/$(systemctl show runnel -p MainPID --value)/comm >> /root/running
`;

/** A wrong configuration: the start fails, and is not tried again in three times the time after which it would be. */
const SPOIL = `
echo 'nonsense: 1' >> /etc/runnel/runnel.yaml
if systemctl restart runnel; then exit 1; fi
sleep 6
systemctl show runnel -p ActiveState -p ExecMainStatus -p NRestarts > /root/wrong
`;

const STEPS_UNIT = `[Service]
Type=oneshot
WorkingDirectory=/root
Environment=HOME=/root npm_config_offline=true npm_config_cache=/root/npm-cache
ExecStart=/bin/sh -exc '/bin/sh -ex /root/steps.sh > /root/said 2>&1 && echo done > /root/done'
ExecStopPost=-/bin/sh -c 'journalctl --no-pager -u runnel > /root/journal; systemctl exit'
[Install]
WantedBy=multi-user.target
`;

test('the steps of docs/install.md install it on a booted Debian', { skip: whyNot(), timeout: 600_000 }, async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'runnel-booted-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  run('npm', ['run', 'build']);
  run('npm', ['pack', '--ignore-scripts', '--pack-destination', dir]);
  const cache = join(dir, 'cache');
  const into = ['--prefix', join(dir, 'first'), '--cache', cache, ...QUIET];
  run('npm', ['install', '--global', '--omit=dev', '--ignore-scripts', ...into, join(dir, TGZ)]);

  const root = join(dir, 'root');
  run('cp', ['-a', '--reflink=auto', process.env.RUNNEL_TEST_DEBIAN!, root]);
  const at = (...names: string[]) => join(root, ...names);
  await copyFile(process.execPath, at('usr/local/bin/node'));
  await chmod(at('usr/local/bin/node'), 0o755);
  await mkdir(at('usr/local/lib/node_modules'), { recursive: true });
  const npm = dirname(dirname(run('sh', ['-c', 'readlink -f "$(command -v npm)"'])));
  await cp(npm, at('usr/local/lib/node_modules/npm'), { recursive: true });
  await symlink('../lib/node_modules/npm/bin/npm-cli.js', at('usr/local/bin/npm'));
  await cp(cache, at('root/npm-cache'), { recursive: true });
  await copyFile(join(dir, TGZ), at('root', TGZ));
  await writeFile(at('var/log/app.log'), 'this-line\n');
  const steps = stepsOf(await readFile(join(ROOT, 'docs/install.md'), 'utf8'));
  // Each can be done again.
  await writeFile(at('root/steps.sh'), [steps, LOOK, 'cd /root\n', steps, LOOK, SPOIL].join(''));
  await writeFile(at('etc/systemd/system/steps.service'), STEPS_UNIT);
  await mkdir(at('etc/systemd/system/multi-user.target.wants'), { recursive: true });
  await symlink('../steps.service', at('etc/systemd/system/multi-user.target.wants/steps.service'));

  const how = ['--boot', '--register=no', '--keep-unit', '--private-network', '--console=pipe', '--directory', root];
  const booted = spawnSync('systemd-nspawn', how, { env: UNIFIED, encoding: 'utf8', timeout: 300_000 });
  const read = (name: string) => readFile(at('root', name), 'utf8').catch(() => `there is no ${name}\n`);
  const journal = await read('journal');
  assert.equal(await read('done'), 'done\n', [booted.stdout, booted.stderr, await read('said'), journal].join('\n'));
  const shown = async (name: string) => (await read(name)).trim().split('\n').sort();
  assert.deepEqual(await shown('running'), ['ActiveState=active', 'NRestarts=0', 'User=runnel', 'runnel']);
  assert.deepEqual(await shown('wrong'), ['ActiveState=failed', 'ExecMainStatus=2', 'NRestarts=0']);
  assert.match(journal, / runnel\[\d+\]: \/etc\/runnel\/runnel\.yaml:\d+:1: unknown key nonsense/);
});
