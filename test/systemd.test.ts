/** The unit, as systemd's own tools judge it without booting, and what the agent tells systemd. */
// Slow: starts agents.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemdStatus } from '../src/cli/systemd.ts';
import { makeHome } from './support/agent.ts';

const SYSTEMD = join(dirname(import.meta.dirname), 'systemd');
const UNIT = join(SYSTEMD, 'runnel.service');
/** Each unit, under a name that it may run as. */
const UNITS = [
  { file: 'runnel.service', name: 'runnel.service', sysusers: 'runnel.sysusers.conf' },
  { file: 'runnel-sink@.service', name: 'runnel-sink@opensearch.service', sysusers: 'runnel-sink.sysusers.conf' },
];
const INSTALL = join(dirname(import.meta.dirname), 'docs/install.md');
const MAX_EXPOSURE = 2.0;

/** Receives datagrams, prints each on a line. An @ stands for the abstract namespace, as in NOTIFY_SOCKET. */
const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', chr(0), 1))
print('bound', flush=True)
while True: print(s.recv(4096).decode(), flush=True)
`;

const has = (program: string) => spawnSync(program, ['--version']).status === 0;
const skipAnalyze = has('systemd-analyze') ? false : 'systemd-analyze is not installed';
const skipReceiver =
  process.platform === 'linux' && has('python3') ? false : 'python3, which receives the datagrams, is not installed';

function analyze(...args: string[]): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  return { status, text: stdout + stderr };
}

for (const { file, name } of UNITS) {
  test(`systemd finds nothing wrong with ${file}`, { skip: skipAnalyze }, async (t) => {
    const dir = await mkdtemp(join(tmpdir(), 'runnel-unit-'));
    t.after(() => rm(dir, { recursive: true }));
    const text = await readFile(join(SYSTEMD, file), 'utf8');
    // The program must exist where the check is made.
    await writeFile(join(dir, name), text.replaceAll('/opt/runnel/bin/node', process.execPath));
    const { status, text: said } = analyze('verify', '--man=no', '--recursive-errors=no', join(dir, name));
    assert.deepEqual([status, said], [0, '']);
  });

  test(`systemd rates the exposure of ${file} at ${MAX_EXPOSURE} or less`, { skip: skipAnalyze }, () => {
    const limit = `--threshold=${MAX_EXPOSURE * 10}`;
    const { status, text } = analyze('security', '--offline=true', limit, '--no-pager', join(SYSTEMD, file));
    const rating = /Overall exposure level[^:]*: ([\d.]+)/.exec(text);
    assert.ok(rating, text);
    assert.ok(Number(rating[1]) <= MAX_EXPOSURE, text);
    assert.equal(status, 0, text);
  });
}

const skipAccount =
  process.getuid?.() === 0 && has('systemd-sysusers') ? false : 'not root, or systemd-sysusers is not installed';

test('the accounts and the groups that the units name are made', { skip: skipAccount }, async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'runnel-sysusers-'));
  t.after(() => rm(root, { recursive: true }));
  await mkdir(join(root, 'etc'));
  const made = async (database: string) =>
    (await readFile(join(root, 'etc', database), 'utf8')).split('\n').map((line) => line.split(':')[0]);
  for (const { file, sysusers } of UNITS) {
    const { status, stderr } = spawnSync('systemd-sysusers', [`--root=${root}`, join(SYSTEMD, sysusers)], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    const unit = await readFile(join(SYSTEMD, file), 'utf8');
    const named = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1]?.split(' ') ?? [];
    for (const user of named('User')) assert.ok((await made('passwd')).includes(user), user);
    const groups = [...named('Group'), ...named('SupplementaryGroups')];
    for (const group of groups) assert.ok((await made('group')).includes(group), group);
  }
});

test('docs/install.md makes every program that the units start', async () => {
  const page = await readFile(INSTALL, 'utf8');
  const units = (await Promise.all(UNITS.map(({ file }) => readFile(join(SYSTEMD, file), 'utf8')))).join('');
  const started = [...units.matchAll(/^Exec\w+=(\S+) (\S+) /gm)].flatMap(([, ...words]) => words);
  assert.deepEqual([...new Set(started)], ['/opt/runnel/bin/node', '/opt/runnel/bin/runnel']);
  assert.match(page, /npm install --global --prefix \/opt\/runnel /);
  assert.match(page, /ln -sfn .* \/opt\/runnel\/bin\/node\n/);
});

/** Listens where the agent looks for systemd: what it said so far, and the next that it says. */
async function receiver(t: TestContext, name: string): Promise<{ said: string[]; next: () => Promise<string> }> {
  const child = spawn('python3', ['-c', RECEIVER, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  t.after(async () => {
    child.kill();
    await ended;
  });
  const lines = createInterface({ input: child.stdout });
  const said: string[] = [];
  let read = 0;
  lines.on('line', (line) => said.push(line));
  const next = async () => {
    while (said.length === read) await once(lines, 'line');
    return said[read++]!;
  };
  assert.equal(await next(), 'bound');
  return { said, next };
}

/** With these variables in the environment of what is started meanwhile. */
async function within<T>(variables: Record<string, string>, start: () => Promise<T>): Promise<T> {
  Object.assign(process.env, variables);
  try {
    return await start();
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
  }
}

for (const [kind, nameOf] of [
  ['a path', (dir: string) => join(dir, 'notify')],
  ['an abstract name', () => `@runnel-test-${process.pid}`],
] as const) {
  test(`the agent says to ${kind} when it is ready, reloads and stops`, { skip: skipReceiver }, async (t) => {
    await using home = await makeHome();
    const name = nameOf(home.dir);
    const { next } = await receiver(t, name);
    const agent = await within({ NOTIFY_SOCKET: name }, () => home.start({}));
    assert.equal(await next(), 'READY=1');
    assert.equal(await next(), 'STATUS=ready');
    process.kill(agent.pid, 'SIGHUP');
    assert.equal(await next(), 'RELOADING=1');
    // Of the clock that systemd compares it with, in microseconds.
    const told = Number((await next()).replace('MONOTONIC_USEC=', ''));
    const behind_s = Number(await readFile('/proc/uptime', 'utf8').then((text) => text.split(' ')[0])) - told / 1e6;
    assert.ok(Math.abs(behind_s) < 10, String(told));
    assert.equal(await next(), 'READY=1');
    await agent.stop();
    assert.equal(await next(), 'STOPPING=1');
  });
}

test('systemd is told what is wrong when that changes', { skip: skipReceiver }, async (t) => {
  await using home = await makeHome();
  const name = join(home.dir, 'notify');
  const { next } = await receiver(t, name);
  const variables = { NOTIFY_SOCKET: name, WATCHDOG_USEC: '300000' };
  // Nobody listens at port 1.
  const agent = await within(variables, () => home.start({ kafka: { brokers: ['127.0.0.1:1'] } }));
  assert.equal(await next(), 'READY=1');
  assert.equal(await next(), 'STATUS=kafka: connecting to 127.0.0.1:1');
  let said = '';
  while (!said.startsWith('STATUS=')) said = await next();
  assert.match(said, /^STATUS=kafka: no broker answers: 127\.0\.0\.1:1 refuses connections/);
  await agent.stop();
});

test('what is wrong is one line, whatever a stranger has named', () => {
  const cases: [string[], string][] = [
    [[], 'ready'],
    [['one'], 'one'],
    [['one', 'two', 'three'], 'one; and 2 more: runnel status'],
    [['a\nMAINPID=1\r\n\0b'], 'a MAINPID=1 b'],
    [['x'.repeat(1000)], 'x'.repeat(300)],
  ];
  for (const [reasons, line] of cases) assert.equal(systemdStatus(reasons), line);
});

/** SIGUSR2 stops the event loop for good; the process goes on living. */
const HANGS = `process.on('SIGUSR2', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));`;

test('the watchdog is fed while the event loop turns, and not by an agent that hangs', {
  skip: skipReceiver,
}, async (t) => {
  await using home = await makeHome();
  const name = join(home.dir, 'notify');
  const { said, next } = await receiver(t, name);
  const variables = { NOTIFY_SOCKET: name, WATCHDOG_USEC: '300000' };
  const agent = await within(variables, () => home.start({}, { preload: HANGS }));
  assert.equal(await next(), 'READY=1');
  assert.equal(await next(), 'STATUS=ready');
  for (let i = 0; i < 3; i++) assert.equal(await next(), 'WATCHDOG=1');
  process.kill(agent.pid, 'SIGUSR2');
  // What was on its way may still come.
  await sleep(250);
  const before = said.length;
  await sleep(500);
  assert.equal(said.length, before);
  await agent.kill9();
});

test('a watchdog that is set for another process is not fed', { skip: skipReceiver }, async (t) => {
  await using home = await makeHome();
  const name = join(home.dir, 'notify');
  const { next } = await receiver(t, name);
  const variables = { NOTIFY_SOCKET: name, WATCHDOG_USEC: '60000', WATCHDOG_PID: '1' };
  const agent = await within(variables, () => home.start({}));
  assert.equal(await next(), 'READY=1');
  assert.equal(await next(), 'STATUS=ready');
  await sleep(200);
  await agent.stop();
  assert.equal(await next(), 'STOPPING=1');
});

const NOBODY = 65_534;

/** Who the unit makes the agent: not root, with the one capability that it grants. */
async function asTheUnitDoes(): Promise<string[]> {
  const unit = await readFile(UNIT, 'utf8');
  const granted = /^AmbientCapabilities=CAP_(\w+)$/m.exec(unit)![1]!.toLowerCase();
  const only = `-all,+${granted}`;
  const rights = [`--inh-caps=${only}`, `--ambient-caps=${only}`, `--bounding-set=${only}`, '--no-new-privs'];
  return ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', ...rights, '--'];
}

/** At SIGUSR2 the program tries to read the file by a program of its own, and one of a thread's. */
const readByOthers = (path: string) => `
import { spawnSync } from 'node:child_process';
import { Worker } from 'node:worker_threads';
const read = (who) => {
  const { status, stderr } = spawnSync('cat', [${JSON.stringify(path)}]);
  process.stderr.write(who + ' got ' + status + ': ' + stderr);
};
const script = "const { spawnSync } = require('child_process'); const read = " + read + "; read('thread')";
process.on('SIGUSR2', () => {
  read('child');
  new Worker(script, { eval: true });
});`;

const canChange = process.getuid?.() === 0 && spawnSync('setpriv', ['--ambient-caps=-all', 'true']).status === 0;
const skipUnit = canChange ? false : 'not root, or there is no setpriv: the agent cannot be run as the unit does';

test('what the agent may read, programs that it starts may not', { skip: skipUnit }, async () => {
  await using home = await makeHome();
  const secret = home.path('secret.log');
  await writeFile(secret, 'of root\n', { mode: 0o600 });
  await mkdir(home.dataDir);
  await chown(home.dataDir, NOBODY, NOBODY);
  const how = { through: await asTheUnitDoes(), preload: readByOthers(secret) };
  const agent = await home.start({ logs: [{ name: 'secret', include: secret }] }, how);
  await agent.until(({ logs }) => logs[0]!.lines === 1, 'the file of root is read');
  process.kill(agent.pid, 'SIGUSR2');
  await agent.until(() => /thread got/.test(agent.stderr), 'both have tried');
  for (const who of ['child', 'thread']) {
    assert.match(agent.stderr, new RegExp(`^${who} got 1: cat: .*Permission denied$`, 'm'));
  }
  await agent.stop();
});
