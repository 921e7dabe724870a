/** `runnel run` before the agent runs. */
// Slow: starts agents.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { makeHome, runnel } from '../support/agent.ts';
import { freePort } from '../support/ports.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

test('a data_dir that run makes is not readable to everybody', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'runnel-run-'));
  t.after(() => rmSync(home, { recursive: true }));
  const data = join(home, 'data');
  const config = `data_dir: ${data}\nadmin: {listen: 127.0.0.1:0}\nstatsd: {listen: []}\nmetrics: {host: false}\n`;
  writeFileSync(join(home, 'runnel.yaml'), config);
  const child = spawn(process.execPath, [MAIN, 'run', '-c', join(home, 'runnel.yaml')], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  t.after(() => child.kill('SIGKILL'));
  while (!existsSync(join(data, 'positions')) && child.exitCode === null) await setTimeout(20);
  assert.equal(statSync(data).mode & 0o007, 0);
  child.kill('SIGTERM');
  await ended;
});

test('an agent whose log nobody reads any more goes on, and ends as it should', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'runnel-run-'));
  t.after(() => rmSync(home, { recursive: true }));
  const data = join(home, 'data');
  const config = `data_dir: ${data}\nadmin: {listen: 127.0.0.1:0}\nstatsd: {listen: []}\nmetrics: {host: false}\n`;
  writeFileSync(join(home, 'runnel.yaml'), config);
  const child = spawn(process.execPath, [MAIN, 'run', '-c', join(home, 'runnel.yaml')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'exit');
  t.after(() => child.kill('SIGKILL'));
  while (!existsSync(join(data, 'runnel.sock')) && child.exitCode === null) await setTimeout(20);
  child.stderr.destroy();
  // It says something to this, and to SIGTERM.
  child.kill('SIGHUP');
  await setTimeout(500);
  assert.equal(child.exitCode, null);
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
});

test('its log begins with what runs and ends with what waits, and where', async () => {
  await using home = await makeHome();
  writeFileSync(home.path('a.log'), 'one\ntwo\nthree\n');
  const logs = [{ name: 'app', include: home.path('a.log') }];
  const alone = await home.start({ logs });
  const first = await alone.until(({ spool }) => spool.records === 3, 'all is in the local log');
  if (process.platform === 'linux') assert.equal(readFileSync(`/proc/${alone.pid}/comm`, 'utf8'), 'runnel\n');
  await alone.stop();
  const { version, config } = first;
  const begins = `runnel ${version} has started on web-1: config ${config.path} (${config.hash}), data_dir ${home.dataDir}, inputs logs.app`;
  assert.ok(alone.stderr.includes(` info ${begins}, brokers none: all stays in the local log\n`), alone.stderr);
  const kept = `: 3 records wait in the local log (${home.dataDir}/spool), sent once there are brokers\n`;
  assert.match(alone.stderr, / info stopped after \d+\.\d s: .*\n$/);
  assert.ok(alone.stderr.endsWith(kept), alone.stderr);

  // Nobody listens there.
  const brokers = [`127.0.0.1:${await freePort()}`];
  writeFileSync(home.path('a.log'), 'four\nfive\n', { flag: 'a' });
  const waiting = await home.start({ logs, kafka: { brokers }, shutdown_timeout: '1s' });
  await waiting.until(({ spool }) => spool.records === 3, 'the local log waits');
  await waiting.stop();
  assert.match(waiting.stderr, new RegExp(`, inputs logs\\.app, brokers ${brokers[0]}\\n`));
  assert.match(waiting.stderr, /: 3 records wait in the local log \(\S+\/spool\).*, sent at the next start\n$/);
});

test('log.level and log.format hold for all that it says once they are read', async () => {
  await using home = await makeHome();
  const json = await home.start({ log: { format: 'json' } });
  await json.stop();
  const said = json.stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  for (const one of said) assert.deepEqual(Object.keys(one), ['time', 'level', 'message']);
  assert.match(said[0].message, /^runnel \S+ has started/);
  assert.match(said.at(-1).message, /^stopped after/);

  const quiet = await home.start({ log: { level: 'warn' } });
  await quiet.stop();
  assert.equal(quiet.stderr, '');

  await using taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const listen = `127.0.0.1:${(taken.address() as AddressInfo).port}`;
  const { code, stderr } = await runnel(
    'run',
    '-c',
    await home.configure({ admin: { listen }, log: { format: 'json' } }),
  );
  assert.equal(code, 1, stderr);
  assert.match(JSON.parse(stderr.trim().split('\n').at(-1)!).message, /^cannot start: .*in use/);
});

const asRoot = { skip: process.getuid?.() !== 0 && 'NOT TESTED: needs root, to be told from others' };

test('a data_dir that others may write is refused as root, before anything in it is used', asRoot, async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'runnel-run-'));
  t.after(() => rmSync(home, { recursive: true }));
  const data = join(home, 'data');
  mkdirSync(data);
  writeFileSync(join(home, 'runnel.yaml'), `data_dir: ${data}\nadmin: {listen: 127.0.0.1:0}\nstatsd: {listen: []}\n`);
  const run = (command: string) =>
    spawnSync(process.execPath, [MAIN, command, '-c', join(home, 'runnel.yaml')], {
      encoding: 'utf8',
      timeout: 20_000,
    });
  for (const spoil of [() => chmodSync(data, 0o777), () => chownSync(data, 65_534, 65_534)]) {
    spoil();
    const { status, stderr } = run('run');
    assert.equal(status, 1);
    assert.match(
      stderr,
      /cannot use data_dir: \S+\/data (may be written by everybody: chmod|belongs to user 65534, .* chown)/,
    );
    assert.deepEqual(readdirSync(data), []);
    assert.match(run('validate').stderr, /warning: \S+:1:11: data_dir is refused at the start: /);
    chmodSync(data, 0o755);
  }
  chownSync(data, 0, 0);
  mkdirSync(join(data, 'cache'));
  chmodSync(join(data, 'cache'), 0o777);
  const { status, stderr } = run('run');
  assert.equal(status, 1);
  assert.match(stderr, /cannot use data_dir: \S+\/data\/cache may be written by everybody: chmod go-w/);
  assert.match(run('validate').stderr, /data_dir is refused at the start: \S+\/cache may be written/);
});

test('SIGTERM ends a start that hangs', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'runnel-run-'));
  t.after(() => rmSync(home, { recursive: true }));
  mkdirSync(join(home, 'data'), { mode: 0o750 });
  // Whoever opens it waits for one who writes, on a thread that Node's own exit waits for.
  assert.equal(spawnSync('mkfifo', [join(home, 'data/positions')]).status, 0);
  const config = `data_dir: ${home}/data\nadmin: {listen: 127.0.0.1:0}\nstatsd: {listen: []}\nmetrics: {host: false}\nshutdown_timeout: 1s\n`;
  writeFileSync(join(home, 'runnel.yaml'), config);
  const child = spawn(process.execPath, [MAIN, 'run', '-c', join(home, 'runnel.yaml')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  let said = '';
  child.stderr.on('data', (data) => {
    said += data;
  });
  while (!existsSync(join(home, 'data/agent.json')) && child.exitCode === null) await setTimeout(20);
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [1, null]);
  assert.match(said, /cannot start: the start had not ended 1 s after it was to stop/);
});

test('what a start cannot have is one sentence that says what to do', async () => {
  await using home = await makeHome();
  mkdirSync(join(home.dir, 'odd/lock'), { recursive: true, mode: 0o750 });
  const cases: [config: object, expected: string][] = [
    [
      { statsd: { listen: ['udp://192.0.2.1:8125'] } },
      'cannot listen on udp://192.0.2.1:8125: this machine has no such address: write 0.0.0.0 for all that it has',
    ],
    [
      { statsd: { listen: ['udp://nobody.invalid:8125'] } },
      'cannot listen on udp://nobody.invalid:8125: no address for nobody.invalid: is the name right?',
    ],
    [
      { admin: { listen: 'nobody.invalid:1' } },
      'cannot serve status on nobody.invalid:1: no address for nobody.invalid: is the name right?',
    ],
    [
      { data_dir: join(home.dir, 'odd') },
      "cannot use data_dir HOME/odd: HOME/odd/lock is a directory, and should be a file: is it another program's?",
    ],
  ];
  for (const [config, expected] of cases) {
    const { code, stderr } = await runnel('run', '-c', await home.configure({ metrics: { host: false }, ...config }));
    assert.deepEqual([code, stderr.replaceAll(home.dir, 'HOME')], [1, `runnel: cannot start: ${expected}\n`]);
  }
});
