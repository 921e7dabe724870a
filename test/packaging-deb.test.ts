/**
 * The package for Debian: what is in it, and what dpkg makes of it in a directory. `npm run proof -- packages` installs it
 * on a Debian that is booted.
 */
// Slow: builds and installs the package.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, suite, test } from 'node:test';
// @ts-expect-error a script, without types
import { buildDeb } from '../scripts/build-deb.mjs';
import { IDENTITY_FORMAT } from '../src/data-dir/identity.ts';
import { FORMAT, header } from '../src/sources/tail/positions/journal.ts';

const ROOT = dirname(import.meta.dirname);
const { version } = JSON.parse(fs.readFileSync(join(ROOT, 'package.json'), 'utf8'));
const OLDER = '0.0.1';
const SCRIPTS = ['preinst', 'postinst', 'prerm', 'postrm'];

function run(file: string, args: string[], env = process.env) {
  const { status, stdout, stderr } = spawnSync(file, args, { env, encoding: 'utf8', maxBuffer: 1 << 26 });
  return { status, said: stdout + stderr };
}

function done(file: string, ...args: string[]): string {
  const { status, said } = run(file, args);
  assert.equal(status, 0, `${file} ${args.join(' ')}: ${said}`);
  return said;
}

const has = (program: string) => spawnSync(program, ['--version']).status === 0;
const skip = process.platform === 'linux' && has('dpkg-deb') ? false : 'there is no dpkg-deb';
const skipInstalled =
  skip || (process.getuid?.() === 0 && has('systemd-sysusers') ? false : 'not root, or there is no systemd-sysusers');

suite('the package for Debian', { skip, timeout: 240_000 }, () => {
  let dir = '';
  let deb = '';
  let older = '';
  /** The files of the package and its scripts (DEBIAN/), taken out again. */
  const raw = (...names: string[]) => join(dir, 'raw', ...names);

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'runnel-deb-test-'));
    deb = buildDeb({ to: dir, fast: true });
    done('dpkg-deb', '--raw-extract', deb, raw());
    older = join(dir, 'older.deb');
    for (const name of ['control', 'preinst']) {
      const text = fs.readFileSync(raw('DEBIAN', name), 'utf8');
      fs.writeFileSync(raw('DEBIAN', name), text.replaceAll(version, OLDER));
    }
    done('dpkg-deb', '--root-owner-group', '-Znone', '--build', raw(), older);
    done('dpkg-deb', '--control', deb, raw('DEBIAN'));
  });

  after(() => rm(dir, { recursive: true, force: true }));

  test('everything in it is of root, and nobody else may write it', () => {
    const lines = done('dpkg-deb', '--contents', deb).trimEnd().split('\n');
    assert.ok(lines.length > 1000);
    const strange = lines.filter((line) => !/^(d|-)rwxr-xr-x root\/root |^-rw-r--r-- root\/root |^l/.test(line));
    assert.deepEqual(
      strange.map((line) => line.replace(/^(\S+ \S+) .* (\S+)$/, '$1 $2')),
      ['-rw-r----- root/root ./etc/runnel/runnel.yaml'],
    );
    assert.equal(fs.readFileSync(raw('DEBIAN/conffiles'), 'utf8'), '/etc/runnel/runnel.yaml\n');
  });

  test('it has a Node, the kernels and what the agent uses, and nothing that only development needs', () => {
    const at = (...names: string[]) => raw('usr/lib/runnel', ...names);
    const said = done(at('bin/node'), at('bin/runnel'), '--version');
    assert.equal(said.trim(), version);
    const { dependencies, devDependencies } = JSON.parse(fs.readFileSync(join(ROOT, 'package.json'), 'utf8'));
    for (const name of Object.keys(dependencies)) assert.ok(fs.existsSync(at('node_modules', name)), name);
    for (const name of Object.keys(devDependencies)) assert.ok(!fs.existsSync(at('node_modules', name)), name);
    // To the version that the lock says, also what is not named in package.json.
    const { packages } = JSON.parse(fs.readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
    for (const path of fs.globSync('node_modules/{*,@*/*}/package.json', { cwd: at() })) {
      const { version } = JSON.parse(fs.readFileSync(at(path), 'utf8'));
      assert.equal(version, packages[dirname(path)]?.version, path);
    }
  });

  test('the units start what is in it', () => {
    const units = fs.globSync('usr/lib/systemd/system/*.service', { cwd: raw() });
    assert.equal(units.length, 2);
    for (const unit of units) {
      const text = fs.readFileSync(raw(unit), 'utf8');
      assert.doesNotMatch(text, /\/opt\//);
      const started = [...text.matchAll(/^Exec\w+=(\S+) (\S+) /gm)].flatMap(([, ...words]) => words);
      assert.ok(started.length > 0);
      for (const path of started) assert.ok(fs.existsSync(raw(path!)), path);
    }
  });

  test('its scripts are right for a shell, and none of them fetches anything', () => {
    for (const name of SCRIPTS) {
      done('sh', '-n', raw('DEBIAN', name));
      const text = fs.readFileSync(raw('DEBIAN', name), 'utf8');
      assert.doesNotMatch(text, /@\w+@|https?:|\b(curl|wget|npm|npx|apt|apt-get|git)\b/);
    }
  });

  test('the configuration that comes with it is valid', () => {
    const at = (...names: string[]) => raw('usr/lib/runnel', ...names);
    done(at('bin/node'), at('bin/runnel'), 'validate', '-c', raw('etc/runnel/runnel.yaml'));
  });

  test('dpkg installs, upgrades, refuses a downgrade, removes and purges it', { skip: skipInstalled }, () => {
    const root = join(dir, 'root');
    const at = (...names: string[]) => join(root, ...names);
    for (const name of ['etc', 'var/lib/dpkg/info', 'var/lib/dpkg/updates'])
      fs.mkdirSync(at(name), { recursive: true });
    for (const name of ['etc/passwd', 'etc/group', 'var/lib/dpkg/status']) fs.writeFileSync(at(name), '');
    const forced = ['--force-depends', '--force-script-chrootless', '--force-confold', '--force-unsafe-io'];
    const log = `--log=${join(dir, 'dpkg.log')}`;
    const dpkg = (...args: string[]) => run('dpkg', [`--root=${root}`, log, ...forced, ...args]);
    const succeeds = (...args: string[]) => {
      const { status, said } = dpkg(...args);
      assert.equal(status, 0, said);
    };

    succeeds('--install', older);
    const group = /^runnel:[^:]*:(\d+):/m.exec(fs.readFileSync(at('etc/group'), 'utf8'));
    assert.ok(group, 'there is a group');
    const config = at('etc/runnel/runnel.yaml');
    const { mode, uid, gid } = fs.statSync(config);
    assert.deepEqual([mode & 0o777, uid, gid], [0o640, 0, Number(group[1])]);

    // What somebody has changed, and what the agent knows, stays.
    fs.appendFileSync(config, 'tags: {env: prod}\n');
    fs.mkdirSync(at('var/lib/runnel'));
    fs.writeFileSync(at('var/lib/runnel/positions'), header());
    fs.writeFileSync(at('var/lib/runnel/agent.json'), `{"format":${IDENTITY_FORMAT},"agent_id":"a","flush":0}\n`);
    succeeds('--install', deb);
    assert.match(fs.readFileSync(config, 'utf8'), /^tags: \{env: prod\}$/m);
    assert.deepEqual(fs.readFileSync(at('var/lib/runnel/positions')), header());
    assert.equal(fs.statSync(config).gid, Number(group[1]));

    // An older one that reads what is there may come back: that is how a fleet is rolled back.
    succeeds('--install', older);
    succeeds('--install', deb);
    const newer: [string, string | Buffer, number][] = [
      ['positions', header(FORMAT + 1), FORMAT],
      ['agent.json', `{"format":${IDENTITY_FORMAT + 1},"agent_id":"a","flush":0}\n`, IDENTITY_FORMAT],
    ];
    for (const [name, text, reads] of newer) {
      const path = at('var/lib/runnel', name);
      const before = fs.readFileSync(path);
      fs.writeFileSync(path, text);
      const { status, said } = dpkg('--install', older);
      assert.notEqual(status, 0);
      assert.match(
        said,
        new RegExp(`runnel ${OLDER} is not installed: a newer runnel wrote ${path} \\(format ${reads + 1};`),
      );
      const shown = spawnSync('dpkg-query', [
        `--admindir=${at('var/lib/dpkg')}`,
        '-W',
        '-f${Version} ${Status}',
        'runnel',
      ]);
      assert.equal(String(shown.stdout), `${version} install ok installed`);
      fs.writeFileSync(path, before);
    }
    // Also where the state is elsewhere.
    fs.mkdirSync(at('srv/state'), { recursive: true });
    fs.writeFileSync(at('srv/state/positions'), header(FORMAT + 1));
    fs.appendFileSync(config, 'data_dir: "/srv/state" # on the large disk\n');
    assert.match(dpkg('--install', older).said, /a newer runnel wrote \S+\/srv\/state\/positions/);

    succeeds('--remove', 'runnel');
    assert.ok(fs.existsSync(config) && fs.existsSync(at('var/lib/runnel/positions')));
    assert.ok(!fs.existsSync(at('usr/lib/runnel')));
    succeeds('--purge', 'runnel');
    const left = ['etc/runnel', 'var/lib/runnel', 'usr/bin/runnel', 'usr/lib/systemd'].filter((name) =>
      fs.existsSync(at(name)),
    );
    assert.deepEqual(left, []);
  });
});
