/** `runnel top` as a user runs it: at a terminal (util-linux's `script` gives it one) and in a pipe. */
// Slow: starts agents.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type AdminServer, startAdmin } from '../../src/admin/server.ts';
import { Tap } from '../../src/admin/tap.ts';
import type { Stream } from '../../src/core/batch.ts';
import { History } from '../../src/report/history.ts';
import type { Status } from '../../src/report/shape.ts';
import { runnel } from '../support/agent.ts';
import { statusOf } from '../support/status.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const noScript = spawnSync('script', ['--version']).status !== 0 && 'script (util-linux) is not installed';
const [ENTER, LEAVE] = ['\x1b[?1049h', '\x1b[?1049l'];

async function agent(t: TestContext, status: () => Status, tap = new Tap()): Promise<AdminServer> {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-top-'));
  const server = await startAdmin({
    listen: '127.0.0.1:0',
    socket: join(dir, 'runnel.sock'),
    hosts: [],
    healthy: () => true,
    reasons: () => [],
    status,
    history: new History(status),
    tap,
  });
  t.after(async () => {
    await server.close();
    rmSync(dir, { recursive: true });
  });
  return server;
}

/** A shell on a terminal of its own that says the terminal's state, runs top and says the state again. */
class Terminal {
  readonly child: ChildProcess;
  text = '';

  constructor(t: TestContext, admin: string, { rows = 12, columns = 60 } = {}) {
    const top = `'${process.execPath}' '${MAIN}' top --admin '${admin}' --interval 100ms`;
    const shell = `stty rows ${rows} cols ${columns}; tty; stty -g; ${top}; echo "code $?"; stty -g`;
    this.child = spawn('script', ['-qfec', shell, '/dev/null'], {
      stdio: 'pipe',
      env: { ...process.env, TERM: 'xterm' },
    });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.text += text;
    });
    t.after(() => this.child.kill('SIGKILL'));
  }

  async until(so: (text: string) => boolean, what: string): Promise<void> {
    for (const deadline = Date.now() + 10_000; !so(this.text); await sleep(20)) {
      assert.ok(Date.now() < deadline, `${what}: ${JSON.stringify(this.text.slice(-2000))}`);
    }
  }

  /** Waits for the end and gives the exit code of top; the terminal must be as it was. */
  async ended(): Promise<number> {
    if (this.child.exitCode === null) await once(this.child, 'close');
    const text = this.text;
    assert.equal(text.split(ENTER).length, 2, JSON.stringify(text));
    assert.ok(text.lastIndexOf(LEAVE) > text.lastIndexOf('\x1b[H'), 'the screen is not given back');
    assert.ok(text.lastIndexOf('\x1b[?25h') > text.lastIndexOf('\x1b[?25l'), 'the cursor is not given back');
    const states = text.match(/^[0-9a-f]+(:[0-9a-f]+){10,}/gm);
    assert.equal(states?.length, 2);
    assert.equal(states![0], states![1], 'the mode of the terminal is not given back');
    return Number(/code (\d+)/.exec(text)![1]);
  }
}

/** The rows of the last whole frame. */
function lastFrame(text: string): string[] {
  const whole = text.slice(0, text.lastIndexOf('\x1b[H'));
  return whole
    .slice(whole.lastIndexOf('\x1b[H') + 3)
    .split(/\r+\n/)
    .map((line) => line.replace(/\x1b\[[\d;?]*[a-zA-Z]/g, ''));
}

for (const [name, keys] of [
  ['q', 'q'],
  ['Ctrl-C', '\x03'],
] as const) {
  test(`at a terminal it fills the screen, and ${name} gives it back`, { skip: noScript }, async (t) => {
    const { address } = await agent(t, () => statusOf({ time: new Date().toISOString() }));
    const terminal = new Terminal(t, `http://${address}`);
    await terminal.until((text) => text.split('\x1b[H').length > 3, 'three frames');
    const lines = lastFrame(terminal.text);
    assert.match(lines[0]!, /^runnel 1\.0\.0 on web-1, pid 1/);
    assert.ok(
      lines.some((line) => /LINES\/S +WAITING .*FILE$/.test(line)),
      JSON.stringify(lines),
    );
    assert.ok(lines.length <= 12 && lines.every((line) => line.length <= 60), JSON.stringify(lines));
    terminal.child.stdin!.write(keys);
    assert.equal(await terminal.ended(), 0);
  });
}

test('it follows the size of the terminal', { skip: noScript }, async (t) => {
  const { address } = await agent(t, () => statusOf({ time: new Date().toISOString() }));
  const terminal = new Terminal(t, `http://${address}`);
  await terminal.until((text) => text.split('\x1b[H').length > 2, 'two frames');
  const tty = /^\/dev\/\S+/m.exec(terminal.text)![0];
  assert.equal(spawnSync('stty', ['-F', tty, 'rows', '7', 'cols', '31']).status, 0);
  const fits = () => {
    const lines = lastFrame(terminal.text);
    return lines.length === 7 && lines.every((line) => line.length <= 31) && lines.some((line) => line.length === 31);
  };
  await terminal.until(fits, 'a frame of 31 by 7');
  terminal.child.stdin!.write('q');
  assert.equal(await terminal.ended(), 0);
});

test('an agent that stops answering is said, and waited for', { skip: noScript }, async (t) => {
  let failing = false;
  const { address } = await agent(t, () => {
    if (failing) throw new Error('broken');
    return statusOf({ time: new Date().toISOString() });
  });
  const terminal = new Terminal(t, `http://${address}`);
  await terminal.until((text) => text.includes('\x1b[H'), 'a frame');
  failing = true;
  await terminal.until((text) => /the agent answered 500|no agent answers/.test(text), 'what is wrong');
  failing = false;
  await terminal.until(
    (text) => /^runnel/.test(lastFrame(text)[0] ?? '') && !/answered/.test(lastFrame(text)[1] ?? ''),
    'well again',
  );
  terminal.child.stdin!.write('q');
  assert.equal(await terminal.ended(), 0);
});

/** Of the status's first file, offered until it is told to stop. */
function offering(tap: Tap, source: string): NodeJS.Timeout {
  const stream = { topic: 'runnel.logs', name: source, account: { input: 'logs.nginx' } } as Stream;
  return setInterval(() => tap.show(stream, [{ key: 'web-1', value: JSON.stringify(`line of ${source}\x1b[2J`) }]), 50);
}

test('keys filter, sort and help; Enter shows the lines of a file, q goes back', { skip: noScript }, async (t) => {
  const tap = new Tap();
  const paths = statusOf().logs[0]!.files.map(({ path }) => path);
  const offers = [...paths, `${paths[0]}.1`].map((path) => offering(tap, path));
  t.after(() => offers.map(clearInterval));
  const { socket } = await agent(t, () => statusOf({ time: new Date().toISOString() }), tap);
  const terminal = new Terminal(t, `unix:${socket}`, { rows: 30, columns: 110 });
  const shows = (what: RegExp) => terminal.until((text) => lastFrame(text).some((line) => what.test(line)), `${what}`);
  const keys = (text: string) => terminal.child.stdin!.write(text);
  await shows(/^q end {2}\? help {2}\/ filter {2}s sort \(behind\)/);
  await shows(/LAST 60 S/);
  await shows(/^local log 2 records, 10 B of 1\.0 GiB/);
  keys('?');
  await shows(/^Enter +show its lines/);
  keys(' s');
  await shows(/s sort \(rate\)/);
  keys('/a.log');
  await shows(/^\/a\.log_$/);
  keys('\r');
  await shows(/\/a\.log {2}Esc all/);
  assert.ok(!lastFrame(terminal.text).some((line) => line.includes('<script>')));
  keys('\x1b[B');
  await shows(/> \/var\/log\/nginx\/a\.log/);
  const before = terminal.text.length;
  keys('\r');
  await terminal.until((text) => text.slice(before).includes('line of /var/log/nginx/a.log\\x1b[2J'), 'its lines');
  assert.doesNotMatch(terminal.text.slice(before), /line of \/var\/log\/nginx\/(?:a\.log\.1|b|c)/);
  assert.match(terminal.text.slice(before), /\/var\/log\/nginx\/a\.log: q or Esc goes back/);
  keys('q');
  await terminal.until(() => !tap.active, 'nobody listens any more');
  const frames = terminal.text.split('\x1b[H').length;
  await terminal.until((text) => text.split('\x1b[H').length > frames + 3, 'frames again');
  await shows(/> \/var\/log\/nginx\/a\.log/);
  keys('q');
  assert.equal(await terminal.ended(), 0);
});

test('where records are not shown it says so, and goes on', { skip: noScript }, async (t) => {
  const { address } = await agent(t, () => statusOf({ time: new Date().toISOString() }));
  const terminal = new Terminal(t, `http://${address}`, { rows: 30, columns: 110 });
  await terminal.until((text) => text.split('\x1b[H').length > 2, 'two frames');
  terminal.child.stdin!.write('j\r');
  await terminal.until((text) => text.includes('Records are shown on the unix socket only'), 'why not');
  terminal.child.stdin!.write('\x1b');
  const frames = terminal.text.split('\x1b[H').length;
  await terminal.until((text) => text.split('\x1b[H').length > frames + 3, 'frames again');
  terminal.child.stdin!.write('\x03');
  assert.equal(await terminal.ended(), 0);
});

test('in a pipe it prints plain frames, or a status a line', async (t) => {
  const { address } = await agent(t, () => statusOf({ time: new Date().toISOString() }));
  const plain = await runnel('top', '--admin', `http://${address}`, '--interval', '100ms', '--count', '2');
  assert.equal(plain.code, 0, plain.stderr);
  assert.equal(plain.stdout.match(/^runnel 1\.0\.0 on web-1/gm)?.length, 2);
  assert.doesNotMatch(plain.stdout, /\x1b/);
  const json = await runnel('top', '--admin', `http://${address}`, '--interval', '100ms', '--count', '2', '--json');
  const lines = json.stdout.trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).host),
    ['web-1', 'web-1'],
  );
});

test('wrong usage, or no agent, is one sentence', async () => {
  const none = await runnel('top', '--admin', 'http://127.0.0.1:1');
  assert.deepEqual([none.code, none.stdout], [1, '']);
  assert.match(none.stderr, /no agent answers .*is it running\?/);
  const wrong = await runnel('top', '--interval', '5');
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /--interval is a duration of at least 100ms, for example 1s, not 5/);
  assert.equal((await runnel('top', '--count', 'x')).code, 2);
});
