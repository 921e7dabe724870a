/** The agent's endpoint against peers that mean it no good: it answers others, and its memory stays what it is. */
// Slow: starts agents.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, bodyOf } from '../../src/admin/client.ts';
import { type Home, makeHome, type RunningAgent } from '../support/agent.ts';

const FILES = 1000;
const MAX_GROWTH = 128 << 20;

const skip = process.platform === 'linux' ? false : 'memory is read from /proc';

function request(path: string, more = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${more}\r\n`;
}

/** Agent with many files. */
async function start(home: Home): Promise<RunningAgent> {
  mkdirSync(home.path('logs'));
  for (let i = 0; i < FILES; i++) writeFileSync(logOf(home, i), 'x\n');
  const agent = await home.start({ logs: [{ name: 'many', include: home.path('logs/*.log') }] });
  await agent.until(({ logs }) => logs[0]!.lines === FILES, 'all are read');
  return agent;
}

const logOf = (home: Home, i: number) => home.path('logs', `${'a'.repeat(60)}${i}.log`);

function memoryOf({ pid }: RunningAgent): number {
  return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);
}

/** Connections that send this and read nothing. */
async function deaf(t: TestContext, count: number, to: { port: number } | { path: string }, sent: string) {
  for (let i = 0; i < count; i++) {
    const socket: Socket = connect(to);
    socket.on('error', () => undefined).pause();
    t.after(() => socket.destroy());
    await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
    socket.write(sent);
  }
}

test('whoever sends and does not read costs no memory and keeps nobody out', { skip }, async (t) => {
  await using home = await makeHome();
  const agent = await start(home);
  const tcp = { port: Number(new URL(agent.admin).port), host: '127.0.0.1' };
  const unix = { path: join(home.dataDir, 'runnel.sock') };
  const write = () => {
    for (let i = 0; i < 50; i++) appendFileSync(logOf(home, i), `${'y'.repeat(10_000)}\n`.repeat(20));
  };
  // Reading takes its memory, too.
  write();
  await agent.until(({ logs }) => logs[0]!.lines === FILES + 1000, 'it is read');
  const before = memoryOf(agent);
  const check = async (what: string) => {
    for (let i = 0; i < 2; i++) {
      const [near, far] = [await ask({ socketPath: unix.path }, '/health'), await fetch(`${agent.admin}/health`)];
      assert.deepEqual([near.statusCode, far.status], [200, 200], what);
      near.resume();
      assert.ok(memoryOf(agent) - before < MAX_GROWTH, `${what}: ${(memoryOf(agent) - before) >> 20} MB more`);
      await sleep(50);
    }
  };
  for (const path of ['/status', '/status?files=100000', '/metrics']) {
    await deaf(t, 1, tcp, request(path).repeat(1500));
    await check(`1500 pipelined ${path}`);
  }
  await deaf(t, 300, tcp, request('/status?files=100000').repeat(5));
  await check('300 connections');
  await deaf(t, 100, unix, request('/status?files=100000').repeat(5));
  await check('100 connections to the socket');
  await deaf(t, 300, tcp, request('/status', 'Content-Length: 1000000000\r\n'));
  await check('300 bodies that never come');
  await deaf(t, 8, unix, request('/tap'));
  write();
  await check('8 taps that nobody reads');

  const { refused } = (await agent.status()).admin.listeners[0]!;
  assert.ok(refused.connections! > 0 && refused.ahead! > 0, JSON.stringify(refused));
  const metrics = await (await fetch(`${agent.admin}/metrics`)).text();
  assert.match(metrics, /^runnel_http_refused_total\{listener="127\.0\.0\.1:\d+",reason="connections"\} [1-9]/m);
  await agent.stop();
});

test('no pattern of a tap holds the agent up', async (t) => {
  await using home = await makeHome();
  mkdirSync(home.path('logs'));
  const path = home.path('logs', `${'a'.repeat(230)}.log`);
  writeFileSync(path, 'one\n');
  const agent = await home.start({ logs: [{ name: 'long', include: home.path('logs/*.log') }] });
  const socket = { socketPath: join(home.dataDir, 'runnel.sock') };
  for (const pattern of [`${'*a'.repeat(500)}*b`, `${'a*'.repeat(14)}b`, '*'.repeat(1000)]) {
    const tap = await ask(socket, `/tap?match=${encodeURIComponent(pattern)}`);
    t.after(() => tap.destroy());
    assert.equal(tap.statusCode, 200);
  }
  appendFileSync(path, 'two\n');
  await agent.until(({ logs }) => logs[0]!.lines === 2, 'the line is read');
  const long = await ask(socket, `/tap?match=${'a'.repeat(1025)}`);
  assert.equal(long.statusCode, 400);
  assert.match(await bodyOf(long), /match may have at most 1024 characters/);
  await agent.stop();
});
