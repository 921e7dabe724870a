/**
 * The single executable, on its own: no Node in the PATH, nothing of the clone. It starts within 0.3 s, threads and the
 * processes that it forks work, two first starts at once do not disturb each other, and it runs nothing that others could
 * have written.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
// @ts-expect-error a script, without types
import { buildSea } from '../../scripts/build-sea.mjs';
import type { Status } from '../../src/report/shape.ts';
import { freePort } from '../support/ports.ts';

const MOST_MS = 300;
const STARTS = 11;
const LIMIT_MS = 30_000;

const CHECK = `
import { defineCheck } from '@runnel/agent/check';
export default defineCheck({ run({ gauge }) { gauge('proof.depth', 7); } });`;

export async function proveSea(): Promise<string> {
  if (process.platform !== 'linux') return 'sea: NOT PROVEN: it is for Linux';
  const dir = fs.mkdtempSync(join(tmpdir(), 'runnel-sea-proof-'));
  try {
    return await prove(dir);
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

async function prove(dir: string): Promise<string> {
  const program: string = buildSea({ to: dir });
  const env = { PATH: '/usr/bin:/bin', RUNNEL_UNPACK: join(dir, 'unpacked'), HOME: dir };
  const run = (...args: string[]) => spawnSync(program, args, { cwd: dir, env, encoding: 'utf8' });
  const first = [spawn(program, ['--version'], { env, cwd: dir }), spawn(program, ['--version'], { env, cwd: dir })];
  const ended = await Promise.all(first.map((child) => once(child, 'exit') as Promise<[number | null, string | null]>));
  assert.deepEqual(ended, [
    [0, null],
    [0, null],
  ]);
  const [name, ...others] = fs.readdirSync(env.RUNNEL_UNPACK);
  assert.deepEqual(others, []);

  const times: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    const since = performance.now();
    assert.equal(run('--version').status, 0);
    times.push(performance.now() - since);
  }
  const median = times.sort((a, b) => a - b)[STARTS >> 1]!;
  assert.ok(median < MOST_MS, `a start takes ${median.toFixed(0)} ms`);
  assert.match(run('explain', 'statsd', 'a:1|c').stdout, /"name":"a"/);

  const [admin, statsd] = [await freePort(), await freePort()];
  const config = join(dir, 'runnel.yaml');
  fs.writeFileSync(join(dir, 'depth.js'), CHECK);
  fs.writeFileSync(join(dir, 'app.log'), 'one\n');
  const settings = {
    data_dir: join(dir, 'data'),
    logs: [{ name: 'app', include: join(dir, 'app.log') }],
    metrics: { interval: '1s', checks: [{ name: 'depth', type: 'module', path: join(dir, 'depth.js') }] },
    statsd: { listen: [`udp://127.0.0.1:${statsd}`], flush_interval: '1s' },
    admin: { listen: `127.0.0.1:${admin}` },
  };
  fs.writeFileSync(config, JSON.stringify(settings));
  const agent = spawn(program, ['run', '-c', config], { cwd: dir, env, stdio: ['ignore', 'ignore', 'pipe'] });
  await collects(agent, admin, statsd);
  const metrics = run('spool', 'cat', 'runnel.metrics', '-c', config).stdout;
  assert.match(metrics, /"name":"proof\.depth"/);
  assert.match(metrics, /"name":"hits"/);
  assert.match(run('spool', 'cat', 'runnel.logs', '-c', config).stdout, /"message":"one"/);

  fs.chmodSync(join(env.RUNNEL_UNPACK, name!), 0o777);
  const refused = run('--version');
  assert.deepEqual([refused.status, refused.stdout], [1, '']);
  assert.match(refused.stderr, /can be written by others/);
  const size = (fs.statSync(program).size / 1e6).toFixed(0);
  return `sea: ${size} MB, a start takes ${median.toFixed(0)} ms (median of ${STARTS})`;
}

/** Until each input has given something; then it is stopped. */
async function collects(agent: ChildProcess, admin: number, statsd: number): Promise<void> {
  const exited = once(agent, 'exit');
  let said = '';
  agent.stderr!.setEncoding('utf8').on('data', (text: string) => (said += text));
  const socket = createSocket('udp4').unref();
  try {
    const deadline = Date.now() + LIMIT_MS;
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${admin}/status`).catch(() => null);
      const status = answer ? ((await answer.json()) as Status) : null;
      const inputs = status?.conservation.inputs ?? {};
      if (['logs.app', 'statsd', 'host', 'check.depth'].every((name) => (inputs[name]?.received ?? 0) > 0)) break;
      assert.equal(agent.exitCode, null, said);
      assert.ok(Date.now() < deadline, `not collected: ${JSON.stringify(inputs)}\n${said}`);
      if (status) socket.send('hits:1|c', statsd, '127.0.0.1');
      await sleep(100);
    }
  } finally {
    socket.close();
    agent.kill('SIGTERM');
    await exited;
  }
  assert.deepEqual(await exited, [0, null], said);
}
