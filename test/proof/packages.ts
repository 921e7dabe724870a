/**
 * The package for Debian on a Debian that is booted, with its own systemd and no network: installed, reloaded, upgraded under
 * load, refused as an older one, hung, purged. Root, systemd-nspawn and debootstrap are needed; $RUNNEL_TEST_DEBIAN may name
 * a root that is there (as test/booted.test.ts has it).
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// @ts-expect-error a script, without types
import { buildDeb } from '../../scripts/build-deb.mjs';
import type { Status } from '../../src/report/shape.ts';
import { bootDebian, cannotProve, ROOT, run } from './debian.ts';

const OLDER = '0.0.9';
const MAX_EXPOSURE = 2.0;
const { version } = JSON.parse(fs.readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** Two hundred lines and as many counters a second, until there is the file that it was given. */
const TRAFFIC = `
import { createSocket } from 'node:dgram';
import { appendFileSync, existsSync } from 'node:fs';
const [, , log, stop] = process.argv;
const socket = createSocket('udp4');
let sent = 0;
const timer = setInterval(() => {
  if (sent % 20 === 0 && existsSync(stop)) {
    clearInterval(timer);
    socket.close();
    console.log('lines ' + sent);
    return;
  }
  sent++;
  appendFileSync(log, 'proof-' + sent + '\\n');
  socket.send('proof.hits:1|c', 8125, '127.0.0.1');
}, 5);`;

/** SIGUSR2 stops the event loop for good, as in test/systemd.test.ts; systemd finds that out sooner. */
const HANG = `[Service]
WatchdogSec=6s
ExecStart=
ExecStart=/usr/lib/runnel/bin/node --import /root/hang.mjs /usr/lib/runnel/bin/runnel run -c /etc/runnel/runnel.yaml
`;
const HANGS = `process.on('SIGUSR2', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));`;

export function provePackages(): string {
  const why = cannotProve('dpkg-deb');
  if (why) return `packages: NOT PROVEN: ${why}`;
  const dir = fs.mkdtempSync(join(tmpdir(), 'runnel-packages-'));
  try {
    return boot(dir);
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

function boot(dir: string): string {
  const { read, all } = bootDebian({
    dir,
    script: fs.readFileSync(join(import.meta.dirname, 'packages.sh'), 'utf8'),
    prepare(at) {
      readsLess(buildDeb({ to: dir, fast: true, version: OLDER }), at('old.deb'));
      fs.renameSync(buildDeb({ to: dir, fast: true }), at('new.deb'));
      fs.copyFileSync(process.execPath, at('node'));
      fs.chmodSync(at('node'), 0o755);
      fs.writeFileSync(at('traffic.mjs'), TRAFFIC);
      fs.writeFileSync(at('hang.conf'), HANG);
      // Where the unit lets the agent read.
      fs.writeFileSync(at('hang.mjs'), HANGS);
    },
  });
  try {
    return judge((name) => read(join('answers', name)));
  } catch (error) {
    console.error(all());
    throw error;
  }
}

/** The package of a version that reads no format of today. */
function readsLess(deb: string, to: string): void {
  const dir = `${deb}.raw`;
  run('dpkg-deb', '--raw-extract', deb, dir);
  const preinst = join(dir, 'DEBIAN/preinst');
  const text = fs.readFileSync(preinst, 'utf8');
  const changed = text.replace(/(agent\.json" "\$format") \d+/, '$1 0');
  assert.notEqual(changed, text);
  fs.writeFileSync(preinst, changed);
  run('dpkg-deb', '--root-owner-group', '-Znone', '--build', dir, to);
}

/** What the script has found. */
function judge(answer: (name: string) => string): string {
  const status = (name: string) => JSON.parse(answer(name)) as Status;
  const shown = (name: string) => answer(name).split('\n').sort();
  const has = (name: string, ...lines: string[]) => {
    for (const line of lines) assert.ok(answer(name).split('\n').includes(line), `${name}: ${answer(name)}`);
  };

  assert.equal(answer('bound'), '1', 'its socket is bound when the start is done');
  assert.equal(status('ready').version, OLDER);
  assert.equal(status('ready').ready, true);
  assert.deepEqual(answer('account').split('\n'), ['runnel:runnel 750', 'root:runnel 640', 'runnel:runnel 555']);
  has('unit', 'Type=notify', 'ActiveState=active', 'UnitFileState=enabled', 'NRestarts=0');
  const exposure = Number(/Overall exposure level[^:]*: ([\d.]+)/.exec(answer('exposure'))?.[1]);
  assert.ok(exposure <= MAX_EXPOSURE, answer('exposure'));

  // As docs/install.md has it, the agent has to let go of the address first.
  assert.match(answer('refusing'), /exit 1$/);

  assert.deepEqual(shown('reloaded'), ['ActiveState=active', 'NRestarts=0']);
  assert.match(answer('refused'), /exit 1$/);
  assert.deepEqual(shown('refused-state'), ['ActiveState=active', 'NRestarts=0']);
  assert.equal(status('upgraded').version, version);
  assert.equal(answer('kept'), 'host: kept');

  const sent = Number(/^lines (\d+)$/m.exec(answer('sent'))?.[1]);
  assert.ok(sent > 500, answer('sent'));
  const records = (name: string) =>
    answer(name)
      .split('\n')
      .map((line) => JSON.parse(line));
  const lines = records('lines').filter(({ message }) => message?.startsWith('proof-'));
  assert.deepEqual([...new Set(lines.map(({ labels }) => labels.secret))], ['s3cret']);
  // The journal of the machine is read, too, in the sandbox of the unit.
  const told = records('lines').filter(({ message }) => message === 'in-the-journal');
  assert.deepEqual(
    told.map(({ event }) => event.dataset),
    ['journal'],
  );
  const numbers = lines.map(({ message }) => Number(message.slice('proof-'.length)));
  assert.deepEqual(
    numbers,
    Array.from({ length: sent }, (_, i) => i + 1),
    'each line once, in order',
  );
  const counted = records('counters')
    .filter(({ name }) => name === 'proof.hits')
    .reduce((sum, { value }) => sum + value, 0);
  assert.equal(counted, sent, 'each packet once');
  assert.deepEqual(status('upgraded').lost, []);

  const checks = status('checks').checks;
  assert.ok(checks.length > 5);
  assert.deepEqual(
    checks.filter(({ runs, errors }) => runs === 0 || errors > 0),
    [],
  );

  assert.match(
    answer('downgrade'),
    /a newer runnel wrote \/var\/lib\/runnel\/agent\.json \(format 1; this version reads up to 0\)/,
  );
  assert.match(answer('downgrade'), /exit 100$/);
  assert.equal(answer('downgrade-state'), 'ActiveState=active');
  assert.equal(answer('downgrade-version'), `${version} install ok installed`);

  assert.match(answer('hung'), /Watchdog timeout/);
  assert.deepEqual(shown('hung-state'), ['ActiveState=active', 'NRestarts=1']);
  assert.match(answer('taken'), /exit 1$/);

  assert.equal(
    answer('left')
      .split('\n')
      .filter((line) => line.startsWith('/'))
      .join(),
    '',
  );
  assert.match(answer('gone'), /^(inactive|unknown)/);
  return `packages: installed, upgraded under ${sent} lines and packets, refused, hung, purged; exposure ${exposure}`;
}
