/**
 * Makes the package for Debian and Ubuntu: `npm run deb`. Needs dpkg-deb and what `npm ci` has installed; no root.
 *
 *   --to DIR            where to (default: here)
 *   --arch amd64|arm64  for which machines (default: this one's)
 *   --version TEXT      another version than that of package.json
 *   --fast              hardly compressed, for tests
 *
 * It brings the Node that runs a clone, which package-lock.json pins: no Debian has one that is new enough, and so nothing
 * that others do to theirs reaches the agent. What it uses of npm is what package-lock.json says, to the byte.
 *
 *   /usr/lib/runnel/bin/node, dist/, node_modules/    as `npm ci --omit=dev` installs it
 *   /usr/bin/runnel                                   runs it
 *   /usr/lib/{systemd/system,sysusers.d,sysctl.d}/    the units of systemd/, whose programs are those here
 *   /etc/runnel/runnel.yaml, conf.d/                  a conffile, 0640 root:runnel
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { IDENTITY_FORMAT } from '../src/data-dir/identity.ts';
import { FORMAT as POSITIONS_FORMAT } from '../src/sources/tail/positions/journal.ts';
import { installPackage, QUIET } from './install-package.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const manifest = JSON.parse(fs.readFileSync(join(root, 'package.json'), 'utf8'));
/** Debian's name of an architecture and Node's. */
const ARCHITECTURES = { amd64: 'x64', arm64: 'arm64' };
/** Of the Node that it brings: `objdump -T`. */
const DEPENDS = [
  'libc6 (>= 2.28)',
  'libstdc++6',
  'libatomic1',
  'systemd | systemd-standalone-sysusers',
  'init-system-helpers (>= 1.54)',
];
const PROGRAMS = { from: '/opt/runnel/bin/', to: '/usr/lib/runnel/bin/' };
const PROGRAM_FILES = ['usr/bin/runnel', 'usr/lib/runnel/bin/node', 'usr/lib/runnel/dist/main.js'];
const MAINTAINER = 'the authors of runnel <runnel@localhost>';

/** Builds it. Returns the path of the file. */
export function buildDeb({ to = '.', arch = debianArch(), version = manifest.version, fast = false } = {}) {
  const cpu = ARCHITECTURES[arch];
  if (!cpu) throw new Error(`there is no package for ${arch}: use ${Object.keys(ARCHITECTURES).join(' or ')}`);
  const stage = fs.mkdtempSync(join(tmpdir(), 'runnel-deb-'));
  try {
    const debian = version.replace('-', '~');
    installProgram(join(stage, 'usr/lib/runnel'), cpu, version);
    installAround(stage, debian);
    const sizes = settle(stage);
    writeControl(join(stage, 'DEBIAN'), { arch, version: debian, sizes });
    const file = join(resolve(to), `runnel_${debian}_${arch}.deb`);
    const packed = fast ? ['-Zgzip', '-z1'] : ['-Zxz'];
    execFileSync('dpkg-deb', ['--root-owner-group', ...packed, '--build', stage, file], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return file;
  } finally {
    fs.rmSync(stage, { recursive: true });
  }
}

function debianArch() {
  return Object.keys(ARCHITECTURES).find((name) => ARCHITECTURES[name] === process.arch) ?? process.arch;
}

/** The package of npm, what it uses, and its Node, in `at`. */
function installProgram(at, cpu, version) {
  installPackage(at, cpu, version);
  fs.mkdirSync(join(at, 'bin'));
  fs.symlinkSync('../dist/main.js', join(at, 'bin/runnel'));
  const node = nodeFor(cpu);
  try {
    fs.copyFileSync(join(node.at, 'bin/node'), join(at, 'bin/node'));
    fs.copyFileSync(join(node.at, 'LICENSE'), join(at, 'bin/LICENSE'));
  } finally {
    node.drop();
  }
}

/** The Node for another machine than this comes from where npm has its packages, in the version that is pinned. */
function nodeFor(cpu) {
  const name = `node-linux-${cpu}`;
  const installed = join(root, 'node_modules', name);
  if (fs.existsSync(installed)) return { at: installed, drop: () => {} };
  const version = JSON.parse(fs.readFileSync(join(root, 'scripts/node/package.json'), 'utf8')).optionalDependencies[
    name
  ];
  const dir = fs.mkdtempSync(join(tmpdir(), 'runnel-deb-node-'));
  const how = ['install', '--prefix', dir, '--force', '--os=linux', `--cpu=${cpu}`, ...QUIET, `${name}@${version}`];
  execFileSync('npm', how, { stdio: ['ignore', 'ignore', 'inherit'] });
  return { at: join(dir, 'node_modules', name), drop: () => fs.rmSync(dir, { recursive: true }) };
}

/** All that is not the program itself. */
function installAround(stage, version) {
  const put = (from, to, text = fs.readFileSync(join(root, from))) => {
    fs.mkdirSync(dirname(join(stage, to)), { recursive: true });
    fs.writeFileSync(join(stage, to), text);
  };
  const zipped = (from) => gzipSync(fs.readFileSync(join(root, from)), { level: 9 });
  put('packaging/debian/runnel', 'usr/bin/runnel');
  fs.chmodSync(join(stage, 'usr/bin/runnel'), 0o755);
  for (const name of ['runnel.service', 'runnel.socket', 'runnel-sink@.service']) {
    const unit = fs.readFileSync(join(root, 'systemd', name), 'utf8');
    put('', join('usr/lib/systemd/system', name), unit.replaceAll(PROGRAMS.from, PROGRAMS.to));
  }
  for (const unit of ['runnel.service', 'runnel-sink@.service']) {
    put('packaging/debian/upgrade.conf', join('usr/lib/systemd/system', `${unit}.d/upgrade.conf`));
  }
  put('systemd/runnel.sysusers.conf', 'usr/lib/sysusers.d/runnel.conf');
  put('systemd/runnel-sink.sysusers.conf', 'usr/lib/sysusers.d/runnel-sink.conf');
  put('systemd/60-runnel.conf', 'usr/lib/sysctl.d/60-runnel.conf');
  put('packaging/debian/runnel.yaml', 'etc/runnel/runnel.yaml');
  fs.mkdirSync(join(stage, 'etc/runnel/conf.d'));
  for (const page of fs.readdirSync(join(root, 'man'))) {
    put('', join(`usr/share/man/man${page.at(-1)}`, `${page}.gz`), zipped(join('man', page)));
  }
  put('completion/runnel.bash', 'usr/share/bash-completion/completions/runnel');
  put('completion/_runnel', 'usr/share/zsh/vendor-completions/_runnel');
  put('completion/runnel.fish', 'usr/share/fish/vendor_completions.d/runnel.fish');
  put('packaging/debian/copyright', 'usr/share/doc/runnel/copyright');
  put('', 'usr/share/doc/runnel/changelog.gz', gzipSync(changelog(version), { level: 9 }));
  put('', 'usr/share/doc/runnel/CHANGELOG.md.gz', zipped('CHANGELOG.md'));
  put('README.md', 'usr/share/doc/runnel/README.md');
  put('config/runnel.yaml', 'usr/share/doc/runnel/examples/runnel.yaml');
  put('systemd/checks.conf', 'usr/share/doc/runnel/examples/checks.conf');
  for (const page of manifest.files.filter((name) => name.startsWith('docs/')))
    put(page, join('usr/share/doc/runnel', page));
}

/** What dpkg's tools read; what has changed says CHANGELOG.md. Of the day of SOURCE_DATE_EPOCH, as all files are then. */
function changelog(version) {
  const { SOURCE_DATE_EPOCH } = process.env;
  const made = SOURCE_DATE_EPOCH ? new Date(Number(SOURCE_DATE_EPOCH) * 1000) : new Date();
  const date = made.toUTCString().replace('GMT', '+0000');
  return `runnel (${version}) unstable; urgency=medium\n\n  * See CHANGELOG.md.gz.\n\n -- ${MAINTAINER}  ${date}\n`;
}

/** The modes that all of it has, whatever the umask of who builds. Returns files with bytes and sum. */
function settle(stage) {
  const files = [];
  for (const entry of fs.readdirSync(stage, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isSymbolicLink()) continue;
    if (entry.isDirectory()) fs.chmodSync(path, 0o755);
    else {
      const runs = PROGRAM_FILES.includes(relative(stage, path));
      fs.chmodSync(path, runs ? 0o755 : 0o644);
      const bytes = fs.readFileSync(path);
      files.push({
        path: relative(stage, path),
        size: bytes.length,
        sum: createHash('md5').update(bytes).digest('hex'),
      });
    }
  }
  fs.chmodSync(stage, 0o755);
  fs.chmodSync(join(stage, 'etc/runnel/runnel.yaml'), 0o640);
  return files;
}

/** DEBIAN/: what dpkg is told, and the scripts that it runs. */
function writeControl(at, { arch, version, sizes }) {
  fs.mkdirSync(at);
  const kib = Math.ceil(sizes.reduce((sum, { size }) => sum + size, 0) / 1024);
  const control = `Package: runnel
Version: ${version}
Architecture: ${arch}
Maintainer: ${MAINTAINER}
Installed-Size: ${kib}
Depends: ${DEPENDS.join(', ')}
Section: admin
Priority: optional
Description: host agent: logs, metrics, StatsD and traces to Kafka
 Tails log files, measures the machine, accepts StatsD and OTLP, and forwards
 it all to Kafka. Nothing is lost and nothing comes twice: a position in a file
 moves only when Kafka has acknowledged its bytes; what cannot be read again is
 on disk before it is sent. It brings the Node.js that runs it.
`;
  fs.writeFileSync(join(at, 'control'), control);
  fs.writeFileSync(join(at, 'conffiles'), '/etc/runnel/runnel.yaml\n');
  const sums = sizes.filter(({ path }) => !path.startsWith('etc/')).map(({ path, sum }) => `${sum}  ${path}\n`);
  fs.writeFileSync(join(at, 'md5sums'), sums.sort().join(''));
  const given = { VERSION: version, IDENTITY_FORMAT, POSITIONS_FORMAT };
  for (const name of ['preinst', 'postinst', 'prerm', 'postrm']) {
    const text = fs.readFileSync(join(root, 'packaging/debian', name), 'utf8');
    fs.writeFileSync(
      join(at, name),
      text.replaceAll(/@(\w+)@/g, (_, key) => given[key]),
    );
    fs.chmodSync(join(at, name), 0o755);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const options = {
    to: { type: 'string' },
    arch: { type: 'string' },
    version: { type: 'string' },
    fast: { type: 'boolean' },
  };
  const file = buildDeb(parseArgs({ options }).values);
  console.log(`${file}: ${(fs.statSync(file).size / 1e6).toFixed(1)} MB`);
}
