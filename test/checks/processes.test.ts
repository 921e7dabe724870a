/** Which processes are meant, and what they use: by what /proc says, and of processes that run. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { HostFiles } from '../../src/checks/files.ts';
import { type Candidate, fitsGlob, meansProcess, type ProcessMatch } from '../../src/checks/match-process.ts';
import {
  parseCmdline,
  parsePasswd,
  parsePidCgroup,
  parsePidIo,
  parsePidStat,
  parseUid,
} from '../../src/checks/pid-stat.ts';
import { countStates, processes } from '../../src/checks/processes.ts';
import { CheckRunner } from '../../src/checks/runner.ts';
import { directory } from '../support/directory.ts';

test('the name of a process may hold anything', () => {
  const rest = 'S 1 2 3 0 -1 4194560 11 0 13 0 250 150 0 0 20 0 7 0 4242 8192 99 18446744073709551615 1';
  const stat = parsePidStat(`12 (a) b (c\n) ${rest}`);
  assert.deepEqual(stat, {
    name: 'a) b (c\n',
    state: 'S',
    minorFaults: 11,
    majorFaults: 13,
    userTicks: 250,
    systemTicks: 150,
    threads: 7,
    started: 4242,
    virtualBytes: 8192,
    residentPages: 99,
  });
  assert.throws(() => parsePidStat('12 (a'), /too few fields/);
});

test('I/O, command lines, users and cgroups', () => {
  assert.deepEqual(parsePidIo('rchar: 9\nread_bytes: 12\nwrite_bytes: 34\ncancelled_write_bytes: 1\n'), {
    read: 12,
    written: 34,
  });
  assert.deepEqual(parseCmdline('nginx: master\0-g\0\0'), ['nginx: master', '-g', '']);
  assert.deepEqual(parseCmdline(''), []);
  assert.equal(parseUid('Name:\tx\nUid:\t1000\t33\t1000\t1000\n'), 33);
  assert.equal(parsePidCgroup('0::/system.slice/nginx.service\n'), '/system.slice/nginx.service');
  assert.equal(parsePidCgroup('4:memory:/a\n1:name=systemd:/b.service\n0::/\n'), '/b.service');
  assert.equal(parsePasswd('root:x:0:0::/root:/bin/sh\nwww-data:x:33:33:\n').get('www-data'), 33);
  assert.deepEqual(countStates('SSRDZTtIX'), { sleeping: 2, idle: 1, stopped: 2, zombie: 1 });
});

test('globs', () => {
  const cases: [string, string, boolean][] = [
    ['nginx', 'nginx', true],
    ['nginx', 'nginx2', false],
    ['nginx*', 'nginx: worker', true],
    ['*a*b*', 'xxaxxbxx', true],
    ['*a*b', 'xxaxxbxx', false],
    ['a?c', 'abc', true],
    ['*', '', true],
    ['?', '', false],
    ['a.c', 'abc', false],
    [`${'*a'.repeat(50)}b`, 'a'.repeat(5000), false],
  ];
  for (const [pattern, text, expected] of cases) assert.equal(fitsGlob(pattern, text), expected, `${pattern} ${text}`);
});

test('a process is meant where all fits that is said', () => {
  const worker: Candidate = {
    pid: 12,
    name: 'php-fpm-worker-',
    words: () => ['/usr/sbin/php-fpm-worker-pool', '--pool', 'www'],
    uid: () => 33,
    cgroup: () => '/system.slice/php.service',
  };
  const cases: [ProcessMatch, boolean][] = [
    [{ name: 'php-fpm-worker-' }, true],
    [{ name: 'php-fpm-worker-pool' }, true],
    [{ name: 'php' }, false],
    [{ name: 'php', process: 'php-fpm*' }, true],
    [{ name: 'php', cmdline: '*--pool www' }, true],
    [{ name: 'php', cmdline: '*--pool other' }, false],
    [{ name: 'php', process: 'php-fpm*', user: 'www-data' }, true],
    [{ name: 'php', process: '*', user: '33' }, true],
    [{ name: 'php', process: '*', user: 'nobody' }, false],
    [{ name: 'php', user: 'www-data' }, false],
    [{ name: 'php', cgroup: '*/php.service' }, true],
    [{ name: 'php', cgroup: '/user.slice/*' }, false],
    [{ name: 'php', pidfile: '/run/php.pid' }, true],
    [{ name: 'php', pidfile: '/run/other.pid' }, false],
  ];
  const users = (name: string) => (name === 'www-data' ? 33 : Number.NaN);
  const pids = (file: string) => (file === '/run/php.pid' ? 12 : Number.NaN);
  for (const [match, expected] of cases)
    assert.equal(meansProcess(match, worker, users, pids), expected, JSON.stringify(match));
});

/** A program that burns so many milliseconds of CPU at each line that it gets. */
const BURNS = `process.title = process.argv[1];
process.stdin.on('data', () => { const end = process.cpuUsage().user + 60_000; while (process.cpuUsage().user < end); process.stdout.write('done\\n'); });
process.stdout.write('up\\n');`;

async function burner(t: TestContext, title: string): Promise<ChildProcess & { burn(): Promise<void> }> {
  const child = spawn(process.execPath, ['-e', BURNS, title], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const burn = async () => {
    child.stdin.write('x\n');
    await once(child.stdout, 'data');
  };
  return Object.assign(child, { burn });
}

/** Does nothing until it is told to work, and has one thread. */
const WAITS = 'while read -r x; do i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo; done';

test('of what has stood still for long nothing is lost, and its end is seen at once', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const title = `waiter-${process.pid}`;
  const waiter = () => {
    const child = spawn('/bin/sh', ['-c', WAITS, title], { stdio: ['pipe', 'pipe', 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    return child;
  };
  // Those of either kind of number: each is asked at every other run.
  const waiters = [waiter(), waiter()];
  while (new Set(waiters.map(({ pid }) => pid! % 2)).size < 2) waiters.push(waiter());
  const match = [{ name: 'waiters', cmdline: `*${title}` }];
  const host = new HostFiles();
  t.after(() => host.close());
  const runner = new CheckRunner('processes', processes(host, { processes: { match } }));
  const run = async () => {
    host.newRound();
    const points = await runner.run(10_000);
    return (name: string, more = '') => points.find((p) => p.name === name && p.attributes.includes(more))?.value ?? 0;
  };
  for (let i = 0; i < 9; i++) assert.equal((await run())('process.count'), waiters.length);
  for (const { stdin, stdout } of waiters) {
    stdin.write('x\n');
    await once(stdout, 'data');
  }
  const seconds = [await run(), await run()].map((value) => value('process.cpu.time', '"user"'));
  assert.ok(seconds[0]! + seconds[1]! >= 0.03 * waiters.length, `${seconds}`);
  for (let i = 0; i < 9; i++) await run();
  for (const child of waiters) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  assert.equal((await run())('process.count'), 0);
});

test('of processes that are named the sum is told: with those that began and without those that ended', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const dir = directory(t);
  const title = `burner-${process.pid}`;
  const pidfile = join(dir, 'pid');
  const first = await burner(t, title);
  writeFileSync(pidfile, `${first.pid}\n`);
  const match = [
    { name: 'burners', cmdline: `${title}*` },
    { name: 'one', pidfile },
    { name: 'none', process: 'no-such-process' },
  ];
  const host = new HostFiles();
  t.after(() => host.close());
  const runner = new CheckRunner('processes', processes(host, { processes: { match } }));
  const run = async () => {
    host.newRound();
    const points = await runner.run(10_000);
    assert.equal(runner.status.last_error, null);
    return (name: string, group: string, more = '') =>
      points.find((p) => p.name === name && p.attributes.includes(`"${group}"`) && p.attributes.includes(more))?.value;
  };
  await run();
  await first.burn();
  const second = await burner(t, title);
  await second.burn();
  const both = await run();
  assert.equal(both('process.count', 'burners'), 2);
  assert.equal(both('process.count', 'one'), 1);
  assert.equal(both('process.count', 'none'), 0);
  assert.equal(both('process.cpu.time', 'none', '"user"'), 0);
  // Ticks are of 10 ms.
  assert.ok(both('process.cpu.time', 'one', '"user"')! >= 0.04, `${both('process.cpu.time', 'one', '"user"')}`);
  assert.ok(both('process.cpu.time', 'burners', '"user"')! >= 0.09, 'what began since the last run counts whole');
  assert.ok(both('process.memory.usage', 'one')! > 1e6);
  assert.ok(both('process.thread.count', 'one')! >= 2);
  assert.ok(both('process.unix.file_descriptor.count', 'one')! >= 3);
  assert.ok(both('process.uptime', 'one')! > 0);
  second.kill('SIGKILL');
  await once(second, 'exit');
  const left = await run();
  assert.equal(left('process.count', 'burners'), 1);
  assert.equal(left('process.cpu.time', 'burners', '"user"')! >= 0, true);
});
