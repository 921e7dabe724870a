/** `runnel positions` beside a real agent and between two runs of it. */
// Slow: starts agents.
import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Home, makeHome, type RunningAgent, runnel } from '../support/agent.ts';

/** An agent without brokers: what it reads is safe as soon as it is in the local log. */
function start(home: Home, more: Record<string, unknown> = {}): Promise<RunningAgent> {
  const include = [home.path('logs', '*.log')];
  return home.start({ logs: [{ name: 'app', include, encoding: 'raw', ...more }] });
}

async function read(agent: RunningAgent, position: number, path: string): Promise<void> {
  const at = (p: number) => p === position;
  await agent.until((s) => s.logs[0]!.files.some((f) => f.path === path && at(f.committed)), `${path} at ${position}`);
}

async function values(home: Home): Promise<string[]> {
  const ran = await runnel('spool', 'cat', 'runnel.logs', '-c', home.path('runnel.yaml'));
  assert.equal(ran.code, 0, ran.stderr);
  return ran.stdout.trimEnd().split('\n');
}

test('ls shows where each file is, beside a running agent and without one', async () => {
  await using home = await makeHome();
  mkdirSync(home.path('logs'));
  const [a, b] = [home.path('logs', 'a.log'), home.path('logs', 'b.log')];
  const config = await home.configure({});
  const none = await runnel('positions', 'ls', '-c', config);
  assert.deepEqual([none.code, none.stdout], [1, '']);
  assert.match(none.stderr, /no positions in .*: no file was read there yet/);

  writeFileSync(a, 'one\ntwo\nunfinished');
  writeFileSync(b, 'three\n');
  const agent = await start(home);
  await read(agent, 8, a);
  await read(agent, 6, b);
  const beside = await runnel('positions', 'ls', '-c', config, '--json');
  assert.equal(beside.code, 0, beside.stderr);
  const facts = JSON.parse(beside.stdout);
  assert.deepEqual(
    facts.map(({ path, position, size, behind, input, state, now }: Record<string, unknown>) => {
      return { path, position, size, behind, input, state, now };
    }),
    [
      { path: a, position: 8, size: 18, behind: 10, input: 'app', state: 'there', now: a },
      { path: b, position: 6, size: 6, behind: 0, input: 'app', state: 'there', now: b },
    ],
  );
  assert.match(facts[0].id, /^[0-9a-f]{16}$/);
  assert.match(facts[0].seen, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  await agent.stop();

  renameSync(a, `${a}.1`);
  rmSync(b);
  const journal = readFileSync(join(home.dataDir, 'positions'));
  const without = await runnel('positions', 'ls', '-c', config);
  assert.equal(without.code, 0, without.stderr);
  const lines = without.stdout.split('\n');
  assert.match(lines[0]!, /^POSITION +SIZE +BEHIND +SEEN +INPUT +ID +PATH$/);
  assert.match(lines[1]!, /^8 +18 +10 .* app .*\/a\.log \(now .*\/a\.log\.1\)$/);
  assert.match(lines[2]!, /^6 +- +- .* app .*\/b\.log \(gone\)$/);
  assert.deepEqual(readFileSync(join(home.dataDir, 'positions')), journal, 'ls changed the journal');
});

test('a name that a terminal would obey is shown, not obeyed', async () => {
  await using home = await makeHome();
  mkdirSync(home.path('logs'));
  const path = home.path('logs', 'a\u001b[31m\u202egol.log');
  writeFileSync(path, 'one\n');
  const agent = await start(home);
  await read(agent, 4, path);
  await agent.stop();
  const { stdout } = await runnel('positions', 'ls', '-c', home.path('runnel.yaml'));
  assert.ok(stdout.includes('a\\x1b[31m\\u202egol.log'), stdout);
});

test('beside a running agent nothing is changed: its pid is named', async () => {
  await using home = await makeHome();
  mkdirSync(home.path('logs'));
  const a = home.path('logs', 'a.log');
  writeFileSync(a, 'one\n');
  const agent = await start(home);
  await read(agent, 4, a);
  for (const args of [
    ['set', a, '0'],
    ['forget', a],
  ]) {
    const ran = await runnel('positions', ...args, '--yes', '-c', home.path('runnel.yaml'));
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, new RegExp(`in use by the agent with pid ${agent.pid}: .*stop it, then try again`));
  }
  await agent.stop();
});

test('set back: the lines come twice under the same id; without --yes it says so and changes nothing', async () => {
  await using home = await makeHome();
  mkdirSync(home.path('logs'));
  const a = home.path('logs', 'a.log');
  const config = home.path('runnel.yaml');
  writeFileSync(a, 'one\ntwo\nthree\n');
  let agent = await start(home);
  await read(agent, 14, a);
  await agent.stop();
  const [before] = JSON.parse((await runnel('positions', 'ls', '-c', config, '--json')).stdout);

  const asked = await runnel('positions', 'set', a, '4', '-c', config);
  assert.equal(asked.code, 2);
  assert.match(asked.stderr, /from 14 back to 4: 10 bytes are read again, their lines come twice\n/);
  assert.match(asked.stderr, /nothing was changed; --yes does it/);
  assert.deepEqual(JSON.parse((await runnel('positions', 'ls', '-c', config, '--json')).stdout), [before]);

  const done = await runnel('positions', 'set', a, '4', '--yes', '--json', '-c', config);
  assert.equal(done.code, 0, done.stderr);
  const [change] = JSON.parse(done.stdout);
  assert.deepEqual([change.id, change.from, change.to, change.again, change.never], [before.id, 14, 4, 10, 0]);
  const [after] = JSON.parse((await runnel('positions', 'ls', '-c', config, '--json')).stdout);
  assert.deepEqual([after.id, after.position, after.behind], [before.id, 4, 10]);

  agent = await start(home);
  await read(agent, 14, a);
  await agent.stop();
  assert.deepEqual(await values(home), ['one', 'two', 'three', 'two', 'three']);
});

test('set to the end skips what was not read, to the beginning reads all again', async () => {
  await using home = await makeHome();
  mkdirSync(home.path('logs'));
  const a = home.path('logs', 'a.log');
  const config = home.path('runnel.yaml');
  writeFileSync(a, 'one\n');
  let agent = await start(home);
  await read(agent, 4, a);
  await agent.stop();
  appendFileSync(a, 'two\nthree\nunfin');

  const end = await runnel('positions', 'set', a, 'end', '--yes', '-c', config);
  assert.equal(end.code, 0, end.stderr);
  assert.match(end.stderr, /from 4 on to 14: 10 bytes are skipped and never sent/);
  appendFileSync(a, 'ished\n');
  agent = await start(home);
  await read(agent, 25, a);
  await agent.stop();
  assert.deepEqual(await values(home), ['one', 'unfinished']);

  assert.equal((await runnel('positions', 'set', a, 'beginning', '--yes', '-c', config)).code, 0);
  agent = await start(home);
  await read(agent, 25, a);
  await agent.stop();
  assert.deepEqual((await values(home)).slice(2), ['one', 'two', 'three', 'unfinished']);
});

test('a file that the agent has not seen can be given a beginning', async () => {
  await using home = await makeHome();
  mkdirSync(home.path('logs'));
  const [a, b] = [home.path('logs', 'a.log'), home.path('logs', 'b.log')];
  const config = home.path('runnel.yaml');
  writeFileSync(a, 'one\n');
  let agent = await start(home);
  await read(agent, 4, a);
  await agent.stop();
  writeFileSync(b, 'old\nnew\n');
  const ran = await runnel('positions', 'set', b, '4', '--yes', '-c', config);
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stderr, /is not known yet: reading will begin at 4: the 4 bytes before it are never sent/);
  agent = await start(home);
  await read(agent, 8, b);
  await agent.stop();
  assert.deepEqual(await values(home), ['one', 'new']);
});

test('what cannot be set is said in one sentence', async () => {
  await using home = await makeHome();
  mkdirSync(home.path('logs'));
  const a = home.path('logs', 'a.log');
  const config = home.path('runnel.yaml');
  writeFileSync(a, 'one\ntwo\n');
  const agent = await start(home);
  await read(agent, 8, a);
  await agent.stop();
  writeFileSync(home.path('logs', 'other.txt'), 'x\n');
  const cases: [string[], number, RegExp][] = [
    [[a, '9'], 1, /a\.log has 8 bytes: there is no position 9 in it/],
    [[a, '-1'], 2, /a position is a number of bytes.*not -1/],
    [[a, '1.5'], 2, /a position is a number of bytes, `beginning` or `end`, not 1\.5/],
    [[home.path('logs', 'other.txt'), '0'], 1, /no input under logs includes .*other\.txt/],
    [[home.path('logs', 'none.log'), '0'], 1, /ENOENT.*none\.log/],
  ];
  for (const [args, code, message] of cases) {
    const ran = await runnel('positions', 'set', ...args, '--yes', '-c', config);
    assert.equal(ran.code, code, ran.stderr);
    assert.match(ran.stderr, message);
  }
  const within = await runnel('positions', 'set', a, '6', '-c', config);
  assert.match(within.stderr, /6 is within a line that begins at 4: its rest becomes a line of its own/);
});

test('forget: by path the file is new, by --all-gone only what has no file', async () => {
  await using home = await makeHome();
  mkdirSync(home.path('logs'));
  const [a, b, c] = [home.path('logs', 'a.log'), home.path('logs', 'b.log'), home.path('logs', 'c.log')];
  const config = home.path('runnel.yaml');
  for (const path of [a, b, c]) writeFileSync(path, `line of ${path.slice(-5)}\n`);
  let agent = await start(home);
  for (const path of [a, b, c]) await read(agent, statSync(path).size, path);
  await agent.stop();
  rmSync(b);
  const ls = async () =>
    JSON.parse((await runnel('positions', 'ls', '-c', config, '--json')).stdout) as { path: string; id: string }[];
  const before = await ls();

  const gone = await runnel('positions', 'forget', '--all-gone', '--yes', '-c', config);
  assert.equal(gone.code, 0, gone.stderr);
  assert.match(gone.stderr, /b\.log \(input app, id [0-9a-f]{16}\) is forgotten: its file is gone\n/);
  assert.deepEqual((await ls()).map(({ path }) => path).sort(), [a, c]);
  const nothing = await runnel('positions', 'forget', '--all-gone', '--yes', '-c', config);
  assert.equal(nothing.code, 1);
  assert.match(nothing.stderr, /no position is stored whose file is gone/);

  const asked = await runnel('positions', 'forget', a, '-c', config);
  assert.equal(asked.code, 2);
  assert.match(asked.stderr, /a\.log is read again from its beginning as a file that is new, 14 bytes come twice/);
  assert.equal((await runnel('positions', 'forget', a, '--yes', '-c', config)).code, 0);
  const { id } = before.find(({ path }) => path === c)!;
  assert.equal((await runnel('positions', 'forget', '--id', id, '--yes', '-c', config)).code, 0);
  assert.deepEqual(await ls(), []);
  assert.equal((await runnel('positions', 'forget', '--yes', '-c', config)).code, 2);

  agent = await start(home);
  for (const path of [a, c]) await read(agent, statSync(path).size, path);
  await agent.stop();
  const after = await ls();
  assert.deepEqual(after.map(({ path }) => path).sort(), [a, c]);
  assert.ok(after.every(({ id }) => !before.some((old) => old.id === id)));
  assert.equal((await values(home)).length, 5);
});

test('what root changes stays the agent’s', { skip: process.getuid?.() !== 0 && 'needs root' }, async () => {
  await using home = await makeHome();
  mkdirSync(home.path('logs'));
  const a = home.path('logs', 'a.log');
  writeFileSync(a, 'one\n');
  const agent = await start(home);
  await read(agent, 4, a);
  await agent.stop();
  const { spawnSync } = await import('node:child_process');
  spawnSync('chown', ['-R', '12345:12345', home.dataDir]);
  chmodSync(home.dir, 0o755);
  // Damaged, so that it is written anew.
  appendFileSync(join(home.dataDir, 'positions'), 'torn');
  const ran = await runnel('positions', 'set', a, '0', '--yes', '-c', home.path('runnel.yaml'));
  assert.equal(ran.code, 0, ran.stderr);
  for (const name of ['positions', 'positions.damaged', 'lock']) {
    assert.equal(statSync(join(home.dataDir, name)).uid, 12345, name);
  }
});
